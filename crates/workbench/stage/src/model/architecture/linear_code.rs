//! Linear code.

use rheobase_rate::code::LinearCode;
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::{ArchitecturePart, Family, Surroundings, single_channel};

/// Linear code, layer `code`: principal or independent components, or Hebbian features, by its learning rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearCodeParameters {
    /// Number of units.
    #[schemars(range(min = 1))]
    pub units: usize,
}

impl ArchitecturePart for LinearCodeParameters {
    fn family(&self) -> Family {
        Family::LinearCode
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        LinearCode::new(single_channel(around.input)?, self.units, &around.seed).map(Model::LinearCode)
    }
}
