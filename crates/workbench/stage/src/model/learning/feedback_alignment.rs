//! Feedback alignment.

use rheobase_rate::learning::{LearningRule, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::learning::LearningPart;
use crate::model::learning::gradient::GradientParameters;

/// Descent with the error sent back through fixed random weights (Lillicrap et al. 2016).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FeedbackAlignment(pub GradientParameters);

impl LearningPart for FeedbackAlignment {
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(self.0.along(Route::RandomFeedback)))
    }
}
