//! A network with its weights and the memory of its optimiser: one step at a time, by our own kernels or on an accelerator.

mod tensors;

use burn::tensor::Device;
use rheobase_core::Seed;
use rheobase_core::parallel::for_each_chunk;
use rheobase_rate::optimizer::{Moments, Optimizer};

use crate::loss::{Loss, Targets};
use crate::network::Network;
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

pub use tensors::TensorLearner;

/// Weights, and the memory of the optimiser for each.
pub type State = (Vec<Vec<f32>>, Vec<Moments>);

/// A surrogate that learns.
#[derive(Debug, Clone, PartialEq)]
pub struct Learner {
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    weights: Vec<Vec<f32>>,
    moments: Vec<Moments>,
    /// Share of each weight that is lost a step, over the rate.
    decay: f64,
}

impl Learner {
    /// A network before training, to be trained by Adam.
    ///
    /// # Errors
    /// If the network cannot be.
    pub fn new(network: Network, loss: Loss, seed: &Seed) -> Result<Self> {
        network.check()?;
        let weights = network.initial(seed)?;
        let moments = vec![Moments::default(); weights.len()];
        Ok(Self { network, loss, optimizer: Optimizer::Adam, weights, moments, decay: 0.0 })
    }

    /// The same with another optimiser.
    pub fn with_optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// The same with weights, not biases, that shrink by this share times the step size at every step (Loshchilov & Hutter 2019).
    pub fn with_decay(mut self, decay: f64) -> Self {
        self.decay = decay;
        self
    }

    /// Lets the spike head say this chance of a spike before it has learnt anything.
    pub(crate) fn expect_rate(&mut self, rate: f64) {
        if let Some(bias) = self.network.shapes().iter().position(|s| s.name == "output.bias") {
            self.weights[bias][0] = (rate / (1.0 - rate)).ln() as f32;
        }
    }

    /// Goes on from weights and optimiser memory.
    ///
    /// # Errors
    /// If they are another network's.
    pub fn with_state(mut self, weights: Vec<Vec<f32>>, moments: Vec<Moments>) -> Result<Self> {
        let lengths = |w: &[Vec<f32>]| w.iter().map(Vec::len).collect::<Vec<_>>();
        if lengths(&weights) != lengths(&self.weights) || moments.len() != weights.len() {
            return Err(Error::Data(format!(
                "weights of sizes {:?} for a network with {:?}",
                lengths(&weights),
                lengths(&self.weights)
            )));
        }
        (self.weights, self.moments) = (weights, moments);
        Ok(self)
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Weights, in the network's order.
    pub fn weights(&self) -> &[Vec<f32>] {
        &self.weights
    }

    /// Memory of the optimiser, in the same order.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Outputs (rows, steps, heads).
    pub fn outputs(&self, batch: &SpikeBatch, threads: usize) -> Vec<f32> {
        self.network.forward(&self.weights, batch, threads).0
    }

    /// One step of training; the loss before it.
    pub fn step(&mut self, batch: &SpikeBatch, targets: &Targets<f32>, rate: f64, threads: usize) -> f64 {
        let loss = self.loss;
        self.step_by(batch, rate, threads, |outputs| loss.value(outputs, targets))
    }

    /// One step of training by any loss of the outputs (rows, steps, heads), which gives its value and its slope; the loss before it.
    pub fn step_by(
        &mut self,
        batch: &SpikeBatch,
        rate: f64,
        threads: usize,
        loss: impl FnOnce(&[f32]) -> (f64, Vec<f32>),
    ) -> f64 {
        let (outputs, tape) = self.network.forward(&self.weights, batch, threads);
        let (value, by_outputs) = loss(&outputs);
        let gradient = self.network.backward(&self.weights, batch, &tape, by_outputs, threads);
        let kept = (1.0 - rate * self.decay).max(0.0) as f32;
        let shapes = self.network.shapes();
        for (((w, g), m), shape) in self.weights.iter_mut().zip(&gradient).zip(&mut self.moments).zip(&shapes) {
            if kept < 1.0 && shape.dims.len() > 1 {
                for_each_chunk(w, 1 << 16, threads, |_, w| w.iter_mut().for_each(|w| *w *= kept));
            }
            self.optimizer.step_on(w, g, m, rate, threads);
        }
        value
    }
}

/// A learner where it learns.
pub(crate) enum Placed {
    /// By our own kernels.
    Here(Learner),
    /// On an accelerator.
    There(TensorLearner),
}

impl Placed {
    /// Moves a learner to a device, if there is one and its network has a form on tensors.
    pub(crate) fn new(learner: Learner, device: Option<&Device>) -> Self {
        match device.and_then(|d| TensorLearner::new(&learner, d)) {
            Some(there) => Self::There(there),
            None => Self::Here(learner),
        }
    }

    /// One step of training; the loss before it.
    pub(crate) fn step(
        &mut self,
        batch: &SpikeBatch,
        targets: &Targets<f32>,
        rate: f64,
        threads: usize,
    ) -> Result<f64> {
        match self {
            Self::Here(learner) => Ok(learner.step(batch, targets, rate, threads)),
            Self::There(learner) => learner.step(batch, targets, rate),
        }
    }

    /// One step of training by any loss of the outputs, where it has a slope of its own: here.
    pub(crate) fn step_by(
        &mut self,
        batch: &SpikeBatch,
        rate: f64,
        threads: usize,
        loss: impl FnOnce(&[f32]) -> (f64, Vec<f32>),
    ) -> Result<f64> {
        match self {
            Self::Here(learner) => Ok(learner.step_by(batch, rate, threads, loss)),
            Self::There(_) => Err(Error::Description("this loss has no form on a device: train on the cpu".into())),
        }
    }

    /// Weights and the memory of the optimiser.
    pub(crate) fn state(&self) -> Result<State> {
        match self {
            Self::Here(learner) => Ok((learner.weights.clone(), learner.moments.clone())),
            Self::There(learner) => learner.state(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::SpikeLoss;
    use crate::network::{Activation, Recurrent, Tcn};
    use crate::spikes::InputSpikes;
    use rand::RngExt;
    use rheobase_rate::recurrent::Cell;

    /// Random spikes and targets of two trials.
    fn batch(seed: &Seed, inputs: usize, steps: usize, heads: usize) -> (SpikeBatch, Targets<f32>) {
        let mut stream = seed.stream();
        let mut trial = || {
            let events =
                (0..steps * 2).map(|_| (stream.random_range(0..steps as u32), stream.random_range(0..inputs as u32)));
            InputSpikes::new(inputs, steps, events.collect()).unwrap()
        };
        let trials = [trial(), trial()];
        let mut stream = seed.child("targets").stream();
        let target =
            |k: usize| if k.is_multiple_of(heads) { stream.random_range(0..2) as f32 } else { stream.random() };
        let values = (0..2 * steps * heads).map(target).collect();
        (SpikeBatch::new(&trials).unwrap(), Targets { values, steps, heads })
    }

    #[test]
    fn a_device_learns_what_our_own_kernels_learn() {
        let focal = SpikeLoss::Focal { alpha: 0.25, gamma: 1.0 };
        let tcn = |activation| Network::Tcn(Tcn { inputs: 7, width: 5, kernels: vec![6, 3, 2], activation, heads: 1 });
        let recurrent = |cell| Network::Recurrent(Recurrent { cell, inputs: 7, units: 6, heads: 1 });
        for (network, spike, heads) in [
            (tcn(Activation::Relu), SpikeLoss::CrossEntropy, 2),
            (tcn(Activation::LeakyRelu), focal, 4),
            (tcn(Activation::Linear), SpikeLoss::CrossEntropy, 1),
            (recurrent(Cell::Gru), SpikeLoss::CrossEntropy, 2),
            (recurrent(Cell::Lstm), focal, 4),
        ] {
            let network = network.with_heads(heads);
            let what = format!("{network:?}");
            let loss = Loss { spike, voltage_weight: 0.5, dendrite_weight: 0.3, burn_in: 4, ..Loss::default() };
            let seed = Seed::root(5);
            let here = Learner::new(network, loss, &seed).unwrap().with_optimizer(Optimizer::Nadam).with_decay(0.1);
            let there = Placed::new(here.clone(), Some(&Device::flex()));
            assert!(matches!(there, Placed::There(_)));
            let mut both = [Placed::Here(here), there];
            for k in 0..4 {
                let (batch, targets) = batch(&seed.child("batch").index(k), 7, 30, heads);
                let losses = both.each_mut().map(|l| l.step(&batch, &targets, 0.01, 1).unwrap());
                assert!((losses[0] - losses[1]).abs() < 1e-5 * losses[0], "{what} {losses:?}");
            }
            let [(a, ma), (b, mb)] = both.map(|l| l.state().unwrap());
            let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            for (((a, b), ma), mb) in a.iter().zip(&b).zip(&ma).zip(&mb) {
                assert!(far(a, b) < 1e-4 && far(&ma.first, &mb.first) < 1e-5, "{what} {}", far(a, b));
                assert_eq!((ma.steps, ma.second.len()), (mb.steps, mb.second.len()));
            }
        }
    }
}
