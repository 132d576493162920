//! Errors of decoders.

/// Why something cannot be decoded.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// Lists that do not fit.
    #[error("{what}: {left} and {right} do not fit")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// One length.
        left: usize,
        /// The other.
        right: usize,
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
    /// A fold that cannot be learned from.
    #[error("fold {fold} leaves only {classes} class(es) to learn from; use fewer folds or groups that mix classes")]
    OneClass {
        /// Index of the fold.
        fold: usize,
        /// Classes left.
        classes: usize,
    },
    /// The learning machine gave up.
    #[error("{machine}: {reason}")]
    Machine {
        /// Its name.
        machine: &'static str,
        /// Its words.
        reason: String,
    },
    /// NaN or infinity in the input.
    #[error(transparent)]
    Values(#[from] rheobase_core::Error),
}

/// Result of decoding.
pub type Result<T> = std::result::Result<T, Error>;
