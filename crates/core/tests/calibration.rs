//! Under the null, p-values are uniform; intervals hold the truth as often as they say. 1,000 simulated data sets each, fixed seeds.

use rand::RngExt;
use rheobase_core::circular::Resultant;
use rheobase_core::inference::{Tail, kolmogorov_smirnov, t_interval, t_test, wilcoxon_signed_rank};
use rheobase_core::statistics::{bootstrap_interval, jackknife_interval, mean, median, wilson_interval};
use rheobase_core::{Interval, Seed};

const SETS: usize = 1000;

/// Nearly Gaussian values: sums of twelve uniform ones.
fn normal(n: usize, seed: &Seed) -> Vec<f64> {
    let mut stream = seed.stream();
    (0..n).map(|_| (0..12).map(|_| stream.random_range(0.0..1.0_f64)).sum::<f64>() - 6.0).collect()
}

fn require_uniform(name: &str, ps: &[f64]) {
    let test = kolmogorov_smirnov(ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{name}: distance {} to uniform, p {}", test.statistic, test.p);
}

#[test]
fn tests_are_uniform_under_the_null() {
    let of = |name: &str, f: &dyn Fn(&Seed) -> f64| {
        let ps: Vec<f64> = (0..SETS).map(|set| f(&Seed::root(1).child(name).index(set))).collect();
        require_uniform(name, &ps);
    };
    of("Student's t, two-sided", &|seed| t_test(&normal(12, seed), Tail::TwoSided).unwrap().p);
    of("Student's t, one-sided", &|seed| t_test(&normal(12, seed), Tail::Greater).unwrap().p);
    of("Wilcoxon's signed ranks", &|seed| wilcoxon_signed_rank(&normal(60, seed), Tail::TwoSided).unwrap().p);
    of("Kolmogorov-Smirnov", &|seed| {
        let mut stream = seed.stream();
        let values: Vec<f64> = (0..80).map(|_| stream.random_range(0.0..1.0)).collect();
        kolmogorov_smirnov(&values, |v| v).p
    });
    of("Rayleigh", &|seed| {
        let mut stream = seed.stream();
        let angles: Vec<f64> = (0..40).map(|_| stream.random_range(0.0..std::f64::consts::TAU)).collect();
        Resultant::of_angles(&angles).unwrap().rayleigh_p()
    });
}

fn coverage(sets: usize, truth: f64, f: impl Fn(usize) -> Interval) -> f64 {
    let holds = (0..sets).filter(|&set| {
        let interval = f(set);
        interval.low <= truth && truth <= interval.high
    });
    holds.count() as f64 / sets as f64
}

#[test]
fn intervals_cover_at_their_nominal_rate() {
    let student = coverage(4000, 0.0, |set| t_interval(&normal(8, &Seed::root(2).index(set))).unwrap());
    assert!((student - 0.95).abs() < 0.02, "Student's t: {student}");
    for (name, statistic) in [("mean", mean as fn(&[f64]) -> f64), ("median", median)] {
        for (n, draws) in [(10, 400), (80, 400), (80, 99)] {
            // Of 20,000 sets it holds the median of 10 in 96.8 %, and 94.8 to 95.5 % of the others: 1,000 sets would tell that to 1 % only.
            let bootstrap = coverage(4000, 0.0, |set| {
                let values = normal(n, &Seed::root(3).index(set));
                bootstrap_interval(n, draws, &Seed::root(4).index(set), |rows| {
                    statistic(&rows.iter().map(|&i| values[i]).collect::<Vec<_>>())
                })
            });
            assert!((bootstrap - 0.95).abs() < 0.02, "{draws} draws of the {name} of {n}: {bootstrap}");
        }
    }
    let jackknife = coverage(SETS, 0.0, |set| {
        let values = normal(40, &Seed::root(6).index(set));
        jackknife_interval(40, |rows| Some(mean(&rows.iter().map(|&i| values[i]).collect::<Vec<_>>()))).unwrap()
    });
    assert!((jackknife - 0.95).abs() < 0.02, "jackknife: {jackknife}");
    let wilson = coverage(4000, 0.3, |set| {
        let mut stream = Seed::root(5).index(set).stream();
        wilson_interval((0..60).filter(|_| stream.random_bool(0.3)).count(), 60)
    });
    assert!((wilson - 0.95).abs() < 0.02, "Wilson: {wilson}");
}
