//! The cable equation in matrix form and its solution.
//!
//! With V in mV, conductances in uS, currents in nA, capacitance in nF and time in ms, one implicit step solves
//! (C/h + G + A) V' = C/h V + G E + I, where A holds the axial conductances: symmetric, and a tree.

mod hines;
mod tree;

pub use hines::{Elimination, LANES, solve_with_factors};
pub use tree::CableTree;
