//! No learning: the control with random weights.

use rheobase_rate::learning::LearningRule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::LearningPart;

/// No learning: the control with random weights.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoneParameters {}

impl LearningPart for NoneParameters {
    fn families(&self) -> &'static [Family] {
        &[
            Family::Dense,
            Family::Convolutional,
            Family::Dendritic,
            Family::ConvRecurrent,
            Family::SparseCode,
            Family::LinearCode,
        ]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        None
    }
}
