//! Errors of the lesion experiments.

/// Why a lesion experiment could not run.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum Error {
    /// Labels and stimuli differ in number.
    #[error("{stimuli} stimuli but {labels} labels; each stimulus needs one")]
    LabelMismatch {
        /// Stimuli shown.
        stimuli: usize,
        /// Labels given.
        labels: usize,
    },
    /// A label without an output unit.
    #[error("label {label} has no output unit; the output layer has {outputs}")]
    LabelOutOfRange {
        /// The label.
        label: usize,
        /// Number of output units.
        outputs: usize,
    },
    /// An order that is not a permutation of the layer's units.
    #[error("the order names {found} units, the layer has {expected}; every unit must come once")]
    BadOrder {
        /// Units in the order.
        found: usize,
        /// Units in the layer.
        expected: usize,
    },
    /// The probe refused.
    #[error(transparent)]
    Probe(#[from] rheobase_core::Error),
}

/// Result of a lesion experiment.
pub type Result<T> = std::result::Result<T, Error>;
