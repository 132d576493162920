//! Errors of the decompositions.

/// Why a decomposition was not possible.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// A square matrix is needed.
    #[error("a square matrix is needed, found {rows} x {columns}")]
    NotSquare {
        /// Rows found.
        rows: usize,
        /// Columns found.
        columns: usize,
    },
    /// Both sides of an equation need the same number of rows.
    #[error("both sides need the same number of rows, found {a} and {b}")]
    RowMismatch {
        /// Rows of the matrix.
        a: usize,
        /// Rows of the right-hand side.
        b: usize,
    },
    /// NaN or infinity in the input.
    #[error("the matrix holds NaN or infinite entries; remove or impute them first")]
    NonFinite,
    /// The matrix has no inverse to working precision.
    #[error("the matrix is singular to working precision; use least_squares or add a ridge")]
    Singular,
    /// The matrix is not positive definite.
    #[error("the matrix is not positive definite; add a ridge to its diagonal")]
    NotPositiveDefinite,
    /// An iteration did not converge.
    #[error("the {0} iteration did not converge")]
    NoConvergence(&'static str),
}

/// Result of a decomposition.
pub type Result<T> = std::result::Result<T, Error>;
