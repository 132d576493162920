//! Errors of surrogates.

/// Why a surrogate could not be built, trained or used.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// A network, a protocol or a training whose numbers cannot be.
    #[error("{0}")]
    Description(String),
    /// Data that do not fit.
    #[error("{0}")]
    Data(String),
    /// Training produced NaN or infinity.
    #[error("training diverged at iteration {iteration}: {what}; lower the learning rate ({rate})")]
    Diverged {
        /// Iteration, counted from 1.
        iteration: usize,
        /// What blew up, with its value.
        what: String,
        /// The learning rate used.
        rate: f64,
    },
    /// The simulated cell refused something.
    #[error(transparent)]
    Cell(#[from] rheobase_dendrite::Error),
    /// The loop of recurrent surrogates refused something.
    #[error(transparent)]
    Rate(#[from] rheobase_rate::Error),
    /// The network of point neurons around copies refused something.
    #[error(transparent)]
    Spiking(#[from] rheobase_spiking::Error),
    /// The work was interrupted; what was done is kept.
    #[error(transparent)]
    Core(#[from] rheobase_core::Error),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
