//! Orientation and direction selectivity from tuning curves.
//!
//! Vector forms (Ringach 2002; Mazurek, Kager & van Hooser 2014): OSI = |sum R exp(2 i theta)| / sum R,
//! DSI = |sum R exp(i theta)| / sum R. Ratio forms: (R_pref - R_orth) / (R_pref + R_orth) and
//! (R_pref - R_null) / (R_pref + R_null); noise biases the ratio forms upwards, so the vector form is the default.

use crate::{Error, Result};

/// Selectivity of one tuning curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selectivity {
    /// Vector form, 0 (untuned) to 1.
    pub vector: f64,
    /// Ratio form; `None` where the grid has no opposite of the preferred angle or both responses are 0.
    pub ratio: Option<f64>,
    /// Preferred angle in degrees, from the vector sum: [0, 180) for orientation, [0, 360) for direction.
    pub preferred_deg: f64,
}

/// Orientation selectivity (OSI) of responses to gratings at `angles_deg` over 180 or 360 degrees.
///
/// # Errors
/// If lengths differ, fewer than 3 angles are given, a response is negative or not finite, or all are zero.
pub fn orientation_selectivity(angles_deg: &[f64], responses: &[f64]) -> Result<Selectivity> {
    selectivity(angles_deg, responses, 2.0, 90.0)
}

/// Direction selectivity (DSI) of responses to drifting gratings at `angles_deg` over 360 degrees.
///
/// # Errors
/// As for [`orientation_selectivity`].
pub fn direction_selectivity(angles_deg: &[f64], responses: &[f64]) -> Result<Selectivity> {
    selectivity(angles_deg, responses, 1.0, 180.0)
}

fn selectivity(angles_deg: &[f64], responses: &[f64], harmonic: f64, opposite_deg: f64) -> Result<Selectivity> {
    if angles_deg.len() != responses.len() {
        return Err(Error::BadTuning(format!("{} angles but {} responses", angles_deg.len(), responses.len())));
    }
    if angles_deg.len() < 3 {
        return Err(Error::BadTuning(format!("a tuning curve needs at least 3 angles, found {}", angles_deg.len())));
    }
    rheobase_core::require_finite("tuning curve", responses)?;
    if let Some(&negative) = responses.iter().find(|&&r| r < 0.0) {
        return Err(Error::NegativeTuning(negative));
    }
    let total: f64 = responses.iter().sum();
    if total == 0.0 {
        return Err(Error::BadTuning("the unit never responds, so it has no selectivity".into()));
    }
    let (mut re, mut im) = (0.0, 0.0);
    for (angle, r) in angles_deg.iter().zip(responses) {
        re += r * (harmonic * angle.to_radians()).cos();
        im += r * (harmonic * angle.to_radians()).sin();
    }
    let preferred_deg = (im.atan2(re).to_degrees() / harmonic).rem_euclid(360.0 / harmonic);
    Ok(Selectivity {
        vector: re.hypot(im) / total,
        ratio: ratio(angles_deg, responses, 360.0 / harmonic, opposite_deg),
        preferred_deg,
    })
}

/// (R_pref - R_opposite) / (R_pref + R_opposite), the preferred angle being that of the largest response and the opposite
/// response the mean of those at +- `opposite_deg`. Angles count modulo 360; where that finds no opposite (gratings shown
/// over half a turn), modulo `period_deg`.
fn ratio(angles_deg: &[f64], responses: &[f64], period_deg: f64, opposite_deg: f64) -> Option<f64> {
    let best = (0..responses.len()).fold(0, |best, i| if responses[i] > responses[best] { i } else { best });
    let mean_at = |offset_deg: f64, modulo: f64| {
        let found: Vec<f64> = (0..responses.len())
            .filter(|&i| {
                let gap = (angles_deg[i] - angles_deg[best] - offset_deg).rem_euclid(modulo);
                gap.min(modulo - gap) < 1e-6
            })
            .map(|i| responses[i])
            .collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    };
    let opposite = match (mean_at(opposite_deg, 360.0), mean_at(-opposite_deg, 360.0)) {
        (Some(a), Some(b)) => (a + b) / 2.0,
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => mean_at(opposite_deg, period_deg)?,
    };
    let preferred = responses[best];
    (preferred + opposite > 0.0).then(|| (preferred - opposite) / (preferred + opposite))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Closed-form or AllenSDK values: both are exact up to rounding.
    const TOLERANCE: f64 = 1e-9;

    #[test]
    fn indices_match_the_published_toolbox_values() {
        let angles = [0.0, 30.0, 60.0, 90.0, 120.0, 150.0];
        let responses = [5.5, 4.44, 3.541_666_67, 4.108_695_65, 4.42, 4.553_191_49];
        let osi = orientation_selectivity(&angles, &responses).unwrap();
        let dsi = direction_selectivity(&angles, &responses).unwrap();
        // The toolbox's inputs are printed with 8 decimals.
        assert!((osi.vector - 0.078_734_550_942_320_26).abs() < 1e-8, "{osi:?}");
        assert!((dsi.vector - 0.612_696_646_960_150_6).abs() < 1e-8, "{dsi:?}");
    }

    #[test]
    fn both_forms_match_hand_worked_fractions() {
        let angles: Vec<f64> = (0..8).map(|i| 45.0 * f64::from(i)).collect();
        let responses = [10.0, 2.0, 1.0, 2.0, 6.0, 2.0, 1.0, 2.0];
        let osi = orientation_selectivity(&angles, &responses).unwrap();
        let dsi = direction_selectivity(&angles, &responses).unwrap();
        assert!((osi.vector - 14.0 / 26.0).abs() < TOLERANCE);
        assert!((dsi.vector - 4.0 / 26.0).abs() < TOLERANCE);
        assert!((dsi.ratio.unwrap() - 0.25).abs() < TOLERANCE);
        assert!((osi.ratio.unwrap() - 9.0 / 11.0).abs() < TOLERANCE);
        // Half a turn gives the same orientation ratio, and no direction ratio.
        let half = orientation_selectivity(&angles[..4], &responses[..4]).unwrap();
        assert_eq!(direction_selectivity(&angles[..4], &responses[..4]).unwrap().ratio, None);
        assert!((half.ratio.unwrap() - 9.0 / 11.0).abs() < TOLERANCE);
    }

    #[test]
    fn a_flat_curve_has_no_selectivity_and_a_silent_unit_is_refused() {
        let angles = [0.0, 45.0, 90.0, 135.0];
        assert!(orientation_selectivity(&angles, &[1.0; 4]).unwrap().vector < TOLERANCE);
        assert!(orientation_selectivity(&angles, &[0.0; 4]).is_err());
        assert_eq!(orientation_selectivity(&angles, &[1.0, -0.5, 0.0, 0.0]).unwrap_err(), Error::NegativeTuning(-0.5));
    }

    #[test]
    fn the_preferred_orientation_is_recovered() {
        let angles: Vec<f64> = (0..12).map(|i| 15.0 * f64::from(i)).collect();
        let responses: Vec<f64> = angles.iter().map(|a| (2.0 * (a - 40.0).to_radians()).cos().exp()).collect();
        // A von Mises curve sampled evenly has its vector sum exactly at its mean.
        assert!((orientation_selectivity(&angles, &responses).unwrap().preferred_deg - 40.0).abs() < 1e-6);
    }
}
