//! Multi-layer perceptron.

use rheobase_rate::network::{Activation, Mlp};
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::{ArchitecturePart, Family, Surroundings};

/// Transfer functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// max(0, x): a firing rate above threshold.
    Relu,
    /// x above zero, 0.01 x below.
    LeakyRelu,
    /// Hyperbolic tangent.
    Tanh,
    /// Logistic function.
    Sigmoid,
    /// x itself.
    Linear,
    /// x + x^2: every pair of inputs is multiplied.
    Crossing,
}

impl Transfer {
    /// As the library has it.
    pub fn activation(self) -> Activation {
        match self {
            Self::Relu => Activation::Relu,
            Self::LeakyRelu => Activation::LeakyRelu,
            Self::Tanh => Activation::Tanh,
            Self::Sigmoid => Activation::Sigmoid,
            Self::Linear => Activation::Linear,
            Self::Crossing => Activation::Crossing,
        }
    }
}

/// Multi-layer perceptron: layers `hidden1`, `hidden2`, ... and `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MlpParameters {
    /// Units of each hidden layer; none for a single layer from the input to the output.
    pub hidden: Vec<usize>,
    /// Transfer function of the hidden units.
    #[serde(default = "relu")]
    pub activation: Transfer,
}

fn relu() -> Transfer {
    Transfer::Relu
}

impl ArchitecturePart for MlpParameters {
    fn family(&self) -> Family {
        Family::Dense
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let activation = self.activation.activation();
        let network = Mlp { hidden: self.hidden.clone(), activation }.build(around.input, around.outputs)?;
        Ok(Model::feedforward(network, &around.seed))
    }
}
