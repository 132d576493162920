//! Architectures of surrogates as parameters.

use rheobase_pipeline::Complaint;
use rheobase_rate::recurrent::Cell;
use rheobase_surrogate::input_map::excites;
use rheobase_surrogate::network::{Activation, Branches, Elm, Network, Recurrent, Tcn, Uptake};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::complaint;

/// Spikes and voltage.
const HEADS: usize = 2;

/// The network that imitates a neuron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArchitecturePart {
    /// One filter for each synapse, and their sum: a generalised linear model.
    Filter {
        /// Length of the filters in ms.
        length_ms: usize,
    },
    /// Temporal convolutional network.
    Convolutional {
        /// Units of each layer.
        width: usize,
        /// Milliseconds that each layer sees, the first layer's first.
        kernels: Vec<usize>,
        /// What units do with their sums.
        #[serde(default)]
        activation: Activation,
    },
    /// Expressive leaky memory neuron.
    LeakyMemory {
        /// Memories.
        memories: usize,
        /// Units of the hidden layer; by default twice the memories.
        #[serde(default)]
        hidden: Option<usize>,
        /// Synapses that are summed before the hidden layer; by default none.
        #[serde(default)]
        branches: Option<Branches>,
        /// Time constant of the synapses' traces in ms.
        #[serde(default = "synapse")]
        tau_synapse_ms: f64,
        /// Shortest and longest time constant of memories in ms.
        #[serde(default = "memory")]
        tau_memory_ms: [f64; 2],
        /// Scale of the uptake.
        #[serde(default = "lambda")]
        lambda: f64,
        /// How memories take up.
        #[serde(default)]
        uptake: Uptake,
    },
    /// Long short-term memory.
    Lstm {
        /// Units.
        units: usize,
    },
    /// Gated recurrent unit.
    Gru {
        /// Units.
        units: usize,
    },
}

fn synapse() -> f64 {
    5.0
}
fn memory() -> [f64; 2] {
    [1.0, 150.0]
}
fn lambda() -> f64 {
    5.0
}

/// -1 for an inhibitory input.
pub fn sign(name: &str) -> i8 {
    if excites(name) { 1 } else { -1 }
}

impl ArchitecturePart {
    /// Memory of its training in MiB. Inputs are not known yet; a thousand synapses stand for them.
    pub fn memory_mib(&self) -> u64 {
        768 + (self.network(&vec![String::new(); 1000]).parameter_count() * 20 / (1 << 20)) as u64
    }

    /// What is wrong with it, whatever the inputs; branches can only be checked against them.
    pub fn complaints(&self) -> Vec<Complaint> {
        if matches!(self, Self::LeakyMemory { branches: Some(_), .. }) {
            return vec![];
        }
        let wrong = self.network(&[String::from("one")]).check().err();
        wrong.map(|e| complaint(&["architecture"], e.to_string(), "mend this number")).into_iter().collect()
    }

    /// The network for a neuron with these inputs.
    pub fn network(&self, names: &[String]) -> Network {
        let inputs = names.len();
        match self {
            Self::Filter { length_ms } => Network::Tcn(Tcn {
                inputs,
                width: 1,
                kernels: vec![*length_ms],
                activation: Activation::Linear,
                heads: HEADS,
            }),
            Self::Convolutional { width, kernels, activation } => Network::Tcn(Tcn {
                inputs,
                width: *width,
                kernels: kernels.clone(),
                activation: *activation,
                heads: HEADS,
            }),
            Self::LeakyMemory { memories, hidden, branches, tau_synapse_ms, tau_memory_ms, lambda, uptake } => {
                Network::Elm(Elm {
                    inputs,
                    // Sums over branches have no other way to tell inhibition from excitation.
                    signs: if branches.is_some() { names.iter().map(|n| sign(n)).collect() } else { vec![] },
                    memories: *memories,
                    hidden: hidden.unwrap_or(2 * memories),
                    branches: *branches,
                    tau_synapse_ms: *tau_synapse_ms,
                    tau_memory_ms: (tau_memory_ms[0], tau_memory_ms[1]),
                    lambda: *lambda,
                    uptake: *uptake,
                    heads: HEADS,
                })
            }
            Self::Lstm { units } => {
                Network::Recurrent(Recurrent { cell: Cell::Lstm, inputs, units: *units, heads: HEADS })
            }
            Self::Gru { units } => {
                Network::Recurrent(Recurrent { cell: Cell::Gru, inputs, units: *units, heads: HEADS })
            }
        }
    }
}
