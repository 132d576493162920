//! A convolutional or recurrent network that learns on an accelerator: weights and optimiser memory stay there.

use burn::tensor::{Device, Tensor};
use rheobase_rate::optimizer::{Moments, Optimizer, TensorMoments};
use rheobase_rate::tensors::{flat, scalar, values};

use super::{Learner, State};
use crate::loss::{Loss, Targets};
use crate::network::{Network, Shape};
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

/// A surrogate that learns on a device by automatic differentiation. It agrees with [`Learner`] to rounding, not to the byte: the device
/// decides the order of its sums.
#[derive(Debug, Clone)]
pub struct TensorLearner {
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    decay: f64,
    device: Device,
    shapes: Vec<Shape>,
    weights: Vec<Tensor<1>>,
    moments: Vec<TensorMoments>,
}

impl TensorLearner {
    /// Moves a learner to a device; none if its network has no form on tensors.
    pub fn new(learner: &Learner, device: &Device) -> Option<Self> {
        let network = learner.network();
        if !network.has_tensor_form() {
            return None;
        }
        let moments = learner.weights.iter().zip(&learner.moments);
        Some(Self {
            network: network.clone(),
            loss: learner.loss,
            optimizer: learner.optimizer,
            decay: learner.decay,
            device: device.clone(),
            shapes: network.shapes(),
            weights: learner.weights.iter().map(|w| flat(w.clone(), device)).collect(),
            moments: moments.map(|(w, m)| TensorMoments::new(m, w.len(), device)).collect(),
        })
    }

    /// One step of training; the loss before it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step(&mut self, batch: &SpikeBatch, targets: &Targets<f32>, rate: f64) -> Result<f64> {
        let device = self.device.clone().autodiff();
        let tracked: Vec<Tensor<1>> =
            self.weights.iter().map(|w| Tensor::from_inner(w.clone()).set_require_grad(true)).collect();
        let Some(outputs) = self.network.forward_tensors(&tracked, batch, &device) else {
            return Err(Error::Description("this network has no form on tensors".into()));
        };
        let loss = self.loss.tensor(outputs, targets);
        let mut gradients = loss.backward();
        let kept = (1.0 - rate * self.decay).max(0.0);
        let parameters = self.weights.iter_mut().zip(&mut self.moments).zip(tracked).zip(&self.shapes);
        for (((w, moments), tracked), shape) in parameters {
            let Some(gradient) = tracked.grad_remove(&mut gradients) else { continue };
            let before = if kept < 1.0 && shape.dims.len() > 1 { w.clone().mul_scalar(kept) } else { w.clone() };
            *w = self.optimizer.step_tensor(before, gradient, moments, rate);
        }
        Ok(scalar(loss.inner())?)
    }

    /// Weights and optimiser memory, copied back.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<State> {
        let weights = self.weights.iter().map(|w| values(w.clone())).collect::<rheobase_rate::Result<Vec<_>>>()?;
        let moments =
            self.moments.iter().map(|m| m.read(self.optimizer)).collect::<rheobase_rate::Result<Vec<Moments>>>()?;
        Ok((weights, moments))
    }
}
