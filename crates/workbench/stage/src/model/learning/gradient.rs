//! Descent along the gradient.

use rheobase_rate::learning::{Gradient, LearningRule, Route, Trained};
use rheobase_rate::optimizer::Optimizer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::LearningPart;

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerChoice {
    /// Adam (Kingma & Ba 2015).
    Adam,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// Which parameters change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrainedChoice {
    /// All.
    All,
    /// The last layer only; the layers below stay random, the control for learned features.
    Readout,
}

/// Descent along the gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GradientParameters {
    /// Step size.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 100.0))]
    pub rate: f64,
    /// Passes over the training images.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: usize,
    /// Images of a step.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// How a gradient becomes a step.
    pub optimizer: OptimizerChoice,
    /// Share of the previous step that SGD keeps.
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: f64,
    /// Which parameters change.
    pub trained: TrainedChoice,
}

impl Default for GradientParameters {
    fn default() -> Self {
        Self {
            rate: 0.003,
            epochs: 30,
            batch: 32,
            optimizer: OptimizerChoice::Adam,
            momentum: 0.9,
            trained: TrainedChoice::All,
        }
    }
}

impl GradientParameters {
    /// The rule with this route of the error.
    pub fn along(&self, route: Route) -> Gradient {
        Gradient {
            rate: self.rate,
            epochs: self.epochs,
            batch: self.batch,
            optimizer: match self.optimizer {
                OptimizerChoice::Adam => Optimizer::Adam,
                OptimizerChoice::Sgd => Optimizer::Sgd { momentum: self.momentum },
            },
            route,
            trained: match self.trained {
                TrainedChoice::All => Trained::All,
                TrainedChoice::Readout => Trained::Readout,
            },
        }
    }
}

impl LearningPart for GradientParameters {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::Dendritic, Family::ConvRecurrent, Family::SparseCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(self.along(Route::Backprop)))
    }
}
