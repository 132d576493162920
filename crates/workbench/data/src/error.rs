//! Errors of readers, writers and data sets: what file, what is wrong, what would be right.

use std::path::{Path, PathBuf};

/// Why data could not be read, written or fetched.
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
    /// The bytes do not follow the format.
    #[error("{name} is not valid {format}: {reason}")]
    Format {
        /// The file or array concerned.
        name: String,
        /// The format expected.
        format: &'static str,
        /// What is wrong, with numbers.
        reason: String,
    },
    /// The bytes are not the ones the manifest describes.
    #[error("{name}: checksum is sha256 {found}, the manifest says {expected}; delete the file and fetch it again")]
    Checksum {
        /// The file concerned.
        name: String,
        /// The checksum of the bytes found.
        found: String,
        /// The checksum of the manifest.
        expected: String,
    },
    /// A data set that is not here yet.
    #[error("{name} is not here; run `rheobase data fetch {dataset}`, or put the file into {path}", path = path.display())]
    Missing {
        /// Name of the data set.
        dataset: String,
        /// Name of the file.
        name: String,
        /// Where it is looked for.
        path: PathBuf,
    },
    /// A name that no manifest has.
    #[error("no {what} is called `{found}`; known: {known}")]
    Unknown {
        /// Data set, file or target.
        what: &'static str,
        /// The name asked for.
        found: String,
        /// All known names.
        known: String,
    },
    /// The server or the way to it failed.
    #[error("download of {address} failed: {reason}")]
    Download {
        /// Where from.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The user asked to stop; what was downloaded is kept.
    #[error("interrupted; the part that was downloaded is kept, run the same command to go on")]
    Interrupted,
    /// Two columns of a table differ in length, or a name is used twice.
    #[error("table: {0}")]
    Table(String),
}

impl Error {
    pub(crate) fn format(name: impl Into<String>, format: &'static str, reason: impl ToString) -> Self {
        Self::Format { name: name.into(), format, reason: reason.to_string() }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Result of data handling.
pub type Result<T> = std::result::Result<T, Error>;

/// Reads a whole file.
///
/// # Errors
/// With the path and the system's reason.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io("cannot read", path))
}
