//! How well does one population predict another on held-out stimuli? Ridge regression and partial least squares, cross-validated.
//!
//! Ridge, with an intercept that is not penalised, is a linear smoother: predictions are H y. What a fit without some stimuli T would
//! predict for them follows exactly from the fit with all: y_T - (I - H_TT)^-1 (y - H y)_T. One more stimulus i left out inside the rest
//! follows by a Schur complement, so the strength is chosen by leave-one-out within each training part (nested, nothing of the test
//! part is seen) from one matrix for each strength, whatever the number of folds.
//!
//! Partial least squares (Wold 1975; sklearn `PLSRegression(scale=False)`) runs on X'X and X'Y alone (Dayal & MacGregor 1997), from which
//! the test part is subtracted for each fold.

mod score;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rheobase_core::parallel;
use rheobase_linalg::{
    cholesky, gram, gram_on, inverse_positive_definite, product, qr, solve_lower, solve_lower_transposed,
    solve_positive_definite, transposed_product,
};

use crate::prepare::{centred, require_pair};
use crate::{Error, Result};

pub use score::{
    Normalisation, brain_score, brain_score_splits, correlations, folds, r_squared, spearman_brown, split_half_ceiling,
};

/// An affine map from one population to another.
#[derive(Debug, Clone)]
pub struct LinearMap {
    /// Coefficients, (predictors, targets).
    pub coefficients: Array2<f64>,
    /// Intercepts, (targets).
    pub intercepts: Array1<f64>,
}

impl LinearMap {
    /// Predictions for predictors (stimuli, predictors).
    ///
    /// # Errors
    /// If the number of predictors differs.
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if x.ncols() != self.coefficients.nrows() {
            let (left, right) = (x.ncols(), self.coefficients.nrows());
            return Err(Error::UnitMismatch { what: "a fitted map", left, right });
        }
        Ok(product(x, self.coefficients.view()) + &self.intercepts)
    }

    fn centred_at(coefficients: Array2<f64>, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Self {
        let (mx, my) = (x.mean_axis(Axis(0)).unwrap_or_default(), y.mean_axis(Axis(0)).unwrap_or_default());
        Self { intercepts: &my - &mx.dot(&coefficients), coefficients }
    }
}

/// Ridge regression of y (stimuli, targets) on x (stimuli, predictors) with strength `alpha`: (X'X + alpha I)^-1 X'y on centred columns.
///
/// # Errors
/// If stimuli differ, are fewer than 2, values are not finite, or the strength is negative (or 0 with collinear predictors).
pub fn fit_ridge(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, alpha: f64) -> Result<LinearMap> {
    require_pair("ridge regression", x, y, 2)?;
    require_alpha(alpha)?;
    let (cx, cy) = (centred(x), centred(y));
    let coefficients = if x.ncols() <= x.nrows() || alpha == 0.0 {
        let mut inner = gram(cx.view());
        inner.diag_mut().mapv_inplace(|v| v + alpha);
        solve_positive_definite(inner.view(), transposed_product(cx.view(), cy.view()).view())?
    } else {
        let mut inner = product(cx.view(), cx.t());
        inner.diag_mut().mapv_inplace(|v| v + alpha);
        transposed_product(cx.view(), solve_positive_definite(inner.view(), cy.view())?.view())
    };
    Ok(LinearMap::centred_at(coefficients, x, y))
}

fn require_alpha(alpha: f64) -> Result<()> {
    if alpha >= 0.0 && alpha.is_finite() {
        Ok(())
    } else {
        Err(Error::Parameter { what: "ridge strength", found: alpha, allowed: "0 or more" })
    }
}

/// Partial least squares of y on x with some components.
///
/// # Errors
/// If stimuli differ, values are not finite, or there are more components than the data have.
pub fn fit_pls(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, components: usize) -> Result<LinearMap> {
    require_pair("partial least squares", x, y, 2)?;
    let (cx, cy) = (centred(x), centred(y));
    let coefficients = pls_coefficients(&gram(cx.view()), transposed_product(cx.view(), cy.view()), components)?;
    Ok(LinearMap::centred_at(coefficients, x, y))
}

/// Coefficients from C = X'X and S = X'Y of centred columns.
fn pls_coefficients(c: &Array2<f64>, mut s: Array2<f64>, components: usize) -> Result<Array2<f64>> {
    let (p, q) = s.dim();
    if components == 0 || components > p {
        let allowed = "1 to the number of predictors";
        return Err(Error::Parameter { what: "PLS components", found: components as f64, allowed });
    }
    let (mut rotations, mut loadings, mut targets) =
        (Array2::zeros((p, components)), Array2::zeros((p, components)), Array2::zeros((q, components)));
    // S'S is kept up to date, so that the leading direction of the targets costs q^2 and not p q at a time.
    let mut inner = gram(s.view());
    let scale: f64 = inner.diag().sum();
    for a in 0..components {
        let direction = leading_vector(&inner);
        let mut w = s.dot(&direction);
        let norm = w.dot(&w).sqrt();
        if norm * norm <= 1e-20 * scale {
            let allowed = "at most the number of components the data have; what is left does not vary together";
            return Err(Error::Parameter { what: "PLS components", found: components as f64, allowed });
        }
        w /= norm;
        let mut r = w.clone();
        for j in 0..a {
            let along = loadings.column(j).dot(&w);
            r.scaled_add(-along, &rotations.column(j));
        }
        let cr = c.dot(&r);
        let tt = r.dot(&cr);
        let loading = &cr / tt;
        let target = s.t().dot(&r) / tt;
        // S <- S - tt p q'; S'S <- S'S - tt (S'p) q' - tt q (S'p)' + tt^2 (p'p) q q'.
        let sp = s.t().dot(&loading);
        let pp = loading.dot(&loading);
        for i in 0..q {
            for j in 0..q {
                inner[[i, j]] += -tt * (sp[i] * target[j] + target[i] * sp[j]) + tt * tt * pp * target[i] * target[j];
            }
        }
        for (mut row, l) in s.rows_mut().into_iter().zip(&loading) {
            row.scaled_add(-tt * l, &target);
        }
        rotations.column_mut(a).assign(&r);
        loadings.column_mut(a).assign(&loading);
        targets.column_mut(a).assign(&target);
    }
    Ok(product(rotations.view(), targets.t()))
}

/// Leading eigenvector of a symmetric matrix without negative eigenvalues, by Lanczos with full orthogonalisation.
fn leading_vector(a: &Array2<f64>) -> Array1<f64> {
    let n = a.nrows();
    let start = (0..n).fold(0, |best, i| if a[[i, i]] > a[[best, best]] { i } else { best });
    let mut v = a.column(start).to_owned();
    let norm = v.dot(&v).sqrt();
    if norm == 0.0 {
        return Array1::from_elem(n, (1.0 / n as f64).sqrt());
    }
    v /= norm;
    for _ in 0..20 {
        let mut basis = vec![v.clone()];
        let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
        for k in 0..n.min(30) {
            let mut next = a.dot(&basis[k]);
            diagonal.push(next.dot(&basis[k]));
            for _ in 0..2 {
                for b in &basis {
                    let along = next.dot(b);
                    next.scaled_add(-along, b);
                }
            }
            let size = next.dot(&next).sqrt();
            if size <= 1e-14 * diagonal[0].abs() || k + 1 == n.min(30) {
                beside.push(size);
                break;
            }
            beside.push(size);
            basis.push(next / size);
        }
        let m = diagonal.len();
        let small = Array2::from_shape_fn((m, m), |(i, j)| match i.abs_diff(j) {
            0 => diagonal[i],
            1 => beside[i.min(j)],
            _ => 0.0,
        });
        let Ok(eigh) = rheobase_linalg::eigh(small.view()) else { return v };
        let mut best = Array1::zeros(n);
        for (k, b) in basis.iter().take(m).enumerate() {
            best.scaled_add(eigh.vectors[[k, 0]], b);
        }
        let norm = best.dot(&best).sqrt();
        v = best / norm;
        let residual = beside[m - 1] * eigh.vectors[[m - 1, 0]].abs();
        if residual <= 1e-11 * eigh.values[0].abs() {
            break;
        }
    }
    v
}

/// Whether one strength serves all targets or each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// One for all, by the mean squared error over targets.
    Shared,
    /// Each target its own.
    PerTarget,
}

/// Predictions for stimuli that the fits did not see.
#[derive(Debug, Clone)]
pub struct CrossPredicted {
    /// Prediction of each stimulus from the fold it was left out in, (stimuli, targets); NaN for stimuli in no fold.
    pub predictions: Array2<f64>,
    /// Strength used in each fold for each target, (folds, targets); components for partial least squares.
    pub strengths: Array2<f64>,
}

fn require_folds(folds: &[Vec<usize>], n: usize) -> Result<()> {
    if folds.is_empty() || folds.iter().any(|f| f.is_empty() || f.len() + 2 > n) {
        return Err(Error::Input(format!("every fold must leave out at least one of the {n} stimuli and keep two")));
    }
    if let Some(&outside) = folds.iter().flatten().find(|i| **i >= n) {
        return Err(Error::Input(format!("a fold names stimulus {outside}, but there are {n}")));
    }
    Ok(())
}

/// Cross-validated ridge regression with the strength chosen by leave-one-out inside each training part.
///
/// # Errors
/// As for [`fit_ridge`]; if a fold is empty, leaves fewer than 2 stimuli, or there is no strength above 0.
pub fn cross_predict_ridge(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    folds: &[Vec<usize>],
    alphas: &[f64],
    choose: Strength,
    threads: usize,
) -> Result<CrossPredicted> {
    require_pair("cross-validated ridge regression", x, y, 4)?;
    require_folds(folds, x.nrows())?;
    if alphas.is_empty() || alphas.iter().any(|a| !(*a > 0.0 && a.is_finite())) {
        return Err(Error::Parameter {
            what: "ridge strength",
            found: alphas.first().copied().unwrap_or(0.0),
            allowed: "above 0",
        });
    }
    let (n, q) = (x.nrows(), y.ncols());
    let (cx, cy) = (centred(x), centred(y));
    // For every strength and fold: squared leave-one-out errors of each target in the training part, and test predictions.
    let kernel = (n <= cx.ncols()).then(|| gram_on(cx.t(), threads));
    let primal = kernel.is_none().then(|| gram_on(cx.view(), threads));
    let by_alpha = parallel::try_map(alphas.len(), threads, |k| -> Result<Vec<(Vec<f64>, Array2<f64>)>> {
        let remainder = remainder(&cx, kernel.as_ref(), primal.as_ref(), alphas[k])?;
        let residuals = product(remainder.view(), cy.view());
        folds.iter().map(|fold| leave_out(&remainder, &residuals, &cy, fold, alphas.len() > 1)).collect()
    })?;
    let means = y.mean_axis(Axis(0)).unwrap_or_default();
    let mut predictions = Array2::from_elem((n, q), f64::NAN);
    let mut strengths = Array2::zeros((folds.len(), q));
    for (f, fold) in folds.iter().enumerate() {
        let best_for = |error: &dyn Fn(usize) -> f64| {
            (0..alphas.len()).fold(0, |best, k| if error(k) < error(best) { k } else { best })
        };
        let shared = best_for(&|k| by_alpha[k][f].0.iter().sum());
        for target in 0..q {
            let k = if choose == Strength::Shared { shared } else { best_for(&|k| by_alpha[k][f].0[target]) };
            strengths[[f, target]] = alphas[k];
            for (row, &stimulus) in fold.iter().enumerate() {
                predictions[[stimulus, target]] = by_alpha[k][f].1[[row, target]] + means[target];
            }
        }
    }
    Ok(CrossPredicted { predictions, strengths })
}

/// What a fit leaves of the targets, as a matrix: I - H = alpha (K + alpha I)^-1 - 1 1'/n for the centred kernel K = X X'. Positive
/// semidefinite; where there are more stimuli than predictors it is I - 1 1'/n - X (X'X + alpha I)^-1 X'.
fn remainder(
    x: &Array2<f64>,
    kernel: Option<&Array2<f64>>,
    primal: Option<&Array2<f64>>,
    alpha: f64,
) -> Result<Array2<f64>> {
    let n = x.nrows();
    let ridged = |products: &Array2<f64>| {
        let mut inner = products.clone();
        inner.diag_mut().mapv_inplace(|v| v + alpha);
        inner
    };
    let mut remainder = match (kernel, primal) {
        (Some(kernel), _) => inverse_positive_definite(ridged(kernel).view())? * alpha,
        (None, Some(primal)) => {
            let half = solve_lower(cholesky(ridged(primal).view())?.view(), x.t());
            let mut remainder = -gram(half.view());
            remainder.diag_mut().mapv_inplace(|v| v + 1.0);
            remainder
        }
        (None, None) => return Err(Error::Input("ridge regression needs a kernel or a covariance".into())),
    };
    remainder -= 1.0 / n as f64;
    Ok(remainder)
}

/// Squared leave-one-out errors of each target over the stimuli outside `fold` when the fold is left out, and predictions (of centred
/// targets) for the fold.
///
/// With R = I - H and R_TT = L L', W = L^-1 R_T and u = L^-1 (R y)_T: the fold's residuals become L^-T u, those of the rest R y - W'u, and
/// the diagonal of their own remainder R_ii - |W_i|^2.
fn leave_out(
    remainder: &Array2<f64>,
    residuals: &Array2<f64>,
    y: &Array2<f64>,
    fold: &[usize],
    inside: bool,
) -> Result<(Vec<f64>, Array2<f64>)> {
    let rows = remainder.select(Axis(0), fold);
    let lower = cholesky(rows.select(Axis(1), fold).view())?;
    let own = solve_lower(lower.view(), residuals.select(Axis(0), fold).view());
    let predictions = &y.select(Axis(0), fold) - &solve_lower_transposed(lower.view(), own.view());
    let mut errors = vec![0.0; y.ncols()];
    if inside {
        let across = solve_lower(lower.view(), rows.view());
        let explained = transposed_product(across.view(), own.view());
        let mut left = remainder.diag().to_owned();
        across.rows().into_iter().for_each(|row| left.zip_mut_with(&row, |left, w| *left -= w * w));
        let mut is_test = vec![false; y.nrows()];
        fold.iter().for_each(|&i| is_test[i] = true);
        for i in (0..y.nrows()).filter(|&i| !is_test[i]) {
            let values = residuals.row(i).into_iter().zip(explained.row(i));
            for (error, (residual, explained)) in errors.iter_mut().zip(values) {
                *error += ((residual - explained) / left[i]).powi(2);
            }
        }
    }
    Ok((errors, predictions))
}

/// Cross-validated partial least squares.
///
/// # Errors
/// As for [`fit_pls`]; if a fold is empty or leaves fewer than 2 stimuli.
pub fn cross_predict_pls(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    folds: &[Vec<usize>],
    components: usize,
    threads: usize,
) -> Result<CrossPredicted> {
    require_pair("cross-validated partial least squares", x, y, 4)?;
    require_folds(folds, x.nrows())?;
    let (n, q) = (x.nrows(), y.ncols());
    // Only inner products of stimuli matter: more predictors than stimuli are replaced by as many coordinates as stimuli.
    let short = if x.ncols() > n { qr(centred(x).t())?.1.t().to_owned() } else { centred(x) };
    let cy = centred(y);
    let (c, s) = (gram_on(short.view(), threads), transposed_product(short.view(), cy.view()));
    let by_fold = parallel::try_map(folds.len(), threads, |f| -> Result<Array2<f64>> {
        let fold = &folds[f];
        let (tx, ty) = (short.select(Axis(0), fold), cy.select(Axis(0), fold));
        // Sums over the training part are those over all minus the test part; columns were centred over all.
        let kept = (n - fold.len()) as f64;
        let (mx, my) = (tx.sum_axis(Axis(0)) / -kept, ty.sum_axis(Axis(0)) / -kept);
        let mut own_c = &c - &gram(tx.view());
        let mut own_s = &s - &transposed_product(tx.view(), ty.view());
        for (i, a) in mx.iter().enumerate() {
            own_c.row_mut(i).scaled_add(-kept * a, &mx);
            own_s.row_mut(i).scaled_add(-kept * a, &my);
        }
        let b = pls_coefficients(&own_c, own_s, components)?;
        Ok(product((&tx - &mx).view(), b.view()) + &my)
    })?;
    let means = y.mean_axis(Axis(0)).unwrap_or_default();
    let mut predictions = Array2::from_elem((n, q), f64::NAN);
    for (fold, found) in folds.iter().zip(&by_fold) {
        for (row, &stimulus) in fold.iter().enumerate() {
            predictions.row_mut(stimulus).assign(&(&found.row(row) + &means));
        }
    }
    Ok(CrossPredicted { predictions, strengths: Array2::from_elem((folds.len(), q), components as f64) })
}
