//! Decompositions by faer, on one thread so that results are reproducible to the bit.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{self, LltRegularization};
use faer::linalg::cholesky::llt::inverse;
use faer::linalg::solvers::{Eigen, Llt, PartialPivLu, Qr, SelfAdjointEigen, Solve, Svd as FaerSvd};
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Mat, MatMut, MatRef, Par, Side, Spec};
use ndarray::{Array1, Array2, ArrayView2};

use crate::products::mirror_lower;
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

pub fn inverse_positive_definite(a: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let n = a.nrows();
    let needed = factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(needed.or(inverse::inverse_scratch::<f64>(n, Par::Seq)));
    // The rows of a symmetric matrix are its columns, so it is factored where it lies.
    let mut factor: Vec<f64> = a.iter().copied().collect();
    let mut columns = MatMut::from_column_major_slice_mut(&mut factor, n, n);
    factor::cholesky_in_place(
        columns.rb_mut(),
        LltRegularization::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Spec::default(),
    )
    .map_err(|_| Error::NotPositiveDefinite)?;
    let mut found = vec![0.0; n * n];
    let target = MatMut::from_row_major_slice_mut(&mut found, n, n);
    inverse::inverse(target, columns.rb(), Par::Seq, MemStack::new(&mut memory));
    mirror_lower(&mut found, n);
    Ok(Array2::from_shape_vec((n, n), found).expect("n x n values"))
}

pub fn solve(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let lu = PartialPivLu::new(to_faer(a).as_ref());
    Ok(to_ndarray(lu.solve(to_faer(b)).as_ref()))
}
