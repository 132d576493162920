//! Principal components in closed form.

use rheobase_rate::learning::{Eigenvectors, LearningRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::{LearningPart, refuses_independence};
use crate::model::objective::Objective;

/// Principal components in closed form.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EigenvectorsParameters {}

impl LearningPart for EigenvectorsParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(Eigenvectors))
    }
    fn refuses(&self, objective: &Objective) -> Option<String> {
        refuses_independence("eigenvectors", objective)
    }
    fn finds_components(&self) -> bool {
        true
    }
}
