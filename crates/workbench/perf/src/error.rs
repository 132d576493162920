//! What can go wrong.

use std::path::{Path, PathBuf};

/// An error with what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read or written.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that says something that makes no sense.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// No results where they were looked for.
    #[error(
        "no benchmark results in {target}; run `cargo bench` first (gungraun needs `-- --save-summary=json`), or name the target \
         directory with --target"
    )]
    Nothing {
        /// The target directory.
        target: PathBuf,
    },
    /// A program that did not do what it should.
    #[error("`{command}` {reason}")]
    Command {
        /// The command.
        command: String,
        /// What happened.
        reason: String,
    },
    /// A figure or page that could not be drawn.
    #[error(transparent)]
    Report(#[from] rheobase_report::Error),
}

impl Error {
    pub(crate) fn file(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn content(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
