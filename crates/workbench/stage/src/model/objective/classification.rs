//! Naming the class: cross-entropy or squared error, with penalties.

use rheobase_rate::objective::{Objective as RateObjective, Penalties, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::objective::ObjectivePart;

/// Classification; penalties are added to the loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassificationParameters {
    /// Times the mean absolute activity of each hidden layer.
    #[schemars(range(min = 0.0))]
    pub activity_penalty: f64,
    /// Times half the sum of squared weights.
    #[schemars(range(min = 0.0))]
    pub weight_penalty: f64,
    /// Times the sum of |weight| x distance over dense connections.
    #[schemars(range(min = 0.0))]
    pub wiring_penalty: f64,
}

impl ClassificationParameters {
    fn with(&self, task: Task) -> RateObjective {
        let penalties =
            Penalties { activity: self.activity_penalty, weight: self.weight_penalty, wiring: self.wiring_penalty };
        RateObjective { task, penalties }
    }
}

/// Cross-entropy as a part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CrossEntropy(pub ClassificationParameters);

impl ObjectivePart for CrossEntropy {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::Dendritic, Family::ConvRecurrent]
    }
    fn objective(&self) -> RateObjective {
        self.0.with(Task::CrossEntropy)
    }
}

/// Squared error as a part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SquaredError(pub ClassificationParameters);

impl ObjectivePart for SquaredError {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::Dendritic, Family::ConvRecurrent]
    }
    fn objective(&self) -> RateObjective {
        self.0.with(Task::SquaredError)
    }
}
