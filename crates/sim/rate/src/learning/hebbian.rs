//! Local rules: Hebb, and Oja (1982) with competition between units.
//!
//! With y = x W for centred inputs x: Hebb dW = x'y; Oja dW = x'y - W C, where C is the diagonal of y'y (each unit alone), all of
//! y'y (subspace rule; Oja 1989), or its upper triangle (Sanger 1989, which finds principal components in order).
//! In a network every hidden layer learns this way in turn, from the layer below; then the read-out is trained by its gradient.

use ndarray::{Array1, Array2, Axis};

use crate::learning::{Gradient, LearningRule, Route, Trained};
use crate::network::{Credit, Layer, Network};
use crate::tensors::{flat, to_matrix, to_tensor};
use crate::training::{Checkpoint, EpochRecord, Session};
use crate::{Error, Model, Result};

/// How units share the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Competition {
    /// Not at all: all units find the first principal component.
    None,
    /// Symmetrically: together they span the principal subspace.
    Subspace,
    /// In order: unit k finds principal component k.
    Ordered,
}

/// The local rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalRule {
    /// Hebb; with `normalise` every unit's weights are scaled to unit norm after each step, otherwise they grow without bound.
    Hebb {
        /// Whether weights are kept at unit norm.
        normalise: bool,
    },
    /// Oja with this competition.
    Oja(Competition),
}

/// Hebbian learning of features, with a trained read-out where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hebbian {
    /// The rule.
    pub rule: LocalRule,
    /// Step size of the rule.
    pub rate: f64,
    /// Passes over the samples for each layer.
    pub epochs: usize,
    /// Samples of a step.
    pub batch: usize,
    /// How the read-out is trained (networks only).
    pub readout: Gradient,
}

/// One step of a local rule on weights (inputs, units) from centred inputs (batch, inputs).
pub fn local_update(weights: &mut Array2<f64>, inputs: &Array2<f64>, rule: LocalRule, rate: f64) {
    let outputs = inputs.dot(weights);
    let scale = rate / inputs.nrows() as f64;
    let mut change = inputs.t().dot(&outputs);
    if let LocalRule::Oja(competition) = rule {
        let mut shared = outputs.t().dot(&outputs);
        for ((i, j), value) in shared.indexed_iter_mut() {
            let keep = match competition {
                Competition::None => i == j,
                Competition::Subspace => true,
                Competition::Ordered => i <= j,
            };
            if !keep {
                *value = 0.0;
            }
        }
        change -= &weights.dot(&shared);
    }
    weights.scaled_add(scale, &change);
    if rule == (LocalRule::Hebb { normalise: true }) {
        for mut unit in weights.axis_iter_mut(Axis(1)) {
            let norm = unit.dot(&unit).sqrt();
            if norm > 0.0 {
                unit /= norm;
            }
        }
    }
}

impl LearningRule for Hebbian {
    fn train(&self, model: &mut Model, session: &mut Session<'_>) -> Result<Vec<EpochRecord>> {
        let family = model.family();
        match model {
            Model::Feedforward { network, parameters } => {
                if let Some((name, _)) = network.layers.iter().find(|(_, layer)| !matches!(layer, Layer::Dense { .. }))
                {
                    return Err(Error::Architecture(format!(
                        "local rules train dense layers; `{name}` is convolutional"
                    )));
                }
                let mut state = session.start(parameters)?;
                let hidden = network.layers.len() - 1;
                for layer in 0..hidden {
                    self.train_layer(network, layer, &mut state, session)?;
                }
                let readout = Gradient { trained: Trained::Readout, route: Route::Backprop, ..self.readout };
                readout.train_network(network, &mut state, hidden * self.epochs, session)?;
                *parameters = state.parameters;
                Ok(state.history)
            }
            Model::LinearCode(code) => {
                session.train.check(false)?;
                let mean = column_mean(&session.train.inputs.mapv(f64::from));
                let inputs = &session.train.inputs.mapv(f64::from) - &mean;
                let (pixels, units) = (code.pixels(), code.units);
                let mut state = session.start(std::slice::from_ref(&code.weights))?;
                session.run_epochs(&mut state, self.epochs, |session, state, epoch| {
                    let mut weights = as_matrix(&state.parameters[0], units, pixels)?.reversed_axes();
                    let record = self.epoch(&mut weights, &inputs, session, epoch)?;
                    state.parameters[0] = weights.t().iter().map(|&v| v as f32).collect();
                    Ok(record)
                })?;
                code.set(as_matrix(&state.parameters[0], units, pixels)?.view(), mean.view());
                Ok(state.history)
            }
            _ => Err(Error::Unsupported {
                rule: "hebbian",
                model: family,
                hint: "multi-layer perceptrons and linear codes have weights that a local rule can train",
            }),
        }
    }
}

impl Hebbian {
    fn train_layer(
        &self,
        network: &Network,
        layer: usize,
        state: &mut Checkpoint,
        session: &mut Session<'_>,
    ) -> Result<()> {
        session.train.check(false)?;
        let Layer::Dense { inputs: fan_in, outputs, .. } = network.layers[layer].1 else { return Ok(()) };
        if state.epochs_done >= (layer + 1) * self.epochs {
            return Ok(());
        }
        let inputs = inputs_of_layer(network, layer, &state.parameters, session)?;
        let mean = column_mean(&inputs);
        let centred = &inputs - &mean;
        let (weight, bias) = (2 * layer, 2 * layer + 1);
        session.run_epochs(state, (layer + 1) * self.epochs, |session, state, epoch| {
            let mut weights = as_matrix(&state.parameters[weight], fan_in, outputs)?;
            let record = self.epoch(&mut weights, &centred, session, epoch)?;
            // The bias centres the input, as the rule saw it.
            state.parameters[bias] = mean.dot(&weights).iter().map(|&v| -v as f32).collect();
            state.parameters[weight] = weights.iter().map(|&v| v as f32).collect();
            Ok(record)
        })
    }

    /// One pass of the rule; the loss is the mean squared reconstruction error x - y W'.
    fn epoch(
        &self,
        weights: &mut Array2<f64>,
        centred: &Array2<f64>,
        session: &Session<'_>,
        epoch: usize,
    ) -> Result<EpochRecord> {
        for batch in session.order(epoch).chunks(self.batch.max(1)) {
            local_update(weights, &centred.select(Axis(0), batch), self.rule, self.rate);
        }
        let residual = centred - &centred.dot(weights).dot(&weights.t());
        let loss = 0.5 * residual.iter().map(|v| v * v).sum::<f64>() / centred.nrows() as f64;
        let flat: Vec<f32> = weights.iter().map(|&v| v as f32).collect();
        Session::check_finite(epoch, loss, &["weights".to_owned()], &[flat], self.rate)?;
        Ok(EpochRecord { epoch, train_loss: Some(loss), test_loss: None, test_accuracy: None, alignment_deg: None })
    }
}

fn column_mean(matrix: &Array2<f64>) -> Array1<f64> {
    matrix.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(matrix.ncols()))
}

fn as_matrix(values: &[f32], rows: usize, columns: usize) -> Result<Array2<f64>> {
    Array2::from_shape_vec((rows, columns), values.iter().map(|&v| f64::from(v)).collect())
        .map_err(|e| Error::Weights(e.to_string()))
}

/// The training inputs as layer `layer` sees them.
fn inputs_of_layer(
    network: &Network,
    layer: usize,
    parameters: &[Vec<f32>],
    session: &Session<'_>,
) -> Result<Array2<f64>> {
    let inputs = session.train.inputs.mapv(f64::from);
    if layer == 0 {
        return Ok(inputs);
    }
    let device = &session.device;
    let tensors: Vec<_> = parameters.iter().map(|p| flat(p.clone(), device)).collect();
    let trace = network.forward(&tensors, to_tensor(inputs.view(), device), &Credit::Symmetric, &mut |_, a| a)?;
    to_matrix(trace.activities[layer - 1].1.clone())
}
