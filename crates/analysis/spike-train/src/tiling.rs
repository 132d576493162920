//! Spike time tiling coefficient (Cutts & Eglen 2014): correlation of two trains that does not depend on their rates.

use crate::{Error, Result, require_within};

/// Half the sum of (PA - TB)/(1 - PA TB) and (PB - TA)/(1 - PB TA), where PA is the share of spikes of `a` within `window_s` of
/// a spike of `b` and TA the share of the span within `window_s` of a spike of `a`.
///
/// Where a denominator is 0 the term is 1, as the limit for equal trains. Times are compared exactly.
///
/// # Errors
/// If a train is empty, not sorted or outside the span, or the window is not above 0.
pub fn tiling_coefficient(a_s: &[f64], b_s: &[f64], window_s: f64, span_s: (f64, f64)) -> Result<f64> {
    for times in [a_s, b_s] {
        require_within(times, span_s)?;
        if times.is_empty() {
            return Err(Error::TooFew {
                what: "the tiling coefficient",
                of: "spikes in each train",
                needed: 1,
                found: 0,
            });
        }
    }
    if !(window_s > 0.0 && window_s.is_finite()) {
        return Err(Error::Parameter { what: "window in s", found: window_s, allowed: "above 0" });
    }
    let (ta, tb) = (tiled(a_s, window_s, span_s), tiled(b_s, window_s, span_s));
    let (pa, pb) = (share_near(a_s, b_s, window_s), share_near(b_s, a_s, window_s));
    let term = |p: f64, t: f64| if p * t == 1.0 { 1.0 } else { (p - t) / (1.0 - p * t) };
    Ok(0.5 * (term(pa, tb) + term(pb, ta)))
}

/// Share of the span within the window of a spike.
fn tiled(times_s: &[f64], window_s: f64, span_s: (f64, f64)) -> f64 {
    let (mut covered, mut until) = (0.0, span_s.0);
    for &t in times_s {
        let from = (t - window_s).max(until);
        until = (t + window_s).min(span_s.1).max(until);
        covered += (until - from).max(0.0);
    }
    covered / (span_s.1 - span_s.0)
}

/// Share of the spikes of `a` that have a spike of `b` within the window.
fn share_near(a_s: &[f64], b_s: &[f64], window_s: f64) -> f64 {
    let mut j = 0;
    let near = a_s.iter().filter(|&&t| {
        while j < b_s.len() && b_s[j] < t - window_s {
            j += 1;
        }
        j < b_s.len() && b_s[j] <= t + window_s
    });
    near.count() as f64 / a_s.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_case_and_equal_trains() {
        let a = [1.3, 7.56, 15.87, 28.23, 30.9, 34.2, 38.2, 43.2];
        let b = [1.02, 2.71, 18.82, 28.46, 28.79, 43.6];
        let value = tiling_coefficient(&a, &b, 5.0, (0.0, 50.0)).unwrap();
        assert!((value - 0.495_860_165_593_376_2).abs() < 1e-12, "{value}");
        assert_eq!(tiling_coefficient(&a, &a, 0.1, (0.0, 50.0)).unwrap(), 1.0);
        // The whole span tiled and every spike near one: 0/0.
        assert_eq!(tiling_coefficient(&[1.0], &[1.5], 5.0, (0.0, 2.0)).unwrap(), 1.0);
    }

    #[test]
    fn a_window_in_a_long_recording_stays_as_wide_as_it_is() {
        // A tolerance relative to the time would take 1e5 + .006 for coincident.
        let value = tiling_coefficient(&[1e5], &[1e5 + 0.006], 0.005, (0.0, 2e5)).unwrap();
        assert!(value < 0.0, "{value}");
        assert!(tiling_coefficient(&[], &[1.0], 0.1, (0.0, 2.0)).is_err());
        assert!(
            tiling_coefficient(&[3.0], &[1.0], 0.1, (0.0, 2.0)).unwrap_err().to_string().contains("within the span")
        );
    }
}
