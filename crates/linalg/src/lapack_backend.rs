//! Decompositions by the system's LAPACK (OpenBLAS) through ndarray-linalg.

use ndarray::{Array2, ArrayView2};
use ndarray_linalg::{Cholesky, Eig as _, Eigh as _, FactorizeInto, InverseC, JobSvd, QR, SVDDC, Solve, UPLO};

use crate::{Complex, Eig, Eigh, Error, Result, Svd};

pub fn svd(a: ArrayView2<'_, f64>) -> Result<Svd> {
    let (u, s, vt) = a.to_owned().svddc(JobSvd::Some).map_err(|_| Error::NoConvergence("SVD"))?;
    let (Some(u), Some(vt)) = (u, vt) else { return Err(Error::NoConvergence("SVD")) };
    Ok(Svd { u, s, vt })
}

pub fn singular_values(a: ArrayView2<'_, f64>) -> Result<ndarray::Array1<f64>> {
    let (_, s, _) = a.to_owned().svddc(JobSvd::None).map_err(|_| Error::NoConvergence("SVD"))?;
    Ok(s)
}

pub fn qr(a: ArrayView2<'_, f64>) -> Result<(Array2<f64>, Array2<f64>)> {
    a.to_owned().qr().map_err(|_| Error::NoConvergence("QR"))
}

pub fn eigh(a: ArrayView2<'_, f64>) -> Result<Eigh> {
    let (values, vectors) = a.to_owned().eigh(UPLO::Lower).map_err(|_| Error::NoConvergence("symmetric eigenvalue"))?;
    Ok(Eigh { values, vectors })
}

pub fn eig(a: ArrayView2<'_, f64>) -> Result<Eig> {
    let (values, vectors) = a.to_owned().eig().map_err(|_| Error::NoConvergence("eigenvalue"))?;
    Ok(Eig { values: values.mapv(|v| Complex::new(v.re, v.im)), vectors: vectors.mapv(|v| Complex::new(v.re, v.im)) })
}

pub fn cholesky(a: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    a.to_owned().cholesky(UPLO::Lower).map_err(|_| Error::NotPositiveDefinite)
}

pub fn inverse_positive_definite(a: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    a.to_owned().invc().map_err(|_| Error::NotPositiveDefinite)
}

pub fn solve(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let lu = a.to_owned().factorize_into().map_err(|_| Error::Singular)?;
    let mut x = Array2::zeros(b.raw_dim());
    for (column, mut out) in b.columns().into_iter().zip(x.columns_mut()) {
        out.assign(&lu.solve(&column.to_owned()).map_err(|_| Error::Singular)?);
    }
    Ok(x)
}
