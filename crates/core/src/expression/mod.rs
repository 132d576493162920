//! Formulas as text: rates with units, regions, and parameters that depend on distance.
//!
//! A text is parsed ([`parse`]), its units are checked ([`fn@unit`]), and it is compiled to a list of operations over
//! blocks of numbers ([`Program`], for long rows [`WideProgram`]), so that a formula costs little more than Rust code would.

mod linear;
mod node;
mod parse;
mod program;
mod units;
mod wide;

pub use node::{Function, Node, Operator};
pub use parse::{Formula, parse};
pub use program::{BLOCK, Program};
pub use units::{Dimension, unit};
pub use wide::{WIDE, WideProgram, linoid};

/// A text that does not parse, or whose units do not fit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("in \"{text}\", at character {at}: {problem}")]
pub struct ExpressionError {
    /// The whole text.
    pub text: String,
    /// Character, from 1.
    pub at: usize,
    /// What is wrong.
    pub problem: String,
}
