//! How well a surrogate does, in the few numbers that curves are drawn of.

use rheobase_pipeline::{InputHandle, Outcome, StageError};
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::metrics::Discrimination;
use rheobase_surrogate::network::Network;
use rheobase_surrogate::surrogate::Evaluation;
use serde::{Deserialize, Serialize};

use crate::kind::failed;

const FILE: &str = "quality.json";

/// A surrogate's size, what it has seen and how well it tells spikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Layers between input and output; 1 for a network with memories.
    pub depth: usize,
    /// Trainable numbers.
    pub parameters: usize,
    /// Seconds of the neuron that it was trained on.
    pub train_s: f64,
    /// How well it tells spikes of unseen trials.
    pub spikes: Discrimination,
}

impl Quality {
    /// Of a surrogate that was judged.
    pub fn new(surrogate: &Surrogate, evaluation: &Evaluation, train_s: f64) -> Self {
        let depth = match &surrogate.network {
            Network::Tcn(tcn) => tcn.kernels.len(),
            Network::Elm(_) | Network::Recurrent(_) => 1,
        };
        let parameters = surrogate.network.parameter_count();
        Self { depth, parameters, train_s, spikes: evaluation.spikes }
    }

    /// Writes it into an outcome.
    pub fn store(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        outcome.files.insert(FILE.into(), serde_json::to_vec(self).map_err(failed)?);
        Ok(())
    }

    /// Reads that of a surrogate.
    pub fn load(input: &InputHandle) -> Result<Self, StageError> {
        serde_json::from_slice(&input.file(FILE)?).map_err(failed)
    }
}
