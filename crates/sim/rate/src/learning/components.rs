//! Closed-form and fixed-point learning of linear codes: principal components by eigenvectors, independent components by
//! FastICA (Hyvarinen 1999, symmetric, contrast log cosh).

use ndarray::{Array1, Array2, Axis};
use rand_distr::{Distribution, StandardNormal};
use rheobase_linalg::{eigh, svd};

use crate::code::LinearCode;
use crate::learning::LearningRule;
use crate::training::{EpochRecord, Session};
use crate::{Error, Model, Result};

/// Principal components: eigenvectors of the covariance, by descending variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eigenvectors;

/// Independent components.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FastIca {
    /// Most iterations.
    pub iterations: usize,
    /// The iteration stops when no unit's direction changes by more than this (1 - |cosine|).
    pub tolerance: f64,
}

struct Principal {
    mean: Array1<f64>,
    /// Eigenvalues, descending, as many as units.
    values: Array1<f64>,
    /// Eigenvectors as rows, (units, pixels).
    vectors: Array2<f64>,
    centred: Array2<f64>,
}

fn principal(code: &LinearCode, session: &Session<'_>) -> Result<Principal> {
    session.train.check(false)?;
    let inputs = session.train.inputs.mapv(f64::from);
    if inputs.ncols() != code.pixels() {
        return Err(Error::Data(format!("images have {} pixels, the code takes {:?}", inputs.ncols(), code.shape)));
    }
    if inputs.nrows() <= code.units {
        return Err(Error::Data(format!("{} components need more than {} samples", code.units, inputs.nrows())));
    }
    let mean = inputs.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(inputs.ncols()));
    let centred = inputs - &mean;
    let covariance = centred.t().dot(&centred) / centred.nrows() as f64;
    let eigen = eigh(covariance.view())?;
    let values = eigen.values.slice(ndarray::s![..code.units]).to_owned();
    let vectors = eigen.vectors.slice(ndarray::s![.., ..code.units]).t().to_owned();
    Ok(Principal { mean, values, vectors, centred })
}

fn linear_code<'a>(model: &'a mut Model, rule: &'static str) -> Result<&'a mut LinearCode> {
    let family = model.family();
    match model {
        Model::LinearCode(code) => Ok(code),
        _ => Err(Error::Unsupported { rule, model: family, hint: "it trains linear codes only" }),
    }
}

impl LearningRule for Eigenvectors {
    fn train(&self, model: &mut Model, session: &mut Session<'_>) -> Result<Vec<EpochRecord>> {
        let code = linear_code(model, "eigenvectors")?;
        let found = principal(code, session)?;
        code.set(found.vectors.view(), found.mean.view());
        let residual = &found.centred - &found.centred.dot(&found.vectors.t()).dot(&found.vectors);
        let loss = 0.5 * residual.iter().map(|v| v * v).sum::<f64>() / residual.nrows() as f64;
        Ok(vec![record(1, loss)])
    }
}

impl LearningRule for FastIca {
    fn train(&self, model: &mut Model, session: &mut Session<'_>) -> Result<Vec<EpochRecord>> {
        let code = linear_code(model, "fast-ica")?;
        let found = principal(code, session)?;
        let floor = 1e-10 * found.values[0];
        if let Some(rank) = found.values.iter().position(|&v| v <= floor) {
            return Err(Error::Data(format!(
                "the data have only {rank} dimensions, {} components were asked for",
                code.units
            )));
        }
        let mut whitening = found.vectors.clone();
        for (mut row, value) in whitening.rows_mut().into_iter().zip(&found.values) {
            row /= value.sqrt();
        }
        let white = found.centred.dot(&whitening.t());
        let mut stream = session.seed.child("fast-ica").stream();
        let units = code.units;
        let mut rotation =
            decorrelated(&Array2::from_shape_simple_fn((units, units), || StandardNormal.sample(&mut stream)))?;
        let mut history = Vec::new();
        for iteration in 1..=self.iterations {
            if session.progress.cancelled() {
                return Err(rheobase_core::Error::Interrupted.into());
            }
            let mut activity = white.dot(&rotation.t());
            activity.mapv_inplace(f64::tanh);
            let slope = activity.map_axis(Axis(0), |u| u.iter().map(|t| 1.0 - t * t).sum::<f64>() / u.len() as f64);
            let mut next = activity.t().dot(&white) / white.nrows() as f64;
            for ((mut row, old), s) in next.rows_mut().into_iter().zip(rotation.rows()).zip(&slope) {
                row.scaled_add(-s, &old);
            }
            let next = decorrelated(&next)?;
            let change = next
                .rows()
                .into_iter()
                .zip(rotation.rows())
                .map(|(a, b)| (1.0 - a.dot(&b).abs()).abs())
                .fold(0.0, f64::max);
            rotation = next;
            history.push(record(iteration, change));
            session.progress.step("iterations", iteration, self.iterations);
            if change < self.tolerance {
                break;
            }
        }
        code.set(rotation.dot(&whitening).view(), found.mean.view());
        Ok(history)
    }
}

fn record(epoch: usize, loss: f64) -> EpochRecord {
    EpochRecord { epoch, train_loss: Some(loss), test_loss: None, test_accuracy: None, alignment_deg: None }
}

/// The nearest orthogonal matrix, U V'.
fn decorrelated(matrix: &Array2<f64>) -> Result<Array2<f64>> {
    let f = svd(matrix.view())?;
    Ok(f.u.dot(&f.vt))
}
