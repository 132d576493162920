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
    /// NaN or infinity in the input, or a shape that does not fit.
    #[error(transparent)]
    Values(#[from] rheobase_core::Error),
    /// The stimulus covariance could not be inverted.
    #[error("stimulus covariance: {0}")]
    Covariance(#[from] rheobase_linalg::Error),
}

/// Result of a receptive-field instrument.
pub type Result<T> = std::result::Result<T, Error>;
