//! Objectives: a task term and penalty terms.

use rheobase_rate::objective::{Objective as RateObjective, Penalties, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;

/// One objective.
pub trait ObjectivePart {
    /// Name for messages.
    fn name(&self) -> &'static str;
    /// Families it fits.
    fn families(&self) -> &'static [Family];
    /// The objective itself.
    fn objective(&self) -> RateObjective;
}

/// Classification; penalties are added to the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
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

/// Statistical independence of the units.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndependenceParameters {}

/// Cross-entropy as a part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CrossEntropy(pub ClassificationParameters);

/// Squared error as a part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SquaredError(pub ClassificationParameters);

impl ObjectivePart for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional]
    }
    fn objective(&self) -> RateObjective {
        self.0.with(Task::CrossEntropy)
    }
}

impl ObjectivePart for SquaredError {
    fn name(&self) -> &'static str {
        "squared-error"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional]
    }
    fn objective(&self) -> RateObjective {
        self.0.with(Task::SquaredError)
    }
}

impl ObjectivePart for ReconstructionParameters {
    fn name(&self) -> &'static str {
        "reconstruction"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::SparseCode, Family::LinearCode]
    }
    fn objective(&self) -> RateObjective {
        let penalties = Penalties { activity: self.sparsity, weight: self.weight_penalty, wiring: 0.0 };
        RateObjective { task: Task::Reconstruction, penalties }
    }
}

impl ObjectivePart for IndependenceParameters {
    fn name(&self) -> &'static str {
        "independence"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::LinearCode]
    }
    fn objective(&self) -> RateObjective {
        RateObjective::plain(Task::Independence)
    }
}

/// The objectives: one line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Objective {
    /// Naming the class: cross-entropy of the softmax of the outputs.
    CrossEntropy(CrossEntropy),
    /// Naming the class: squared distance of the outputs to the one-hot class.
    SquaredError(SquaredError),
    /// Explaining the input, sparsely if asked.
    Reconstruction(ReconstructionParameters),
    /// Statistical independence of the units.
    Independence(IndependenceParameters),
}

impl Objective {
    /// The part behind the variant.
    pub fn part(&self) -> &dyn ObjectivePart {
        match self {
            Self::CrossEntropy(part) => part,
            Self::SquaredError(part) => part,
            Self::Reconstruction(part) => part,
            Self::Independence(part) => part,
        }
    }

    /// The objective itself.
    pub fn objective(&self) -> RateObjective {
        self.part().objective()
    }

    /// What fits a family, for help texts.
    pub fn help_for(family: Family) -> String {
        let all = [
            Self::CrossEntropy(CrossEntropy::default()),
            Self::SquaredError(SquaredError::default()),
            Self::Reconstruction(ReconstructionParameters::default()),
            Self::Independence(IndependenceParameters::default()),
        ];
        let fitting: Vec<&str> =
            all.iter().map(Self::part).filter(|p| p.families().contains(&family)).map(ObjectivePart::name).collect();
        format!("objectives that fit: {}", fitting.join(", "))
    }
}
