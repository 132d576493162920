//! Solves with triangular factors, and roots of symmetric matrices.

use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, Par};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{Error, Result, cholesky, eigh};

fn to_faer(a: ArrayView2<'_, f64>) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[[i, j]])
}

/// L^-1 B for lower-triangular L (n, n) and B (n, m).
///
/// # Panics
/// If the shapes do not fit.
pub fn solve_lower(lower: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(lower.nrows(), b.nrows(), "a triangular solve needs equally many rows");
    let mut x = to_faer(b);
    solve_lower_triangular_in_place(to_faer(lower).as_ref(), x.as_mut(), Par::Seq);
    Array2::from_shape_fn(b.dim(), |(i, j)| x[(i, j)])
}

/// L^-T B for lower-triangular L (n, n) and B (n, m).
///
/// # Panics
/// If the shapes do not fit.
pub fn solve_lower_transposed(lower: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(lower.nrows(), b.nrows(), "a triangular solve needs equally many rows");
    let mut x = to_faer(b);
    solve_upper_triangular_in_place(to_faer(lower).as_ref().transpose(), x.as_mut(), Par::Seq);
    Array2::from_shape_fn(b.dim(), |(i, j)| x[(i, j)])
}

/// A^-1 B for symmetric positive definite A, by Cholesky.
///
/// # Errors
/// If A is not square, not finite or not positive definite, or the rows of B differ.
pub fn solve_positive_definite(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    if a.nrows() != b.nrows() {
        return Err(Error::RowMismatch { a: a.nrows(), b: b.nrows() });
    }
    let lower = cholesky(a)?;
    Ok(solve_lower_transposed(lower.view(), solve_lower(lower.view(), b).view()))
}

/// f applied to the eigenvalues of a symmetric matrix: V diag(f(w)) V'.
///
/// # Errors
/// If the matrix is not square, not finite, or its eigenvalues do not converge.
pub fn symmetric_function(a: ArrayView2<'_, f64>, f: impl Fn(f64) -> f64) -> Result<Array2<f64>> {
    let eigen = eigh(a)?;
    let mut scaled = eigen.vectors.clone();
    for (mut column, &w) in scaled.axis_iter_mut(Axis(1)).zip(&eigen.values) {
        column *= f(w);
    }
    Ok(scaled.dot(&eigen.vectors.t()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triangular_and_positive_definite_solves_give_back_the_right_hand_side() {
        for n in [1, 2, 7, 33] {
            let m = Array2::from_shape_fn((n + 2, n), |(i, j)| ((i * 5 + j * 3 + i * j) as f64 * 0.71).sin());
            let a = m.t().dot(&m) + Array2::<f64>::eye(n);
            let b = Array2::from_shape_fn((n, 3), |(i, j)| (i + 2 * j) as f64);
            let lower = cholesky(a.view()).unwrap();
            let close = |x: &Array2<f64>, y: &Array2<f64>| x.iter().zip(y).all(|(p, q)| (p - q).abs() < 1e-9);
            assert!(close(&lower.dot(&solve_lower(lower.view(), b.view())), &b));
            assert!(close(&lower.t().dot(&solve_lower_transposed(lower.view(), b.view())), &b));
            assert!(close(&a.dot(&solve_positive_definite(a.view(), b.view()).unwrap()), &b));
            let root = symmetric_function(a.view(), f64::sqrt).unwrap();
            assert!(close(&root.dot(&root), &a));
        }
    }
}
