//! Oja's rule.

use rheobase_rate::learning::{Competition, Hebbian, LearningRule, LocalRule, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::gradient::GradientParameters;
use crate::model::learning::{LearningPart, refuses_independence};
use crate::model::objective::Objective;

/// How units share the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CompetitionChoice {
    /// Not at all: every unit finds the first principal component (Oja 1982).
    None,
    /// Symmetrically: together they span the principal subspace (Oja 1989).
    Subspace,
    /// In order: unit k finds component k (Sanger 1989).
    Ordered,
}

/// Oja's rule for the features, then a read-out trained by its gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OjaParameters {
    /// Step size of the rule.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub rate: f64,
    /// Passes over the training images for each layer.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: usize,
    /// Images of a step.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// How units share the input.
    pub competition: CompetitionChoice,
    /// How the read-out is trained (networks only).
    pub readout: GradientParameters,
}

impl Default for OjaParameters {
    fn default() -> Self {
        Self {
            rate: 0.02,
            epochs: 20,
            batch: 16,
            competition: CompetitionChoice::Subspace,
            readout: GradientParameters::default(),
        }
    }
}

impl LearningPart for OjaParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        let competition = match self.competition {
            CompetitionChoice::None => Competition::None,
            CompetitionChoice::Subspace => Competition::Subspace,
            CompetitionChoice::Ordered => Competition::Ordered,
        };
        Some(Box::new(Hebbian {
            rule: LocalRule::Oja(competition),
            rate: self.rate,
            epochs: self.epochs,
            batch: self.batch,
            readout: self.readout.along(Route::Backprop),
        }))
    }
    fn refuses(&self, objective: &Objective) -> Option<String> {
        refuses_independence("oja", objective)
    }
    fn finds_components(&self) -> bool {
        self.competition != CompetitionChoice::None
    }
}
