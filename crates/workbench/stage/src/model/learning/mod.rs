//! Learning rules: one file each, one line each in [`Learning`].

mod eigenvectors;
mod fast_ica;
mod feedback_alignment;
mod gradient;
mod hebb;
mod none;
mod oja;

use rheobase_rate::learning::LearningRule;

use crate::model::architecture::Family;
use crate::model::objective::Objective;
use crate::model::registry::registry;

/// One learning rule.
pub trait LearningPart {
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

registry! {
    /// The learning rules.
    Learning: LearningPart {
        /// Backpropagation (networks) or gradient steps on the dictionary (sparse codes).
        Gradient(gradient::GradientParameters) = "gradient",
        /// Feedback alignment: the error travels back through fixed random weights (Lillicrap et al. 2016).
        FeedbackAlignment(feedback_alignment::FeedbackAlignment) = "feedback-alignment",
        /// Oja's rule for the features (Oja 1982, 1989; Sanger 1989), then a trained read-out.
        Oja(oja::OjaParameters) = "oja",
        /// Hebb's rule for the features, then a trained read-out.
        Hebb(hebb::HebbParameters) = "hebb",
        /// Principal components in closed form.
        Eigenvectors(eigenvectors::EigenvectorsParameters) = "eigenvectors",
        /// Independent components by FastICA (Hyvarinen 1999).
        FastIca(fast_ica::FastIcaParameters) = "fast-ica",
        /// No learning: the control with random weights.
        None(none::NoneParameters) = "none",
    }
    fitting families
}

fn refuses_independence(rule: &str, objective: &Objective) -> Option<String> {
    matches!(objective, Objective::Independence(_)).then(|| {
        format!("{rule} learns from correlations, which say nothing of independence; fast-ica follows that objective")
    })
}
