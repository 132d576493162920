//! Decompositions by faer, on one thread so that results are reproducible to the bit.

use faer::linalg::solvers::{Eigen, Llt, PartialPivLu, Qr, SelfAdjointEigen, Solve, Svd as FaerSvd};
use faer::{Mat, MatRef, Side};
use ndarray::{Array1, Array2, ArrayView2};

use crate::{Eig, Eigh, Error, Result, Svd};

fn to_faer(a: ArrayView2<'_, f64>) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[[i, j]])
}

fn to_ndarray<T: Copy>(a: MatRef<'_, T>) -> Array2<T> {
    Array2::from_shape_fn((a.nrows(), a.ncols()), |(i, j)| a[(i, j)])
}

pub fn svd(a: ArrayView2<'_, f64>) -> Result<Svd> {
    let svd = FaerSvd::new_thin(to_faer(a).as_ref()).map_err(|_| Error::NoConvergence("SVD"))?;
    Ok(Svd {
        u: to_ndarray(svd.U()),
        s: svd.S().column_vector().iter().copied().collect(),
        vt: to_ndarray(svd.V().transpose()),
    })
}

pub fn singular_values(a: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    let values = to_faer(a).singular_values().map_err(|_| Error::NoConvergence("SVD"))?;
    Ok(values.into_iter().collect())
}

pub fn qr(a: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Array2<f64>)> {
    let qr = Qr::new(to_faer(a).as_ref());
    Ok((to_ndarray(qr.compute_thin_Q().as_ref()), to_ndarray(qr.thin_R())))
}

pub fn eigh(a: ArrayView2<'_, f64>) -> Result<Eigh> {
    let eigen = SelfAdjointEigen::new(to_faer(a).as_ref(), Side::Lower)
        .map_err(|_| Error::NoConvergence("symmetric eigenvalue"))?;
    Ok(Eigh { values: eigen.S().column_vector().iter().copied().collect(), vectors: to_ndarray(eigen.U()) })
}

pub fn eig(a: ArrayView2<'_, f64>) -> Result<Eig> {
    let eigen = Eigen::new_from_real(to_faer(a).as_ref()).map_err(|_| Error::NoConvergence("eigenvalue"))?;
    let values: Array1<_> = eigen.S().column_vector().iter().copied().collect();
    Ok(Eig { values, vectors: to_ndarray(eigen.U()) })
}

pub fn cholesky(a: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let llt = Llt::new(to_faer(a).as_ref(), Side::Lower).map_err(|_| Error::NotPositiveDefinite)?;
    Ok(to_ndarray(llt.L()))
}

pub fn solve(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let lu = PartialPivLu::new(to_faer(a).as_ref());
    Ok(to_ndarray(lu.solve(to_faer(b)).as_ref()))
}
