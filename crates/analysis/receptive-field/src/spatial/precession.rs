//! Phase precession: regression of a circular on a linear variable (Kempter et al. 2012).
//!
//! No p-value comes with it: the normal approximation for the correlation takes the slope as given, but the slope is the best of many,
//! so it calls noise significant too often. Permute the phases over the spikes and fit anew.

use std::f64::consts::TAU;

use crate::{Error, Result};

/// Circular-linear regression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CircularLinear {
    /// Change of phase in rad for each unit of position.
    pub slope_rad: f64,
    /// Phase in rad at position 0, [0, 2 pi).
    pub offset_rad: f64,
    /// Mean vector length of the residual phases, 1 for a perfect line.
    pub residual_length: f64,
    /// Circular-linear correlation coefficient, -1 to 1.
    pub correlation: f64,
}

/// Finds the slope within +-`most_cycles` cycles per unit of position that makes residual phases most alike.
///
/// # Errors
/// If lengths differ, there are fewer than 4 spikes, positions do not vary, or the range is not above 0.
pub fn phase_precession(positions: &[f64], phases_rad: &[f64], most_cycles: f64) -> Result<CircularLinear> {
    if positions.len() != phases_rad.len() {
        return Err(Error::Mismatch { what: "positions and phases", left: positions.len(), right: phases_rad.len() });
    }
    if positions.len() < 4 {
        return Err(Error::TooFew { what: "phase precession", of: "spikes", needed: 4, found: positions.len() });
    }
    rheobase_core::require_finite("positions", positions)?;
    rheobase_core::require_finite("phases", phases_rad)?;
    if !(most_cycles > 0.0 && most_cycles.is_finite()) {
        return Err(Error::Parameter { what: "largest slope in cycles", found: most_cycles, allowed: "above 0" });
    }
    let (low, high) = positions.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    if high <= low {
        return Err(Error::BadTuning("all spikes are at one position, so phase cannot change with it".into()));
    }
    let resultant = |slope: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (x, phase) in positions.iter().zip(phases_rad) {
            let (sin, cos) = (phase - slope * x).sin_cos();
            re += cos;
            im += sin;
        }
        (re.hypot(im) / positions.len() as f64, im.atan2(re))
    };
    // A twentieth of a cycle over the range of positions between trials, then golden sections around the best.
    let most = TAU * most_cycles;
    let step = (0.05 * TAU / (high - low)).min(most / 10.0);
    let count = (2.0 * most / step).ceil() as usize;
    let best = (0..=count)
        .map(|k| (-most + step * k as f64).min(most))
        .fold((0.0, -1.0), |best, slope| {
            let length = resultant(slope).0;
            if length > best.1 { (slope, length) } else { best }
        })
        .0;
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut a, mut b) = ((best - step).max(-most), (best + step).min(most));
    for _ in 0..80 {
        let (c, d) = (b - golden * (b - a), a + golden * (b - a));
        if resultant(c).0 > resultant(d).0 { b = d } else { a = c }
    }
    let slope_rad = 0.5 * (a + b);
    let (residual_length, offset) = resultant(slope_rad);
    let correlation = correlation(positions, phases_rad, slope_rad);
    Ok(CircularLinear { slope_rad, offset_rad: offset.rem_euclid(TAU), residual_length, correlation })
}

/// The linear variable is wrapped with the slope found, then correlated with the phase (Jammalamadaka & SenGupta 2001).
fn correlation(positions: &[f64], phases: &[f64], slope: f64) -> f64 {
    let wrapped: Vec<f64> = positions.iter().map(|x| (slope.abs() * x).rem_euclid(TAU)).collect();
    let mean_angle = |angles: &[f64]| {
        let (re, im) = angles.iter().fold((0.0, 0.0), |(re, im), a| (re + a.cos(), im + a.sin()));
        im.atan2(re)
    };
    let (mx, mp) = (mean_angle(&wrapped), mean_angle(phases));
    let (mut xx, mut pp, mut xp) = (0.0, 0.0, 0.0);
    for (x, phase) in wrapped.iter().zip(phases) {
        let (a, b) = ((x - mx).sin(), (phase - mp).sin());
        xx += a * a;
        pp += b * b;
        xp += a * b;
    }
    let rho = xp / (xx * pp).sqrt();
    // The wrapped variable rises; a falling phase shows as a negative correlation.
    if rho.is_finite() { rho } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn a_cycle_over_the_field_is_found_through_noise_and_wrapping() {
        let mut stream = rheobase_core::Seed::root(4).stream();
        let positions: Vec<f64> = (0..400).map(|_| stream.random_range(0.0..40.0)).collect();
        let phases: Vec<f64> = positions
            .iter()
            .map(|x| (5.0 - TAU * x / 40.0 + 0.4 * stream.random_range(-1.0..1.0_f64)).rem_euclid(TAU))
            .collect();
        let found = phase_precession(&positions, &phases, 0.05).unwrap();
        assert!((found.slope_rad * 40.0 + TAU).abs() < 0.1, "{found:?}");
        assert!((found.offset_rad - 5.0).abs() < 0.1 && found.residual_length > 0.95);
        assert!(found.correlation < -0.8, "{found:?}");
        let random: Vec<f64> = positions.iter().map(|_| stream.random_range(0.0..TAU)).collect();
        let none = phase_precession(&positions, &random, 0.05).unwrap();
        assert!(none.residual_length < 0.2 && none.correlation.abs() < 0.25, "{none:?}");
        assert!(phase_precession(&[1.0; 5], &[0.0; 5], 1.0).is_err());
    }
}
