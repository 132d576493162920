//! Errors of spike-train analyses.

/// Why a quantity does not exist for these trains.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// Times must rise.
    #[error("spike times must be sorted: spike {index} at {at} s comes after one at {before} s; sort them first")]
    Unsorted {
        /// Index of the spike that is too early.
        index: usize,
        /// The time before it.
        before: f64,
        /// Its time.
        at: f64,
    },
    /// NaN or infinity.
    #[error("spike {index} has no finite time; drop it or correct it")]
    NotFinite {
        /// Index of the spike.
        index: usize,
    },
    /// Too few spikes, intervals, trials.
    #[error("{what} needs at least {needed} {of}, found {found}")]
    TooFew {
        /// The quantity.
        what: &'static str,
        /// What is counted.
        of: &'static str,
        /// The smallest number.
        needed: usize,
        /// The number found.
        found: usize,
    },
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
    /// Two lists that should fit.
    #[error("{what}: {left} and {right} do not fit")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// One length.
        left: usize,
        /// The other.
        right: usize,
    },
}

/// Result of a spike-train analysis.
pub type Result<T> = std::result::Result<T, Error>;
