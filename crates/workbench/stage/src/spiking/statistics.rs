//! Statistics of spikes that the stages of networks share. Where one does not exist (no spikes, a span shorter than a bin) it is NaN.

use rheobase_core::SpikeTrains;
use rheobase_spike_train::count::{mean_pair_correlation, population_counts, rates_hz};
use rheobase_spike_train::{interval, spectrum};

pub(super) fn unit_rates(trains: &SpikeTrains, from_s: f64) -> Vec<f64> {
    rates_hz(trains, from_s)
}

/// Mean CV of the intervals of units with at least three, and how many those are.
pub(super) fn mean_cv(trains: &SpikeTrains, from_s: f64) -> (f64, usize) {
    let of = |u: usize| -> Option<f64> {
        let times = trains.unit(u);
        let intervals = interval::intervals_s(&times[times.partition_point(|t| *t < from_s)..]).ok()?;
        if intervals.len() >= 3 { interval::cv(&intervals, 0).ok() } else { None }
    };
    let all: Vec<f64> = (0..trains.units()).filter_map(of).collect();
    (all.iter().sum::<f64>() / all.len() as f64, all.len())
}

/// Spikes of the whole population in bins.
pub(super) fn counts(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> Vec<f64> {
    population_counts(trains, from_s, bin_s).unwrap_or_default()
}

/// Frequency in Hz, from 5 Hz on, at which the population's count (1 ms bins, pieces of 256 ms) has most power.
pub(super) fn peak_frequency_hz(trains: &SpikeTrains, from_s: f64) -> f64 {
    spectrum::peak_frequency_hz(trains, from_s, 1e-3, 256).unwrap_or(f64::NAN)
}

/// Mean correlation of the counts of pairs of neurons in bins, over the first neurons that fire.
pub(super) fn pair_correlation(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> (f64, usize) {
    mean_pair_correlation(trains, from_s, bin_s, 150).unwrap_or((f64::NAN, 0))
}

/// Time of the last spike in s, 0 without any.
pub(super) fn last_spike_s(trains: &SpikeTrains) -> f64 {
    (0..trains.units()).filter_map(|u| trains.unit(u).last().copied()).fold(0.0, f64::max)
}
