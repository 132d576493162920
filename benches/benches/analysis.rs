//! Analyses: STA, CKA, RSA. Data are built outside the timed closures.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use rheobase_benches::arrays::noise;
use rheobase_receptive_field::gabor::{Gabor, fit_gabor};
use rheobase_receptive_field::sta::{Variant, spike_triggered_average};
use rheobase_receptive_field::von_mises::{VonMises, fit_von_mises};
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Rdm, compare_rdms, linear_cka};

fn sta(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sta");
    group.sample_size(10);
    for features in [100, 400] {
        let frames = 100_000;
        let x = noise(frames, features, "x");
        let y = noise(frames, 1, "y").mapv(|v| v.max(0.0));
        group.throughput(Throughput::Elements((frames * features) as u64));
        for (name, variant) in [("plain", Variant::Plain), ("ridge", Variant::Ridge { relative: 0.01 })] {
            group.bench_with_input(BenchmarkId::new(name, features), &x, |b, x| {
                b.iter(|| spike_triggered_average(x.view(), y.view(), 1, variant).expect("valid input"));
            });
        }
    }
    group.finish();
}

fn cka(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cka");
    group.sample_size(10);
    for (n, units) in [(1_000, 256), (10_000, 512)] {
        let (x, y) = (noise(n, units, "x"), noise(n, units, "y"));
        group.throughput(Throughput::Elements((n * units) as u64));
        for (name, bias) in [("biased", Bias::Biased), ("unbiased", Bias::Unbiased)] {
            group.bench_function(BenchmarkId::new(name, format!("{n}x{units}")), |b| {
                b.iter(|| linear_cka(x.view(), y.view(), bias).expect("valid input"));
            });
        }
    }
    group.finish();
}

fn rsa(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rsa");
    let (x, y) = (noise(200, 100, "x"), noise(200, 100, "y"));
    let rdm = |m: &Array2<f64>| Rdm::from_responses(m.view(), Dissimilarity::Correlation).expect("valid input");
    let (a, b) = (rdm(&x), rdm(&y));
    group.throughput(Throughput::Elements(a.condensed().len() as u64));
    group.bench_function("rdm/correlation/200", |bench| bench.iter(|| rdm(&x)));
    for comparator in [Comparator::RhoA, Comparator::TauA] {
        group.bench_function(format!("compare/{}/200", comparator.name()), |bench| {
            bench.iter(|| compare_rdms(&a, &b, comparator).expect("valid input"));
        });
    }
    group.finish();
}

fn gabor(criterion: &mut Criterion) {
    let planted = Gabor {
        amplitude: 1.0,
        x_px: 1.0,
        y_px: -1.0,
        sigma_x_px: 2.0,
        sigma_y_px: 3.0,
        theta_rad: 0.7,
        frequency_cycles_per_px: 0.18,
        phase_rad: 0.4,
        offset: 0.0,
    };
    let image = planted.image(16, 16) + noise(16, 16, "gabor") * 0.05;
    criterion.bench_function("gabor-fit/16x16", |b| b.iter(|| fit_gabor(image.view()).expect("valid input")));
}

fn von_mises(criterion: &mut Criterion) {
    let angles_rad: Vec<f64> = (0..8).map(|k| f64::from(k) * std::f64::consts::FRAC_PI_4).collect();
    let planted =
        VonMises { baseline: 2.0, height: 8.0, opposite: 3.0, kappa: 2.0, preferred_rad: 1.7, r_squared: 1.0 };
    let noise = noise(1, angles_rad.len(), "von Mises");
    let rates_hz: Vec<f64> = angles_rad.iter().zip(&noise).map(|(a, noise)| planted.at(*a) + noise).collect();
    for (name, double) in [("one-bump", false), ("two-bumps", true)] {
        criterion.bench_function(&format!("von-mises-fit/{name}"), |b| {
            b.iter(|| fit_von_mises(&angles_rad, &rates_hz, double).expect("valid input"));
        });
    }
}

criterion_group!(benches, sta, cka, rsa, gabor, von_mises);
criterion_main!(benches);
