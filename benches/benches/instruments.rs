//! The instruments on the sizes that the usual tools are timed on (numpy, scikit-learn, rsatoolbox, Elephant): one thread.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{ArrayView2, Axis};
use rheobase_benches::arrays::{noise, populations, repeats};
use rheobase_benches::session::trains;
use rheobase_core::Seed;
use rheobase_receptive_field::stc::spike_triggered_moments;
use rheobase_similarity::cca::{canonical_correlations, svcca};
use rheobase_similarity::inference::{Resample, bootstrap};
use rheobase_similarity::kernel::linear_cka_by_gram;
use rheobase_similarity::noise::{NoiseCovariance, Shrinkage};
use rheobase_similarity::predictivity::{Strength, cross_predict_pls, cross_predict_ridge, folds};
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Rdm, linear_cka};
use rheobase_spike_train::distance::{van_rossum_matrix, victor_purpura_matrix};
use rheobase_spike_train::tiling::tiling_coefficient;

/// 100,000 frames of 400 pixels, about a fifth of them with spikes.
fn covariance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stc");
    group.sample_size(10);
    let x = noise(100_000, 400, "x");
    let counts: Vec<f64> =
        x.column(0).iter().map(|g| (0.25 * g.max(0.0) * g.max(0.0) + 0.6 * g.abs().min(0.2)).round()).collect();
    group.throughput(Throughput::Elements(100_000 * 400));
    group.bench_function("sta+stc/100000x400", |b| {
        b.iter(|| spike_triggered_moments(x.view(), &counts).expect("spikes"))
    });
    group.finish();
}

fn similarity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("similarity");
    group.sample_size(10);
    // Two layers that share 64 dimensions.
    let [x, y] = populations(10_000, 512, 64);
    group.bench_function("cka/linear/10000x512", |b| {
        b.iter(|| linear_cka(x.view(), y.view(), Bias::Biased).expect("valid"))
    });
    group.bench_function("cka/unbiased/10000x512", |b| {
        b.iter(|| linear_cka(x.view(), y.view(), Bias::Unbiased).expect("valid"))
    });
    group.bench_function("cka/unbiased-by-gram/10000x512", |b| {
        b.iter(|| linear_cka_by_gram(x.view(), y.view(), Bias::Unbiased).expect("valid"));
    });
    group.bench_function("cca/10000x512", |b| b.iter(|| canonical_correlations(x.view(), y.view()).expect("valid")));
    group.bench_function("svcca/10000x512", |b| b.iter(|| svcca(x.view(), y.view(), 0.99).expect("valid")));
    group.finish();
}

/// 8 repeats of 200 conditions in 1,000 channels.
fn dissimilarity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rsa");
    group.sample_size(10);
    let (patterns, repeats) = repeats(8, 200, 1000);
    let views: Vec<ArrayView2<'_, f64>> = repeats.axis_iter(Axis(0)).collect();
    group.bench_function("crossnobis/8x200x1000", |b| b.iter(|| Rdm::crossnobis(&views, None).expect("valid")));
    group.bench_function("shrunk-covariance/8x200x1000", |b| {
        b.iter(|| NoiseCovariance::from_measurements(&views, Shrinkage::Diagonal).expect("valid"));
    });
    let rdm = |m: ArrayView2<'_, f64>| Rdm::from_responses(m, Dissimilarity::Correlation).expect("valid");
    let subjects: Vec<Rdm> = views.iter().map(|v| rdm(*v)).collect();
    let models = [rdm(patterns.view()), rdm((&patterns + &(noise(200, 1000, "model") * 2.0)).view())];
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("bootstrap/1000x200x8x2", threads), |b| {
            let seed = Seed::root(2);
            b.iter(|| {
                bootstrap(&models, &subjects, Comparator::Pearson, Resample::Conditions, 1000, threads, &seed)
                    .expect("valid")
            });
        });
    }
    group.finish();
}

/// 1,000 stimuli, 1,000 predictors, 200 targets, 10 folds.
fn predictivity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("predictivity");
    group.sample_size(10);
    let z = noise(1000, 50, "latent");
    let x = z.dot(&noise(50, 1000, "to x")) / 50.0_f64.sqrt() + noise(1000, 1000, "x noise") * 0.5;
    let y = z.dot(&noise(50, 200, "to y")) / 50.0_f64.sqrt() + noise(1000, 200, "y noise");
    let parts = folds(1000, 10, None, &Seed::root(3)).expect("ten folds");
    let alphas: Vec<f64> = (-2..6).map(|k| 10.0_f64.powi(k)).collect();
    for threads in [1, 2] {
        group.bench_function(BenchmarkId::new("pls25/10-folds", threads), |b| {
            b.iter(|| cross_predict_pls(x.view(), y.view(), &parts, 25, threads).expect("valid"));
        });
        group.bench_function(BenchmarkId::new("nested-ridge/10-folds", threads), |b| {
            b.iter(|| {
                cross_predict_ridge(x.view(), y.view(), &parts, &alphas, Strength::Shared, threads).expect("valid")
            });
        });
    }
    group.finish();
}

fn spike_trains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spike-train");
    let (forty, hundred, all) = (trains(40), trains(100), trains(101));
    group.bench_function("victor-purpura/40", |b| b.iter(|| victor_purpura_matrix(&forty, 20.0, 1).expect("valid")));
    group.bench_function("van-rossum/100", |b| b.iter(|| van_rossum_matrix(&hundred, 0.05, 1).expect("valid")));
    group.bench_function("tiling/100-pairs", |b| {
        b.iter(|| {
            (0..100)
                .map(|i| tiling_coefficient(all.unit(i), all.unit(i + 1), 0.005, (0.0, 20.0)).expect("valid"))
                .sum::<f64>()
        });
    });
    group.finish();
}

criterion_group!(benches, covariance, similarity, dissimilarity, predictivity, spike_trains);
criterion_main!(benches);
