//! Hebb's rule.

use rheobase_rate::learning::{Hebbian, LearningRule, LocalRule, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::gradient::GradientParameters;
use crate::model::learning::{LearningPart, refuses_independence};
use crate::model::objective::Objective;

/// Hebb's rule for the features, then a read-out trained by its gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HebbParameters {
    /// Step size of the rule.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub rate: f64,
    /// Passes over the training images for each layer.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: usize,
    /// Images of a step.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Whether weights are kept at unit norm; without, they grow until training is stopped as diverged.
    pub normalise: bool,
    /// How the read-out is trained (networks only).
    pub readout: GradientParameters,
}

impl Default for HebbParameters {
    fn default() -> Self {
        Self { rate: 0.02, epochs: 20, batch: 16, normalise: true, readout: GradientParameters::default() }
    }
}

impl LearningPart for HebbParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(Hebbian {
            rule: LocalRule::Hebb { normalise: self.normalise },
            rate: self.rate,
            epochs: self.epochs,
            batch: self.batch,
            readout: self.readout.along(Route::Backprop),
        }))
    }
    fn refuses(&self, objective: &Objective) -> Option<String> {
        refuses_independence("hebb", objective)
    }
}
