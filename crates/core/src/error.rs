//! The error of the shared vocabulary: what was wrong, what was found, and what would have been right.

/// A value that does not fit the vocabulary.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// Two shapes that must agree do not.
    #[error("{what}: found {found}, expected {expected}")]
    Shape {
        /// The quantity with the wrong shape.
        what: &'static str,
        /// The shape or length that was found.
        found: String,
        /// The shape or length that would have been right.
        expected: String,
    },
    /// A value outside its allowed range.
    #[error("{what} is {found}, allowed is {allowed}")]
    Range {
        /// The quantity out of range.
        what: &'static str,
        /// The value that was found.
        found: f64,
        /// The allowed range, in words and numbers.
        allowed: &'static str,
    },
    /// NaN or infinite values where finite ones are needed.
    #[error("{what} holds {count} non-finite value(s), the first at index {first}; remove or impute them first")]
    NonFinite {
        /// The array concerned.
        what: &'static str,
        /// How many values are NaN or infinite.
        count: usize,
        /// Flat index of the first of them.
        first: usize,
    },
    /// A layer that the probe does not have.
    #[error("no layer is called `{found}`; this probe has: {known}")]
    UnknownLayer {
        /// The name asked for.
        found: String,
        /// The names that exist, comma separated.
        known: String,
    },
    /// Too few samples for the estimator.
    #[error("{what} needs at least {needed} {unit}, found {found}")]
    TooFew {
        /// The estimator.
        what: &'static str,
        /// What is counted.
        unit: &'static str,
        /// The smallest number that works.
        needed: usize,
        /// The number that was found.
        found: usize,
    },
    /// Work stopped because the user asked for it.
    #[error("interrupted")]
    Interrupted,
    /// A failure inside a model or device, in its own words.
    #[error("{0}")]
    Model(String),
}

/// Result of the shared vocabulary.
pub type Result<T> = std::result::Result<T, Error>;

/// Refuses arrays that hold NaN or infinities.
///
/// # Errors
/// [`Error::NonFinite`] with the count and the first flat index.
pub fn require_finite<'a>(what: &'static str, values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    let mut count = 0;
    let mut first = 0;
    for (index, value) in values.into_iter().enumerate() {
        if !value.is_finite() {
            if count == 0 {
                first = index;
            }
            count += 1;
        }
    }
    if count == 0 { Ok(()) } else { Err(Error::NonFinite { what, count, first }) }
}
