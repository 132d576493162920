//! Small convolutional network.

use rheobase_rate::network::ConvNet;
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::{ArchitecturePart, Family, Surroundings};

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

impl ConvParameters {
    /// As the library has it.
    pub fn net(&self) -> ConvNet {
        ConvNet {
            filters: self.filters.clone(),
            kernels: self.kernels_px.clone(),
            first_stride: self.first_stride_px,
            pools: self.pools.clone(),
        }
    }
}

impl ArchitecturePart for ConvParameters {
    fn family(&self) -> Family {
        Family::Convolutional
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        Ok(Model::feedforward(self.net().build(around.input, around.outputs)?, &around.seed))
    }
}
