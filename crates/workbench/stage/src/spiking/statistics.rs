//! Statistics of spikes that the stages of networks share.

use rheobase_core::SpikeTrains;

pub(super) fn unit_rates(trains: &SpikeTrains, from_s: f64) -> Vec<f64> {
    let seconds = trains.span_s().1 - from_s;
    (0..trains.units()).map(|u| trains.unit(u).iter().filter(|t| **t >= from_s).count() as f64 / seconds).collect()
}

/// Mean CV of the intervals of units with at least three, and how many those are.
pub(super) fn mean_cv(trains: &SpikeTrains, from_s: f64) -> (f64, usize) {
    let of = |u: usize| -> Option<f64> {
        let times: Vec<f64> = trains.unit(u).iter().copied().filter(|t| *t >= from_s).collect();
        let intervals: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
        let variance = intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64;
        (intervals.len() >= 3).then(|| variance.sqrt() / mean)
    };
    let all: Vec<f64> = (0..trains.units()).filter_map(of).collect();
    (all.iter().sum::<f64>() / all.len() as f64, all.len())
}

/// Spikes of the whole population in bins.
pub(super) fn counts(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> Vec<f64> {
    let bins = ((trains.span_s().1 - from_s) / bin_s).floor() as usize;
    let mut counts = vec![0.0; bins];
    for unit in 0..trains.units() {
        for t in trains.unit(unit).iter().filter(|t| **t >= from_s) {
            let bin = ((t - from_s) / bin_s) as usize;
            if bin < bins {
                counts[bin] += 1.0;
            }
        }
    }
    counts
}

/// Frequency in Hz, from 5 Hz on, at which the population's count (1 ms bins) has most power.
pub(super) fn peak_frequency_hz(trains: &SpikeTrains, from_s: f64) -> f64 {
    let counts = counts(trains, from_s, 1e-3);
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    // Welch: pieces of 256 ms, so that the spectrum of a noisy count has a peak that holds.
    const PIECE: usize = 256;
    let mut best = (f64::NAN, 0.0);
    for k in 2..PIECE / 2 {
        let power: f64 = counts
            .chunks_exact(PIECE)
            .map(|piece| {
                let (mut re, mut im) = (0.0, 0.0);
                for (i, c) in piece.iter().enumerate() {
                    let (sin, cos) = (std::f64::consts::TAU * (i * k % PIECE) as f64 / PIECE as f64).sin_cos();
                    re += (c - mean) * cos;
                    im += (c - mean) * sin;
                }
                re * re + im * im
            })
            .sum();
        if power > best.1 {
            best = (1000.0 * k as f64 / PIECE as f64, power);
        }
    }
    best.0
}

/// Mean correlation of the counts of pairs of neurons in bins, over the first neurons that fire.
pub(super) fn pair_correlation(trains: &SpikeTrains, from_s: f64, bin_s: f64) -> (f64, usize) {
    let bins = ((trains.span_s().1 - from_s) / bin_s).floor() as usize;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for unit in 0..trains.units() {
        let mut row = vec![0.0; bins];
        for t in trains.unit(unit).iter().filter(|t| **t >= from_s) {
            let bin = ((t - from_s) / bin_s) as usize;
            if bin < bins {
                row[bin] += 1.0;
            }
        }
        if row.iter().any(|c| *c > 0.0) && rows.len() < 150 {
            rows.push(row);
        }
    }
    let (mut sum, mut pairs) = (0.0, 0);
    for a in 0..rows.len() {
        for b in a + 1..rows.len() {
            if let Some(r) = rheobase_core::statistics::pearson(&rows[a], &rows[b]) {
                sum += r;
                pairs += 1;
            }
        }
    }
    (sum / pairs as f64, pairs)
}

/// Time of the last spike in s, 0 without any.
pub(super) fn last_spike_s(trains: &SpikeTrains) -> f64 {
    (0..trains.units()).filter_map(|u| trains.unit(u).last().copied()).fold(0.0, f64::max)
}
