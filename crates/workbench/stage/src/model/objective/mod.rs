//! Objectives: one file each, one line each in [`Objective`].

mod classification;
mod independence;
mod reconstruction;

use rheobase_rate::objective::Objective as RateObjective;

use crate::model::architecture::Family;
use crate::model::registry::registry;

/// One objective.
pub trait ObjectivePart {
    /// Families it fits.
    fn families(&self) -> &'static [Family];
    /// The objective itself.
    fn objective(&self) -> RateObjective;
}

registry! {
    /// The objectives.
    Objective: ObjectivePart {
        /// Naming the class: cross-entropy of the softmax of the outputs.
        CrossEntropy(classification::CrossEntropy) = "cross-entropy",
        /// Naming the class: squared distance of the outputs to the one-hot class.
        SquaredError(classification::SquaredError) = "squared-error",
        /// Explaining the input, sparsely if asked.
        Reconstruction(reconstruction::ReconstructionParameters) = "reconstruction",
        /// Statistical independence of the units.
        Independence(independence::IndependenceParameters) = "independence",
    }
    fitting families
}
