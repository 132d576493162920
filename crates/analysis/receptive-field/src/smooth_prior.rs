//! Linear filters under priors whose strength the data choose (evidence optimisation): ridge, automatic smoothness determination
//! (ASD; Sahani & Linden 2003) and automatic locality determination in space (ALD; Park & Pillow 2011).
//!
//! y = x'k + noise with k ~ N(0, C). The evidence needs only X'X, X'y and y'y, so its cost does not grow with the recording.

use ndarray::{Array1, Array2, ArrayView2};
use rheobase_core::require_finite;
use rheobase_core::simplex::nelder_mead;
use rheobase_linalg::{cholesky, gram, solve_lower, solve_lower_transposed, transposed_product};

use crate::{Error, Result};

/// Prior covariance of the filter's coefficients at grid points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmoothPrior {
    /// Independent coefficients of one variance.
    Ridge,
    /// Smooth: covariance falls as a Gaussian of the distance, with one length for each axis.
    Smooth,
    /// Local: the variance falls as a Gaussian around a centre, with one width for each axis.
    Local,
}

/// A filter with the prior the data chose.
#[derive(Debug, Clone)]
pub struct SmoothFilter {
    /// Posterior mean of the filter.
    pub filter: Array1<f64>,
    /// Posterior standard deviation of each coefficient.
    pub standard_deviation: Array1<f64>,
    /// Log-evidence of the prior chosen, in nats.
    pub log_evidence: f64,
    /// Variance of the noise.
    pub noise_variance: f64,
    /// Constants of the prior: ln variance, then ln lengths (smooth) or centres and ln widths (local), for each axis.
    pub constants: Vec<f64>,
}

/// Fits a filter to responses, with coefficients on a grid of `shape` (row order; their product is the number of features).
///
/// # Errors
/// If shapes do not fit, values are not finite, or the responses do not vary.
pub fn smooth_filter(
    stimuli: ArrayView2<'_, f64>,
    responses: &[f64],
    shape: &[usize],
    prior: SmoothPrior,
) -> Result<SmoothFilter> {
    let (time, features) = stimuli.dim();
    if time != responses.len() {
        return Err(Error::LengthMismatch { frames: time, responses: responses.len() });
    }
    if shape.iter().product::<usize>() != features || shape.is_empty() {
        let left = shape.iter().product();
        return Err(Error::Mismatch { what: "grid points and features", left, right: features });
    }
    require_finite("stimuli", stimuli.iter())?;
    require_finite("responses", responses)?;
    let mean_response = responses.iter().sum::<f64>() / time as f64;
    let y = Array2::from_shape_fn((time, 1), |(t, _)| responses[t] - mean_response);
    let centred = {
        let mean = stimuli.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| Array1::zeros(features));
        &stimuli - &mean
    };
    let statistics = Statistics {
        xx: gram(centred.view()),
        xy: transposed_product(centred.view(), y.view()),
        yy: y.iter().map(|v| v * v).sum(),
        n: time as f64,
        points: grid(shape),
    };
    if statistics.yy <= 0.0 {
        return Err(Error::BadImage("the responses do not vary, so they have no filter".into()));
    }
    let axes = shape.len();
    let power = statistics.xx.diag().sum() / (time * features) as f64;
    let variance = statistics.yy / time as f64;
    // ln noise variance, ln variance of coefficients, then the axes.
    let mut start = vec![variance.ln(), (variance / (power * features as f64)).ln()];
    match prior {
        SmoothPrior::Ridge => {}
        SmoothPrior::Smooth => start.extend(vec![1.5_f64.ln(); axes]),
        SmoothPrior::Local => {
            start.extend(shape.iter().map(|&n| 0.5 * (n as f64 - 1.0)));
            start.extend(shape.iter().map(|&n| (0.35 * n as f64).ln()));
        }
    }
    if prior == SmoothPrior::Local {
        // Start at the centre of the energy of the plain average.
        let weights: Vec<f64> = statistics.xy.iter().map(|v| v.powi(4)).collect();
        let sum: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        for axis in 0..axes {
            start[2 + axis] = statistics.points.iter().zip(&weights).map(|(p, w)| p[axis] * w).sum::<f64>() / sum;
        }
    }
    let evidence =
        |theta: &[f64]| statistics.posterior(theta, prior, axes).map_or(f64::NEG_INFINITY, |p| p.log_evidence);
    let best = nelder_mead(&start, 60 * start.len(), evidence);
    statistics.posterior(&best, prior, axes)
}

fn grid(shape: &[usize]) -> Vec<Vec<f64>> {
    (0..shape.iter().product())
        .map(|index| {
            let mut rest = index;
            let mut point: Vec<f64> = shape
                .iter()
                .rev()
                .map(|&n| {
                    let here = rest % n;
                    rest /= n;
                    here as f64
                })
                .collect();
            point.reverse();
            point
        })
        .collect()
}

struct Statistics {
    xx: Array2<f64>,
    xy: Array2<f64>,
    yy: f64,
    n: f64,
    points: Vec<Vec<f64>>,
}

impl Statistics {
    /// Square root R of the prior covariance, C = R R'.
    fn root(&self, theta: &[f64], prior: SmoothPrior, axes: usize) -> Result<Array2<f64>> {
        let features = self.points.len();
        let scale = theta[1].clamp(-60.0, 60.0).exp();
        match prior {
            SmoothPrior::Ridge => Ok(Array2::eye(features) * scale.sqrt()),
            SmoothPrior::Smooth => {
                let lengths: Vec<f64> = theta[2..2 + axes].iter().map(|l| l.clamp(-3.0, 6.0).exp()).collect();
                let mut covariance = Array2::from_shape_fn((features, features), |(i, j)| {
                    let squared: f64 =
                        (0..axes).map(|a| ((self.points[i][a] - self.points[j][a]) / lengths[a]).powi(2)).sum();
                    scale * (-0.5 * squared).exp()
                });
                // Smooth covariances are singular to rounding; a millionth of the variance keeps them apart.
                covariance.diag_mut().mapv_inplace(|v| v + 1e-6 * scale);
                Ok(cholesky(covariance.view())?)
            }
            SmoothPrior::Local => {
                let mut root = Array2::zeros((features, features));
                for (i, point) in self.points.iter().enumerate() {
                    let squared: f64 = (0..axes)
                        .map(|a| ((point[a] - theta[2 + a]) / theta[2 + axes + a].clamp(-2.0, 6.0).exp()).powi(2))
                        .sum();
                    root[[i, i]] = (scale * (-0.5 * squared).exp().max(1e-8)).sqrt();
                }
                Ok(root)
            }
        }
    }

    /// With A = R'X'X R / s^2 + I: filter R A^-1 R'X'y / s^2, covariance R A^-1 R', and
    /// log-evidence -1/2 (n log 2 pi s^2 + log det A + y'y / s^2 - b'A^-1 b), b = R'X'y / s^2.
    fn posterior(&self, theta: &[f64], prior: SmoothPrior, axes: usize) -> Result<SmoothFilter> {
        let noise = theta[0].clamp(-60.0, 60.0).exp();
        let root = self.root(theta, prior, axes)?;
        let xr = rheobase_linalg::product(self.xx.view(), root.view());
        let mut inner = transposed_product(root.view(), xr.view()) / noise;
        inner.diag_mut().mapv_inplace(|v| v + 1.0);
        let lower = cholesky(inner.view())?;
        let b = transposed_product(root.view(), self.xy.view()) / noise;
        let half = solve_lower(lower.view(), b.view());
        let log_determinant = 2.0 * lower.diag().iter().map(|v| v.ln()).sum::<f64>();
        let fitted: f64 = half.iter().map(|v| v * v).sum();
        let log_evidence =
            -0.5 * (self.n * (2.0 * std::f64::consts::PI * noise).ln() + log_determinant + self.yy / noise - fitted);
        let filter = root.dot(&solve_lower_transposed(lower.view(), half.view())).column(0).to_owned();
        let spread = solve_lower(lower.view(), root.t());
        let standard_deviation = spread.map_axis(ndarray::Axis(0), |c| c.dot(&c).sqrt());
        Ok(SmoothFilter {
            filter,
            standard_deviation,
            log_evidence,
            noise_variance: noise,
            constants: theta[1..].to_vec(),
        })
    }
}
