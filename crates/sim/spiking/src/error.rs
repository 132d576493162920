//! What can be wrong with a network: always with the population, the field and the numbers.

/// Why a network cannot be built or run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A number outside its range.
    #[error("{what} is {found}; it must be from {low} to {high}")]
    Range {
        /// Which number, with population.
        what: String,
        /// Its value.
        found: f64,
        /// Smallest allowed.
        low: f64,
        /// Largest allowed.
        high: f64,
    },
    /// A name that is not there.
    #[error("there is no {what} `{name}`; known: {known}")]
    Unknown {
        /// What was looked for.
        what: String,
        /// The name.
        name: String,
        /// What there is.
        known: String,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Description(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Smallest positive number for ranges that exclude 0.
pub(crate) const POSITIVE: f64 = 1e-12;

/// Refuses what is not finite or outside a range.
pub(crate) fn require_range(what: impl Into<String>, found: f64, low: f64, high: f64) -> Result<f64> {
    // A NaN is in no range.
    if found >= low && found <= high { Ok(found) } else { Err(Error::Range { what: what.into(), found, low, high }) }
}
