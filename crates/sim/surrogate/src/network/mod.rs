//! Networks that imitate a neuron: input spikes in, one value a millisecond out of each head.
//!
//! | module | what |
//! |---|---|
//! | [`tcn`] | temporal convolutional network; with one linear unit a generalised linear model |
//! | [`elm`] | expressive leaky memory neuron |
//! | [`recurrent`] | LSTM and GRU baselines |
//! | [`convolution`], [`kernels`] | the loops they are made of |
//! | [`tensors`] | convolutional and recurrent networks on burn tensors, for accelerators |
//! | [`layers`] | what is inside in the last millisecond, and lesions |
//! | [`stream`] | copies of a network that go on one millisecond at a time |

pub mod convolution;
pub mod elm;
mod groups;
pub mod kernels;
pub mod layers;
pub mod recurrent;
pub mod stream;
pub mod tcn;
pub mod tensors;

use rheobase_core::Seed;
use rheobase_rate::scalar::Scalar;
use serde::{Deserialize, Serialize};

pub use elm::{BranchLayout, Branches, Elm, Uptake};
pub use recurrent::Recurrent;
pub use tcn::{Activation, Tcn};

use crate::Result;
use crate::spikes::SpikeBatch;

/// Name and shape of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Name.
    pub name: String,
    /// Lengths of its axes.
    pub dims: Vec<usize>,
}

impl Shape {
    /// A name and its axes.
    pub fn new(name: impl Into<String>, dims: &[usize]) -> Self {
        Self { name: name.into(), dims: dims.to_vec() }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The architecture of a surrogate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Network {
    /// Temporal convolutional network.
    Tcn(Tcn),
    /// Expressive leaky memory neuron.
    Elm(Elm),
    /// LSTM or GRU.
    Recurrent(Recurrent),
}

/// What a forward pass leaves for the way back.
pub enum Tape<F> {
    /// Of a temporal convolutional network.
    Tcn(tcn::Tape<F>),
    /// Of an expressive leaky memory neuron.
    Elm(elm::Tape<F>),
    /// Of an LSTM or GRU.
    Recurrent(recurrent::Tape<F>),
}

impl Network {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Tcn(network) => network.check(),
            Self::Elm(network) => network.check(),
            Self::Recurrent(network) => network.check(),
        }
    }

    /// Inputs.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Tcn(network) => network.inputs,
            Self::Elm(network) => network.inputs,
            Self::Recurrent(network) => network.inputs,
        }
    }

    /// Outputs.
    pub fn heads(&self) -> usize {
        match self {
            Self::Tcn(network) => network.heads,
            Self::Elm(network) => network.heads,
            Self::Recurrent(network) => network.heads,
        }
    }

    /// The same network with another number of outputs.
    #[must_use]
    pub fn with_heads(mut self, heads: usize) -> Self {
        match &mut self {
            Self::Tcn(network) => network.heads = heads,
            Self::Elm(network) => network.heads = heads,
            Self::Recurrent(network) => network.heads = heads,
        }
        self
    }

    /// Names and shapes of the parameters.
    pub fn shapes(&self) -> Vec<Shape> {
        match self {
            Self::Tcn(network) => network.shapes(),
            Self::Elm(network) => network.shapes(),
            Self::Recurrent(network) => network.shapes(),
        }
    }

    /// Number of trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.shapes().iter().map(Shape::len).sum()
    }

    /// Multiplications of a millisecond of one copy, but for those of the layer that spikes reach, where most inputs are silent.
    pub fn step_products(&self) -> usize {
        let inputs = self.inputs();
        self.shapes().iter().filter(|shape| shape.dims.len() > 1 && shape.dims[0] != inputs).map(Shape::len).sum()
    }

    /// Parameters before training.
    ///
    /// # Errors
    /// If none can be drawn.
    pub fn initial(&self, seed: &Seed) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Tcn(network) => Ok(network.initial(seed)),
            Self::Elm(network) => Ok(network.initial(seed)),
            Self::Recurrent(network) => network.initial(seed),
        }
    }

    /// Outputs (rows, steps, heads), and what the way back needs.
    pub fn forward<F: Scalar>(&self, weights: &[Vec<F>], batch: &SpikeBatch, threads: usize) -> (Vec<F>, Tape<F>) {
        match self {
            Self::Tcn(network) => {
                let (outputs, tape) = network.forward(weights, batch, threads);
                (outputs, Tape::Tcn(tape))
            }
            Self::Elm(network) => {
                let (outputs, tape) = network.forward(weights, batch, threads);
                (outputs, Tape::Elm(tape))
            }
            Self::Recurrent(network) => {
                let (outputs, tape) = network.forward(weights, batch, threads);
                (outputs, Tape::Recurrent(tape))
            }
        }
    }

    /// The gradient by the parameters, from the derivative by the outputs (rows, steps, heads).
    ///
    /// # Panics
    /// If the tape is another network's.
    pub fn backward<F: Scalar>(
        &self,
        weights: &[Vec<F>],
        batch: &SpikeBatch,
        tape: &Tape<F>,
        by_outputs: Vec<F>,
        threads: usize,
    ) -> Vec<Vec<F>> {
        match (self, tape) {
            (Self::Tcn(network), Tape::Tcn(tape)) => network.backward(weights, batch, tape, by_outputs, threads),
            (Self::Elm(network), Tape::Elm(tape)) => network.backward(weights, batch, tape, &by_outputs, threads),
            (Self::Recurrent(network), Tape::Recurrent(tape)) => {
                network.backward(weights, batch, tape, &by_outputs, threads)
            }
            _ => panic!("the tape belongs to another network"),
        }
    }
}
