//! Errors of tasks.

/// Why a task cannot be.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// A parameter outside its range.
    #[error("{what} is {found}, allowed is {allowed}")]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// What was found.
        found: f64,
        /// What would be right.
        allowed: &'static str,
    },
}

/// Result of checking a task.
pub type Result<T> = std::result::Result<T, Error>;

/// Refuses a value for which `holds` is not true.
pub(crate) fn require(what: &'static str, found: f64, holds: bool, allowed: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Parameter { what, found, allowed }) }
}
