//! Errors of the receptive-field instruments.

/// Why a receptive field could not be estimated.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// Stimulus and response have different lengths.
    #[error("stimulus has {frames} frames but the responses have {responses} rows; both need one row per frame")]
    LengthMismatch {
        /// Frames shown.
        frames: usize,
        /// Rows of the responses.
        responses: usize,
    },
    /// The recording is shorter than the filter.
    #[error("the recording has {frames} frames, which is fewer than the {lags} lags of the filter")]
    TooShort {
        /// Frames shown.
        frames: usize,
        /// Lags asked for.
        lags: usize,
    },
    /// Negative responses are not counts or rates.
    #[error(
        "unit {unit} has negative responses (smallest {smallest}); a spike-triggered average needs counts or rates: rectify the responses first"
    )]
    NegativeResponse {
        /// Index of the unit.
        unit: usize,
        /// Its smallest response.
        smallest: f64,
    },
    /// A tuning curve with negative responses.
    #[error(
        "the tuning curve has a negative response ({0}); selectivity indices need rates: rectify or shift them first"
    )]
    NegativeTuning(f64),
    /// A tuning curve that cannot be analysed.
    #[error("{0}")]
    BadTuning(String),
    /// An image that is too small or has no variance.
    #[error("{0}")]
    BadImage(String),
    /// The ridge constant must not be negative.
    #[error("the ridge constant is {0}, allowed is > 0")]
    BadRidge(f64),
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
    /// Too few spikes, samples or bins.
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
    /// A regressor that others determine.
    #[error(
        "column {column} of the design is constant or a linear combination of the columns before it; leave it out, or penalise the coefficients"
    )]
    Collinear {
        /// Index of the column.
        column: usize,
    },
    /// Coefficients that grow without end.
    #[error(
        "the fit does not converge ({iterations} steps, log-likelihood {log_likelihood}): the regressors separate spikes from silence completely; leave regressors out, or penalise the coefficients"
    )]
    Diverges {
        /// Steps taken.
        iterations: usize,
        /// Log-likelihood reached.
        log_likelihood: f64,
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
    /// NaN or infinity in the input, or a shape that does not fit.
    #[error(transparent)]
    Values(#[from] rheobase_core::Error),
    /// The stimulus covariance could not be inverted.
    #[error("stimulus covariance: {0}")]
    Covariance(#[from] rheobase_linalg::Error),
}

/// Result of a receptive-field instrument.
pub type Result<T> = std::result::Result<T, Error>;
