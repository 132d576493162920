//! Under the null, the instruments' p-values are uniform. p-values of R random draws come in steps of 1 / (R + 1); a uniform part of a step
//! is taken off, as a randomised test does.

use ndarray::{Array2, s};
use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_core::inference::kolmogorov_smirnov;
use rheobase_core::special::chi_squared_tail;
use rheobase_core::statistics::permutation_p;
use rheobase_receptive_field::glm::rescaling::time_rescaling;
use rheobase_receptive_field::glm::{Family, fit};
use rheobase_receptive_field::modulation::vector_strength;
use rheobase_receptive_field::separability::{separability, shuffled_separability};
use rheobase_receptive_field::spatial::information::{Shuffle, shuffled, spatial_information};
use rheobase_receptive_field::spatial::map::{MapParameters, Path, Smoothing, rate_map};
use rheobase_receptive_field::spatial::precession::phase_precession;
use rheobase_receptive_field::stc::{NestedTest, nested_test};

fn require_uniform(name: &str, ps: &[f64]) {
    let test = kolmogorov_smirnov(ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{name}: distance {} to uniform, p {}", test.statistic, test.p);
}

fn normal(rows: usize, columns: usize, seed: &Seed) -> Array2<f64> {
    let mut stream = seed.stream();
    Array2::from_shape_fn((rows, columns), |_| (0..12).map(|_| stream.random_range(0.0..1.0_f64)).sum::<f64>() - 6.0)
}

#[test]
fn the_nested_test_of_covariance_axes() {
    // The largest and the smallest eigenvalue are looked at and the more extreme one counts twice, so p is uniform up to .5 or so and
    // a little conservative above; below .5 it must be.
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(1).index(set);
            let x = normal(300, 3, &seed.child("x"));
            let mut stream = seed.child("spikes").stream();
            let counts: Vec<f64> = (0..300).map(|_| f64::from(u8::from(stream.random_bool(0.2)))).collect();
            let test = NestedTest {
                shifts: 39,
                least_shift: 5,
                project_average: false,
                most_axes: 0,
                ..NestedTest::default()
            };
            let found = nested_test(x.view(), &counts, &test, &seed.child("shifts")).unwrap();
            found.first_p - stream.random_range(0.0..2.0 / 40.0)
        })
        .collect();
    for level in [0.05, 0.1, 0.2, 0.4] {
        let below = ps.iter().filter(|p| **p <= level).count() as f64 / 1000.0;
        assert!((below - level).abs() < 3.5 * (level * (1.0 - level) / 1000.0_f64).sqrt(), "{below} at {level}");
    }
}

#[test]
fn spatial_information_against_shifted_spikes() {
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(2).index(set);
            let mut stream = seed.child("run").stream();
            // A path that goes to and fro, and spikes that know nothing of it.
            let times: Vec<f64> = (0..600).map(|k| 0.1 * f64::from(k)).collect();
            let x: Vec<f64> = times.iter().map(|t| (1.0 + (0.7 * t).sin()) * 50.0).collect();
            let path = Path::new(times, x, vec![], 1.0).unwrap();
            let spikes: Vec<f64> = (0..60).map(|_| stream.random_range(0.0..59.9)).collect();
            let p = MapParameters {
                bins: [1, 8],
                x_range: (0.0, 100.0),
                y_range: (0.0, 0.0),
                smoothing: Smoothing::Gaussian { sd_bins: 0.0 },
                least_occupancy_s: 0.0,
                least_speed: 0.0,
            };
            let bits = |map: &rheobase_receptive_field::spatial::map::RateMap| {
                spatial_information(map).ok().map(|i| i.bits_per_spike)
            };
            let observed = bits(&rate_map(&path, &spikes, &p).unwrap()).unwrap();
            let shuffle = Shuffle { draws: 39, least_shift_s: 1.0, threads: 1 };
            let null = shuffled(&path, &spikes, &p, bits, shuffle, &seed.child("shuffle")).unwrap();
            permutation_p(observed, &null) - stream.random_range(0.0..1.0 / 40.0)
        })
        .collect();
    require_uniform("spatial information", &ps);
}

#[test]
fn walds_intervals_of_generalised_linear_models_cover() {
    let covered = (0..1000)
        .filter(|&set| {
            let seed = Seed::root(3).index(set);
            let x = normal(400, 2, &seed.child("x"));
            let mut stream = seed.child("spikes").stream();
            let counts: Vec<f64> = x
                .outer_iter()
                .map(|r| {
                    let p = 1.0 / (1.0 + (1.0 - 0.5 * r[0]).exp());
                    f64::from(u8::from(stream.random_bool(p)))
                })
                .collect();
            let model = fit(x.view(), &counts, Family::Bernoulli, None).unwrap();
            (model.coefficients[0] - 0.5).abs() <= 1.96 * model.standard_errors[1]
        })
        .count() as f64
        / 1000.0;
    assert!((covered - 0.95).abs() < 0.02, "{covered}");
}

#[test]
fn likelihood_ratios_of_nested_models_follow_chi_squared() {
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(6).index(set);
            let x = normal(300, 3, &seed.child("x"));
            let mut stream = seed.child("spikes").stream();
            // Counts follow the first column; the other two have nothing to do with them.
            let counts: Vec<f64> = x.outer_iter().map(|r| poisson((0.4 * r[0]).exp(), &mut stream)).collect();
            let of = |columns| fit(x.slice(s![.., ..columns]), &counts, Family::Poisson, None).unwrap().log_likelihood;
            chi_squared_tail(2.0 * (of(3) - of(1)), 2.0)
        })
        .collect();
    require_uniform("likelihood ratio", &ps);
}

/// A Poisson count, by inversion.
fn poisson(mean: f64, stream: &mut impl RngExt) -> f64 {
    let (mut count, mut left) = (0.0, stream.random_range(0.0..1.0) - (-mean).exp());
    let mut share = (-mean).exp();
    while left > 0.0 {
        count += 1.0;
        share *= mean / count;
        left -= share;
    }
    count
}

#[test]
fn phase_locking_separability_and_rescaled_time() {
    let of = |name: &str, f: &dyn Fn(&Seed) -> f64| {
        let ps: Vec<f64> = (0..1000).map(|set| f(&Seed::root(4).child(name).index(set))).collect();
        require_uniform(name, &ps);
    };
    of("vector strength of spikes that know no phase", &|seed| {
        let mut stream = seed.stream();
        let spikes: Vec<f64> = (0..30).map(|_| stream.random_range(0.0..2.0)).collect();
        vector_strength(&spikes, 7.0).unwrap().rayleigh_p()
    });
    of("separability of noise against its entries shuffled", &|seed| {
        let filter = normal(6, 5, &seed.child("filter"));
        let null = shuffled_separability(filter.view(), 39, &seed.child("shuffle")).unwrap();
        permutation_p(separability(filter.view()).unwrap(), &null)
            - seed.child("step").stream().random_range(0.0..1.0 / 40.0)
    });
    of("time rescaled by the true rate", &|seed| {
        let mut stream = seed.stream();
        let expected: Vec<f64> = (0..20_000).map(|k| 0.002 * (1.0 + 0.8 * (0.003 * f64::from(k)).sin())).collect();
        let counts: Vec<f64> = expected.iter().map(|p| f64::from(u8::from(stream.random_bool(*p)))).collect();
        time_rescaling(&expected, &counts).unwrap().test.p
    });
}

#[test]
fn phase_precession_against_permuted_phases() {
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(5).index(set);
            let mut stream = seed.child("spikes").stream();
            let ways: Vec<f64> = (0..25).map(|_| stream.random_range(0.0..1.0)).collect();
            let mut phases: Vec<f64> = (0..25).map(|_| stream.random_range(0.0..std::f64::consts::TAU)).collect();
            let observed = phase_precession(&ways, &phases, 1.0).unwrap().residual_length;
            let null: Vec<f64> = (0..19)
                .map(|_| {
                    phases.shuffle(&mut stream);
                    phase_precession(&ways, &phases, 1.0).unwrap().residual_length
                })
                .collect();
            permutation_p(observed, &null) - stream.random_range(0.0..1.0 / 20.0)
        })
        .collect();
    require_uniform("phase precession", &ps);
}
