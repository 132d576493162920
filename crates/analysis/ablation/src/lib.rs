//! What does a computation lose when units fall silent?
//!
//! Works on any [`rheobase_core::Lesion`] whose output layer scores classes.
//!
//! | module | what | source |
//! |---|---|---|
//! | [`effect`] | accuracy, loss and per-class accuracy of an output | |
//! | [`single`] | every unit of a layer in turn | Meyes et al. 2019 |
//! | [`cumulative`] | units removed one after another, by a score or at random, with random controls | Morcos et al. 2018 |
//! | [`group`] | groups and layers, with random groups of equal size and activity as controls | |
//! | [`interaction`] | Shapley values of units or groups, pairwise interactions | Shapley 1953; Castro et al. 2009 |
//! | [`selectivity`] | class selectivity index and d' of each unit | Morcos et al. 2018 |

pub mod cumulative;
pub mod effect;
mod error;
pub mod group;
pub mod interaction;
pub mod selectivity;
pub mod single;

pub use error::{Error, Result};
