//! The canonical correlation family: CCA (Hotelling 1936), ridge CCA, SVCCA (Raghu et al. 2017), PWCCA (Morcos, Raghu & Bengio
//! 2018, with the weights their paper defines, of centred activity and true canonical variates), and their honest forms:
//! correlations of held-out conditions, and a null distribution by permuting conditions.
//!
//! The singular values of Qx'Qy, with Q an orthonormal basis of a side's centred columns, are the canonical correlations (Bjoerck & Golub
//! 1973). Where both Gram matrices are well conditioned Q = X L^-T with their Cholesky factors, and Qx'Qy = Lx^-1 X'Y Ly^-T needs no
//! basis at all: the work is in X'X, Y'Y and X'Y. Otherwise Q comes from two Cholesky factorisations (Yamamoto et al. 2015), or from the
//! SVD with the numerical rank; none inverts a covariance.

mod held_out;

pub(crate) use held_out::split;
pub use held_out::{CrossValidation, cross_validated_cca, permutation_null, significant_components};

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rheobase_core::statistics::mean;
use rheobase_linalg::{
    cholesky, gram, product, singular_values, solve_lower, solve_lower_transposed, svd, symmetric_function,
    transposed_product,
};

use crate::prepare::{Moments, centred, centred_moments, centred_pair};
use crate::{Error, Result};

/// Canonical correlations and what comes with them.
#[derive(Debug, Clone)]
pub struct Cca {
    /// Canonical correlations, descending, length min(rank x, rank y).
    pub correlations: Array1<f64>,
    /// Canonical variates of the left side, (conditions, components), orthonormal.
    pub left_variates: Array2<f64>,
    /// Canonical variates of the right side, (conditions, components), orthonormal.
    pub right_variates: Array2<f64>,
    /// Numerical ranks of both sides.
    pub ranks: (usize, usize),
}

impl Cca {
    /// Mean canonical correlation.
    pub fn mean(&self) -> f64 {
        self.correlations.mean().unwrap_or(f64::NAN)
    }

    /// Mean squared canonical correlation.
    pub fn mean_squared(&self) -> f64 {
        self.correlations.mapv(|r| r * r).mean().unwrap_or(f64::NAN)
    }
}

/// An orthonormal basis of the columns of a centred matrix: (conditions, rank).
fn orthonormal_basis(x: &Array2<f64>) -> Result<Array2<f64>> {
    if x.nrows() > x.ncols()
        && let Some(q) = cholesky_basis(x)
    {
        return Ok(q);
    }
    let decomposition = svd(x.view())?;
    let rank = decomposition.rank();
    Ok(decomposition.u.slice(s![.., ..rank]).to_owned())
}

/// Cholesky QR, twice; `None` where the columns are too nearly dependent for it.
fn cholesky_basis(x: &Array2<f64>) -> Option<Array2<f64>> {
    let once = |m: &Array2<f64>, least: f64| {
        let lower = cholesky(gram(m.view()).view()).ok()?;
        let diagonal = lower.diag();
        let (small, large) = diagonal.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &d| (a.min(d), b.max(d)));
        // The ratio bounds the condition number from below; one pass loses its square, so keep well inside 1 / sqrt(eps).
        (small > least * large).then(|| solve_lower(lower.view(), m.t()).reversed_axes())
    };
    let first = once(x, 1e-5)?;
    once(&first, 0.5)
}

/// Maps from the columns of each side to an orthonormal basis, (units, rank) each, and the product of both bases (rank x, rank y).
struct Whitened {
    left: Array2<f64>,
    right: Array2<f64>,
    product: Array2<f64>,
}

impl Whitened {
    fn analyse(&self, x: &Array2<f64>, y: &Array2<f64>) -> Result<Cca> {
        let decomposition = svd(self.product.view())?;
        let variates = |m: &Array2<f64>, map: &Array2<f64>, inner: ArrayView2<'_, f64>| {
            product(m.view(), product(map.view(), inner).view())
        };
        Ok(Cca {
            correlations: decomposition.s.mapv(|r| r.clamp(0.0, 1.0)),
            left_variates: variates(x, &self.left, decomposition.u.view()),
            right_variates: variates(y, &self.right, decomposition.vt.t()),
            ranks: (self.left.ncols(), self.right.ncols()),
        })
    }
}

/// Ratio of the smallest to the largest diagonal entry of a Cholesky factor below which Gram matrices are not trusted: correlations lose
/// the square of the condition number in digits, so that about ten are left.
const WELL_CONDITIONED: f64 = 0.01;

/// Cholesky factors of both Gram matrices and L_x^-1 X'Y L_y^-T; `None` where a Gram matrix is not well conditioned.
fn through_grams(moments: &Moments) -> Option<(Array2<f64>, Array2<f64>, Array2<f64>)> {
    let factor = |gram: &Array2<f64>| {
        let lower = cholesky(gram.view()).ok()?;
        let (small, large) = lower.diag().iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &d| (a.min(d), b.max(d)));
        (small > WELL_CONDITIONED * large).then_some(lower)
    };
    let (lx, ly) = (factor(&moments.xx)?, factor(&moments.yy)?);
    let half = solve_lower(lx.view(), moments.xy.view());
    let whole = solve_lower(ly.view(), half.t()).reversed_axes();
    Some((lx, ly, whole))
}

/// Canonical correlation analysis of responses (conditions, units).
///
/// # Errors
/// If the conditions differ, a side does not vary, or the conditions do not exceed the sum of the ranks plus one: then
/// correlations of 1 are certain and say nothing; use [`ridge_cca`], [`svcca`] or [`cross_validated_cca`] instead.
pub fn cca(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Cca> {
    let (x, y) = centred_pair("CCA", x, y, 3)?;
    of_centred(&x, &y)
}

fn require_conditions(conditions: usize, ranks: (usize, usize)) -> Result<()> {
    let rank = ranks.0.max(ranks.1);
    if rank + 1 >= conditions {
        return Err(Error::TooManyUnits { what: "CCA", conditions, rank });
    }
    Ok(())
}

fn of_centred(x: &Array2<f64>, y: &Array2<f64>) -> Result<Cca> {
    if x.nrows() > x.ncols().max(y.ncols())
        && let Some((lx, ly, product)) = through_grams(&Moments::of(x, y))
    {
        require_conditions(x.nrows(), (lx.nrows(), ly.nrows()))?;
        let map = |lower: &Array2<f64>| solve_lower_transposed(lower.view(), Array2::eye(lower.nrows()).view());
        return Whitened { left: map(&lx), right: map(&ly), product }.analyse(x, y);
    }
    let (qx, qy) = (orthonormal_basis(x)?, orthonormal_basis(y)?);
    let ranks = (qx.ncols(), qy.ncols());
    require_conditions(x.nrows(), ranks)?;
    let decomposition = svd(transposed_product(qx.view(), qy.view()).view())?;
    Ok(Cca {
        correlations: decomposition.s.mapv(|r| r.clamp(0.0, 1.0)),
        left_variates: product(qx.view(), decomposition.u.view()),
        right_variates: product(qy.view(), decomposition.vt.t()),
        ranks,
    })
}

/// Only the canonical correlations of responses (conditions, units).
///
/// # Errors
/// As for [`cca`].
pub fn canonical_correlations(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    // Of more units than conditions the Gram matrices are singular, and may be too large to be held.
    if x.nrows() > x.ncols().max(y.ncols())
        && let Some((lx, ly, product)) = through_grams(&centred_moments("CCA", x, y, 3)?)
    {
        require_conditions(x.nrows(), (lx.nrows(), ly.nrows()))?;
        return correlations_of(&product);
    }
    let (x, y) = centred_pair("CCA", x, y, 3)?;
    let (qx, qy) = (orthonormal_basis(&x)?, orthonormal_basis(&y)?);
    require_conditions(x.nrows(), (qx.ncols(), qy.ncols()))?;
    correlations_of(&transposed_product(qx.view(), qy.view()))
}

/// Singular values of a product of orthonormal bases.
fn correlations_of(product: &Array2<f64>) -> Result<Array1<f64>> {
    Ok(singular_values(product.view())?.mapv(|r| r.clamp(0.0, 1.0)))
}

/// The share of variance kept by [`svcca`] in the original paper.
pub const SVCCA_VARIANCE: f64 = 0.99;

/// Eigenvalues of X'X (or XX', if that is smaller) and how many, from the largest, hold `share` of the variance.
fn principal(x: &Array2<f64>, share: f64) -> Result<(rheobase_linalg::Eigh, usize)> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(Error::Parameter { what: "share of the variance", found: share, allowed: "in (0, 1]" });
    }
    let tall = x.nrows() > x.ncols();
    let eigen = rheobase_linalg::eigh(if tall { gram(x.view()) } else { gram(x.t()) }.view())?;
    let total: f64 = eigen.values.iter().map(|v| v.max(0.0)).sum();
    let mut kept = 0;
    let mut sum = 0.0;
    // A hair below the share, so that a share of 1 keeps the numerical rank and not rounding dust.
    while kept < eigen.values.len() && sum < share * total * (1.0 - 1e-14) && eigen.values[kept] > 1e-14 * total {
        sum += eigen.values[kept];
        kept += 1;
    }
    Ok((eigen, kept))
}

/// The first principal components of centred responses that hold `share` of the variance: scores (conditions, kept).
///
/// # Errors
/// If the share is not in (0, 1] or the decomposition fails.
pub fn principal_scores(x: ArrayView2<'_, f64>, share: f64) -> Result<Array2<f64>> {
    let x = centred(x);
    // Components below 1e-6 of the variance are far from being kept.
    let (eigen, kept) = principal(&x, share)?;
    let vectors = eigen.vectors.slice(s![.., ..kept]);
    if x.nrows() > x.ncols() {
        return Ok(product(x.view(), vectors));
    }
    let mut scores = vectors.to_owned();
    for (mut column, value) in scores.axis_iter_mut(Axis(1)).zip(&eigen.values) {
        column *= value.max(0.0).sqrt();
    }
    Ok(scores)
}

/// SVCCA: CCA of the principal components that hold `share` of each side's variance.
///
/// # Errors
/// As for [`cca`] and [`principal_scores`].
pub fn svcca(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, share: f64) -> Result<Cca> {
    let (x, y) = centred_pair("SVCCA", x, y, 3)?;
    // Principal components are a basis already: scaled to unit length, V / sqrt(l), they need no scores.
    let map = |m: &Array2<f64>| -> Result<Option<Array2<f64>>> {
        if m.nrows() <= m.ncols() {
            return Ok(None);
        }
        let (eigen, kept) = principal(m, share)?;
        let trusted = kept > 0 && eigen.values[kept - 1] > WELL_CONDITIONED.powi(2) * eigen.values[0];
        Ok(trusted.then(|| {
            let mut vectors = eigen.vectors.slice(s![.., ..kept]).to_owned();
            vectors.axis_iter_mut(Axis(1)).zip(&eigen.values).for_each(|(mut v, l)| v /= l.sqrt());
            vectors
        }))
    };
    if let (Some(left), Some(right)) = (map(&x)?, map(&y)?) {
        require_conditions(x.nrows(), (left.ncols(), right.ncols()))?;
        let cross = transposed_product(x.view(), y.view());
        let inner = product(product(left.t(), cross.view()).view(), right.view());
        return Whitened { left, right, product: inner }.analyse(&x, &y);
    }
    cca(principal_scores(x.view(), share)?.view(), principal_scores(y.view(), share)?.view())
}

/// PWCCA: the mean of canonical correlations weighted by how much of the left side each left variate carries,
/// alpha_i = sum over units j of |<variate_i, x_j>|.
///
/// # Errors
/// As for [`cca`].
pub fn pwcca(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    let (x, y) = centred_pair("PWCCA", x, y, 3)?;
    let found = of_centred(&x, &y)?;
    let weights = transposed_product(found.left_variates.view(), x.view()).mapv(f64::abs).sum_axis(Axis(1));
    Ok(weights.dot(&found.correlations) / weights.sum())
}

/// Ridge CCA (Vinod 1976): each covariance S becomes (1 - c) S + c (trace S / p) I, with 0 <= c <= 1; c = 0 is CCA, c = 1 is PLS
/// scaled per side. Returns the regularised correlations and the projections of both sides, (units, components).
///
/// # Errors
/// If c lies outside 0 to 1, the conditions differ, a side does not vary, or (c = 0) a covariance is singular.
pub fn ridge_cca(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    shrinkage: f64,
) -> Result<(Array1<f64>, Array2<f64>, Array2<f64>)> {
    if !(0.0..=1.0).contains(&shrinkage) {
        return Err(Error::Parameter { what: "shrinkage of ridge CCA", found: shrinkage, allowed: "0 to 1" });
    }
    let (x, y) = centred_pair("ridge CCA", x, y, 3)?;
    let n = x.nrows() as f64 - 1.0;
    let whitener = |m: &Array2<f64>| -> Result<Array2<f64>> {
        let mut covariance = gram(m.view()) / n;
        let level = covariance.diag().mean().unwrap_or(0.0);
        covariance *= 1.0 - shrinkage;
        covariance.diag_mut().mapv_inplace(|d| d + shrinkage * level);
        let least = 1e-12 * level;
        let root = symmetric_function(covariance.view(), |w| if w > least { w.sqrt().recip() } else { f64::NAN })?;
        if root.iter().any(|v| v.is_nan()) {
            return Err(Error::TooManyUnits {
                what: "ridge CCA with shrinkage 0",
                conditions: m.nrows(),
                rank: m.ncols(),
            });
        }
        Ok(root)
    };
    let (wx, wy) = (whitener(&x)?, whitener(&y)?);
    let cross = transposed_product(x.view(), y.view()) / n;
    let decomposition = svd(wx.dot(&cross).dot(&wy).view())?;
    Ok((decomposition.s, wx.dot(&decomposition.u), wy.dot(&decomposition.vt.t())))
}

/// Share of the left side's variance that a linear map from the right side explains in sample: the mean over left variance
/// of R^2, sum over components of ||X' q_i||^2 / ||X||^2 with q a basis of the right side.
///
/// # Errors
/// If the conditions differ or a side does not vary.
pub fn linear_regression_r2(from: ArrayView2<'_, f64>, to: ArrayView2<'_, f64>) -> Result<f64> {
    let (from, to) = centred_pair("linear regression", from, to, 3)?;
    let q = orthonormal_basis(&from)?;
    let explained: f64 = transposed_product(q.view(), to.view()).iter().map(|v| v * v).sum();
    Ok(explained / to.iter().map(|v| v * v).sum::<f64>())
}

/// Mean of several correlations; NaN for none.
pub fn mean_correlation(correlations: &Array1<f64>) -> f64 {
    mean(&correlations.to_vec())
}
