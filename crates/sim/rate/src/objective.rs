//! What a network is trained for: a task term plus penalties, each a separate summand.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::network::{Network, Trace};
use crate::tensors::flat;

/// The task term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Mean over samples of -log softmax of the output at the class.
    CrossEntropy,
    /// Mean over samples of the squared distance to the one-hot class, halved.
    SquaredError,
    /// Mean over samples of the squared distance of the output to the input, halved.
    Reconstruction,
    /// Statistical independence of the outputs (negentropy by log cosh; Hyvarinen 1999).
    Independence,
}

impl Task {
    /// Whether samples need a class.
    pub fn needs_labels(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::SquaredError)
    }
}

/// Weights of the penalty terms; 0 leaves a term out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Penalties {
    /// Times the mean absolute activity of the hidden units (for a sparse code: the sparsity lambda).
    pub activity: f64,
    /// Times half the sum of squared weights.
    pub weight: f64,
    /// Times the sum over dense connections of |weight| x distance between the two units.
    pub wiring: f64,
}

/// A task term with penalties.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The task term.
    pub task: Task,
    /// The penalty terms.
    pub penalties: Penalties,
}

impl Objective {
    /// A task without penalties.
    pub fn plain(task: Task) -> Self {
        Self { task, penalties: Penalties::default() }
    }

    /// The task term for outputs (batch, outputs) and targets of the same shape (one-hot classes, or the input).
    pub fn task_loss(&self, output: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
        let batch = output.dims()[0] as f64;
        match self.task {
            Task::CrossEntropy => (log_softmax(output, 1) * target).sum() * (-1.0 / batch),
            Task::SquaredError | Task::Reconstruction | Task::Independence => {
                (output - target).square().sum() * (0.5 / batch)
            }
        }
    }

    /// Task plus penalties for a network.
    pub fn loss(&self, network: &Network, parameters: &[Tensor<1>], trace: &Trace, target: Tensor<2>) -> Tensor<1> {
        let mut loss = self.task_loss(trace.output.clone(), target);
        let Penalties { activity, weight, wiring } = self.penalties;
        if activity > 0.0 {
            for (_, hidden) in trace.hidden() {
                loss = loss + hidden.clone().abs().mean() * activity;
            }
        }
        if weight > 0.0 {
            for index in network.weight_indices() {
                loss = loss + parameters[index].clone().square().sum() * (0.5 * weight);
            }
        }
        if wiring > 0.0 {
            for (index, distance) in network.wiring(&parameters[0].device()) {
                loss = loss + (parameters[index].clone().abs() * distance).sum() * wiring;
            }
        }
        loss
    }

    /// Derivative of the task term's per-sample loss with respect to the output, shape (batch, outputs).
    pub fn output_error(&self, output: Tensor<2>, target: Tensor<2>) -> Tensor<2> {
        match self.task {
            Task::CrossEntropy => log_softmax(output, 1).exp() - target,
            _ => output - target,
        }
    }
}

/// One-hot rows of classes.
pub fn one_hot(classes: &[usize], width: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0_f32; classes.len() * width];
    for (row, &class) in classes.iter().enumerate() {
        values[row * width + class] = 1.0;
    }
    flat(values, device).reshape([classes.len(), width])
}
