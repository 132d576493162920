//! Statistical independence of the units.

use rheobase_rate::objective::{Objective as RateObjective, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::objective::ObjectivePart;

/// Statistical independence of the units.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndependenceParameters {}

impl ObjectivePart for IndependenceParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::LinearCode]
    }
    fn objective(&self) -> RateObjective {
        RateObjective::plain(Task::Independence)
    }
}
