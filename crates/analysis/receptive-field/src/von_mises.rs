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
    let points = Points::new(angles_rad, responses, double);
    let total: f64 = points.responses.iter().map(|r| r * r).sum();
    if total <= 0.0 {
        return Err(Error::BadTuning("the responses are all alike, so they have no preferred angle".into()));
    }
    let objective = |p: &[f64]| -points.heights(p[0], p[1].clamp(-4.0, 6.0).exp()).1;
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
    let (heights, error) = points.heights(p[0], kappa);
    let (mut height, mut opposite, mut preferred) = (heights[1], heights[2], p[0]);
    if opposite > height {
        (height, opposite, preferred) = (opposite, height, preferred + PI);
    }
    let preferred_rad = preferred.rem_euclid(2.0 * PI);
    Ok(VonMises { baseline: heights[0], height, opposite, kappa, preferred_rad, r_squared: 1.0 - error / total })
}

/// What is fitted, and what every evaluation needs of it.
struct Points {
    /// Cosine and sine of each angle.
    directions: Vec<[f64; 2]>,
    /// Without their mean.
    responses: Vec<f64>,
    mean: f64,
    double: bool,
}

/// A bump at every angle without its mean, that mean, its sum of squares and its product with the responses.
struct Bump {
    centred: Vec<f64>,
    mean: f64,
    squares: f64,
    product: f64,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Points {
    fn new(angles_rad: &[f64], responses: &[f64], double: bool) -> Self {
        let mean = responses.iter().sum::<f64>() / responses.len() as f64;
        Self {
            directions: angles_rad.iter().map(|a| [a.cos(), a.sin()]).collect(),
            responses: responses.iter().map(|r| r - mean).collect(),
            mean,
            double,
        }
    }

    fn bump(&self, [cos, sin]: [f64; 2], kappa: f64) -> Bump {
        let mut centred: Vec<f64> =
            self.directions.iter().map(|[c, s]| (kappa * (c * cos + s * sin - 1.0)).exp()).collect();
        let mean = centred.iter().sum::<f64>() / centred.len() as f64;
        centred.iter_mut().for_each(|b| *b -= mean);
        let (squares, product) = (dot(&centred, &centred), dot(&centred, &self.responses));
        Bump { centred, mean, squares, product }
    }

    /// Least-squares baseline and heights for an angle and a concentration, and the squared error. Without means the baseline drops
    /// out, and one or two normal equations are left. A height below 0 is no bump: then either alone is tried.
    fn heights(&self, preferred: f64, kappa: f64) -> ([f64; 3], f64) {
        let (sin, cos) = preferred.sin_cos();
        let own = self.bump([cos, sin], kappa);
        let opposite = self.double.then(|| self.bump([-cos, -sin], kappa));
        // Below either bound there is only rounding: a bump that is the same at all angles leaves squares of 1e-32, two that are one
        // shape a determinant of 1e-16; the flattest that the search looks at, of concentration e^-4, leave 1e-3 and 1e-4 (nine angles).
        let alone = |bump: &Bump| if bump.squares > 1e-24 { bump.product / bump.squares } else { 0.0 };
        let mut pairs = vec![[0.0, 0.0], [alone(&own), 0.0]];
        if let Some(opposite) = &opposite {
            pairs.push([0.0, alone(opposite)]);
            let both = dot(&own.centred, &opposite.centred);
            let determinant = own.squares * opposite.squares - both * both;
            if determinant > 1e-12 * own.squares * opposite.squares {
                pairs.push([
                    (own.product * opposite.squares - opposite.product * both) / determinant,
                    (opposite.product * own.squares - own.product * both) / determinant,
                ]);
            }
        }
        let error = |[a, b]: [f64; 2]| -> f64 {
            let left = |i: usize| {
                self.responses[i] - a * own.centred[i] - opposite.as_ref().map_or(0.0, |bump| b * bump.centred[i])
            };
            (0..self.responses.len()).map(|i| left(i) * left(i)).sum()
        };
        let mut best = ([self.mean, 0.0, 0.0], f64::INFINITY);
        for [a, b] in pairs.into_iter().filter(|heights| heights.iter().all(|h| *h >= 0.0)) {
            let error = error([a, b]);
            if error < best.1 {
                let baseline = self.mean - a * own.mean - opposite.as_ref().map_or(0.0, |bump| b * bump.mean);
                best = ([baseline, a, b], error);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_those_of_general_least_squares() {
        let angles: Vec<f64> = (0..9).map(|k| 0.3 + f64::from(k) * 0.65).collect();
        let responses = [3.0, 9.0, 14.0, 8.0, 2.5, 1.0, 6.0, 4.0, 2.0];
        for double in [false, true] {
            for kappa in [0.02, 1.0, 30.0] {
                let points = Points::new(&angles, &responses, double);
                let (found, error) = points.heights(1.5, kappa);
                let design = ndarray::Array2::from_shape_fn((9, if double { 3 } else { 2 }), |(i, k)| match k {
                    0 => 1.0,
                    k => (kappa * ((angles[i] - 1.5 - PI * (k - 1) as f64).cos() - 1.0)).exp(),
                });
                let target = ndarray::aview1(&responses);
                let expected = rheobase_linalg::least_squares_vector(design.view(), target).unwrap();
                let square = (&target - &design.dot(&expected)).mapv(|v| v * v).sum();
                if expected.iter().skip(1).all(|h| *h >= 0.0) {
                    // Normal equations lose twice the digits of the design's condition, which is 3e4 for the flattest bumps here.
                    assert!((error / square - 1.0).abs() < 1e-9, "{double} {kappa}: {error} {square}");
                    for (a, b) in found.iter().zip(&expected) {
                        assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{double} {kappa}: {found:?} {expected}");
                    }
                } else {
                    // The best without that height is worse than the best with it.
                    assert!(found[1] * found[2] == 0.0 && error > square, "{double} {kappa}: {found:?} {expected}");
                }
            }
        }
    }

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
