//! Under the null, p-values of spike-train statistics are uniform.

use ndarray::Array3;
use rand::RngExt;
use rheobase_core::Seed;
use rheobase_core::inference::kolmogorov_smirnov;
use rheobase_core::statistics::permutation_p;
use rheobase_spike_train::correlogram::cross_correlogram;
use rheobase_spike_train::information::{Correction, mutual_information};
use rheobase_spike_train::surrogate::{dithered, randomly_shifted};
use rheobase_spike_train::unitary_event::{joint_surprise, unitary_event};

fn require_uniform(name: &str, f: &dyn Fn(&Seed) -> f64) {
    let ps: Vec<f64> = (0..1000).map(|set| f(&Seed::root(1).child(name).index(set))).collect();
    let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{name}: distance {} to uniform, p {}", test.statistic, test.p);
}

/// A uniform part of a step is taken off p-values that come in steps, as a randomised test does.
fn off_the_grid(p: f64, step: f64, seed: &Seed) -> f64 {
    p - seed.child("step").stream().random_range(0.0..1.0) * step
}

#[test]
fn unitary_events_of_independent_units() {
    require_uniform("unitary events", &|seed| {
        let mut stream = seed.stream();
        let trains = Array3::from_shape_fn((40, 2, 200), |_| f64::from(u8::from(stream.random_range(0.0..1.0) < 0.03)));
        let event = unitary_event(trains.view(), &[true, true], true).unwrap();
        // A count of coincidences comes in steps; the step is the probability of exactly this many.
        let more = joint_surprise(event.observed + 1.0, event.expected).unwrap().0;
        off_the_grid(event.p, event.p - more, seed)
    });
}

#[test]
fn correlograms_against_moved_spikes() {
    let span = (0.0, 20.0);
    let train = |seed: &Seed| {
        let mut stream = seed.stream();
        let mut times: Vec<f64> = (0..200).map(|_| stream.random_range(span.0..span.1)).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let middle = |a: &[f64], b: &[f64]| {
        let found = cross_correlogram(a, b, span, 0.05, 2).unwrap();
        found.counts[found.counts.len() / 2]
    };
    let p = |seed: &Seed, moved: &dyn Fn(&[f64], &Seed) -> Vec<f64>| {
        let (a, b) = (train(&seed.child("a")), train(&seed.child("b")));
        let mut ties = seed.child("ties").stream();
        let mut jitter = |v: f64| v + 1e-6 * ties.random_range(0.0..1.0);
        let observed = jitter(middle(&a, &b));
        let null: Vec<f64> =
            (0..39).map(|draw| jitter(middle(&a, &moved(&b, &seed.child("moved").index(draw))))).collect();
        off_the_grid(permutation_p(observed, &null), 1.0 / 40.0, seed)
    };
    require_uniform("correlogram, dithered", &|seed| p(seed, &|b, s| dithered(b, span, 0.2, s).unwrap()));
    require_uniform("correlogram, shifted", &|seed| p(seed, &|b, s| randomly_shifted(b, span, 1.0, s).unwrap()));
}

#[test]
fn corrected_information_of_nothing_is_nothing_on_average() {
    let bits: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(2).index(set);
            let mut stream = seed.stream();
            let stimuli: Vec<usize> = (0..200).map(|k| k % 4).collect();
            let responses: Vec<usize> = stimuli.iter().map(|_| stream.random_range(0..5)).collect();
            mutual_information(&stimuli, &responses, Correction::PanzeriTreves, &seed.child("correction")).unwrap()
        })
        .collect();
    let mean = bits.iter().sum::<f64>() / 1000.0;
    // The standard error is about .001 bit; the plug-in estimate is .043 bit too high.
    assert!(mean.abs() < 0.004, "{mean}");
}
