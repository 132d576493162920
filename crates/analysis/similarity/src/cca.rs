//! The canonical correlation family: CCA (Hotelling 1936), ridge CCA, SVCCA (Raghu et al. 2017), PWCCA (Morcos, Raghu & Bengio
//! 2018, with the weights their paper defines, of centred activity and true canonical variates), and their honest forms:
//! correlations of held-out conditions, and a null distribution by permuting conditions.
//!
//! Each side is reduced to an orthonormal basis Q of its centred columns; the singular values of Qx'Qy are the canonical
//! correlations (Bjoerck & Golub 1973). Where the Gram matrix is well conditioned Q comes from two Cholesky factorisations
//! (Yamamoto et al. 2015), otherwise from the SVD with the numerical rank; neither inverts a covariance.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, pearson};
use rheobase_core::{Seed, parallel};
use rheobase_linalg::{cholesky, gram, product, solve_lower, svd, symmetric_function, transposed_product};

use crate::prepare::{centred, centred_pair};
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

/// Canonical correlation analysis of responses (conditions, units).
///
/// # Errors
/// If the conditions differ, a side does not vary, or the conditions do not exceed the sum of the ranks plus one: then
/// correlations of 1 are certain and say nothing; use [`ridge_cca`], [`svcca`] or [`cross_validated_cca`] instead.
pub fn cca(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Cca> {
    let (x, y) = centred_pair("CCA", x, y, 3)?;
    of_centred(&x, &y)
}

fn of_centred(x: &Array2<f64>, y: &Array2<f64>) -> Result<Cca> {
    let (qx, qy) = (orthonormal_basis(x)?, orthonormal_basis(y)?);
    let (rx, ry) = (qx.ncols(), qy.ncols());
    if rx.max(ry) + 1 >= x.nrows() {
        return Err(Error::TooManyUnits { what: "CCA", conditions: x.nrows(), rank: rx.max(ry) });
    }
    let decomposition = svd(transposed_product(qx.view(), qy.view()).view())?;
    Ok(Cca {
        correlations: decomposition.s.mapv(|r| r.clamp(0.0, 1.0)),
        left_variates: product(qx.view(), decomposition.u.view()),
        right_variates: product(qy.view(), decomposition.vt.t()),
        ranks: (rx, ry),
    })
}

/// Only the canonical correlations of responses (conditions, units).
///
/// # Errors
/// As for [`cca`].
pub fn canonical_correlations(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    let (x, y) = centred_pair("CCA", x, y, 3)?;
    let (qx, qy) = (orthonormal_basis(&x)?, orthonormal_basis(&y)?);
    if qx.ncols().max(qy.ncols()) + 1 >= x.nrows() {
        return Err(Error::TooManyUnits { what: "CCA", conditions: x.nrows(), rank: qx.ncols().max(qy.ncols()) });
    }
    singular_values(&transposed_product(qx.view(), qy.view()))
}

/// Singular values alone: by the eigenvalues of the smaller Gram matrix where that costs no digits that matter.
fn singular_values(m: &Array2<f64>) -> Result<Array1<f64>> {
    Ok(svd(m.view())?.s.mapv(|r| r.clamp(0.0, 1.0)))
}

/// The share of variance kept by [`svcca`] in the original paper.
pub const SVCCA_VARIANCE: f64 = 0.99;

/// The first principal components of centred responses that hold `share` of the variance: scores (conditions, kept).
///
/// # Errors
/// If the share is not in (0, 1] or the decomposition fails.
pub fn principal_scores(x: ArrayView2<'_, f64>, share: f64) -> Result<Array2<f64>> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(Error::Parameter { what: "share of the variance", found: share, allowed: "in (0, 1]" });
    }
    let x = centred(x);
    // Eigenvectors of the smaller Gram matrix; components below 1e-6 of the variance are far from being kept.
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
    let vectors = eigen.vectors.slice(s![.., ..kept]);
    if tall {
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
    crate::prepare::require_pair("SVCCA", x, y, 3)?;
    cca(principal_scores(x, share)?.view(), principal_scores(y, share)?.view())
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

/// How cross-validated CCA divides and regularises.
#[derive(Debug, Clone)]
pub struct CrossValidation {
    /// Number of folds.
    pub folds: usize,
    /// Shrinkages tried; the one with the best mean inner correlation is chosen on the training folds alone.
    pub shrinkages: Vec<f64>,
    /// Components reported.
    pub components: usize,
    /// Threads.
    pub threads: usize,
}

impl Default for CrossValidation {
    fn default() -> Self {
        Self { folds: 5, shrinkages: vec![0.01, 0.1, 0.3, 0.6, 0.9], components: 1, threads: 1 }
    }
}

/// Correlations of held-out projections, one for each component, averaged over folds; the shrinkage is chosen by an inner
/// division of each training part.
///
/// # Errors
/// If there are fewer conditions than 3 for each fold, or [`ridge_cca`] fails on a training part.
pub fn cross_validated_cca(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    settings: &CrossValidation,
    seed: &Seed,
) -> Result<Array1<f64>> {
    let folds = settings.folds.max(2);
    crate::prepare::require_pair("cross-validated CCA", x, y, 3 * folds)?;
    let mut order: Vec<usize> = (0..x.nrows()).collect();
    order.shuffle(&mut seed.child("folds").stream());
    let components = settings.components.clamp(1, x.ncols().min(y.ncols()));
    let results = parallel::try_map(folds, settings.threads, |fold| -> Result<Array1<f64>> {
        let (train, test) = split(&order, folds, fold);
        let shrinkage = choose_shrinkage(x, y, &train, settings, components)?;
        held_out(x, y, &train, &test, shrinkage, components)
    })?;
    let mut total = Array1::zeros(components);
    for result in &results {
        total += result;
    }
    Ok(total / folds as f64)
}

/// The training and test indices of one of `folds` nearly equal parts of an order.
pub(crate) fn split(order: &[usize], folds: usize, fold: usize) -> (Vec<usize>, Vec<usize>) {
    let bound = |k: usize| k * order.len() / folds;
    let test = order[bound(fold)..bound(fold + 1)].to_vec();
    let train = order[..bound(fold)].iter().chain(&order[bound(fold + 1)..]).copied().collect();
    (train, test)
}

fn choose_shrinkage(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    train: &[usize],
    settings: &CrossValidation,
    components: usize,
) -> Result<f64> {
    if let [only] = settings.shrinkages[..] {
        return Ok(only);
    }
    let inner = settings.folds.clamp(2, 5);
    let mut best = (f64::NEG_INFINITY, f64::NAN);
    for &shrinkage in &settings.shrinkages {
        let mut score = 0.0;
        for fold in 0..inner {
            let (a, b) = split(train, inner, fold);
            score += held_out(x, y, &a, &b, shrinkage, components)?.sum();
        }
        if score > best.0 {
            best = (score, shrinkage);
        }
    }
    if best.1.is_nan() {
        return Err(Error::Parameter { what: "number of shrinkages to choose from", found: 0.0, allowed: ">= 1" });
    }
    Ok(best.1)
}

fn held_out(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    train: &[usize],
    test: &[usize],
    shrinkage: f64,
    components: usize,
) -> Result<Array1<f64>> {
    let pick = |m: ArrayView2<'_, f64>, rows: &[usize]| m.select(Axis(0), rows);
    let (xt, yt) = (pick(x, train), pick(y, train));
    let (_, wx, wy) = ridge_cca(xt.view(), yt.view(), shrinkage)?;
    let (px, py) = (pick(x, test).dot(&wx), pick(y, test).dot(&wy));
    Ok(Array1::from_shape_fn(components, |k| pearson(&px.column(k).to_vec(), &py.column(k).to_vec()).unwrap_or(0.0)))
}

/// Null values of a statistic when the conditions of the right side are permuted.
///
/// # Errors
/// If the statistic fails for a permutation.
pub fn permutation_null(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    draws: usize,
    threads: usize,
    seed: &Seed,
    statistic: impl Fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>) -> Result<f64> + Sync,
) -> Result<Vec<f64>> {
    parallel::try_map(draws, threads, |draw| {
        let mut order: Vec<usize> = (0..y.nrows()).collect();
        order.shuffle(&mut seed.index(draw).stream());
        statistic(x, y.select(Axis(0), &order).view())
    })
}

/// How many canonical correlations exceed chance: components are tested one after another against the same permutations of
/// what the earlier ones leave over (Winkler et al. 2020), stopping at the first p above `level`. Returns the p-values found.
///
/// # Errors
/// As for [`cca`].
pub fn significant_components(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    draws: usize,
    level: f64,
    threads: usize,
    seed: &Seed,
) -> Result<Vec<f64>> {
    let found = cca(x, y)?;
    // Within the canonical bases the data are the variates; dropping the first k of both leaves the rest.
    let mut p_values: Vec<f64> = Vec::new();
    let k = found.correlations.len();
    for first in 0..k {
        let (left, right) = (found.left_variates.slice(s![.., first..]), found.right_variates.slice(s![.., first..]));
        let wilks = |r: &Array1<f64>| -r.iter().map(|r| (-r * r).max(-1.0 + 1e-12).ln_1p()).sum::<f64>();
        let observed = wilks(&found.correlations.slice(s![first..]).to_owned());
        let null = permutation_null(left, right, draws, threads, &seed.index(first), |a, b| {
            Ok(wilks(&singular_values(&transposed_product(a, b))?))
        })?;
        let p = rheobase_core::statistics::permutation_p(observed, &null);
        // A later component cannot be surer than an earlier one (closed testing).
        let p = p_values.last().map_or(p, |&before| p.max(before));
        p_values.push(p);
        if p > level {
            break;
        }
    }
    Ok(p_values)
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
