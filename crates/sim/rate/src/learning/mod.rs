//! Learning rules. Each is one file; a rule says itself which models it can train.

mod components;
mod gradient;
mod hebbian;

pub use components::{Eigenvectors, FastIca};
pub use gradient::{Gradient, Route, Trained};
pub use hebbian::{Competition, Hebbian, LocalRule, local_update};

use crate::training::{EpochRecord, Session};
use crate::{Model, Result};

/// A way to change a model's parameters from samples.
pub trait LearningRule: Send + Sync {
    /// Trains the model in place and returns the history.
    ///
    /// # Errors
    /// If the rule cannot train this model, the data do not fit, training diverges or is interrupted.
    fn train(&self, model: &mut Model, session: &mut Session<'_>) -> Result<Vec<EpochRecord>>;
}
