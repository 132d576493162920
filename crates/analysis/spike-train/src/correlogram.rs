//! Auto- and cross-correlation histograms.

use crate::{Error, Result, require_within};

/// Pairs of spikes by their lag.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlogram {
    /// Middle of each bin in s; a positive lag is a spike of `b` after one of `a`.
    pub lags_s: Vec<f64>,
    /// Pairs in each bin.
    pub counts: Vec<f64>,
    /// Pairs expected of independent Poisson trains of the same rates, in each bin.
    pub expected: Vec<f64>,
}

impl Correlogram {
    /// Observed over expected pairs; 1 for independent trains.
    pub fn ratio(&self) -> Vec<f64> {
        self.counts.iter().zip(&self.expected).map(|(c, e)| c / e).collect()
    }
}

/// Cross-correlation histogram of two trains up to `most_s` on either side, in `2 half_bins + 1` bins centred on 0. The expected
/// counts fall with the lag as fewer pairs fit into the span, which corrects the borders.
///
/// # Errors
/// If times are not sorted or outside the span, or the lag is not within it, or there are no bins.
pub fn cross_correlogram(
    a_s: &[f64],
    b_s: &[f64],
    span_s: (f64, f64),
    most_s: f64,
    half_bins: usize,
) -> Result<Correlogram> {
    histogram(a_s, b_s, span_s, most_s, half_bins, false)
}

/// Auto-correlation histogram: as [`cross_correlogram`] of a train with itself without the pairs of a spike with itself.
///
/// # Errors
/// As for [`cross_correlogram`].
pub fn auto_correlogram(times_s: &[f64], span_s: (f64, f64), most_s: f64, half_bins: usize) -> Result<Correlogram> {
    histogram(times_s, times_s, span_s, most_s, half_bins, true)
}

fn histogram(
    a_s: &[f64],
    b_s: &[f64],
    span_s: (f64, f64),
    most_s: f64,
    half_bins: usize,
    own: bool,
) -> Result<Correlogram> {
    require_within(a_s, span_s)?;
    require_within(b_s, span_s)?;
    let length = span_s.1 - span_s.0;
    if !(most_s > 0.0 && most_s < length) {
        return Err(Error::Parameter { what: "largest lag in s", found: most_s, allowed: "above 0, below the span" });
    }
    if half_bins == 0 {
        return Err(Error::Parameter { what: "bins on each side", found: 0.0, allowed: "at least 1" });
    }
    let bins = 2 * half_bins + 1;
    let width = 2.0 * most_s / bins as f64;
    let mut counts = vec![0.0; bins];
    let mut from = 0;
    for (i, &t) in a_s.iter().enumerate() {
        while from < b_s.len() && b_s[from] < t - most_s {
            from += 1;
        }
        for (j, &u) in b_s.iter().enumerate().skip(from) {
            if u > t + most_s {
                break;
            }
            if !(own && i == j) {
                counts[(((u - t + most_s) / width) as usize).min(bins - 1)] += 1.0;
            }
        }
    }
    let lags_s: Vec<f64> = (0..bins).map(|k| (k as f64 - half_bins as f64) * width).collect();
    let others = if own { b_s.len().saturating_sub(1) } else { b_s.len() };
    let density = a_s.len() as f64 * others as f64 / (length * length);
    let expected = lags_s.iter().map(|lag| density * width * (length - lag.abs())).collect();
    Ok(Correlogram { lags_s, counts, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delayed_copy_peaks_at_its_delay() {
        let a: Vec<f64> = (0..50).map(|k| 0.2 + f64::from(k * k % 97) + 0.001 * f64::from(k)).collect();
        let mut a = a;
        a.sort_by(f64::total_cmp);
        let b: Vec<f64> = a.iter().map(|t| t + 0.02).collect();
        let histogram = cross_correlogram(&a, &b, (0.0, 100.0), 0.05, 12).unwrap();
        let best = (0..25).max_by(|&i, &j| histogram.counts[i].total_cmp(&histogram.counts[j])).unwrap();
        assert!((histogram.lags_s[best] - 0.02).abs() < 1e-9 && histogram.counts[best] >= 50.0);
        let mirrored = cross_correlogram(&b, &a, (0.0, 100.0), 0.05, 12).unwrap();
        assert!(mirrored.counts.iter().rev().eq(histogram.counts.iter()));
    }

    #[test]
    fn independent_poisson_trains_are_as_expected_and_a_train_has_no_pair_with_itself() {
        use rand::RngExt;
        let mut stream = rheobase_core::Seed::root(3).stream();
        let mut draw = || {
            let mut times: Vec<f64> = (0..4000).map(|_| stream.random_range(0.0..100.0)).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        let (a, b) = (draw(), draw());
        let ratio = cross_correlogram(&a, &b, (0.0, 100.0), 20.0, 10).unwrap().ratio();
        assert!(ratio.iter().all(|r| (r - 1.0).abs() < 0.03), "{ratio:?}");
        let own = auto_correlogram(&[1.0, 1.5, 3.0], (0.0, 5.0), 0.75, 1).unwrap();
        assert_eq!(own.counts, [1.0, 0.0, 1.0]);
        assert!(auto_correlogram(&a, (0.0, 100.0), 200.0, 5).is_err());
    }
}
