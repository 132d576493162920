//! Training a surrogate on random windows of trials, with a falling step size and checkpoints.

pub use burn::tensor::Device;
use rand::RngExt;
use rheobase_core::{Progress, Seed};
use rheobase_rate::optimizer::Optimizer;
use rheobase_rate::training::{CheckpointStore, EpochRecord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::dendrites::DendriteBasis;
use crate::learner::{Learner, Placed};
use crate::loss::Loss;
use crate::network::Network;
use crate::schedule::Schedule;
use crate::spikes::{InputSpikes, SpikeBatch};
use crate::surrogate::{Surrogate, VoltageScale, targets};
use crate::{Error, Result};

/// Which optimiser takes the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Steps {
    /// Adam.
    #[default]
    Adam,
    /// Nadam.
    Nadam,
}

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Steps of training; with none the network stays as it was drawn, for controls.
    pub iterations: usize,
    /// Windows of a step.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Length of a window in ms.
    #[serde(default = "window")]
    pub window_ms: usize,
    /// Step size at the beginning.
    #[serde(default = "rate")]
    pub rate: f64,
    /// Step size at the end; it falls along half a cosine.
    #[serde(default = "final_rate")]
    pub final_rate: f64,
    /// Optimiser.
    #[serde(default)]
    pub optimizer: Steps,
    /// Share of the weights that is lost a step, over the step size (Loshchilov & Hutter 2019).
    #[serde(default)]
    pub weight_decay: f64,
    /// What is learnt.
    #[serde(default)]
    pub loss: Loss,
    /// Principal components of the dendritic voltages that are learnt, too; the trials must hold at least as many places.
    #[serde(default)]
    pub dendritic_components: usize,
    /// Voltages above count as this one, in mV.
    #[serde(default = "clip")]
    pub clip_mv: f64,
    /// Iterations between reports.
    #[serde(default = "report_every")]
    pub report_every: usize,
}

fn batch() -> usize {
    8
}
fn window() -> usize {
    500
}
fn rate() -> f64 {
    1e-3
}
fn final_rate() -> f64 {
    1e-5
}
fn clip() -> f64 {
    -55.0
}
fn report_every() -> usize {
    100
}

/// What a training run needs from outside.
pub struct Surroundings<'a> {
    /// Random streams.
    pub seed: Seed,
    /// Threads; they change no byte.
    pub threads: usize,
    /// Accelerator that trains convolutional and recurrent networks; without one, and for all others, our own kernels do.
    pub device: Option<Device>,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Where checkpoints go.
    pub checkpoints: &'a mut dyn CheckpointStore,
}

impl Training {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the setting and what would be right.
    pub fn check(&self, data: &Dataset, train: usize) -> Result<()> {
        let fail = |message: String| Err(Error::Description(message));
        self.schedule().check()?;
        if self.batch == 0 || self.window_ms == 0 {
            return fail("batch and window_ms must be at least 1".into());
        }
        if self.loss.burn_in >= self.window_ms {
            return fail(format!(
                "the first {} ms of windows of {} ms do not count: nothing is left to learn",
                self.loss.burn_in, self.window_ms
            ));
        }
        if train == 0 || train > data.trials.len() {
            return fail(format!("{train} of {} trials to train on", data.trials.len()));
        }
        match data.trials[..train].iter().map(|t| t.input.steps()).min() {
            Some(shortest) if shortest < self.window_ms => {
                fail(format!("windows of {} ms do not fit trials of {shortest} ms", self.window_ms))
            }
            _ => Ok(()),
        }
    }

    fn schedule(&self) -> Schedule {
        let Self { iterations, rate, final_rate, weight_decay, report_every, .. } = *self;
        Schedule { iterations, rate, final_rate, weight_decay, report_every }
    }

    /// Trains a network on the first `train` trials; returns the surrogate and a record for each report.
    ///
    /// # Errors
    /// If the network does not fit the data, training diverges, or the user interrupts.
    pub fn run(
        &self,
        network: Network,
        data: &Dataset,
        train: usize,
        surroundings: Surroundings<'_>,
    ) -> Result<(Surrogate, Vec<EpochRecord>)> {
        self.check(data, train)?;
        let Surroundings { seed, threads, device, progress, checkpoints } = surroundings;
        if network.inputs() != data.input_names.len() {
            let (network, data) = (network.inputs(), data.input_names.len());
            return Err(Error::Data(format!("a network with {network} inputs for a neuron with {data}")));
        }
        let trials = &data.trials[..train];
        let voltage = VoltageScale::fitted(trials, self.clip_mv)?;
        let dendrites = match self.dendritic_components {
            0 => None,
            components => Some(DendriteBasis::fitted(data, train, components)?),
        };
        let network = network.with_heads(2 + self.dendritic_components);
        let heads = network.heads();
        let schedule = self.schedule();
        let learner = self.start(network.clone(), data, train, &seed)?;
        let (learner, state) = schedule.begin(learner, checkpoints, progress)?;
        let mut learner = Placed::new(learner, device.as_ref());
        if device.is_some() && matches!(learner, Placed::Here(_)) {
            progress.note("only convolutional networks train on a device: this one trains on the cpu");
        }
        let state = schedule.run(&mut learner, state, (checkpoints, progress), |learner, iteration, rate| {
            let mut stream = seed.child("windows").index(iteration).stream();
            let windows: Vec<_> = (0..self.batch)
                .map(|_| {
                    let trial = &trials[stream.random_range(0..trials.len())];
                    (trial, stream.random_range(0..=trial.input.steps() - self.window_ms))
                })
                .collect();
            let spikes: Vec<InputSpikes> =
                windows.iter().map(|(trial, from)| trial.input.window(*from, self.window_ms)).collect();
            let targets = targets(&windows, self.window_ms, heads, &voltage, dendrites.as_ref());
            learner.step(&SpikeBatch::new(&spikes)?, &targets, rate, threads)
        })?;
        let input_names = data.input_names.clone();
        let mut surrogate =
            Surrogate { network, weights: state.parameters, input_names, voltage, dendrites, matched_chance: 0.5 };
        surrogate.match_spikes(trials, threads)?;
        Ok((surrogate, state.history))
    }

    /// A network before training; its spike head says the mean rate.
    fn start(&self, network: Network, data: &Dataset, train: usize, seed: &Seed) -> Result<Learner> {
        let optimizer = match self.optimizer {
            Steps::Adam => Optimizer::Adam,
            Steps::Nadam => Optimizer::Nadam,
        };
        let trials = &data.trials[..train];
        let spikes: usize = trials.iter().map(|t| t.response.spikes.len()).sum();
        let steps: usize = trials.iter().map(|t| t.input.steps()).sum();
        if spikes == 0 {
            return Err(Error::Data(format!(
                "the neuron is silent in all {train} trials to train on: raise its excitation"
            )));
        }
        let rate = spikes as f64 / steps as f64;
        let mut learner = Learner::new(network, self.loss, &seed.child("weights"))?;
        learner.expect_rate(rate);
        Ok(learner.with_optimizer(optimizer).with_decay(self.weight_decay))
    }
}
