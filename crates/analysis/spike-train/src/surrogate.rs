//! Surrogate trains: what a null hypothesis keeps is kept, what it denies is destroyed.

use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;

use crate::{Error, Result, require_within};

/// The train moved by a time in s, wrapped around the ends of the span: keeps the train's own structure, destroys its relation to
/// anything else.
///
/// # Errors
/// If times are not sorted or outside the span.
pub fn shifted(times_s: &[f64], span_s: (f64, f64), by_s: f64) -> Result<Vec<f64>> {
    require_within(times_s, span_s)?;
    let length = span_s.1 - span_s.0;
    let mut moved: Vec<f64> = times_s.iter().map(|t| span_s.0 + (t - span_s.0 + by_s).rem_euclid(length)).collect();
    moved.sort_by(f64::total_cmp);
    Ok(moved)
}

/// [`shifted`] by a random time that is at least `least_s` from 0 on either side.
///
/// # Errors
/// As for [`shifted`], or if twice the least shift does not fit into the span.
pub fn randomly_shifted(times_s: &[f64], span_s: (f64, f64), least_s: f64, seed: &Seed) -> Result<Vec<f64>> {
    let length = span_s.1 - span_s.0;
    if !(least_s >= 0.0 && 2.0 * least_s < length) {
        return Err(Error::Parameter { what: "least shift in s", found: least_s, allowed: "0 to half the span" });
    }
    shifted(times_s, span_s, seed.stream().random_range(least_s..length - least_s))
}

/// Each spike moved independently by up to `by_s` either way (uniform dither), reflected at the ends of the span: keeps slow
/// changes of rate, destroys fine timing.
///
/// # Errors
/// As for [`shifted`], or if the dither is negative or longer than the span.
pub fn dithered(times_s: &[f64], span_s: (f64, f64), by_s: f64, seed: &Seed) -> Result<Vec<f64>> {
    require_within(times_s, span_s)?;
    if !(by_s >= 0.0 && by_s <= span_s.1 - span_s.0) {
        return Err(Error::Parameter { what: "dither in s", found: by_s, allowed: "0 to the span" });
    }
    let mut stream = seed.stream();
    let mut moved: Vec<f64> = times_s
        .iter()
        .map(|t| {
            let moved = t + by_s * stream.random_range(-1.0..1.0);
            let high = if moved > span_s.1 { 2.0 * span_s.1 - moved } else { moved };
            if high < span_s.0 { 2.0 * span_s.0 - high } else { high }
        })
        .collect();
    moved.sort_by(f64::total_cmp);
    Ok(moved)
}

/// Intervals in random order, first spike in place: keeps their distribution, destroys their order and slow changes of rate.
///
/// # Errors
/// As for [`shifted`].
pub fn interval_shuffled(times_s: &[f64], span_s: (f64, f64), seed: &Seed) -> Result<Vec<f64>> {
    require_within(times_s, span_s)?;
    let Some(&first) = times_s.first() else { return Ok(vec![]) };
    let mut intervals: Vec<f64> = times_s.windows(2).map(|w| w[1] - w[0]).collect();
    intervals.shuffle(&mut seed.stream());
    let mut at = first;
    let last = times_s[times_s.len() - 1];
    Ok(std::iter::once(first)
        .chain(intervals.into_iter().map(|i| {
            at += i;
            at.min(last)
        }))
        .collect())
}

/// As many spikes at random places of the span: keeps the number only.
///
/// # Errors
/// As for [`shifted`].
pub fn randomised(times_s: &[f64], span_s: (f64, f64), seed: &Seed) -> Result<Vec<f64>> {
    require_within(times_s, span_s)?;
    let mut stream = seed.stream();
    let mut times: Vec<f64> = times_s.iter().map(|_| stream.random_range(span_s.0..span_s.1)).collect();
    times.sort_by(f64::total_cmp);
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_surrogate_keeps_what_it_says() {
        let times: Vec<f64> = (0..200).map(|k| 0.05 * f64::from(k) + 0.001 * f64::from(k * k % 13)).collect();
        let span = (0.0, 11.0);
        let seed = Seed::root(5);
        let sums = |t: &[f64]| {
            let mut i: Vec<f64> = t.windows(2).map(|w| w[1] - w[0]).collect();
            i.sort_by(f64::total_cmp);
            i
        };
        let moved = shifted(&times, span, 3.0).unwrap();
        assert!((moved[0] - (times.iter().find(|t| **t >= 8.0).unwrap() - 8.0)).abs() < 1e-12);
        let dithered = dithered(&times, span, 0.2, &seed).unwrap();
        assert!(dithered.iter().all(|t| (0.0..=11.0).contains(t)) && dithered != times);
        let shuffled = interval_shuffled(&times, span, &seed).unwrap();
        for (a, b) in sums(&times).iter().zip(sums(&shuffled)) {
            assert!((a - b).abs() < 1e-12);
        }
        for surrogate in [
            moved,
            dithered,
            shuffled,
            randomised(&times, span, &seed).unwrap(),
            randomly_shifted(&times, span, 1.0, &seed).unwrap(),
        ] {
            assert_eq!(surrogate.len(), times.len());
            assert!(surrogate.windows(2).all(|w| w[0] <= w[1]));
        }
        assert!(randomly_shifted(&times, span, 6.0, &seed).is_err());
    }
}
