//! Spike-triggered average (STA), also of rates.
//!
//! With mean-subtracted, lag-embedded frames x_t and counts or rates y_t:
//! plain `sum y x / sum y`; whitened `(X'X)^-1 X'y`, the maximum-likelihood linear filter up to scale; ridge
//! `(X'X + lambda I)^-1 X'y` (Chichilnisky 2001; Theunissen et al. 2001). Frames without a full window of lags are dropped,
//! together with the spikes they would have triggered.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rheobase_core::require_finite;
use rheobase_linalg::{cholesky, gram, transposed_product};

use crate::{Error, Result};

/// Which estimator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Variant {
    /// Average of the frames weighted by the response.
    Plain,
    /// Decorrelated by the full inverse of the stimulus covariance.
    Whitened,
    /// Decorrelated with this constant added to the covariance, as a fraction of its mean diagonal.
    Ridge {
        /// lambda = `relative` x trace(X'X) / features.
        relative: f64,
    },
}

/// Spike-triggered averages of all units.
#[derive(Debug, Clone)]
pub struct SpikeTriggeredAverage {
    /// Filters, shape (units, lags x features), lag 0 (the frame of the response) first.
    pub filters: Array2<f64>,
    /// Confidence map: filter over its standard error under no relation, same shape.
    pub z: Array2<f64>,
    /// Sum of responses of each unit (the number of spikes, for counts).
    pub total_response: Array1<f64>,
    /// Effective number of independent samples of each unit: (sum y)^2 / sum y^2 (the number of spikes, for 0/1 counts).
    pub effective_n: Array1<f64>,
    /// Frames used.
    pub frames: usize,
}

/// The STA of each unit.
///
/// # Shapes
/// `frames` (time, features), `responses` (time, units).
///
/// # Errors
/// If the lengths differ, the recording is shorter than the lags, a response is negative, a value is not finite,
/// or the covariance is singular (whitened).
///
/// A unit that never responds gets a zero filter and z, with `total_response` 0.
pub fn spike_triggered_average(
    frames: ArrayView2<'_, f64>,
    responses: ArrayView2<'_, f64>,
    lags: usize,
    variant: Variant,
) -> Result<SpikeTriggeredAverage> {
    if frames.nrows() != responses.nrows() {
        return Err(Error::LengthMismatch { frames: frames.nrows(), responses: responses.nrows() });
    }
    let lags = lags.max(1);
    if frames.nrows() < lags + 1 {
        return Err(Error::TooShort { frames: frames.nrows(), lags });
    }
    require_finite("stimulus", frames.iter())?;
    require_finite("responses", responses.iter())?;
    for (unit, column) in responses.columns().into_iter().enumerate() {
        let smallest = column.fold(0.0_f64, |m, &v| m.min(v));
        if smallest < 0.0 {
            return Err(Error::NegativeResponse { unit, smallest });
        }
    }
    let embedded = embed_lags(frames, lags);
    let responses = responses.slice(s![lags - 1.., ..]);
    let total = responses.sum_axis(Axis(0));
    let squares = responses.map_axis(Axis(0), |y| y.dot(&y));
    let effective_n =
        Array1::from_shape_fn(total.len(), |u| if squares[u] > 0.0 { total[u] * total[u] / squares[u] } else { 0.0 });
    let cross = transposed_product(responses, embedded.view());
    let sd = centred_sd(&embedded);
    let mut plain = cross.clone();
    for (mut filter, &n) in plain.rows_mut().into_iter().zip(&total) {
        filter.mapv_inplace(|v| if n > 0.0 { v / n } else { 0.0 });
    }
    let mut z = plain.clone();
    for (mut row, &n) in z.rows_mut().into_iter().zip(&effective_n) {
        for (value, &sd) in row.iter_mut().zip(&sd) {
            *value = if sd > 0.0 { *value / (sd / n.max(1.0).sqrt()) } else { 0.0 };
        }
    }
    let filters = match variant {
        Variant::Plain => plain,
        Variant::Whitened => decorrelate(&embedded, &cross, 0.0)?,
        Variant::Ridge { relative } if relative > 0.0 => decorrelate(&embedded, &cross, relative)?,
        Variant::Ridge { relative } => return Err(Error::BadRidge(relative)),
    };
    Ok(SpikeTriggeredAverage { filters, z, total_response: total, effective_n, frames: embedded.nrows() })
}

/// Standard deviation of each column, whose mean is close to 0 already: two plain sums that vectorise.
fn centred_sd(embedded: &Array2<f64>) -> Array1<f64> {
    let n = embedded.nrows() as f64;
    let mut sum = Array1::<f64>::zeros(embedded.ncols());
    let mut squares = Array1::<f64>::zeros(embedded.ncols());
    for row in embedded.rows() {
        sum += &row;
        squares.zip_mut_with(&row, |s, v| *s += v * v);
    }
    let mut sd = squares;
    sd.zip_mut_with(&sum, |s, m| *s = (*s / n - (m / n).powi(2)).max(0.0).sqrt());
    sd
}

/// Frames with their predecessors, mean-subtracted before embedding: shape (time - lags + 1, lags x features).
pub fn embed_lags(frames: ArrayView2<'_, f64>, lags: usize) -> Array2<f64> {
    let mean = frames.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(frames.ncols()));
    let centred = &frames - &mean;
    if lags == 1 {
        return centred;
    }
    let (time, features) = centred.dim();
    let mut embedded = Array2::zeros((time - lags + 1, lags * features));
    for lag in 0..lags {
        embedded
            .slice_mut(s![.., lag * features..(lag + 1) * features])
            .assign(&centred.slice(s![lags - 1 - lag..time - lag, ..]));
    }
    embedded
}

/// (X'X + relative x mean diagonal x I)^-1 applied to each row of `cross`.
fn decorrelate(embedded: &Array2<f64>, cross: &Array2<f64>, relative: f64) -> Result<Array2<f64>> {
    let mut covariance = gram(embedded.view());
    let lambda = relative * covariance.diag().mean().unwrap_or(0.0);
    covariance.diag_mut().mapv_inplace(|v| v + lambda);
    let lower = cholesky(covariance.view())?;
    let mut solution = cross.to_owned();
    for mut row in solution.rows_mut() {
        let n = row.len();
        for i in 0..n {
            let below: f64 = (0..i).map(|k| lower[[i, k]] * row[k]).sum();
            row[i] = (row[i] - below) / lower[[i, i]];
        }
        for i in (0..n).rev() {
            let above: f64 = (i + 1..n).map(|k| lower[[k, i]] * row[k]).sum();
            row[i] = (row[i] - above) / lower[[i, i]];
        }
    }
    Ok(solution)
}

/// Cosine of two filters; `None` if one is zero.
pub fn filter_cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    (norm > 0.0).then(|| dot(a, b) / norm)
}
