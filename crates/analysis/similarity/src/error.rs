//! Errors of the similarity measures.

/// Why a similarity does not exist for this input.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// The two sides were shown different numbers of conditions.
    #[error("both sides need the same conditions: found {left} and {right}")]
    ConditionMismatch {
        /// Conditions on the left.
        left: usize,
        /// Conditions on the right.
        right: usize,
    },
    /// Too few conditions for the estimator.
    #[error("{what} needs at least {needed} conditions, found {found}")]
    TooFewConditions {
        /// The estimator.
        what: &'static str,
        /// Smallest number of conditions.
        needed: usize,
        /// Conditions found.
        found: usize,
    },
    /// A side without variance has no similarity to anything.
    #[error("the {side} responses do not vary over conditions, so {what} does not exist")]
    Constant {
        /// Which side.
        side: &'static str,
        /// The measure.
        what: &'static str,
    },
    /// A condition whose response does not vary over units has no correlation with others.
    #[error(
        "condition {condition} has the same response in all {units} units, so its correlation distance does not exist; use another dissimilarity or drop it"
    )]
    FlatCondition {
        /// Index of the condition.
        condition: usize,
        /// Number of units.
        units: usize,
    },
    /// NaN or infinity in the input.
    #[error(transparent)]
    Values(#[from] rheobase_core::Error),
}

/// Result of a similarity measure.
pub type Result<T> = std::result::Result<T, Error>;
