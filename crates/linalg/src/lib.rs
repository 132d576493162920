//! Dense decompositions on `ndarray`, in f64.
//!
//! | function | factorisation | when |
//! |---|---|---|
//! | [`svd`] | A = U diag(s) Vt | rank, PCA, canonical correlations |
//! | [`qr`] | A = Q R | orthonormal bases |
//! | [`eigh`] | A = V diag(w) Vt, A symmetric | covariances |
//! | [`eig`] | A V = V diag(w), complex | Jacobians |
//! | [`cholesky`] | A = L Lt, A positive definite | whitening, solves |
//! | [`solve`] | A X = B | square systems |
//! | [`inverse_positive_definite`] | A^-1 by Cholesky | what ridge regression leaves of its targets |
//! | [`gram`], [`transposed_product`], [`product`], [`joint_products`] | X'X, A'B, A B, all of a pair | covariances, alignments |
//! | [`solve_positive_definite`], [`solve_lower`] | by Cholesky factors | ridge, whitening |
//! | [`symmetric_function`] | V f(w) V' | roots of covariances |
//! | [`least_squares`] | min over X of the norm of A X - B, minimum norm | regression, any rank |
//!
//! The work is done by `faer` on one thread, so the same input gives the same bytes; with the feature `lapack` it is done
//! by the system's OpenBLAS, which agrees to rounding (tested). Singular values and symmetric eigenvalues come in
//! descending order, and each singular or eigenvector has its largest component positive, so signs are reproducible.

mod error;
// With LAPACK it is what the tests compare with.
#[cfg_attr(feature = "lapack", allow(dead_code))]
mod faer_backend;
#[cfg(feature = "lapack")]
mod lapack_backend;
mod order;
mod products;
mod tall;
mod triangular;

#[cfg(not(feature = "lapack"))]
use faer_backend as backend;
#[cfg(feature = "lapack")]
use lapack_backend as backend;

pub use error::{Error, Result};
pub use products::{JointProducts, gram, gram_on, joint_products, product, transposed_product};
pub use triangular::{solve_lower, solve_lower_transposed, solve_positive_definite, symmetric_function};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Complex number of general eigenvalues and eigenvectors.
pub type Complex = faer::c64;

/// Thin singular value decomposition A = U diag(s) Vt.
#[derive(Debug, Clone)]
pub struct Svd {
    /// Left singular vectors, shape (rows, k), k = min(rows, columns).
    pub u: Array2<f64>,
    /// Singular values, descending.
    pub s: Array1<f64>,
    /// Right singular vectors as rows, shape (k, columns).
    pub vt: Array2<f64>,
}

impl Svd {
    /// Numerical rank: singular values above max(rows, columns) x machine epsilon x the largest.
    pub fn rank(&self) -> usize {
        let scale = self.u.nrows().max(self.vt.ncols()) as f64 * f64::EPSILON;
        let cut = scale * self.s.first().copied().unwrap_or(0.0);
        self.s.iter().filter(|&&s| s > cut).count()
    }
}

/// Eigendecomposition of a symmetric matrix.
#[derive(Debug, Clone)]
pub struct Eigh {
    /// Eigenvalues, descending.
    pub values: Array1<f64>,
    /// Eigenvectors as columns, in the order of the values.
    pub vectors: Array2<f64>,
}

/// Eigendecomposition of a general real matrix.
#[derive(Debug, Clone)]
pub struct Eig {
    /// Eigenvalues, by descending modulus, then descending real and imaginary part.
    pub values: Array1<Complex>,
    /// Right eigenvectors of unit norm as columns, in the order of the values.
    pub vectors: Array2<Complex>,
}

/// Answer of a least-squares problem, with what the routine found out on the way.
#[derive(Debug, Clone)]
pub struct LeastSquares {
    /// Minimum-norm solution, shape (columns of A, columns of B).
    pub solution: Array2<f64>,
    /// Numerical rank of A.
    pub rank: usize,
    /// Sum of squared residuals for each column of B.
    pub residual: Array1<f64>,
}

fn require_finite(a: ArrayView2<'_, f64>) -> Result<()> {
    if a.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(Error::NonFinite) }
}

fn require_square(a: ArrayView2<'_, f64>) -> Result<()> {
    if a.nrows() == a.ncols() { Ok(()) } else { Err(Error::NotSquare { rows: a.nrows(), columns: a.ncols() }) }
}

/// Thin SVD of a matrix of any shape; empty matrices give empty factors.
///
/// # Errors
/// If an entry is not finite or the iteration does not converge.
pub fn svd(a: ArrayView2<'_, f64>) -> Result<Svd> {
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Svd { u: Array2::zeros((a.nrows(), 0)), s: Array1::zeros(0), vt: Array2::zeros((0, a.ncols())) });
    }
    let mut svd = backend::svd(a)?;
    order::fix_svd_signs(&mut svd);
    Ok(svd)
}

/// Singular values alone, descending: a fraction of the time of [`svd`].
///
/// # Errors
/// If a value is not finite or the iteration does not converge.
pub fn singular_values(a: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Array1::zeros(0));
    }
    backend::singular_values(a)
}

/// Thin QR with a non-negative diagonal of R: Q (rows, k), R (k, columns), k = min(rows, columns).
///
/// # Errors
/// If an entry is not finite.
pub fn qr(a: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Array2<f64>)> {
    require_finite(a)?;
    if a.is_empty() {
        return Ok((Array2::zeros((a.nrows(), 0)), Array2::zeros((0, a.ncols()))));
    }
    let (mut q, mut r) = backend::qr(a)?;
    for i in 0..r.nrows().min(r.ncols()) {
        if r[[i, i]] < 0.0 {
            q.column_mut(i).mapv_inplace(|x| -x);
            r.row_mut(i).mapv_inplace(|x| -x);
        }
    }
    Ok((q, r))
}

/// Eigendecomposition of a symmetric matrix; only the lower triangle is read.
///
/// # Errors
/// If the matrix is not square, an entry is not finite, or the iteration does not converge.
pub fn eigh(a: ArrayView2<'_, f64>) -> Result<Eigh> {
    require_square(a)?;
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Eigh { values: Array1::zeros(0), vectors: Array2::zeros((0, 0)) });
    }
    let mut eigh = order::descending(backend::eigh(a)?);
    order::fix_column_signs(&mut eigh.vectors);
    Ok(eigh)
}

/// Eigendecomposition of a general real matrix.
///
/// # Errors
/// If the matrix is not square, an entry is not finite, or the iteration does not converge.
pub fn eig(a: ArrayView2<'_, f64>) -> Result<Eig> {
    require_square(a)?;
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Eig {
            values: Array1::from_vec(vec![]),
            vectors: Array2::from_elem((0, 0), Complex::new(0.0, 0.0)),
        });
    }
    Ok(order::by_modulus(backend::eig(a)?))
}

/// Lower Cholesky factor of a symmetric positive definite matrix; only the lower triangle is read.
///
/// # Errors
/// If the matrix is not square, not finite or not positive definite.
pub fn cholesky(a: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    require_square(a)?;
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Array2::zeros((0, 0)));
    }
    backend::cholesky(a)
}

/// Inverse of a symmetric positive definite matrix, exactly symmetric; only one of its triangles is read.
///
/// # Errors
/// If the matrix is not square, not finite or not positive definite.
pub fn inverse_positive_definite(a: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    require_square(a)?;
    require_finite(a)?;
    if a.is_empty() {
        return Ok(Array2::zeros((0, 0)));
    }
    backend::inverse_positive_definite(a)
}

/// Solves A X = B for square A by LU with partial pivoting.
///
/// # Errors
/// If A is not square, the rows of B differ, an entry is not finite, or A is singular to working precision.
pub fn solve(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    require_square(a)?;
    require_finite(a)?;
    require_finite(b)?;
    if a.nrows() != b.nrows() {
        return Err(Error::RowMismatch { a: a.nrows(), b: b.nrows() });
    }
    if a.is_empty() {
        return Ok(Array2::zeros((0, b.ncols())));
    }
    let x = backend::solve(a, b)?;
    // LU does not say that it met a zero pivot; the answer does.
    if x.iter().all(|v| v.is_finite()) { Ok(x) } else { Err(Error::Singular) }
}

/// Minimum-norm least squares by SVD, for any shape and rank.
///
/// # Errors
/// If the rows differ, an entry is not finite, or the SVD does not converge.
pub fn least_squares(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<LeastSquares> {
    require_finite(b)?;
    if a.nrows() != b.nrows() {
        return Err(Error::RowMismatch { a: a.nrows(), b: b.nrows() });
    }
    let decomposition = svd(a)?;
    let rank = decomposition.rank();
    let mut projected = decomposition.u.slice(ndarray::s![.., ..rank]).t().dot(&b);
    for (mut row, s) in projected.axis_iter_mut(Axis(0)).zip(&decomposition.s) {
        row /= *s;
    }
    let solution = decomposition.vt.slice(ndarray::s![..rank, ..]).t().dot(&projected);
    let difference = &b - &a.dot(&solution);
    let residual = difference.mapv(|x| x * x).sum_axis(Axis(0));
    Ok(LeastSquares { solution, rank, residual })
}

/// [`least_squares`] for one right-hand side.
///
/// # Errors
/// As for [`least_squares`].
pub fn least_squares_vector(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
    Ok(least_squares(a, b.insert_axis(Axis(1)))?.solution.column(0).to_owned())
}

#[cfg(all(test, feature = "lapack"))]
mod agreement {
    //! Both backends, same input: equal after the order and sign conventions.

    use ndarray::Array2;

    use super::*;

    fn matrix(n: usize, m: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, m), |(i, j)| ((i * 7 + j * 13 + i * j) as f64 * 0.61).sin())
    }

    fn close(a: &Array2<f64>, b: &Array2<f64>) -> bool {
        // Both are backward stable; singular vectors move by eps / gap, and the gaps of these matrices exceed 1e-3.
        a.dim() == b.dim() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-10)
    }

    #[test]
    fn faer_and_lapack_agree_on_svd_qr_eigh_cholesky_and_solve() {
        for n in [1, 2, 5, 13] {
            let a = matrix(n + 3, n);
            let (mut ours, mut theirs) = (faer_backend::svd(a.view()).unwrap(), lapack_backend::svd(a.view()).unwrap());
            order::fix_svd_signs(&mut ours);
            order::fix_svd_signs(&mut theirs);
            assert!(ours.s.iter().zip(&theirs.s).all(|(x, y)| (x - y).abs() < 1e-12), "singular values at {n}");
            let rebuilt = |f: &Svd| (&f.u * &f.s).dot(&f.vt);
            assert!(close(&rebuilt(&ours), &rebuilt(&theirs)), "svd at {n}");

            let positive = a.t().dot(&a) + Array2::<f64>::eye(n);
            let ours = order::descending(faer_backend::eigh(positive.view()).unwrap());
            let theirs = order::descending(lapack_backend::eigh(positive.view()).unwrap());
            assert!(ours.values.iter().zip(&theirs.values).all(|(x, y)| (x - y).abs() < 1e-10), "eigh at {n}");
            assert!(close(
                &faer_backend::cholesky(positive.view()).unwrap(),
                &lapack_backend::cholesky(positive.view()).unwrap()
            ));
            assert!(close(
                &faer_backend::inverse_positive_definite(positive.view()).unwrap(),
                &lapack_backend::inverse_positive_definite(positive.view()).unwrap()
            ));
            let b = matrix(n, 2);
            assert!(close(
                &faer_backend::solve(positive.view(), b.view()).unwrap(),
                &lapack_backend::solve(positive.view(), b.view()).unwrap()
            ));
            let (q1, r1) = faer_backend::qr(a.view()).unwrap();
            let (q2, r2) = lapack_backend::qr(a.view()).unwrap();
            assert!(close(&q1.dot(&r1), &q2.dot(&r2)), "qr at {n}");
        }
    }

    #[test]
    fn faer_and_lapack_agree_on_general_eigenvalues() {
        for n in [1, 3, 8] {
            let a = matrix(n, n);
            let ours = order::by_modulus(faer_backend::eig(a.view()).unwrap()).values;
            let theirs = order::by_modulus(lapack_backend::eig(a.view()).unwrap()).values;
            for (x, y) in ours.iter().zip(&theirs) {
                assert!((x.re - y.re).hypot(x.im - y.im) < 1e-9, "{x:?} {y:?}");
            }
        }
    }
}
