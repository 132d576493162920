//! What can go wrong in a command, and the exit code it leads to.

use std::process::ExitCode;

use rheobase_pipeline::diagnostic::Diagnostic;

use crate::diagnostics;
use crate::output::message;

/// Why a command failed.
pub enum Failure {
    /// Mistakes in a pipeline.
    Diagnostics {
        /// Name of the file.
        name: String,
        /// Its text.
        text: String,
        /// The mistakes.
        diagnostics: Vec<Diagnostic>,
        /// Whether they are printed as JSON.
        json: bool,
    },
    /// Anything else, in one sentence.
    User(String),
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// Result of a command: the exit code.
pub type Outcome = Result<u8, Failure>;

impl Failure {
    /// Prints the failure and returns its exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Self::Diagnostics { name, text, diagnostics, json } => {
                diagnostics::print(&name, &text, &diagnostics, json);
                ExitCode::from(2)
            }
            Self::User(text) => {
                message(&format!("error: {text}"));
                ExitCode::from(2)
            }
            Self::Interrupted => {
                message("interrupted; finished nodes and checkpoints are kept, the same command goes on");
                ExitCode::from(130)
            }
        }
    }
}

impl From<rheobase_pipeline::Error> for Failure {
    fn from(error: rheobase_pipeline::Error) -> Self {
        if matches!(error, rheobase_pipeline::Error::Interrupted) {
            Self::Interrupted
        } else {
            Self::User(error.to_string())
        }
    }
}

impl From<rheobase_data::Error> for Failure {
    fn from(error: rheobase_data::Error) -> Self {
        if matches!(error, rheobase_data::Error::Interrupted) {
            Self::Interrupted
        } else {
            Self::User(error.to_string())
        }
    }
}

impl From<rheobase_report::Error> for Failure {
    fn from(error: rheobase_report::Error) -> Self {
        match error {
            rheobase_report::Error::Pipeline(inner) => inner.into(),
            other => Self::User(other.to_string()),
        }
    }
}
