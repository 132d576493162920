//! Grid score: how six-fold (or four-fold) symmetric the autocorrelogram of a rate map is.
//!
//! Rotated by 30 to 150 degrees, a ring of the autocorrelogram of a hexagonal map agrees at 60 and 120 and disagrees at 30, 90 and 150.
//! Two rules are in use and differ: min(r60, r120) - max(r30, r90, r150) (Sargolini et al. 2006; Langston et al. 2010) and
//! mean(r60, r120) - mean(r30, r90, r150) (Banino et al. 2018). So does r: Pearson's, or the covariance over the variance of the ring
//! that was not turned ([`Likeness`]). Rotation is by cubic splines. Significance only by shuffling: smoothed noise reaches .4.

use ndarray::Array2;

use super::autocorrelogram::{autocorrelogram, periodic_autocorrelogram};
use super::rotation::Rotation;
use crate::{Error, Result};

/// How a ring is held against the turned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Pearson's correlation over the bins that both know.
    Pearson,
    /// Covariance over the variance of the ring that was not turned + 1e-5, both about its mean; what is not known counts as 0
    /// (Banino et al. 2018).
    Unturned,
}

impl Likeness {
    /// Name as printed on cards.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pearson => "Pearson over known bins",
            Self::Unturned => "covariance over the variance of the unturned ring (Banino 2018)",
        }
    }
}

/// The rings of an autocorrelogram that are scored; the best one counts for each rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rings {
    /// Inner radius as a share of the bins of the map.
    pub inner: f64,
    /// Outer radii as shares of the bins of the map.
    pub outer: Vec<f64>,
    /// How a ring is held against the turned one.
    pub likeness: Likeness,
}

impl Rings {
    /// Inner radius .2, outer radii .4 to 1 in ten steps (Banino et al. 2018).
    pub fn banino(likeness: Likeness) -> Self {
        Self { inner: 0.2, outer: (0..10).map(|k| 0.4 + 0.6 * f64::from(k) / 9.0).collect(), likeness }
    }
}

/// Scores of a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridScore {
    /// min(r60, r120) - max(r30, r90, r150).
    pub min_max: f64,
    /// mean(r60, r120) - mean(r30, r90, r150).
    pub means: f64,
    /// Four-fold: r90 - mean(r45, r135).
    pub square: f64,
    /// Outer radius of the ring with the best `min_max`, in bins.
    pub outer_bins: f64,
}

/// Grid scores of a square map.
///
/// # Errors
/// If the map is smaller than 5 x 5, or no ring has enough bins.
pub fn grid_score(map: &Array2<f64>, rings: &Rings) -> Result<GridScore> {
    let bins = least_side(map)?;
    score_rings(&autocorrelogram(map, 20)?, bins, rings)
}

/// Grid scores of a map without walls: the autocorrelogram goes round, and is known at every lag.
///
/// # Errors
/// As [`grid_score`], or if the map is constant.
pub fn periodic_grid_score(map: &Array2<f64>, rings: &Rings) -> Result<GridScore> {
    let bins = least_side(map)?;
    score_rings(&periodic_autocorrelogram(map)?, bins, rings)
}

/// Grid scores of an autocorrelogram of a map with this many bins to a side.
///
/// # Errors
/// If no ring has enough bins.
pub fn score_rings(correlogram: &Array2<f64>, bins: usize, rings: &Rings) -> Result<GridScore> {
    let angles = [30.0, 45.0, 60.0, 90.0, 120.0, 135.0, 150.0];
    let rotation = Rotation::new(correlogram);
    let rotated: Vec<Array2<f64>> = angles
        .iter()
        .map(|a: &f64| match rings.likeness {
            Likeness::Pearson => rotation.turned(a.to_radians()),
            Likeness::Unturned => rotation.turned(a.to_radians()).mapv(|v| if v.is_finite() { v } else { 0.0 }),
        })
        .collect();
    let mut best = GridScore {
        min_max: f64::NEG_INFINITY,
        means: f64::NEG_INFINITY,
        square: f64::NEG_INFINITY,
        outer_bins: f64::NAN,
    };
    for share in &rings.outer {
        let ring = (rings.inner * bins as f64, share * bins as f64);
        let r: Option<Vec<f64>> =
            rotated.iter().map(|turned| likeness_in_ring(correlogram, turned, ring, rings.likeness)).collect();
        let Some(r) = r else { continue };
        let [r30, r45, r60, r90, r120, r135, r150] = r[..] else { continue };
        let min_max = r60.min(r120) - r30.max(r90).max(r150);
        if min_max > best.min_max {
            (best.min_max, best.outer_bins) = (min_max, ring.1);
        }
        best.means = best.means.max(0.5 * (r60 + r120) - (r30 + r90 + r150) / 3.0);
        best.square = best.square.max(r90 - 0.5 * (r45 + r135));
    }
    if best.outer_bins.is_nan() {
        return Err(Error::TooFew { what: "a grid score", of: "rings with 20 known bins", needed: 1, found: 0 });
    }
    Ok(best)
}

fn least_side(map: &Array2<f64>) -> Result<usize> {
    let bins = map.nrows().min(map.ncols());
    if bins < 5 {
        return Err(Error::TooFew { what: "a grid score", of: "rows and columns", needed: 5, found: bins });
    }
    Ok(bins)
}

/// How alike two maps are within a ring (radii in bins); `None` with fewer than 20 known bins.
fn likeness_in_ring(a: &Array2<f64>, b: &Array2<f64>, ring: (f64, f64), likeness: Likeness) -> Option<f64> {
    let (rows, columns) = a.dim();
    let (ci, cj) = ((rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0);
    let mut pairs = (Vec::new(), Vec::new());
    for ((i, j), &x) in a.indexed_iter() {
        let radius = (i as f64 - ci).hypot(j as f64 - cj);
        let y = b[[i, j]];
        let known = likeness == Likeness::Unturned || (x.is_finite() && y.is_finite());
        if radius > ring.0 && radius <= ring.1 && known {
            pairs.0.push(if x.is_finite() { x } else { 0.0 });
            pairs.1.push(y);
        }
    }
    if pairs.0.len() < 20 {
        return None;
    }
    if likeness == Likeness::Pearson {
        return rheobase_core::statistics::pearson(&pairs.0, &pairs.1);
    }
    let (n, mean) = (pairs.0.len() as f64, rheobase_core::statistics::mean(&pairs.0));
    let variance = pairs.0.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + 1e-5;
    let covariance = pairs.0.iter().zip(&pairs.1).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / n;
    Some(covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Sum of cosines along `waves` directions, over 2.2 m in 20 bins.
    fn ideal(spacing: f64, orientation: f64, phase: (f64, f64), waves: usize) -> Array2<f64> {
        let turn = if waves == 3 { PI / 3.0 } else { PI / 2.0 };
        // The wave length of a hexagonal grid is its spacing times sin 60 degrees.
        let k = 2.0 * PI / (spacing * if waves == 3 { (PI / 3.0).sin() } else { 1.0 });
        Array2::from_shape_fn((20, 20), |(i, j)| {
            let place = |n: usize| 2.2 * (n as f64 + 0.5) / 20.0;
            let (x, y) = (place(j) - phase.0, place(i) - phase.1);
            (0..waves)
                .map(|w| {
                    (k * (x * (orientation + w as f64 * turn).cos() + y * (orientation + w as f64 * turn).sin())).cos()
                })
                .sum::<f64>()
                + waves as f64
        })
    }

    #[test]
    fn ideal_hexagons_squares_and_noise() {
        let score = |map: &Array2<f64>, likeness| grid_score(map, &Rings::banino(likeness)).unwrap();
        let small = score(&ideal(0.5, 0.0, (0.0, 0.0), 3), Likeness::Unturned);
        let large = score(&ideal(0.6, 0.2, (0.1, 0.05), 3), Likeness::Unturned);
        let square = score(&ideal(0.6, 0.0, (0.0, 0.0), 2), Likeness::Unturned);
        assert!((small.means - 1.2385).abs() < 1e-3 && (small.min_max - 1.2356).abs() < 1e-3, "{small:?}");
        assert!((large.means - 1.4691).abs() < 1e-3 && (large.min_max - 1.4682).abs() < 1e-3, "{large:?}");
        assert!((square.means + 0.3239).abs() < 1e-3 && (square.min_max + 0.9718).abs() < 1e-3, "{square:?}");
        assert!((square.square - 1.1435).abs() < 1e-3, "{square:?}");
        // Pearson's correlation of the ideal maps differs in the second digit.
        let pearson = score(&ideal(0.6, 0.2, (0.1, 0.05), 3), Likeness::Pearson);
        assert!((pearson.min_max - large.min_max).abs() < 0.03, "{pearson:?}");
        use rand::RngExt;
        let mut stream = rheobase_core::Seed::root(1).stream();
        let mut noise = || Array2::from_shape_fn((20, 20), |_| stream.random_range(0.0..1.0));
        for likeness in [Likeness::Pearson, Likeness::Unturned] {
            // The best of ten rings is above 0 on average: .11 and .14 over 60 maps with splines of scipy, spread .10.
            let mean = (0..40).map(|_| score(&noise(), likeness).means).sum::<f64>() / 40.0;
            assert!((mean - 0.125).abs() < 0.06, "{mean}");
        }
        assert!(grid_score(&Array2::zeros((3, 3)), &Rings::banino(Likeness::Pearson)).is_err());
    }
}
