//! Von Mises tuning of orientation and direction: one bump, or two half a turn apart.

use std::f64::consts::{LN_2, PI};

use rheobase_core::simplex::nelder_mead;

use crate::{Error, Result};

/// r(theta) = baseline + height e^(kappa (cos(theta - preferred) - 1)) + opposite e^(kappa (cos(theta - preferred - pi) - 1)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VonMises {
    /// Rate far from the preferred angle.
    pub baseline: f64,
    /// Height of the bump.
    pub height: f64,
    /// Height of the bump at the opposite angle; 0 for the single form.
    pub opposite: f64,
    /// Concentration.
    pub kappa: f64,
    /// Preferred angle in rad, [0, 2 pi).
    pub preferred_rad: f64,
    /// Share of the responses' variance explained.
    pub r_squared: f64,
}

impl VonMises {
    /// The tuning curve at an angle in rad.
    pub fn at(&self, theta_rad: f64) -> f64 {
        let bump = |d: f64| (self.kappa * (d.cos() - 1.0)).exp();
        let d = theta_rad - self.preferred_rad;
        self.baseline + self.height * bump(d) + self.opposite * bump(d - PI)
    }

    /// Half width of the bump at half its height in rad, arccos(1 + ln(1/2) / kappa); `None` for bumps that never fall to half.
    pub fn half_width_rad(&self) -> Option<f64> {
        (self.kappa > LN_2 / 2.0).then(|| (1.0 - LN_2 / self.kappa).acos())
    }
}

/// Fits a tuning curve by least squares: heights follow from the angle and the concentration, which are searched from a grid.
///
/// # Errors
/// If lengths differ, there are fewer angles than parameters, a value is not finite, or the responses do not vary.
pub fn fit_von_mises(angles_rad: &[f64], responses: &[f64], double: bool) -> Result<VonMises> {
    let parameters = if double { 5 } else { 4 };
    if angles_rad.len() != responses.len() {
        return Err(Error::Mismatch { what: "angles and responses", left: angles_rad.len(), right: responses.len() });
    }
    if angles_rad.len() < parameters {
        return Err(Error::TooFew {
            what: "a von Mises fit",
            of: "angles",
            needed: parameters,
            found: angles_rad.len(),
        });
    }
    rheobase_core::require_finite("angles", angles_rad)?;
    rheobase_core::require_finite("responses", responses)?;
    let mean = responses.iter().sum::<f64>() / responses.len() as f64;
    let total: f64 = responses.iter().map(|r| (r - mean) * (r - mean)).sum();
    if total <= 0.0 {
        return Err(Error::BadTuning("the responses are all alike, so they have no preferred angle".into()));
    }
    let objective = |p: &[f64]| -solve_heights(angles_rad, responses, p[0], p[1].clamp(-4.0, 6.0).exp(), double).1;
    let mut start = (f64::NEG_INFINITY, vec![0.0, 0.0]);
    for k in 0..36 {
        for log_kappa in [-1.0, 0.5, 2.0, 3.5] {
            let p = vec![f64::from(k) * PI / 18.0, log_kappa];
            let value = objective(&p);
            if value > start.0 {
                start = (value, p);
            }
        }
    }
    let p = nelder_mead(&nelder_mead(&start.1, 400, objective), 400, objective);
    let kappa = p[1].clamp(-4.0, 6.0).exp();
    let (heights, error) = solve_heights(angles_rad, responses, p[0], kappa, double);
    let (mut height, mut opposite, mut preferred) = (heights[1], heights[2], p[0]);
    if opposite > height {
        (height, opposite, preferred) = (opposite, height, preferred + PI);
    }
    let preferred_rad = preferred.rem_euclid(2.0 * PI);
    Ok(VonMises { baseline: heights[0], height, opposite, kappa, preferred_rad, r_squared: 1.0 - error / total })
}

/// Least-squares baseline and heights (not negative) for an angle and a concentration, and the squared error.
fn solve_heights(angles: &[f64], responses: &[f64], preferred: f64, kappa: f64, double: bool) -> ([f64; 3], f64) {
    let bump = |d: f64| (kappa * (d.cos() - 1.0)).exp();
    let rows: Vec<[f64; 3]> = angles
        .iter()
        .map(|a| [1.0, bump(a - preferred), if double { bump(a - preferred - PI) } else { 0.0 }])
        .collect();
    // Try both bumps, then each alone: a height below 0 is no bump.
    let sets: &[&[usize]] = if double { &[&[0, 1, 2], &[0, 1], &[0, 2]] } else { &[&[0, 1]] };
    let mut best = ([responses.iter().sum::<f64>() / responses.len() as f64, 0.0, 0.0], f64::INFINITY);
    best.1 = responses.iter().map(|r| (r - best.0[0]).powi(2)).sum();
    for set in sets {
        let design = ndarray::Array2::from_shape_fn((rows.len(), set.len()), |(i, j)| rows[i][set[j]]);
        let target = ndarray::Array1::from(responses.to_vec());
        let Ok(solution) = rheobase_linalg::least_squares_vector(design.view(), target.view()) else { continue };
        if solution.iter().skip(1).any(|h| *h < 0.0) {
            continue;
        }
        let error: f64 = (&target - &design.dot(&solution)).iter().map(|v| v * v).sum();
        if error < best.1 {
            let mut heights = [0.0; 3];
            set.iter().zip(&solution).for_each(|(&k, &v)| heights[k] = v);
            best = (heights, error);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_curves_come_back() {
        let angles: Vec<f64> = (0..12).map(|k| f64::from(k) * PI / 6.0).collect();
        for double in [false, true] {
            let planted = VonMises {
                baseline: 2.0,
                height: 10.0,
                opposite: if double { 4.0 } else { 0.0 },
                kappa: 3.0,
                preferred_rad: 1.1,
                r_squared: 1.0,
            };
            let responses: Vec<f64> = angles.iter().map(|a| planted.at(*a)).collect();
            let found = fit_von_mises(&angles, &responses, double).unwrap();
            assert!((found.preferred_rad - 1.1).abs() < 1e-4 && (found.kappa - 3.0).abs() < 1e-3, "{found:?}");
            assert!((found.height - 10.0).abs() < 0.01 && (found.opposite - planted.opposite).abs() < 0.01);
            assert!(found.r_squared > 1.0 - 1e-8);
            // Half width: the bump is at half its height there.
            let half = found.half_width_rad().unwrap();
            assert!(((found.kappa * (half.cos() - 1.0)).exp() - 0.5).abs() < 1e-9);
        }
        assert!(fit_von_mises(&angles[..3], &[1.0, 2.0, 3.0], false).is_err());
        assert!(fit_von_mises(&angles, &[1.0; 12], false).is_err());
    }
}
