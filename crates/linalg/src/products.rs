//! Products that analyses spend their time in, on one thread unless more are given.
//!
//! A'B and the symmetric X'X of many columns, and A'B of few, go through our own kernel (`tall`), the rest through faer's and ndarray's. In
//! ms on one thread of a machine with AVX-512, 10,000 rows: X'X of 512 columns 38, of 256 10; A'B of 512 x 512 columns 73, of 1 x 400
//! with 100,000 rows 25; X'X, Y'Y and X'Y of 512 columns each in one pass 145. X'X computes one triangle only.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView2};

use crate::tall::{Joint, THIN, symmetric, transposed};

/// From so many columns on our kernel is the faster one for X'X, and for A'B.
const MANY: (usize, usize) = (192, 64);

/// A'B for A (n, p) and B (n, q): shape (p, q).
///
/// # Panics
/// If the numbers of rows differ.
pub fn transposed_product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    assert_eq!(a.nrows(), b.nrows(), "A'B needs equally many rows");
    let shape = (a.ncols(), b.ncols());
    let few = shape.0.min(shape.1);
    // Columns in memory are products of rows, which ndarray reads where they lie.
    let in_rows = a.is_standard_layout() && b.is_standard_layout();
    if !in_rows || (few > THIN && few < MANY.1) {
        return a.t().dot(&b);
    }
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let product = transposed(values(&a), shape.0, values(&b), shape.1);
    Array2::from_shape_vec(shape, product).expect("p x q values")
}

/// Products and sums of two matrices with the same rows, from one pass over both.
#[derive(Debug, Clone)]
pub struct JointProducts {
    /// X'X, shape (p, p).
    pub xx: Array2<f64>,
    /// Y'Y, shape (q, q).
    pub yy: Array2<f64>,
    /// X'Y, shape (p, q).
    pub xy: Array2<f64>,
    /// Sums of the columns of X: p of them, none finite where a value of the column is not.
    pub x_sums: Array1<f64>,
    /// Sums of the columns of Y: q of them.
    pub y_sums: Array1<f64>,
}

/// X'X, Y'Y, X'Y and the sums of columns for X (n, p) and Y (n, q): what covariances need, with either matrix read once.
///
/// # Panics
/// If the numbers of rows differ.
pub fn joint_products(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> JointProducts {
    assert_eq!(x.nrows(), y.nrows(), "joint products need equally many rows");
    let (p, q) = (x.ncols(), y.ncols());
    let (x, y) = (x.as_standard_layout(), y.as_standard_layout());
    let Joint { xx, yy, xy, sums: [x_sums, y_sums] } = Joint::of(values(&x), p, values(&y), q);
    let shaped = |shape, v| Array2::from_shape_vec(shape, v).expect("a value for each pair of columns");
    JointProducts {
        xx: shaped((p, p), xx),
        yy: shaped((q, q), yy),
        xy: shaped((p, q), xy),
        x_sums: x_sums.into(),
        y_sums: y_sums.into(),
    }
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
    gram_on(x, 1)
}

/// [`gram`] on up to `threads` threads, with the same bytes on any number.
pub fn gram_on(x: ArrayView2<'_, f64>, threads: usize) -> Array2<f64> {
    let p = x.ncols();
    let x = x.as_standard_layout();
    if p >= MANY.0 {
        return Array2::from_shape_vec((p, p), symmetric(values(&x), p, threads)).expect("p x p values");
    }
    let mut lower = Mat::zeros(p, p);
    triangular_matmul(
        lower.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        rows(&x).transpose(),
        BlockStructure::Rectangular,
        rows(&x),
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    Array2::from_shape_fn((p, p), |(i, j)| lower[(i.max(j), i.min(j))])
}

/// Copies the lower triangle of a matrix (n, n), in rows, to the upper one, in squares that stay in the first cache.
pub fn mirror_lower(values: &mut [f64], n: usize) {
    const SIDE: usize = 16;
    for rows in (0..n).step_by(SIDE) {
        for columns in (0..=rows).step_by(SIDE) {
            for i in rows..n.min(rows + SIDE) {
                for j in columns..i.min(columns + SIDE) {
                    values[j * n + i] = values[i * n + j];
                }
            }
        }
    }
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
        for (n, p, q) in [(0, 2, 3), (1, 1, 1), (7, 5, 3), (65, 33, 17), (130, 1, 40), (90, 200, 70)] {
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
