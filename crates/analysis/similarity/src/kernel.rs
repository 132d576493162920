//! CKA of any kernel, from its Gram matrices: RBF kernels, linear kernels with fewer conditions than units, and the variants
//! that features cannot give.
//!
//! RBF: K_ij = exp(-|x_i - x_j|^2 / (2 sigma^2)), sigma^2 = fraction^2 x the median of the non-zero squared distances.
//! "Zero diagonal" centres first and then removes the diagonal (Lange et al. 2023); it is neither the biased nor the
//! unbiased form, and is here because published scores use it.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rheobase_core::statistics::median;
use rheobase_linalg::product;

use crate::prepare::{centred_pair, require_pair};
use crate::{Bias, Error, Result};

/// Linear Gram matrix of centred responses (conditions, units): shape (conditions, conditions).
pub fn linear_gram(x: ArrayView2<'_, f64>) -> Array2<f64> {
    rheobase_linalg::gram(x.t())
}

/// The RBF Gram matrix of responses and its sigma^2.
///
/// # Errors
/// If no two conditions differ, or the fraction is not positive.
pub fn rbf_gram(x: ArrayView2<'_, f64>, fraction: f64) -> Result<(Array2<f64>, f64)> {
    if fraction.is_nan() || fraction <= 0.0 {
        return Err(Error::Parameter { what: "fraction of the median distance", found: fraction, allowed: "> 0" });
    }
    let inner = product(x, x.t());
    let n = x.nrows();
    let squared = |i: usize, j: usize| (inner[[i, i]] + inner[[j, j]] - 2.0 * inner[[i, j]]).max(0.0);
    let mut distances = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for i in 0..n {
        distances.extend((i + 1..n).map(|j| squared(i, j)).filter(|&d| d > 0.0));
    }
    if distances.is_empty() {
        return Err(Error::Constant { side: "given", what: "an RBF kernel" });
    }
    let sigma_squared = fraction * fraction * median(&distances);
    Ok((Array2::from_shape_fn((n, n), |(i, j)| (-squared(i, j) / (2.0 * sigma_squared)).exp()), sigma_squared))
}

/// CKA of two Gram matrices over the same conditions.
///
/// # Errors
/// If the shapes differ, there are too few conditions, or a side's self-similarity is not positive.
pub fn kernel_cka(k: &Array2<f64>, l: &Array2<f64>, bias: Bias) -> Result<f64> {
    require_pair("CKA", k.view(), l.view(), if bias == Bias::Unbiased { 4 } else { 3 })?;
    let hsic: fn(&Array2<f64>, &Array2<f64>) -> f64 = match bias {
        Bias::Biased => hsic_biased,
        Bias::Unbiased => hsic_unbiased,
        Bias::ZeroDiagonal => hsic_zero_diagonal,
    };
    let (kk, ll) = (hsic(k, k), hsic(l, l));
    if kk <= 0.0 || ll <= 0.0 {
        let side = if kk <= 0.0 { "left" } else { "right" };
        return Err(Error::Constant { side, what: "CKA (its self-similarity is not positive)" });
    }
    Ok(hsic(k, l) / (kk * ll).sqrt())
}

/// CKA with RBF kernels of both sides.
///
/// # Errors
/// As for [`kernel_cka`] and [`rbf_gram`].
pub fn rbf_cka(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, fraction: f64, bias: Bias) -> Result<f64> {
    require_pair("RBF CKA", x, y, 4)?;
    kernel_cka(&rbf_gram(x, fraction)?.0, &rbf_gram(y, fraction)?.0, bias)
}

/// Linear CKA through Gram matrices: the cheaper way with fewer conditions than units, and the only one for
/// [`Bias::ZeroDiagonal`].
///
/// # Errors
/// As for [`crate::linear_cka`].
pub fn linear_cka_by_gram(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, bias: Bias) -> Result<f64> {
    let (x, y) = centred_pair("CKA", x, y, if bias == Bias::Unbiased { 4 } else { 3 })?;
    kernel_cka(&linear_gram(x.view()), &linear_gram(y.view()), bias)
}

fn double_centred(k: &Array2<f64>) -> Array2<f64> {
    let row = k.mean_axis(Axis(1)).unwrap_or_else(|| Array1::zeros(0));
    let column = k.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(0));
    let all = row.mean().unwrap_or(0.0);
    Array2::from_shape_fn(k.dim(), |(i, j)| k[[i, j]] - row[i] - column[j] + all)
}

fn inner(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(p, q)| p * q).sum()
}

/// tr(K H L H) / (n - 1)^2 (Gretton et al. 2005).
fn hsic_biased(k: &Array2<f64>, l: &Array2<f64>) -> f64 {
    inner(&double_centred(k), &double_centred(l)) / (k.nrows() as f64 - 1.0).powi(2)
}

/// HSIC1 of Song et al. 2012, without copying the matrices to clear their diagonals.
pub(crate) fn hsic_unbiased(k: &Array2<f64>, l: &Array2<f64>) -> f64 {
    let n = k.nrows() as f64;
    let diagonal = k.diag().dot(&l.diag());
    let (ks, ls) = (k.sum_axis(Axis(1)) - k.diag(), l.sum_axis(Axis(1)) - l.diag());
    let trace = inner(k, l) - diagonal;
    (trace + ks.sum() * ls.sum() / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * ks.dot(&ls)) / (n * (n - 3.0))
}

fn hsic_zero_diagonal(k: &Array2<f64>, l: &Array2<f64>) -> f64 {
    let (k, l) = (double_centred(k), double_centred(l));
    inner(&k, &l) - k.diag().dot(&l.diag())
}
