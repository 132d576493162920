//! Explaining the input, sparsely if asked.

use rheobase_rate::objective::{Objective as RateObjective, Penalties, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::objective::ObjectivePart;

/// Reconstruction of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReconstructionParameters {
    /// Price of activity: lambda of a sparse code, activity penalty of a network. A linear code ignores it.
    #[schemars(range(min = 0.0))]
    pub sparsity: f64,
    /// Times half the sum of squared weights (networks only).
    #[schemars(range(min = 0.0))]
    pub weight_penalty: f64,
}

impl Default for ReconstructionParameters {
    fn default() -> Self {
        Self { sparsity: 0.1, weight_penalty: 0.0 }
    }
}

impl ObjectivePart for ReconstructionParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::SparseCode, Family::LinearCode]
    }
    fn objective(&self) -> RateObjective {
        let penalties = Penalties { activity: self.sparsity, weight: self.weight_penalty, wiring: 0.0 };
        RateObjective { task: Task::Reconstruction, penalties }
    }
}
