//! Learning rules.

use rheobase_rate::learning::{
    Competition, Eigenvectors, FastIca, Gradient, Hebbian, LearningRule, LocalRule, Route, Trained,
};
use rheobase_rate::optimizer::Optimizer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::Family;
use crate::model::objective::Objective;

/// One learning rule.
pub trait LearningPart {
    /// Name for messages.
    fn name(&self) -> &'static str;
    /// Families it can train.
    fn families(&self) -> &'static [Family];
    /// The rule; none for untrained controls.
    fn rule(&self) -> Option<Box<dyn LearningRule>>;
    /// Why it cannot follow an objective, if it cannot.
    fn refuses(&self, _objective: &Objective) -> Option<String> {
        None
    }
    /// Whether it looks for the principal subspace of its input.
    fn finds_components(&self) -> bool {
        false
    }
}

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
    fn along(&self, route: Route) -> Gradient {
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
    fn name(&self) -> &'static str {
        "gradient"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::SparseCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(self.along(Route::Backprop)))
    }
}

/// Descent with the error sent back through fixed random weights (Lillicrap et al. 2016).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FeedbackAlignment(pub GradientParameters);

impl LearningPart for FeedbackAlignment {
    fn name(&self) -> &'static str {
        "feedback-alignment"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(self.0.along(Route::RandomFeedback)))
    }
}

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
    fn name(&self) -> &'static str {
        "oja"
    }
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
        refuses_independence(self.name(), objective)
    }
    fn finds_components(&self) -> bool {
        self.competition != CompetitionChoice::None
    }
}

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
    fn name(&self) -> &'static str {
        "hebb"
    }
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
        refuses_independence(self.name(), objective)
    }
}

/// Principal components in closed form.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EigenvectorsParameters {}

impl LearningPart for EigenvectorsParameters {
    fn name(&self) -> &'static str {
        "eigenvectors"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(Eigenvectors))
    }
    fn refuses(&self, objective: &Objective) -> Option<String> {
        refuses_independence(self.name(), objective)
    }
    fn finds_components(&self) -> bool {
        true
    }
}

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
    fn name(&self) -> &'static str {
        "fast-ica"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        Some(Box::new(FastIca { iterations: self.iterations, tolerance: self.tolerance }))
    }
    fn refuses(&self, objective: &Objective) -> Option<String> {
        (!matches!(objective, Objective::Independence(_)))
            .then(|| format!("fast-ica seeks independence, it cannot follow the objective {}", objective.part().name()))
    }
}

/// No learning: the control with random weights.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoneParameters {}

impl LearningPart for NoneParameters {
    fn name(&self) -> &'static str {
        "none"
    }
    fn families(&self) -> &'static [Family] {
        &[Family::Dense, Family::Convolutional, Family::SparseCode, Family::LinearCode]
    }
    fn rule(&self) -> Option<Box<dyn LearningRule>> {
        None
    }
}

fn refuses_independence(rule: &str, objective: &Objective) -> Option<String> {
    matches!(objective, Objective::Independence(_)).then(|| {
        format!("{rule} learns from correlations, which say nothing of independence; fast-ica follows that objective")
    })
}

/// The learning rules: one line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Learning {
    /// Backpropagation (networks) or gradient steps on the dictionary (sparse codes).
    Gradient(GradientParameters),
    /// Feedback alignment: the error travels back through fixed random weights.
    FeedbackAlignment(FeedbackAlignment),
    /// Oja's rule for the features, then a trained read-out.
    Oja(OjaParameters),
    /// Hebb's rule for the features, then a trained read-out.
    Hebb(HebbParameters),
    /// Principal components in closed form.
    Eigenvectors(EigenvectorsParameters),
    /// Independent components by FastICA.
    FastIca(FastIcaParameters),
    /// No learning: the control with random weights.
    None(NoneParameters),
}

impl Learning {
    /// The part behind the variant.
    pub fn part(&self) -> &dyn LearningPart {
        match self {
            Self::Gradient(part) => part,
            Self::FeedbackAlignment(part) => part,
            Self::Oja(part) => part,
            Self::Hebb(part) => part,
            Self::Eigenvectors(part) => part,
            Self::FastIca(part) => part,
            Self::None(part) => part,
        }
    }

    /// What can train a family, for help texts.
    pub fn help_for(family: Family) -> String {
        let all = [
            Self::Gradient(GradientParameters::default()),
            Self::FeedbackAlignment(FeedbackAlignment::default()),
            Self::Oja(OjaParameters::default()),
            Self::Hebb(HebbParameters::default()),
            Self::Eigenvectors(EigenvectorsParameters::default()),
            Self::FastIca(FastIcaParameters::default()),
            Self::None(NoneParameters::default()),
        ];
        let fitting: Vec<&str> =
            all.iter().map(Self::part).filter(|p| p.families().contains(&family)).map(LearningPart::name).collect();
        format!("learning rules that can train it: {}", fitting.join(", "))
    }
}
