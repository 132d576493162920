//! Numbers of published tools and of theory for whole populations.

use rand::RngExt;
use rheobase_core::Seed;
use rheobase_spike_train::count::fano_factor;
use rheobase_spike_train::interval::{cv, cv2, intervals_s, lv, lvr};

/// A Poisson process: exponential intervals.
fn poisson(rate_hz: f64, length_s: f64, seed: &Seed) -> Vec<f64> {
    let mut stream = seed.stream();
    let mut at = 0.0;
    std::iter::from_fn(|| {
        at += -(1.0 - stream.random_range(0.0..1.0_f64)).ln() / rate_hz;
        (at < length_s).then_some(at)
    })
    .collect()
}

#[test]
fn a_poisson_process_has_one_everywhere() {
    let times = poisson(20.0, 2000.0, &Seed::root(1));
    let intervals = intervals_s(&times).unwrap();
    for (name, value) in [("CV", cv(&intervals, 0)), ("CV2", cv2(&intervals)), ("LV", lv(&intervals))] {
        assert!((value.clone().unwrap() - 1.0).abs() < 0.02, "{name} {value:?}");
    }
    let counts: Vec<f64> =
        (0..2000).map(|trial| poisson(20.0, 1.0, &Seed::root(2).index(trial)).len() as f64).collect();
    assert!((fano_factor(&counts, 0).unwrap() - 1.0).abs() < 0.05);
}

/// A hundred intervals in ms that elephant's tests use.
const INTERVALS_MS: [f64; 100] = [
    1.0, 28.0, 4.0, 47.0, 5.0, 16.0, 2.0, 5.0, 21.0, 12.0, 4.0, 12.0, 59.0, 2.0, 4.0, 18.0, 33.0, 25.0, 2.0, 34.0, 4.0,
    1.0, 1.0, 14.0, 8.0, 1.0, 10.0, 1.0, 8.0, 20.0, 5.0, 1.0, 6.0, 5.0, 12.0, 2.0, 8.0, 8.0, 2.0, 8.0, 2.0, 10.0, 2.0,
    1.0, 1.0, 2.0, 15.0, 3.0, 20.0, 6.0, 11.0, 6.0, 18.0, 2.0, 5.0, 17.0, 4.0, 3.0, 13.0, 6.0, 1.0, 18.0, 1.0, 16.0,
    12.0, 2.0, 52.0, 2.0, 5.0, 7.0, 6.0, 25.0, 6.0, 5.0, 3.0, 15.0, 4.0, 3.0, 16.0, 3.0, 6.0, 5.0, 24.0, 21.0, 3.0,
    3.0, 4.0, 8.0, 4.0, 11.0, 5.0, 7.0, 5.0, 6.0, 8.0, 11.0, 33.0, 10.0, 7.0, 4.0,
];

#[test]
fn local_variation_of_the_published_intervals() {
    assert!((lv(&INTERVALS_MS).unwrap() - 0.971_826_029_994).abs() < 1e-9);
    assert!((cv2(&INTERVALS_MS).unwrap() - 1.002_223_529_652_917_6).abs() < 1e-9);
    assert!((lvr(&INTERVALS_MS, 5.0).unwrap() - 2.184_536_346_475_313_4).abs() < 1e-9);
}
