//! Networks that compute by sampling.

mod dual_stochastic;
mod neural;

pub use dual_stochastic::{DualStochastic, Learner, Sweep};
pub use neural::{BoltzmannMachine, divergence_bits};
