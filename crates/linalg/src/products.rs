//! Products that analyses spend their time in, on one thread: A'B and the symmetric X'X by our own kernel (`tall`), A B by faer's.
//!
//! X'X computes one triangle only. Our kernel gives the same bytes on every machine, which faer's and ndarray's do not.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatRef, Par};
use ndarray::{Array2, ArrayView2};

use crate::tall::transposed;

/// A'B for A (n, p) and B (n, q): shape (p, q).
///
/// # Panics
/// If the numbers of rows differ.
pub fn transposed_product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(a.nrows(), b.nrows(), "A'B needs equally many rows");
    let shape = (a.ncols(), b.ncols());
    if a.t().is_standard_layout() && a.ncols() > 1 {
        // The transpose of rows: what is asked for is a product of rows, and needs no copy.
        return product(a.t(), b);
    }
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let values = transposed(values(&a), shape.0, values(&b), shape.1, false);
    Array2::from_shape_vec(shape, values).expect("p x q values")
}

/// A B for A (n, k) and B (k, m): shape (n, m).
///
/// # Panics
/// If the columns of A differ from the rows of B.
pub fn product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(a.ncols(), b.nrows(), "A B needs as many columns of A as rows of B");
    let (n, m) = (a.nrows(), b.ncols());
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let mut values = vec![0.0; n * m];
    let target = faer::MatMut::from_row_major_slice_mut(&mut values, n, m);
    matmul(target, Accum::Replace, rows(&a), rows(&b), 1.0, Par::Seq);
    Array2::from_shape_vec((n, m), values).expect("n x m values")
}

/// X'X for X (n, p): shape (p, p), exactly symmetric.
pub fn gram(x: ArrayView2<'_, f64>) -> Array2<f64> {
    let p = x.ncols();
    let x = x.as_standard_layout();
    let mut all = transposed(values(&x), p, values(&x), p, true);
    for i in 0..p {
        for j in 0..i {
            all[j * p + i] = all[i * p + j];
        }
    }
    Array2::from_shape_vec((p, p), all).expect("p x p values")
}

fn values<'a>(matrix: &'a ndarray::CowArray<'_, f64, ndarray::Ix2>) -> &'a [f64] {
    // The callers asked for the standard layout, so there is a slice.
    matrix.as_slice().unwrap_or_default()
}

fn rows<'a>(matrix: &'a ndarray::CowArray<'_, f64, ndarray::Ix2>) -> MatRef<'a, f64> {
    MatRef::from_row_major_slice(values(matrix), matrix.nrows(), matrix.ncols())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_ndarrays_own_at_awkward_sizes_and_layouts() {
        let matrix =
            |n: usize, m: usize| Array2::from_shape_fn((n, m), |(i, j)| ((i * 5 + j * 11 + i * j) as f64 * 0.37).sin());
        for (n, p, q) in [(0, 2, 3), (1, 1, 1), (7, 5, 3), (65, 33, 17), (130, 1, 40)] {
            let (a, b) = (matrix(n, p), matrix(n, q));
            // Sums of n terms of order 1, in another order: n x eps, with room.
            let close = |x: &Array2<f64>, y: &Array2<f64>| {
                x.dim() == y.dim() && x.iter().zip(y).all(|(u, v)| (u - v).abs() < 1e-12)
            };
            assert!(close(&product(a.t(), b.view()), &a.t().dot(&b)), "{n} {p} {q}");
            assert!(close(&transposed_product(a.view(), b.view()), &a.t().dot(&b)), "{n} {p} {q}");
            let symmetric = gram(a.view());
            assert!(close(&symmetric, &a.t().dot(&a)), "{n} {p}");
            assert_eq!(symmetric, symmetric.t());
            // A transposed view has columns for rows in memory.
            let turned = matrix(p, n);
            assert!(close(&gram(turned.t()), &turned.dot(&turned.t())), "{n} {p}");
        }
    }
}
