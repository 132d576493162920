//! Shape metrics between populations (Williams, Kunz, Kornblith & Linderman 2021; netrep): proper distances after the best
//! orthogonal, partially whitened or permuting alignment.
//!
//! With centred X, Y and Z_a(X) = X (alpha I + (1 - alpha) S^(-1/2)) in the eigenbasis of X'X, scaled to keep the total variance,
//! the angular distance is arccos(||Z(X)'Z(Y)||_* / (||Z(X)|| ||Z(Y)||)), the Euclidean one sqrt(||X||^2 + ||Y||^2 - 2 ||X'Y||_*).
//! alpha = 1 is Procrustes, alpha = 0 compares like CCA: arccos(sum rho / sqrt(p q)).

use ndarray::{Array2, ArrayView2, Axis};
use rheobase_linalg::{eigh, gram, svd, transposed_product};

use crate::matching::best_assignment;
use crate::prepare::{centred_pair, squared_norm};
use crate::{Error, Result};

/// Eigenvalues below this share of the largest are not inflated by whitening.
pub const EIGENVALUE_FLOOR: f64 = 1e-7;

/// Nuclear norm of X'Y of centred responses: the sum of its singular values.
///
/// # Errors
/// If the conditions differ or a side does not vary.
pub fn nuclear_norm(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    let (x, y) = centred_pair("nuclear norm", x, y, 2)?;
    Ok(svd(transposed_product(x.view(), y.view()).view())?.s.sum())
}

/// Normalised Bures similarity ||X'Y||_* / (||X|| ||Y||): the cosine of the Procrustes angle.
///
/// # Errors
/// If the conditions differ or a side does not vary.
pub fn normalised_bures_similarity(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    let (x, y) = centred_pair("Bures similarity", x, y, 2)?;
    aligned_cosine(&x, &y)
}

fn aligned_cosine(x: &Array2<f64>, y: &Array2<f64>) -> Result<f64> {
    let nuclear = svd(transposed_product(x.view(), y.view()).view())?.s.sum();
    Ok((nuclear / (squared_norm(x) * squared_norm(y)).sqrt()).min(1.0))
}

/// Procrustes angle in rad, 0 to pi / 2: invariant to rotation, translation and scale.
///
/// # Errors
/// If the conditions differ or a side does not vary.
pub fn procrustes_angle(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    let (x, y) = centred_pair("Procrustes", x, y, 2)?;
    if let Some(angle) = small_angle(&x, &y) {
        return Ok(angle);
    }
    Ok(aligned_cosine(&x, &y)?.acos())
}

/// The angle through the residual of the alignment where arccos would lose half the digits; `None` if it is not small.
fn small_angle(x: &Array2<f64>, y: &Array2<f64>) -> Option<f64> {
    if aligned_cosine(x, y).ok()? < 0.999 {
        return None;
    }
    let (x, y) = (x / squared_norm(x).sqrt(), y / squared_norm(y).sqrt());
    let width = x.ncols().max(y.ncols());
    let pad = |m: &Array2<f64>| {
        let mut wide = Array2::zeros((m.nrows(), width));
        wide.slice_mut(ndarray::s![.., ..m.ncols()]).assign(m);
        wide
    };
    let (x, y) = (pad(&x), pad(&y));
    let decomposition = svd(transposed_product(x.view(), y.view()).view()).ok()?;
    let rotation = decomposition.u.dot(&decomposition.vt);
    // |x Q - y| = 2 sin(angle / 2) for unit x and y.
    let chord = squared_norm(&(x.dot(&rotation) - y)).sqrt();
    Some(2.0 * (0.5 * chord).min(1.0).asin())
}

/// Euclidean distance after the best rotation, not scaled: sqrt(||X||^2 + ||Y||^2 - 2 ||X'Y||_*).
///
/// # Errors
/// If the conditions differ or a side does not vary.
pub fn procrustes_distance(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    let (x, y) = centred_pair("Procrustes", x, y, 2)?;
    let nuclear = svd(transposed_product(x.view(), y.view()).view())?.s.sum();
    Ok((squared_norm(&x) + squared_norm(&y) - 2.0 * nuclear).max(0.0).sqrt())
}

/// Angular shape distance with partial whitening `alpha` (1 Procrustes, 0 CCA), in rad.
///
/// # Errors
/// If alpha lies outside 0 to 1, the conditions differ or a side does not vary.
pub fn angular_distance(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, alpha: f64) -> Result<f64> {
    let (x, y) = centred_pair("shape distance", x, y, 2)?;
    let (x, y) = (partially_whitened(&x, alpha)?, partially_whitened(&y, alpha)?);
    match small_angle(&x, &y) {
        Some(angle) => Ok(angle),
        None => Ok(aligned_cosine(&x, &y)?.acos()),
    }
}

fn partially_whitened(x: &Array2<f64>, alpha: f64) -> Result<Array2<f64>> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(Error::Parameter { what: "alpha of a shape distance", found: alpha, allowed: "0 to 1" });
    }
    if alpha == 1.0 {
        return Ok(x.clone());
    }
    let eigen = eigh(gram(x.view()).view())?;
    let floor = EIGENVALUE_FLOOR * eigen.values.first().copied().unwrap_or(0.0);
    let mut scaled = x.dot(&eigen.vectors);
    for (mut column, &w) in scaled.axis_iter_mut(Axis(1)).zip(&eigen.values) {
        column *= if w > floor { alpha + (1.0 - alpha) / w.sqrt() } else { alpha };
    }
    let whitened = scaled.dot(&eigen.vectors.t());
    let keep = (squared_norm(x) / squared_norm(&whitened)).sqrt();
    Ok(whitened * keep)
}

/// Angular distance after the best one-to-one matching of units instead of a rotation. The side with fewer units is joined by silent ones,
/// so that each unit of the other without a partner counts against it.
///
/// # Errors
/// If the numbers of conditions differ or a side does not vary.
pub fn permutation_distance(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    let (x, y) = centred_pair("permutation distance", x, y, 2)?;
    let found = transposed_product(x.view(), y.view());
    let side = x.ncols().max(y.ncols());
    let mut inner = Array2::zeros((side, side));
    inner.slice_mut(ndarray::s![..x.ncols(), ..y.ncols()]).assign(&found);
    let assignment = best_assignment(&inner.mapv(|v| -v));
    let score: f64 = assignment.iter().enumerate().map(|(i, &j)| inner[[i, j]]).sum();
    Ok((score / (squared_norm(&x) * squared_norm(&y)).sqrt()).clamp(-1.0, 1.0).acos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(units: usize, phase: f64) -> Array2<f64> {
        Array2::from_shape_fn((30, units), |(i, j)| ((i * (j + 2)) as f64 * 0.71 + phase * j as f64).sin())
    }

    #[test]
    fn permuted_units_are_at_distance_zero_and_lost_ones_count() {
        let x = population(5, 0.3);
        let permuted = x.select(Axis(1), &[3, 0, 4, 1, 2]);
        let zero = permutation_distance(x.view(), permuted.view()).unwrap();
        assert!(zero < 1e-6, "{zero}");
        // A rotation of two units is no permutation, though no distance to shape metrics.
        let mut turned = x.clone();
        for mut row in turned.rows_mut() {
            let (a, b) = (row[0], row[1]);
            (row[0], row[1]) = (0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b);
        }
        assert!(permutation_distance(x.view(), turned.view()).unwrap() > 0.2);
        assert!(procrustes_angle(x.view(), turned.view()).unwrap() < 1e-6);
        let fewer = x.select(Axis(1), &[0, 2, 4]);
        let (there, back) = (
            permutation_distance(x.view(), fewer.view()).unwrap(),
            permutation_distance(fewer.view(), x.view()).unwrap(),
        );
        assert!(there > 0.3 && (there - back).abs() < 1e-12, "{there} {back}");
    }

    #[test]
    fn permutation_distances_obey_the_triangle_inequality() {
        let all: Vec<Array2<f64>> = (0..5).map(|k| population(3 + k % 3, 0.4 * k as f64)).collect();
        let d = |i: usize, j: usize| permutation_distance(all[i].view(), all[j].view()).unwrap();
        for (i, j, k) in (0..125).map(|n| (n / 25, n / 5 % 5, n % 5)) {
            assert!(d(i, k) <= d(i, j) + d(j, k) + 1e-7, "{i} {j} {k}");
        }
    }
}
