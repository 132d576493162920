//! Tasks whose output moves something.

pub mod arm;
mod muscle_pattern;
mod reaching;

pub use muscle_pattern::MusclePattern;
pub use reaching::Reaching;
