//! Generalised linear models of spike counts: Poisson with log link and Bernoulli with logit link, fitted by iteratively reweighted
//! least squares (McCullagh & Nelder 1989; Truccolo et al. 2005).
//!
//! Equivalent to `statsmodels.GLM` and `nemos.glm.GLM`. The log-likelihood is the *sum* over bins, so a penalty is on that scale
//! (nemos uses means: its strength is ours divided by the number of bins). The intercept is never penalised.

pub mod basis;
pub mod encoding;
pub mod rescaling;

use libm::lgamma;
use ndarray::{Array1, Array2, ArrayView2};
use rheobase_core::require_finite;
use rheobase_linalg::{gram, solve_positive_definite};

use crate::{Error, Result};

/// Distribution of a count given its mean, with its canonical link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Poisson, log link: the mean is exp(linear predictor).
    Poisson,
    /// Bernoulli, logit link: the probability of a spike is 1 / (1 + exp(-linear predictor)).
    Bernoulli,
}

impl Family {
    fn mean(self, eta: f64) -> f64 {
        match self {
            Self::Poisson => eta.min(700.0).exp(),
            Self::Bernoulli => 1.0 / (1.0 + (-eta).exp()),
        }
    }

    /// Variance at a mean, which is also the weight under the canonical link.
    fn variance(self, mean: f64) -> f64 {
        match self {
            Self::Poisson => mean,
            Self::Bernoulli => mean * (1.0 - mean),
        }
    }

    fn log_likelihood(self, count: f64, eta: f64) -> f64 {
        match self {
            Self::Poisson => count * eta - self.mean(eta) - lgamma(count + 1.0),
            // ln(1 + e^eta) without overflow.
            Self::Bernoulli => count * eta - eta.max(0.0) - (-eta.abs()).exp().ln_1p(),
        }
    }

    fn link(self, mean: f64) -> f64 {
        match self {
            Self::Poisson => mean.ln(),
            Self::Bernoulli => (mean / (1.0 - mean)).ln(),
        }
    }
}

/// A fitted model.
#[derive(Debug, Clone)]
pub struct GlmFit {
    /// Distribution and link.
    pub family: Family,
    /// Intercept.
    pub intercept: f64,
    /// Coefficient of each column of the design.
    pub coefficients: Array1<f64>,
    /// Standard errors of the intercept and the coefficients, from the observed information; with a penalty, of its posterior.
    pub standard_errors: Array1<f64>,
    /// Log-likelihood.
    pub log_likelihood: f64,
    /// Log-likelihood of a constant rate.
    pub null_log_likelihood: f64,
    /// Effective parameters: the number of coefficients with the intercept, fewer under a penalty (trace of the hat matrix).
    pub degrees_of_freedom: f64,
    /// Bins.
    pub n: usize,
    /// Steps until convergence.
    pub iterations: usize,
}

impl GlmFit {
    /// Akaike's criterion -2 log-likelihood + 2 parameters.
    pub fn aic(&self) -> f64 {
        2.0 * (self.degrees_of_freedom - self.log_likelihood)
    }

    /// McFadden's pseudo R^2: 1 - log-likelihood over that of a constant rate.
    pub fn mcfadden_r2(&self) -> f64 {
        1.0 - self.log_likelihood / self.null_log_likelihood
    }

    /// Expected counts for a design with the columns of the fit.
    ///
    /// # Errors
    /// If the number of columns differs.
    pub fn predict(&self, design: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        if design.ncols() != self.coefficients.len() {
            let (left, right) = (design.ncols(), self.coefficients.len());
            return Err(Error::Mismatch { what: "columns of the design and coefficients", left, right });
        }
        Ok((design.dot(&self.coefficients) + self.intercept).mapv(|eta| self.family.mean(eta)))
    }

    /// Log-likelihood of counts the model was not fitted to.
    ///
    /// # Errors
    /// As for [`GlmFit::predict`], or if lengths differ.
    pub fn log_likelihood_of(&self, design: ArrayView2<'_, f64>, counts: &[f64]) -> Result<f64> {
        if design.nrows() != counts.len() {
            return Err(Error::LengthMismatch { frames: design.nrows(), responses: counts.len() });
        }
        let mean = self.predict(design)?;
        Ok(mean.iter().zip(counts).map(|(&m, &y)| self.family.log_likelihood(y, self.family.link(m))).sum())
    }
}

/// Fits counts (one for each row of the design) by maximum likelihood, or with a quadratic `penalty` P (1/2 b'Pb, columns x columns)
/// by maximum a posteriori: `ridge * I` for shrinkage, [`basis::roughness`] for smoothness.
///
/// # Errors
/// If lengths differ, a value is not finite, counts do not fit the family or are all alike at its edge, columns are collinear
/// (the column is named), or the fit does not converge.
pub fn fit(
    design: ArrayView2<'_, f64>,
    counts: &[f64],
    family: Family,
    penalty: Option<&Array2<f64>>,
) -> Result<GlmFit> {
    check(design, counts, family, penalty)?;
    let (n, p) = design.dim();
    let total: f64 = counts.iter().sum();
    // Standardised columns: a track in cm and its square differ by 10^4, and their normal equations by 10^8.
    let scaled = Standardised::new(design, penalty.is_some())?;
    let prior = Array2::from_shape_fn((p + 1, p + 1), |(i, j)| match penalty {
        Some(matrix) if i > 0 && j > 0 => matrix[[i - 1, j - 1]] / (scaled.sd[i - 1] * scaled.sd[j - 1]),
        _ => 0.0,
    });
    let mut beta = Array1::zeros(p + 1);
    beta[0] = family.link(total / n as f64);
    let objective = |beta: &Array1<f64>, eta: &Array1<f64>| {
        let likelihood: f64 = counts.iter().zip(eta).map(|(&y, &e)| family.log_likelihood(y, e)).sum();
        (likelihood, likelihood - 0.5 * beta.dot(&prior.dot(beta)))
    };
    let mut eta = scaled.columns.dot(&beta);
    let null_log_likelihood = objective(&beta, &eta).0;
    let (mut likelihood, mut here) = objective(&beta, &eta);
    let mut weighted = scaled.columns.clone();
    for iterations in 1..=100 {
        let mean = eta.mapv(|e| family.mean(e));
        let residual = Array1::from_iter(counts.iter().zip(&mean).map(|(y, m)| y - m));
        let gradient = scaled.columns.t().dot(&residual) - prior.dot(&beta);
        for ((mut row, original), &m) in weighted.rows_mut().into_iter().zip(scaled.columns.rows()).zip(&mean) {
            row.assign(&(&original * family.variance(m).sqrt()));
        }
        let information = gram(weighted.view());
        let curvature = &information + &prior;
        let column = gradient.view().insert_axis(ndarray::Axis(1));
        let step = solve_positive_definite(curvature.view(), column)
            .map_err(|_| Error::Diverges { iterations, log_likelihood: likelihood })?;
        let step = step.column(0).to_owned();
        let decrement = gradient.dot(&step);
        if decrement < 1e-12 * (1.0 + here.abs()) {
            // So near the top a last full step squares what error is left.
            let beta = &beta + &step;
            let likelihood = objective(&beta, &scaled.columns.dot(&beta)).0;
            let covariance = solve_positive_definite(curvature.view(), Array2::eye(p + 1).view())?;
            // Standardised coefficients that the data say nothing about have run away along a flat likelihood.
            if penalty.is_none() && covariance.diag().iter().any(|v| *v > 1e6) {
                return Err(Error::Diverges { iterations, log_likelihood: likelihood });
            }
            let degrees = if penalty.is_some() { covariance.dot(&information).diag().sum() } else { (p + 1) as f64 };
            return Ok(scaled.back(
                beta,
                &covariance,
                GlmFit {
                    family,
                    intercept: 0.0,
                    coefficients: Array1::zeros(0),
                    standard_errors: Array1::zeros(0),
                    log_likelihood: likelihood,
                    null_log_likelihood,
                    degrees_of_freedom: degrees,
                    n,
                    iterations,
                },
            ));
        }
        let mut length = 1.0;
        loop {
            let next = &beta + &(&step * length);
            let next_eta = scaled.columns.dot(&next);
            let (next_likelihood, there) = objective(&next, &next_eta);
            if there >= here || length < 1e-6 {
                (beta, eta, likelihood, here) = (next, next_eta, next_likelihood, there);
                break;
            }
            length *= 0.5;
        }
    }
    Err(Error::Diverges { iterations: 100, log_likelihood: likelihood })
}

fn check(design: ArrayView2<'_, f64>, counts: &[f64], family: Family, penalty: Option<&Array2<f64>>) -> Result<()> {
    let (n, p) = design.dim();
    if n != counts.len() {
        return Err(Error::LengthMismatch { frames: n, responses: counts.len() });
    }
    if n < p + 2 {
        return Err(Error::TooFew { what: "a generalised linear model", of: "bins", needed: p + 2, found: n });
    }
    require_finite("design", design.iter())?;
    require_finite("counts", counts)?;
    if let Some(&found) = counts.iter().find(|c| **c < 0.0 || (family == Family::Bernoulli && **c > 1.0)) {
        let allowed = if family == Family::Bernoulli { "0 or 1 (use shorter bins, or Poisson)" } else { "0 or more" };
        return Err(Error::Parameter { what: "count", found, allowed });
    }
    let total: f64 = counts.iter().sum();
    if total == 0.0 || (family == Family::Bernoulli && total == n as f64) {
        return Err(Error::Parameter {
            what: "mean count",
            found: total / n as f64,
            allowed: "neither 0 nor 1 throughout",
        });
    }
    if let Some(matrix) = penalty
        && matrix.dim() != (p, p)
    {
        return Err(Error::Mismatch {
            what: "columns of the design and size of the penalty",
            left: p,
            right: matrix.nrows(),
        });
    }
    Ok(())
}

/// The design with an intercept first and columns of mean 0 and standard deviation 1.
struct Standardised {
    columns: Array2<f64>,
    mean: Vec<f64>,
    sd: Vec<f64>,
}

impl Standardised {
    fn new(design: ArrayView2<'_, f64>, penalised: bool) -> Result<Self> {
        let (n, p) = design.dim();
        let mut columns = Array2::ones((n, p + 1));
        let (mut mean, mut sd) = (Vec::new(), Vec::new());
        for (j, column) in design.columns().into_iter().enumerate() {
            let m = column.sum() / n as f64;
            let s = (column.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / n as f64).sqrt();
            if s <= 1e-12 * (1.0 + m.abs()) && !penalised {
                return Err(Error::Collinear { column: j });
            }
            let s = if s > 0.0 { s } else { 1.0 };
            columns.column_mut(j + 1).assign(&column.mapv(|v| (v - m) / s));
            mean.push(m);
            sd.push(s);
        }
        if !penalised {
            require_independent(&columns)?;
        }
        Ok(Self { columns, mean, sd })
    }

    fn back(&self, beta: Array1<f64>, covariance: &Array2<f64>, fit: GlmFit) -> GlmFit {
        let p = self.sd.len();
        let coefficients = Array1::from_shape_fn(p, |j| beta[j + 1] / self.sd[j]);
        let intercept = beta[0] - (0..p).map(|j| coefficients[j] * self.mean[j]).sum::<f64>();
        // The intercept is a combination of all standardised coefficients.
        let to_intercept =
            Array1::from_shape_fn(p + 1, |j| if j == 0 { 1.0 } else { -self.mean[j - 1] / self.sd[j - 1] });
        let standard_errors = Array1::from_shape_fn(p + 1, |j| {
            let variance = if j == 0 {
                to_intercept.dot(&covariance.dot(&to_intercept))
            } else {
                covariance[[j, j]] / (self.sd[j - 1] * self.sd[j - 1])
            };
            variance.max(0.0).sqrt()
        });
        GlmFit { intercept, coefficients, standard_errors, ..fit }
    }
}

/// Names the first column that the ones before it determine: a Cholesky pivot near 0.
fn require_independent(columns: &Array2<f64>) -> Result<()> {
    let covariance = gram(columns.view()) / columns.nrows() as f64;
    let size = covariance.nrows();
    let mut lower = Array2::<f64>::zeros((size, size));
    for j in 0..size {
        let pivot = covariance[[j, j]] - (0..j).map(|k| lower[[j, k]] * lower[[j, k]]).sum::<f64>();
        if pivot < 1e-11 * covariance[[j, j]] {
            return Err(Error::Collinear { column: j.saturating_sub(1) });
        }
        lower[[j, j]] = pivot.sqrt();
        for i in j + 1..size {
            let sum: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            lower[[i, j]] = (covariance[[i, j]] - sum) / lower[[j, j]];
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_saturated_model_has_the_logarithms_of_the_means() {
        // Two groups of bins with mean counts 1 and 3.
        let design = array![[0.0], [0.0], [1.0], [1.0]];
        let fit = fit(design.view(), &[0.0, 2.0, 2.0, 4.0], Family::Poisson, None).unwrap();
        assert!(fit.intercept.abs() < 1e-8 && (fit.coefficients[0] - 3.0_f64.ln()).abs() < 1e-8);
        // Information of a group is its number of spikes: variance 1/2 of the intercept, 1/2 + 1/6 of the difference.
        assert!((fit.standard_errors[0] - 0.5_f64.sqrt()).abs() < 1e-6);
        assert!((fit.standard_errors[1] - (2.0_f64 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(fit.degrees_of_freedom, 2.0);
        let logit = super::fit(design.view(), &[0.0, 1.0, 1.0, 1.0], Family::Bernoulli, Some(&array![[1e-3]])).unwrap();
        // The penalised slope s leaves 2 P(spike | first group) - 1 = 1e-3 s, so the intercept is about 2e-3 s.
        assert!((logit.intercept - 2e-3 * logit.coefficients[0]).abs() < 1e-3 && logit.coefficients[0] > 5.0);
    }

    #[test]
    fn a_penalty_shrinks_and_costs_degrees_of_freedom() {
        let design = Array2::from_shape_fn((200, 2), |(t, j)| ((t * (j + 2)) as f64 * 0.37).sin());
        let counts: Vec<f64> = (0..200).map(|t| f64::from(u8::from((t as f64 * 0.74).sin() > 0.3))).collect();
        let free = fit(design.view(), &counts, Family::Poisson, None).unwrap();
        let shrunk = fit(design.view(), &counts, Family::Poisson, Some(&(Array2::eye(2) * 50.0))).unwrap();
        assert!(shrunk.coefficients[0].abs() < 0.8 * free.coefficients[0].abs());
        assert!(shrunk.degrees_of_freedom < 2.9 && shrunk.log_likelihood < free.log_likelihood);
        let again = free.log_likelihood_of(design.view(), &counts).unwrap();
        assert!((again - free.log_likelihood).abs() < 1e-9 * again.abs());
    }

    #[test]
    fn bad_designs_are_named() {
        let design = Array2::from_shape_fn((20, 3), |(t, j)| {
            if j == 2 { 3.0 * t as f64 - 1.0 } else { (t * (j + 1)) as f64 % 7.0 + t as f64 * (1 - j) as f64 }
        });
        let counts: Vec<f64> = (0..20).map(|t| f64::from(t % 3)).collect();
        let collinear = array![[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [5.0, 10.0]];
        assert_eq!(
            fit(collinear.view(), &[0.0, 1.0, 1.0, 2.0], Family::Poisson, None).unwrap_err(),
            Error::Collinear { column: 1 }
        );
        assert!(fit(design.view(), &counts[1..], Family::Poisson, None).is_err());
        assert!(
            fit(design.view(), &[0.0; 20], Family::Poisson, None).unwrap_err().to_string().contains("neither 0 nor 1")
        );
        let separated = array![[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]];
        let error = fit(separated.view(), &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0], Family::Bernoulli, None).unwrap_err();
        assert!(error.to_string().contains("separate spikes from silence"), "{error}");
    }
}
