//! A network with its weights and the memory of its optimiser: one step at a time.

use rheobase_core::Seed;
use rheobase_core::parallel::for_each_chunk;
use rheobase_rate::optimizer::{Moments, Optimizer};

use crate::loss::{Loss, Targets};
use crate::network::Network;
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

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
        let (outputs, tape) = self.network.forward(&self.weights, batch, threads);
        let (value, by_outputs) = self.loss.value(&outputs, targets);
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
