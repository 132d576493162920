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

#[cfg(test)]
mod tests {
    use super::*;

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
