//! Sparse code.

use rheobase_rate::code::SparseCode;
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::{ArchitecturePart, Family, Surroundings, single_channel};

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
    fn family(&self) -> Family {
        Family::SparseCode
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let sparsity = around.objective.map_or(0.1, |o| o.part().objective().penalties.activity);
        let shape = single_channel(around.input)?;
        SparseCode::new(shape, self.units, sparsity, self.nonnegative, self.iterations, &around.seed)
            .map(Model::SparseCode)
    }
}
