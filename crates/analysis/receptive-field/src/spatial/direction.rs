//! Head-direction tuning: rate by direction over occupancy, its mean vector and Rayleigh's test.

use std::f64::consts::TAU;

use rheobase_core::circular::Resultant;

use crate::{Error, Result};

/// Tuning to head direction.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectionTuning {
    /// Middle of each bin in rad.
    pub angles_rad: Vec<f64>,
    /// Rate in Hz; NaN in bins the head never pointed to.
    pub rates_hz: Vec<f64>,
    /// Mean vector of the rates: direction and length |sum r e^(i angle)| / sum r. Its weights are rates, so use `rayleigh_p` for the
    /// test.
    pub resultant: Resultant,
    /// Length corrected for the width of the bins.
    pub corrected_length: f64,
    /// Rayleigh's p-value for the directions at the spikes (not corrected for where the head pointed).
    pub rayleigh_p: f64,
    /// Angle of the largest rate in rad.
    pub peak_rad: f64,
}

/// Tuning from frames (direction in rad and duration in s of each) and the direction at each spike.
///
/// # Errors
/// With fewer than 3 bins, no spikes, or lists that do not fit.
pub fn direction_tuning(
    angles_rad: &[f64],
    seconds: &[f64],
    at_spikes_rad: &[f64],
    bins: usize,
) -> Result<DirectionTuning> {
    if angles_rad.len() != seconds.len() {
        return Err(Error::Mismatch { what: "directions and durations", left: angles_rad.len(), right: seconds.len() });
    }
    if bins < 3 {
        return Err(Error::TooFew { what: "direction tuning", of: "bins", needed: 3, found: bins });
    }
    rheobase_core::require_finite("directions", angles_rad.iter().chain(at_spikes_rad))?;
    let bin_of = |a: f64| ((a.rem_euclid(TAU) / TAU * bins as f64) as usize).min(bins - 1);
    let (mut time, mut spikes) = (vec![0.0; bins], vec![0.0; bins]);
    angles_rad.iter().zip(seconds).for_each(|(&a, s)| time[bin_of(a)] += s);
    at_spikes_rad.iter().for_each(|&a| spikes[bin_of(a)] += 1.0);
    let rates_hz: Vec<f64> = spikes.iter().zip(&time).map(|(n, t)| if *t > 0.0 { n / t } else { f64::NAN }).collect();
    let middles: Vec<f64> = (0..bins).map(|b| TAU * (b as f64 + 0.5) / bins as f64).collect();
    let known = middles.iter().zip(&rates_hz).filter(|(_, r)| r.is_finite()).map(|(&a, &r)| (a, r));
    let none = Error::TooFew { what: "direction tuning", of: "spikes", needed: 1, found: 0 };
    let resultant = Resultant::of_weighted(known.clone()).ok_or_else(|| none.clone())?;
    let rayleigh_p = Resultant::of_angles(at_spikes_rad).ok_or(none)?.rayleigh_p();
    let peak_rad = known.fold((0.0, f64::NEG_INFINITY), |best, (a, r)| if r > best.1 { (a, r) } else { best }).0;
    let corrected_length = resultant.length_corrected_for_bins(bins);
    Ok(DirectionTuning { angles_rad: middles, rates_hz, resultant, corrected_length, rayleigh_p, peak_rad })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_cell_has_half_its_depth_as_vector_wherever_the_head_was() {
        // Twice as long in the first half of the circle; spikes follow 10 (1 + .8 cos a).
        let frames: Vec<f64> = (0..36_000).map(|k| TAU * f64::from(k) / 36_000.0).collect();
        let seconds: Vec<f64> = frames.iter().map(|a| if *a < TAU / 2.0 { 0.02 } else { 0.01 }).collect();
        let mut spikes = Vec::new();
        let mut owed = 0.0;
        for (a, s) in frames.iter().zip(&seconds) {
            owed += 10.0 * (1.0 + 0.8 * a.cos()) * s;
            while owed >= 1.0 {
                spikes.push(*a);
                owed -= 1.0;
            }
        }
        let tuning = direction_tuning(&frames, &seconds, &spikes, 36).unwrap();
        assert!((tuning.corrected_length - 0.4).abs() < 0.01, "{}", tuning.corrected_length);
        let direction = tuning.resultant.direction_rad;
        assert!(!(0.02..=TAU - 0.02).contains(&direction));
        assert!(tuning.rayleigh_p < 1e-6);
        assert!(direction_tuning(&frames, &seconds, &[], 36).is_err());
    }
}
