//! Honest canonical correlations: of held-out conditions, and against permutations of the conditions.

use ndarray::{Array1, ArrayView2, Axis, s};
use rand::seq::SliceRandom;
use rheobase_core::statistics::pearson;
use rheobase_core::{Seed, parallel};
use rheobase_linalg::transposed_product;

use super::{cca, correlations_of, ridge_cca};
use crate::{Error, Result};

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
            Ok(wilks(&correlations_of(&transposed_product(a, b))?))
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
