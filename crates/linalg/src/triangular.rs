//! Solves with triangular factors, and roots of symmetric matrices.

use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, MatMut, Par};
use ndarray::{Array2, ArrayView2, Axis};

use crate::{Error, Result, cholesky, eigh};

fn to_faer(a: ArrayView2<'_, f64>) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[[i, j]])
}

/// What `solve` makes of B, which it gets in rows, as it lies.
fn in_place(b: ArrayView2<'_, f64>, solve: impl FnOnce(MatMut<'_, f64>)) -> Array2<f64> {
    let mut x: Vec<f64> = b.iter().copied().collect();
    solve(MatMut::from_row_major_slice_mut(&mut x, b.nrows(), b.ncols()));
    Array2::from_shape_vec(b.dim(), x).expect("as many values as B has")
}

/// L^-1 B for lower-triangular L (n, n) and B (n, m).
///
/// # Panics
/// If the shapes do not fit.
pub fn solve_lower(lower: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(lower.nrows(), b.nrows(), "a triangular solve needs equally many rows");
    in_place(b, |x| solve_lower_triangular_in_place(to_faer(lower).as_ref(), x, Par::Seq))
}

/// L^-T B for lower-triangular L (n, n) and B (n, m).
///
/// # Panics
/// If the shapes do not fit.
pub fn solve_lower_transposed(lower: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(lower.nrows(), b.nrows(), "a triangular solve needs equally many rows");
    in_place(b, |x| solve_upper_triangular_in_place(to_faer(lower).as_ref().transpose(), x, Par::Seq))
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
    use crate::inverse_positive_definite;

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
            let inverse = inverse_positive_definite(a.view()).unwrap();
            assert!(close(&a.dot(&inverse), &Array2::eye(n)));
            assert_eq!(inverse, inverse.t());
            let root = symmetric_function(a.view(), f64::sqrt).unwrap();
            assert!(close(&root.dot(&root), &a));
        }
    }
}
