//! Tasks that end in a choice.

mod context_integration;
mod multisensory;
mod parametric_comparison;
mod perceptual_decision;

pub use context_integration::ContextIntegration;
pub use multisensory::Multisensory;
pub use parametric_comparison::ParametricComparison;
pub use perceptual_decision::PerceptualDecision;
