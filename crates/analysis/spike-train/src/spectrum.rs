//! Power spectrum of the population's count.

use rheobase_core::SpikeTrains;

use crate::count::population_counts;
use crate::{Error, Result};

/// Frequency in Hz, from two frequency steps on, at which the population's count in `bin_s` has most power: Welch's method without
/// overlap, pieces of `piece` bins. NaN if the count does not vary.
///
/// # Errors
/// If the bin does not fit, or the span is shorter than one piece.
pub fn peak_frequency_hz(trains: &SpikeTrains, from_s: f64, bin_s: f64, piece: usize) -> Result<f64> {
    let counts = population_counts(trains, from_s, bin_s)?;
    if piece < 6 || counts.len() < piece {
        return Err(Error::TooFew { what: "a spectrum", of: "bins", needed: piece.max(6), found: counts.len() });
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let mut best = (f64::NAN, 0.0);
    for k in 2..piece / 2 {
        let power: f64 = counts
            .chunks_exact(piece)
            .map(|part| {
                let (mut re, mut im) = (0.0, 0.0);
                for (i, c) in part.iter().enumerate() {
                    let (sin, cos) = (std::f64::consts::TAU * (i * k % piece) as f64 / piece as f64).sin_cos();
                    re += (c - mean) * cos;
                    im += (c - mean) * sin;
                }
                re * re + im * im
            })
            .sum();
        if power > best.1 {
            best = (k as f64 / (piece as f64 * bin_s), power);
        }
    }
    Ok(best.0)
}

/// How long an oscillation of the population's count lasts: its largest autocorrelation between two and a half and three and a half
/// periods of `frequency_hz`, in bins of `bin_s`. A rhythm that keeps its time has 1, noise 0, and what noise excites in a damped mode
/// e^{-3 d T}, with the damping d and the period T.
///
/// # Errors
/// If the bin does not fit, the frequency is not positive, or the span is shorter than eight periods.
pub fn oscillation_persistence(trains: &SpikeTrains, from_s: f64, bin_s: f64, frequency_hz: f64) -> Result<f64> {
    let counts = population_counts(trains, from_s, bin_s)?;
    let period = 1.0 / (frequency_hz * bin_s);
    if !(period.is_finite() && period > 0.0) {
        return Err(Error::Parameter { what: "frequency_hz", found: frequency_hz, allowed: "a positive frequency" });
    }
    let needed = (8.0 * period).ceil() as usize;
    if counts.len() < needed {
        return Err(Error::TooFew { what: "three periods", of: "bins", needed, found: counts.len() });
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let away: Vec<f64> = counts.iter().map(|c| c - mean).collect();
    let power = away.iter().map(|a| a * a).sum::<f64>() / away.len() as f64;
    let at = |lag: usize| {
        let pairs = away.len() - lag;
        away.iter().zip(&away[lag..]).map(|(a, b)| a * b).sum::<f64>() / pairs as f64 / power
    };
    let lags = (2.5 * period).round() as usize..=(3.5 * period).round() as usize;
    Ok(lags.map(at).fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_lasts_and_noise_does_not() {
        let mut stream = rheobase_core::Seed::root(1).stream();
        let clock: Vec<f64> = (0..200).map(|k| 0.02 * f64::from(k) + 0.0015).collect();
        let noise: Vec<f64> = (0..4000).map(|_| 4.0 * rand::RngExt::random::<f64>(&mut stream)).collect();
        let of = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            let trains = SpikeTrains::from_units(vec![times], (0.0, 4.0)).unwrap();
            oscillation_persistence(&trains, 0.0, 1e-3, 50.0)
        };
        assert!((of(clock.clone()).unwrap() - 1.0).abs() < 0.02);
        // 4000 bins: each of twenty lags has a standard error of .016.
        assert!(of(noise).unwrap() < 0.06);
        let trains = SpikeTrains::from_units(vec![clock], (0.0, 4.0)).unwrap();
        assert!(oscillation_persistence(&trains, 3.9, 1e-3, 50.0).is_err());
        assert!(oscillation_persistence(&trains, 0.0, 1e-3, f64::NAN).is_err());
    }

    #[test]
    fn a_rhythm_is_found_at_its_frequency() {
        let period: Vec<f64> = (0..100).map(|k| 0.025 * f64::from(k) + 0.001).collect();
        let trains = SpikeTrains::from_units(vec![period], (0.0, 2.5)).unwrap();
        let peak = peak_frequency_hz(&trains, 0.0, 1e-3, 250).unwrap();
        // Harmonics carry as much power as the fundamental of a train of pulses; the first one is reported.
        assert!((peak / 40.0 - (peak / 40.0).round()).abs() < 1e-9, "{peak}");
        assert!(peak_frequency_hz(&trains, 2.4, 1e-3, 250).is_err());
    }
}
