//! Architectures: one file each, one line each in [`Architecture`].

mod conv;
mod conv_recurrent;
mod dendritic;
mod dendritic_tree;
mod gabor_energy;
mod linear_code;
mod mlp;
mod sparse_code;

use rheobase_core::Seed;
use rheobase_rate::{Error, Model, Result};

use crate::model::objective::Objective;
use crate::model::registry::registry;

/// What a model has in common with others that the same objectives and rules fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Layers from input to output, all dense.
    Dense,
    /// Layers from input to output, some convolutional.
    Convolutional,
    /// Layers from input to output, some convolutional and one recurrent.
    ConvRecurrent,
    /// Layers from input to output, some sparse as dendrites are.
    Dendritic,
    /// A sparse code.
    SparseCode,
    /// A linear code.
    LinearCode,
    /// Nothing to learn.
    Fixed,
}

/// What an architecture must know of the rest of its node.
pub struct Surroundings<'a> {
    /// Channels, rows and columns of the input.
    pub input: [usize; 3],
    /// Number of outputs that the objective needs.
    pub outputs: usize,
    /// The objective.
    pub objective: Option<&'a Objective>,
    /// Seed of the initial weights.
    pub seed: Seed,
}

/// One architecture.
pub trait ArchitecturePart {
    /// Its family.
    fn family(&self) -> Family;
    /// Builds the untrained model.
    ///
    /// # Errors
    /// If it does not fit the input.
    fn build(&self, around: &Surroundings<'_>) -> Result<Model>;
}

registry! {
    /// The architectures.
    Architecture: ArchitecturePart {
        /// Multi-layer perceptron: layers `hidden1`, `hidden2`, ... and `output`.
        Mlp(mlp::MlpParameters) = "mlp",
        /// Small convolutional network: layers `conv1`, `conv2`, ... and `output`.
        Conv(conv::ConvParameters) = "conv",
        /// Convolutional layers whose maps recurrent units read row by row: layers `conv1`, ..., `recurrent` and `output`.
        ConvRecurrent(conv_recurrent::ConvRecurrentParameters) = "conv-recurrent",
        /// Somata with dendrites with synapses (Chavlis & Poirazi 2025): layers `dendrites`, `somata` and `output`.
        Dendritic(dendritic::DendriticParameters) = "dendritic",
        /// Repeated trees of nodes from every pixel to the soma (Jones & Kording 2021): layers `tree1`, `tree2`, ... and `output`.
        DendriticTree(dendritic_tree::DendriticTreeParameters) = "dendritic-tree",
        /// Sparse code (Olshausen & Field 1996), layer `code`; its sparsity belongs to the objective.
        SparseCode(sparse_code::SparseCodeParameters) = "sparse-code",
        /// Linear code, layer `code`: principal or independent components, or Hebbian features, by its learning rule.
        LinearCode(linear_code::LinearCodeParameters) = "linear-code",
        /// Fixed Gabor-energy model of V1 (Adelson & Bergen 1985), layers `simple` and `complex`.
        GaborEnergy(gabor_energy::GaborEnergyParameters) = "gabor-energy",
    }
}

fn single_channel(input: [usize; 3]) -> Result<[usize; 2]> {
    if input[0] == 1 {
        Ok([input[1], input[2]])
    } else {
        Err(Error::Architecture(format!("a code takes images of one channel, found {}", input[0])))
    }
}
