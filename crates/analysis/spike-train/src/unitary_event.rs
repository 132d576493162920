//! Unitary events (Grün, Diesmann & Aertsen 2002): coincidences in excess of what the rates give.

use ndarray::ArrayView3;
use rheobase_core::special::gamma_p;

use crate::{Error, Result};

/// Observed and expected coincidences of a pattern, and how surprising the observed number is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitaryEvent {
    /// Coincidences found.
    pub observed: f64,
    /// Coincidences expected of independent units.
    pub expected: f64,
    /// Probability of as many or more, for a Poisson number of them.
    pub p: f64,
    /// Joint surprise log10((1 - p) / p): positive for an excess.
    pub surprise: f64,
}

/// Probability of `observed` or more coincidences where `expected` are expected (Poisson), and its surprise log10((1 - p) / p).
///
/// # Errors
/// If the expected number is negative, or the observed one is not a count.
pub fn joint_surprise(observed: f64, expected: f64) -> Result<(f64, f64)> {
    if !(expected >= 0.0 && expected.is_finite()) {
        return Err(Error::Parameter { what: "expected coincidences", found: expected, allowed: "0 or more" });
    }
    if !(observed >= 0.0 && observed.fract() == 0.0) {
        return Err(Error::Parameter { what: "observed coincidences", found: observed, allowed: "a count" });
    }
    let p = if observed == 0.0 { 1.0 } else { gamma_p(observed, expected) };
    Ok((p, ((1.0 - p) / p).log10()))
}

/// A pattern (true: the unit fires) in trials of binned trains, (trials, units, bins), each bin 0 or more spikes.
///
/// The expected number is the sum over trials of bins x product of the probabilities that each unit does as the pattern says,
/// with probabilities of each trial (`by_trial`), which keeps changes of rate from trial to trial out, or averaged over trials.
///
/// # Errors
/// If the pattern has another length than there are units, or there are no bins.
pub fn unitary_event(trains: ArrayView3<'_, f64>, pattern: &[bool], by_trial: bool) -> Result<UnitaryEvent> {
    let (trials, units, bins) = trains.dim();
    if pattern.len() != units {
        return Err(Error::Mismatch { what: "units and pattern", left: units, right: pattern.len() });
    }
    if trials == 0 || bins == 0 {
        return Err(Error::TooFew { what: "unitary events", of: "bins", needed: 1, found: 0 });
    }
    let fires = |trial: usize, unit: usize, bin: usize| trains[[trial, unit, bin]] > 0.0;
    let (mut observed, mut expected) = (0.0, 0.0);
    let mut share = vec![vec![0.0; units]; trials];
    for trial in 0..trials {
        for bin in 0..bins {
            observed += f64::from(u8::from((0..units).all(|u| fires(trial, u, bin) == pattern[u])));
        }
        for unit in 0..units {
            share[trial][unit] = (0..bins).filter(|&b| fires(trial, unit, b)).count() as f64 / bins as f64;
        }
    }
    for own in &share {
        let product =
            |p: &dyn Fn(usize) -> f64| (0..units).map(|u| if pattern[u] { p(u) } else { 1.0 - p(u) }).product::<f64>();
        let average = |u: usize| share.iter().map(|s| s[u]).sum::<f64>() / trials as f64;
        expected += bins as f64 * if by_trial { product(&|u| own[u]) } else { product(&average) };
    }
    let (p, surprise) = joint_surprise(observed, expected)?;
    Ok(UnitaryEvent { observed, expected, p, surprise })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn published_surprises() {
        assert!((joint_surprise(1.0, 1.04).unwrap().1 + 0.262_265_23).abs() < 1e-8);
        assert!((joint_surprise(3.0, 2.56).unwrap().1 - 0.049_593_01).abs() < 1e-8);
        assert!(joint_surprise(1.5, 1.0).is_err());
    }

    #[test]
    fn expected_coincidences_follow_the_rates_of_each_trial() {
        // Two trials of 4 bins: rates .5 and .5, then .25 and .75.
        let trains = Array3::from_shape_vec(
            (2, 2, 4),
            vec![1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 1.0, 1.0, 1.0],
        )
        .unwrap();
        let found = unitary_event(trains.view(), &[true, true], true).unwrap();
        assert_eq!((found.observed, found.expected), (2.0, 4.0 * 0.25 + 4.0 * 0.1875));
        let averaged = unitary_event(trains.view(), &[true, true], false).unwrap();
        assert!((averaged.expected - 8.0 * 0.375 * 0.625).abs() < 1e-12);
        assert!(unitary_event(trains.view(), &[true], true).is_err());
    }
}
