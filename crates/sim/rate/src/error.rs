//! Errors of rate networks and their training.

/// Why a network could not be built or trained.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// A learning rule that cannot train this model.
    #[error("the learning rule {rule} cannot train a {model}; {hint}")]
    Unsupported {
        /// The rule.
        rule: &'static str,
        /// The model.
        model: &'static str,
        /// What works instead.
        hint: &'static str,
    },
    /// An architecture whose parts do not fit each other or the input.
    #[error("{0}")]
    Architecture(String),
    /// Data that do not fit the model or the objective.
    #[error("{0}")]
    Data(String),
    /// Training produced NaN, infinity or runaway weights.
    #[error(
        "training diverged in epoch {epoch}: {what}; the last good checkpoint is kept. Lower the learning rate ({rate})"
    )]
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
        /// What blew up: the loss or a parameter, with its value.
        what: String,
        /// The learning rate used.
        rate: f64,
    },
    /// Stored weights that do not belong to this architecture.
    #[error("stored weights do not fit: {0}")]
    Weights(String),
    /// A device that this program was not built for.
    #[error("device `{0}` is not available in this build; available: {1}")]
    Device(String, String),
    /// A device that this machine does not have.
    #[error(
        "device `{0}`: this machine shows no such GPU; look whether its driver is found (for wgpu a Vulkan driver, which VK_DRIVER_FILES \
         can name), or set device = \"cpu\""
    )]
    NoDevice(String),
    /// Interrupted, or an array that does not fit.
    #[error(transparent)]
    Core(#[from] rheobase_core::Error),
    /// A decomposition failed.
    #[error(transparent)]
    Linalg(#[from] rheobase_linalg::Error),
    /// A checkpoint could not be stored.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
}

/// Result of building or training.
pub type Result<T> = std::result::Result<T, Error>;
