//! What can go wrong, said with the place and the remedy.

use rheobase_core::expression::ExpressionError;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything this crate refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A morphology file that cannot be read as a tree.
    #[error("{file}, line {line}: {problem}")]
    Morphology {
        /// Name of the file or text.
        file: String,
        /// Line, from 1; 0 if the file as a whole is meant.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A value outside its range.
    #[error("{what} is {found}; it must be {allowed}")]
    Range {
        /// Which value, with region and mechanism.
        what: String,
        /// The value.
        found: f64,
        /// The allowed values.
        allowed: String,
    },
    /// A name that is not known.
    #[error("{what} \"{name}\" is not known; known are {known}")]
    Unknown {
        /// Which sort of name.
        what: String,
        /// The name.
        name: String,
        /// The known names.
        known: String,
    },
    /// An expression or label that does not parse, or whose units do not fit.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// A description that does not fit together.
    #[error("{0}")]
    Description(String),
    /// The simulation left the range of finite numbers.
    #[error("diverged at {time_ms} ms in compartment {compartment} ({place}): {cause}")]
    Diverged {
        /// Time in ms.
        time_ms: f64,
        /// Compartment.
        compartment: usize,
        /// Section and place.
        place: String,
        /// What was found.
        cause: String,
    },
    /// A snapshot of another simulation.
    #[error("the snapshot does not fit: {0}")]
    Snapshot(String),
}

/// Refuses what is not finite or outside `low..=high`.
pub(crate) fn require_range(what: impl Into<String>, value: f64, low: f64, high: f64) -> Result<f64> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(value);
    }
    let allowed = match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("from {low} to {high}"),
        (true, false) => format!("finite and at least {low}"),
        (false, true) => format!("finite and at most {high}"),
        (false, false) => "finite".to_owned(),
    };
    Err(Error::Range { what: what.into(), found: value, allowed })
}

/// Smallest positive number accepted where zero is not: lengths, capacitances, time constants.
pub(crate) const POSITIVE: f64 = 1e-12;
