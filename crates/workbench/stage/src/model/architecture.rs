//! Architectures.

use rheobase_core::Seed;
use rheobase_rate::code::{GaborEnergy, LinearCode, SparseCode};
use rheobase_rate::network::{Activation, ConvNet, Mlp};
use rheobase_rate::{Error, Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::objective::Objective;

/// What a model has in common with others that the same objectives and rules fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Layers from input to output, all dense.
    Dense,
    /// Layers from input to output, some convolutional.
    Convolutional,
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
    /// Name for messages.
    fn name(&self) -> &'static str;
    /// Its family.
    fn family(&self) -> Family;
    /// Builds the untrained model.
    ///
    /// # Errors
    /// If it does not fit the input.
    fn build(&self, around: &Surroundings<'_>) -> Result<Model>;
}

/// Transfer functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// max(0, x): a firing rate above threshold.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// Logistic function.
    Sigmoid,
    /// x itself.
    Linear,
}

/// Multi-layer perceptron: layers `hidden1`, `hidden2`, ... and `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MlpParameters {
    /// Units of each hidden layer.
    #[schemars(length(min = 1))]
    pub hidden: Vec<usize>,
    /// Transfer function of the hidden units.
    #[serde(default = "relu")]
    pub activation: Transfer,
}

fn relu() -> Transfer {
    Transfer::Relu
}

impl ArchitecturePart for MlpParameters {
    fn name(&self) -> &'static str {
        "mlp"
    }
    fn family(&self) -> Family {
        Family::Dense
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let activation = match self.activation {
            Transfer::Relu => Activation::Relu,
            Transfer::Tanh => Activation::Tanh,
            Transfer::Sigmoid => Activation::Sigmoid,
            Transfer::Linear => Activation::Linear,
        };
        let network = Mlp { hidden: self.hidden.clone(), activation }.build(around.input, around.outputs)?;
        Ok(Model::feedforward(network, &around.seed))
    }
}

/// Small convolutional network: layers `conv1`, `conv2`, ... and `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvParameters {
    /// Filters of each layer.
    #[schemars(length(min = 1))]
    pub filters: Vec<usize>,
    /// Side of the square kernels of each layer in px.
    #[schemars(length(min = 1))]
    pub kernels_px: Vec<usize>,
    /// Side of the max-pooling window after each layer; 1 for none.
    #[schemars(length(min = 1))]
    pub pools: Vec<usize>,
    /// Step of the first layer in px.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub first_stride_px: usize,
}

fn one() -> usize {
    1
}

impl ArchitecturePart for ConvParameters {
    fn name(&self) -> &'static str {
        "conv"
    }
    fn family(&self) -> Family {
        Family::Convolutional
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let net = ConvNet {
            filters: self.filters.clone(),
            kernels: self.kernels_px.clone(),
            first_stride: self.first_stride_px,
            pools: self.pools.clone(),
        };
        Ok(Model::feedforward(net.build(around.input, around.outputs)?, &around.seed))
    }
}

/// Sparse code (Olshausen & Field 1996), layer `code`; its sparsity belongs to the objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SparseCodeParameters {
    /// Number of units.
    #[schemars(range(min = 1))]
    pub units: usize,
    /// Whether activities are rates (not negative).
    #[serde(default = "yes")]
    pub nonnegative: bool,
    /// Iterations of inference for each image.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 1000))]
    pub iterations: usize,
}

fn yes() -> bool {
    true
}

fn fifty() -> usize {
    50
}

impl ArchitecturePart for SparseCodeParameters {
    fn name(&self) -> &'static str {
        "sparse-code"
    }
    fn family(&self) -> Family {
        Family::SparseCode
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let sparsity = around.objective.map_or(0.1, |o| o.objective().penalties.activity);
        let shape = single_channel(around.input, self.name())?;
        SparseCode::new(shape, self.units, sparsity, self.nonnegative, self.iterations, &around.seed)
            .map(Model::SparseCode)
    }
}

/// Linear code, layer `code`: principal or independent components, or Hebbian features, by its learning rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearCodeParameters {
    /// Number of units.
    #[schemars(range(min = 1))]
    pub units: usize,
}

impl ArchitecturePart for LinearCodeParameters {
    fn name(&self) -> &'static str {
        "linear-code"
    }
    fn family(&self) -> Family {
        Family::LinearCode
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        LinearCode::new(single_channel(around.input, self.name())?, self.units, &around.seed).map(Model::LinearCode)
    }
}

/// Gabor-energy model of V1 (Adelson & Bergen 1985), fixed; layers `simple` and `complex`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaborEnergyParameters {
    /// Rows and columns of the images it sees.
    pub shape_px: [usize; 2],
    /// Number of orientations.
    #[serde(default = "eight")]
    #[schemars(range(min = 1, max = 64))]
    pub orientations: usize,
    /// Spatial frequencies in cycles per px.
    #[serde(default = "frequencies")]
    #[schemars(length(min = 1))]
    pub frequencies_cycles_per_px: Vec<f64>,
    /// Places along each side of the image.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 32))]
    pub places: usize,
    /// Standard deviation of the envelope times the frequency.
    #[serde(default = "half")]
    #[schemars(range(min = 0.05, max = 5.0))]
    pub cycles_per_sigma: f64,
}

fn eight() -> usize {
    8
}

fn four() -> usize {
    4
}

fn half() -> f64 {
    0.5
}

fn frequencies() -> Vec<f64> {
    vec![0.15, 0.3]
}

impl ArchitecturePart for GaborEnergyParameters {
    fn name(&self) -> &'static str {
        "gabor-energy"
    }
    fn family(&self) -> Family {
        Family::Fixed
    }
    fn build(&self, _: &Surroundings<'_>) -> Result<Model> {
        Ok(Model::GaborEnergy(GaborEnergy {
            shape: self.shape_px,
            orientations: self.orientations,
            frequencies_cycles_per_px: self.frequencies_cycles_per_px.clone(),
            places: self.places,
            cycles_per_sigma: self.cycles_per_sigma,
        }))
    }
}

fn single_channel(input: [usize; 3], name: &str) -> Result<[usize; 2]> {
    if input[0] == 1 {
        Ok([input[1], input[2]])
    } else {
        Err(Error::Architecture(format!("a {name} takes images of one channel, found {}", input[0])))
    }
}

/// The architectures: one line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Architecture {
    /// Multi-layer perceptron: layers `hidden1`, `hidden2`, ... and `output`.
    Mlp(MlpParameters),
    /// Small convolutional network: layers `conv1`, `conv2`, ... and `output`.
    Conv(ConvParameters),
    /// Sparse code (Olshausen & Field 1996), layer `code`.
    SparseCode(SparseCodeParameters),
    /// Linear code, layer `code`.
    LinearCode(LinearCodeParameters),
    /// Fixed Gabor-energy model of V1, layers `simple` and `complex`.
    GaborEnergy(GaborEnergyParameters),
}

impl Architecture {
    /// The part behind the variant.
    pub fn part(&self) -> &dyn ArchitecturePart {
        match self {
            Self::Mlp(part) => part,
            Self::Conv(part) => part,
            Self::SparseCode(part) => part,
            Self::LinearCode(part) => part,
            Self::GaborEnergy(part) => part,
        }
    }
}
