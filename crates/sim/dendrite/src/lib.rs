//! Neurons with real shapes, active membranes and synapses.

mod cell;
mod compartments;
mod error;
pub mod expression;
pub mod math;
pub mod mechanism;
pub mod morphology;
pub mod region;
pub mod simulation;
pub mod solver;
pub mod synapse;
mod vectorised;

pub use cell::{Cable, Cell, Value};
pub use compartments::{Compartment, Compartments, Discretisation};
pub use error::{Error, Result};
pub use simulation::{Method, Settings, Simulation};
