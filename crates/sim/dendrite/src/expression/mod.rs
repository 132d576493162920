//! Formulas as text: rates with units, regions, and parameters that depend on distance.
//!
//! A text is parsed ([`parse`]), its units are checked ([`fn@unit`]), and it is compiled to a list of operations over
//! blocks of numbers ([`Program`]), so that a formula costs little more than Rust code would.

mod node;
mod parse;
mod program;
mod units;

pub use parse::{Formula, parse};
pub use program::{BLOCK, Program};
pub use units::{Dimension, unit};
