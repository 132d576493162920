//! Errors of the search for fixed points.

/// Why a search cannot be made.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// Starts or inputs of the wrong size.
    #[error("{what} has {found} values, the system has {expected}")]
    Size {
        /// What has the wrong size.
        what: &'static str,
        /// Size found.
        found: usize,
        /// Size needed.
        expected: usize,
    },
    /// A setting outside its range.
    #[error("{what} is {found}, allowed is {allowed}")]
    Parameter {
        /// The setting.
        what: &'static str,
        /// What was found.
        found: f64,
        /// What would be right.
        allowed: &'static str,
    },
    /// NaN or infinity.
    #[error(transparent)]
    Values(#[from] rheobase_core::Error),
    /// A decomposition failed.
    #[error(transparent)]
    Linalg(#[from] rheobase_linalg::Error),
}

/// Result of a search.
pub type Result<T> = std::result::Result<T, Error>;
