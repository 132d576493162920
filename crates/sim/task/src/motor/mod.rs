//! Tasks whose output moves something.

pub mod arm;
mod eye_sequence;
mod muscle_pattern;
mod reaching;

pub use eye_sequence::EyeSequence;
pub use muscle_pattern::MusclePattern;
pub use reaching::Reaching;
