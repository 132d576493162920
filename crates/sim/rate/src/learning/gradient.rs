//! Descent along the gradient, whose error travels back either through the transposed weights (backpropagation; Rumelhart,
//! Hinton & Williams 1986) or through fixed random ones (feedback alignment; Lillicrap et al. 2016).

use burn::tensor::Tensor;

use crate::learning::LearningRule;
use crate::network::{Credit, Layer, Network};
use crate::objective::{Objective, Task, one_hot};
use crate::optimizer::Optimizer;
use crate::tensors::{flat, rows_to_tensor, scalar, to_matrix, values};
use crate::training::{Checkpoint, EpochRecord, Samples, Session};
use crate::{Error, Model, Result};

/// The way of the error back through the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Transposed forward weights.
    Backprop,
    /// Fixed random weights.
    RandomFeedback,
}

/// Which parameters change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trained {
    /// All.
    All,
    /// Those of the last layer only; the layers below stay as they were initialised (the control for learned features).
    Readout,
}

/// Gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gradient {
    /// Step size.
    pub rate: f64,
    /// Passes over the samples.
    pub epochs: usize,
    /// Samples of a step.
    pub batch: usize,
    /// How a gradient becomes a step.
    pub optimizer: Optimizer,
    /// How the error travels.
    pub route: Route,
    /// Which parameters change.
    pub trained: Trained,
}

impl LearningRule for Gradient {
    fn train(&self, model: &mut Model, session: &mut Session<'_>) -> Result<Vec<EpochRecord>> {
        let family = model.family();
        match model {
            Model::Feedforward { network, parameters } => {
                let mut state = session.start(parameters)?;
                self.train_network(network, &mut state, 0, session)?;
                *parameters = state.parameters;
                Ok(state.history)
            }
            Model::SparseCode(code) if self.route == Route::Backprop => code.train(self, session),
            _ => Err(Error::Unsupported {
                rule: if self.route == Route::Backprop { "gradient" } else { "feedback-alignment" },
                model: family,
                hint: "feed-forward networks take both, sparse codes take gradient, linear codes take eigenvectors, fast-ica or oja",
            }),
        }
    }
}

impl Gradient {
    /// Trains from `state`; epochs are counted on from `first`, those that another phase has used.
    pub(crate) fn train_network(
        &self,
        network: &Network,
        state: &mut Checkpoint,
        first: usize,
        session: &mut Session<'_>,
    ) -> Result<()> {
        let labelled = session.objective.task.needs_labels();
        session.train.check(labelled)?;
        let outputs = if labelled { session.train.classes } else { session.train.inputs.ncols() };
        if network.outputs() != outputs {
            return Err(Error::Data(format!(
                "the objective needs {outputs} outputs, the network has {}",
                network.outputs()
            )));
        }
        let recurrent = network.layers.iter().any(|(_, layer)| matches!(layer, Layer::Recurrent { .. }));
        if recurrent && self.route == Route::RandomFeedback {
            return Err(Error::Unsupported {
                rule: "feedback-alignment",
                model: "network with a recurrent layer",
                hint: "its error goes through time by the weights themselves; use gradient",
            });
        }
        let inner = network.random_feedback(&session.seed.child("feedback"), &session.device);
        if state.history.is_empty() {
            state.history.push(self.evaluate(network, &state.parameters, 0, None, &inner, session)?);
        }
        let outer = network.random_feedback(&session.seed.child("feedback"), &session.device.clone().autodiff());
        let credit = if self.route == Route::Backprop { Credit::Symmetric } else { outer };
        session.run_epochs(state, first + self.epochs, |session, state, epoch| {
            let loss = self.train_epoch(network, &credit, session, state, epoch)?;
            let names: Vec<String> = network.parameter_shapes().into_iter().map(|(name, _)| name).collect();
            Session::check_finite(epoch, loss, &names, &state.parameters, self.rate)?;
            self.evaluate(network, &state.parameters, epoch, Some(loss), &inner, session)
        })
    }

    /// One pass over the samples; returns the mean loss.
    fn train_epoch(
        &self,
        network: &Network,
        credit: &Credit,
        session: &Session<'_>,
        state: &mut Checkpoint,
        epoch: usize,
    ) -> Result<f64> {
        let device = session.device.clone().autodiff();
        let count = state.parameters.len();
        let first_trained = if self.trained == Trained::Readout { count - 2 } else { 0 };
        let order = session.order(epoch);
        let (mut loss_sum, mut batches) = (0.0, 0.0);
        for batch in order.chunks(self.batch.max(1)) {
            let tensors: Vec<Tensor<1>> = state
                .parameters
                .iter()
                .enumerate()
                .map(|(i, p)| flat(p.clone(), &device).set_require_grad(i >= first_trained))
                .collect();
            let input = rows_to_tensor(&session.train.inputs, batch, &device);
            let target = target(&session.objective, session.train, batch, &input);
            let trace = network.forward(&tensors, input, credit, &mut |_, activity| activity)?;
            let loss = session.objective.loss(network, &tensors, &trace, target);
            let mut gradients = loss.backward();
            loss_sum += scalar(loss.inner())?;
            batches += 1.0;
            for index in first_trained..count {
                // A parameter without influence on the loss has no gradient and stays.
                if let Some(gradient) = tensors[index].grad_remove(&mut gradients) {
                    let gradient = values(gradient)?;
                    self.optimizer.step(&mut state.parameters[index], &gradient, &mut state.moments[index], self.rate);
                }
            }
        }
        Ok(loss_sum / batches)
    }

    /// Test loss, accuracy and alignment after an epoch.
    fn evaluate(
        &self,
        network: &Network,
        parameters: &[Vec<f32>],
        epoch: usize,
        train_loss: Option<f64>,
        feedback: &Credit,
        session: &Session<'_>,
    ) -> Result<EpochRecord> {
        let mut record = EpochRecord { epoch, train_loss, test_loss: None, test_accuracy: None, alignment_deg: None };
        let samples = match session.test {
            Some(test) if !test.is_empty() => test,
            _ => return Ok(record),
        };
        let device = &session.device;
        let rows: Vec<usize> = (0..samples.len()).collect();
        let tensors: Vec<Tensor<1>> = parameters.iter().map(|p| flat(p.clone(), device)).collect();
        let input = rows_to_tensor(&samples.inputs, &rows, device);
        let target = target(&session.objective, samples, &rows, &input);
        let trace = network.forward(&tensors, input, &Credit::Symmetric, &mut |_, activity| activity)?;
        record.test_loss = Some(scalar(session.objective.task_loss(trace.output.clone(), target.clone()))?);
        if session.objective.task.needs_labels() {
            record.test_accuracy = Some(accuracy(trace.output.clone(), &samples.labels)?);
        }
        if self.route == Route::RandomFeedback {
            let error = session.objective.output_error(trace.output, target);
            record.alignment_deg = alignment_deg(network, &tensors, feedback, error)?;
        }
        Ok(record)
    }
}

/// What the output should be: one-hot classes, or the input itself.
fn target(objective: &Objective, samples: &Samples, rows: &[usize], input: &Tensor<2>) -> Tensor<2> {
    match objective.task {
        Task::CrossEntropy | Task::SquaredError => {
            let classes: Vec<usize> = rows.iter().map(|&row| samples.labels[row]).collect();
            one_hot(&classes, samples.classes, &input.device())
        }
        Task::Reconstruction | Task::Independence => input.clone(),
    }
}

fn accuracy(output: Tensor<2>, labels: &[usize]) -> Result<f64> {
    let output = to_matrix(output)?;
    let right = output.rows().into_iter().zip(labels).filter(|(row, label)| {
        let largest = row.fold(f64::NEG_INFINITY, |m, &v| m.max(v));
        row.iter().position(|&v| v == largest) == Some(**label)
    });
    Ok(right.count() as f64 / labels.len() as f64)
}

/// Mean angle over samples between e W' and e B' at the output layer; `None` without a hidden layer.
fn alignment_deg(
    network: &Network,
    parameters: &[Tensor<1>],
    feedback: &Credit,
    error: Tensor<2>,
) -> Result<Option<f64>> {
    let last = network.layers.len() - 1;
    let (Layer::Dense { inputs, outputs, .. }, Credit::Random(random)) = (&network.layers[last].1, feedback) else {
        return Ok(None);
    };
    let Some(random) = &random[last] else { return Ok(None) };
    let back =
        |weights: &Tensor<1>| to_matrix(error.clone().matmul(weights.clone().reshape([*inputs, *outputs]).transpose()));
    let (symmetric, random) = (back(&parameters[2 * last])?, back(random)?);
    let (mut sum, mut count) = (0.0, 0);
    for (a, b) in symmetric.rows().into_iter().zip(random.rows()) {
        let norm = (a.dot(&a) * b.dot(&b)).sqrt();
        if norm > 0.0 {
            sum += (a.dot(&b) / norm).clamp(-1.0, 1.0).acos().to_degrees();
            count += 1;
        }
    }
    Ok((count > 0).then(|| sum / f64::from(count)))
}
