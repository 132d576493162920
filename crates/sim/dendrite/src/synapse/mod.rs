//! Synapses: what a presynaptic spike does to the membrane.
//!
//! A synapse is one or more [`Receptor`]s at a compartment. Spikes arrive as events with a weight, at their exact times,
//! not rounded to the time step: a receptor's state at the time it is used is the exact sum over all events before.

mod graded;
mod kinetic;
mod receptor;
mod receptor_bank;
mod receptor_states;
mod short_term;
mod source;

pub use graded::GradedSynapse;
pub use kinetic::{KineticReceptor, SecondStage};
pub use receptor::{MagnesiumBlock, Receptor, Shape};
pub use short_term::ShortTermPlasticity;
pub use source::{SpikeSource, gaussian_smooth};

pub(crate) use kinetic::KineticBank;
pub(crate) use receptor_bank::ReceptorBank;
