//! Errors of planning, storing and running (mistakes in a declaration are diagnostics, not errors).

use std::path::{Path, PathBuf};

/// Why a pipeline could not be planned, stored or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{action} {path}: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A stored or frozen file is not what it should be.
    #[error("{path}: {reason}", path = path.display())]
    Damaged {
        /// The file concerned.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Data of a node could not be read or written.
    #[error(transparent)]
    Data(#[from] rheobase_data::Error),
    /// A node of the plan that does not exist.
    #[error("the plan has no node `{found}`; it has: {known}")]
    UnknownNode {
        /// The node asked for.
        found: String,
        /// The nodes there are.
        known: String,
    },
    /// The plan was made for stages this program does not have, or has in another version.
    #[error("{0}")]
    Incompatible(String),
    /// Interrupted by the user.
    #[error("interrupted; finished nodes are kept, the same command goes on")]
    Interrupted,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Result of planning, storing and running.
pub type Result<T> = std::result::Result<T, Error>;
