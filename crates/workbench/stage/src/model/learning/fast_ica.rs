//! Independent components.

use rheobase_rate::learning::{FastIca, LearningRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::LearningPart;
use crate::model::objective::Objective;

/// Independent components by FastICA (Hyvarinen 1999).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FastIcaParameters {
    /// Most iterations.
    #[schemars(range(min = 1, max = 10_000))]
    pub iterations: usize,
    /// The iteration stops when no unit's direction changes by more than this (1 - |cosine|).
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub tolerance: f64,
}

impl Default for FastIcaParameters {
    fn default() -> Self {
        Self { iterations: 100, tolerance: 1e-4 }
    }
}

impl LearningPart for FastIcaParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(FastIca { iterations: self.iterations, tolerance: self.tolerance }))
    }
    fn refuses(&self, objective: &Objective) -> Option<String> {
        (!matches!(objective, Objective::Independence(_)))
            .then(|| format!("fast-ica seeks independence, it cannot follow the objective {}", objective.kind()))
    }
}
