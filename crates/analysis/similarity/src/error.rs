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
    /// Numbers of units that a measure cannot compare.
    #[error("{what} does not work with {left} and {right} units")]
    UnitMismatch {
        /// The measure.
        what: &'static str,
        /// Units on the left.
        left: usize,
        /// Units on the right.
        right: usize,
    },
    /// As many independent units as conditions: any two populations then correlate perfectly.
    #[error(
        "{what} of {conditions} conditions and {rank} independent units is 1 (or undefined) whatever the data; show more conditions, reduce the units (SVCCA) or use the ridge or cross-validated form"
    )]
    TooManyUnits {
        /// The measure.
        what: &'static str,
        /// Conditions.
        conditions: usize,
        /// Numerical rank of the larger side.
        rank: usize,
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
    /// A comparator that needs whole RDMs.
    #[error(
        "the {comparator} needs the distance of every pair of conditions, so it cannot be bootstrapped over conditions; use Pearson, rho-a or tau-a"
    )]
    NeedsAllPairs {
        /// The comparator.
        comparator: &'static str,
    },
    /// Something about the input that no other variant names.
    #[error("{0}")]
    Input(String),
    /// A decomposition failed.
    #[error(transparent)]
    LinearAlgebra(#[from] rheobase_linalg::Error),
    /// NaN or infinity in the input.
    #[error(transparent)]
    Values(#[from] rheobase_core::Error),
}

/// Result of a similarity measure.
pub type Result<T> = std::result::Result<T, Error>;
