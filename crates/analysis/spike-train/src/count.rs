//! Spike counts: in windows of trials, in bins of time, and what follows from them.

use ndarray::Array2;
use rheobase_core::SpikeTrains;
use rheobase_core::statistics::{mean, pearson, variance};

use crate::{Error, Result, require_sorted};

/// Spikes at or after `start_s` and before `stop_s`.
pub fn count_between(times_s: &[f64], start_s: f64, stop_s: f64) -> usize {
    let from = times_s.partition_point(|t| *t < start_s);
    let to = times_s.partition_point(|t| *t < stop_s);
    to.saturating_sub(from)
}

/// Counts in windows (start, stop) in s.
///
/// # Errors
/// If the times are not sorted, or a window ends before it starts.
pub fn counts_in_windows(times_s: &[f64], windows_s: &[(f64, f64)]) -> Result<Vec<f64>> {
    require_sorted(times_s)?;
    if let Some(window) = windows_s.iter().find(|w| w.0.is_nan() || w.1.is_nan() || w.0 > w.1) {
        return Err(Error::Parameter {
            what: "end of a window in s",
            found: window.1,
            allowed: "not before its start",
        });
    }
    Ok(windows_s.iter().map(|w| count_between(times_s, w.0, w.1) as f64).collect())
}

/// Counts of all units in equal bins from `from_s` to the end of the span, (units, bins); a last part bin is left out.
///
/// # Errors
/// If the bin is not above 0 or longer than the span.
pub fn binned(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> Result<Array2<f64>> {
    let bins = bins_of(trains, from_s, bin_s)?;
    let mut counts = Array2::zeros((trains.units(), bins));
    for unit in 0..trains.units() {
        let mut row = counts.row_mut(unit);
        add_counts(trains.unit(unit), from_s, bin_s, row.as_slice_mut().expect("rows are contiguous"));
    }
    Ok(counts)
}

/// Counts of the whole population in equal bins, as [`binned`] summed over units.
///
/// # Errors
/// As for [`binned`].
pub fn population_counts(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> Result<Vec<f64>> {
    let mut counts = vec![0.0; bins_of(trains, from_s, bin_s)?];
    (0..trains.units()).for_each(|unit| add_counts(trains.unit(unit), from_s, bin_s, &mut counts));
    Ok(counts)
}

fn bins_of(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> Result<usize> {
    let length = trains.span_s().1 - from_s;
    if bin_s.is_nan() || bin_s <= 0.0 || bin_s > length {
        return Err(Error::Parameter { what: "bin in s", found: bin_s, allowed: "above 0, within the span" });
    }
    // Half a millionth of a bin forgives rounding in length / bin.
    Ok((length / bin_s + 5e-7).floor() as usize)
}

fn add_counts(times_s: &[f64], from_s: f64, bin_s: f64, counts: &mut [f64]) {
    for t in &times_s[times_s.partition_point(|t| *t < from_s)..] {
        if let Some(count) = counts.get_mut(((t - from_s) / bin_s) as usize) {
            *count += 1.0;
        }
    }
}

/// Mean rate in Hz of each unit from a time to the end of the span.
pub fn rates_hz(trains: &SpikeTrains, from_s: f64) -> Vec<f64> {
    let end = trains.span_s().1;
    (0..trains.units())
        .map(|unit| {
            let times = trains.unit(unit);
            (times.len() - times.partition_point(|t| *t < from_s)) as f64 / (end - from_s)
        })
        .collect()
}

/// Fano factor: variance over mean of counts, with divisor n - `ddof` in the variance. 1 for a Poisson process.
///
/// # Errors
/// With fewer than 2 counts, or if no spike was counted.
pub fn fano_factor(counts: &[f64], ddof: usize) -> Result<f64> {
    if counts.len() < 2.max(ddof + 1) {
        return Err(Error::TooFew { what: "the Fano factor", of: "counts", needed: 2, found: counts.len() });
    }
    let average = mean(counts);
    if average.is_nan() || average <= 0.0 {
        return Err(Error::Parameter { what: "mean count", found: average, allowed: "above 0" });
    }
    Ok(variance(counts, ddof) / average)
}

/// A peri-stimulus time histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Psth {
    /// Middle of each bin in s from the event.
    pub times_s: Vec<f64>,
    /// Mean rate over events in Hz.
    pub rates_hz: Vec<f64>,
    /// Standard error of the mean rate over events in Hz.
    pub errors_hz: Vec<f64>,
    /// Number of events.
    pub events: usize,
}

/// Mean rate around events, in bins from `before_s` before to `after_s` after each.
///
/// # Errors
/// Without events, or if times are not sorted or the bin does not fit.
pub fn psth(times_s: &[f64], events_s: &[f64], before_s: f64, after_s: f64, bin_s: f64) -> Result<Psth> {
    require_sorted(times_s)?;
    if events_s.is_empty() {
        return Err(Error::TooFew { what: "a peri-stimulus time histogram", of: "events", needed: 1, found: 0 });
    }
    let bins = ((before_s + after_s) / bin_s + 5e-7).floor();
    if !(bin_s > 0.0 && bins >= 1.0 && bins.is_finite()) {
        return Err(Error::Parameter { what: "bin in s", found: bin_s, allowed: "above 0, within the window" });
    }
    let bins = bins as usize;
    let mut counts = Array2::zeros((events_s.len(), bins));
    for (event, &at) in events_s.iter().enumerate() {
        let mut row = counts.row_mut(event);
        let row = row.as_slice_mut().expect("rows are contiguous");
        let end = times_s.partition_point(|t| *t < at + after_s);
        add_counts(&times_s[..end], at - before_s, bin_s, row);
    }
    let n = events_s.len() as f64;
    let columns = || counts.columns().into_iter().map(|c| c.to_vec()).collect::<Vec<_>>();
    let error = |c: &Vec<f64>| if events_s.len() > 1 { (variance(c, 1) / n).sqrt() / bin_s } else { f64::NAN };
    Ok(Psth {
        times_s: (0..bins).map(|b| (b as f64 + 0.5) * bin_s - before_s).collect(),
        rates_hz: columns().iter().map(|c| mean(c) / bin_s).collect(),
        errors_hz: columns().iter().map(error).collect(),
        events: events_s.len(),
    })
}

/// Mean Pearson correlation of the counts of all pairs among the first `most` units that fire, and the number of pairs.
///
/// # Errors
/// As for [`binned`].
pub fn mean_pair_correlation(trains: &SpikeTrains, from_s: f64, bin_s: f64, most: usize) -> Result<(f64, usize)> {
    let counts = binned(trains, from_s, bin_s)?;
    let rows: Vec<Vec<f64>> =
        counts.outer_iter().filter(|row| row.iter().any(|c| *c > 0.0)).take(most).map(|row| row.to_vec()).collect();
    let (mut sum, mut pairs) = (0.0, 0);
    for a in 0..rows.len() {
        for b in a + 1..rows.len() {
            if let Some(r) = pearson(&rows[a], &rows[b]) {
                sum += r;
                pairs += 1;
            }
        }
    }
    Ok((sum / pairs as f64, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_fano_factors() {
        assert!((fano_factor(&[4.0, 3.0], 0).unwrap() - 0.25 / 3.5).abs() < 1e-15);
        assert!((fano_factor(&[1.2, 20.0, 0.0, 36.2, 0.6], 0).unwrap() - 17.921_379_310_344_832).abs() < 1e-12);
        assert!(fano_factor(&[0.0, 0.0], 0).unwrap_err().to_string().contains("mean count is 0"));
    }

    #[test]
    fn bins_and_windows_count_each_spike_once() {
        let trains = SpikeTrains::from_units(vec![vec![0.0, 0.1, 0.35, 0.9], vec![0.5]], (0.0, 1.0)).unwrap();
        let counts = binned(&trains, 0.0, 0.1).unwrap();
        assert_eq!(counts.dim(), (2, 10));
        assert_eq!(counts.row(0).to_vec(), [1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(population_counts(&trains, 0.0, 0.5).unwrap(), [3.0, 2.0]);
        assert_eq!(counts_in_windows(trains.unit(0), &[(0.1, 0.35), (0.0, 1.0)]).unwrap(), [1.0, 4.0]);
        assert_eq!(rates_hz(&trains, 0.5), [2.0, 2.0]);
        assert!(binned(&trains, 0.0, 2.0).is_err());
    }

    #[test]
    fn a_histogram_around_events_has_rates_and_their_errors() {
        let histogram = psth(&[0.95, 1.05, 2.05, 3.05, 3.06], &[1.0, 2.0, 3.0], 0.1, 0.1, 0.1).unwrap();
        assert_eq!(histogram.events, 3);
        let expected = [10.0 / 3.0, 40.0 / 3.0];
        for (rate, expected) in histogram.rates_hz.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-9);
        }
        assert!((histogram.times_s[0] + 0.05).abs() < 1e-12);
        // Counts 1, 1, 2 in the second bin.
        assert!((histogram.errors_hz[1] - (1.0_f64 / 3.0 / 3.0).sqrt() * 10.0).abs() < 1e-9);
        assert!(psth(&[0.0], &[], 0.1, 0.1, 0.1).is_err());
    }
}
