//! Deep surrogates of single neurons.

mod error;
mod learner;
pub mod loss;
pub mod network;
pub mod spikes;

pub use error::{Error, Result};
pub use learner::Learner;
