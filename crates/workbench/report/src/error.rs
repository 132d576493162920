//! Errors of drawing and writing reports.

/// Why a figure or report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The figure has nothing to show or a value that cannot be drawn.
    #[error("figure: {0}")]
    Figure(String),
    /// The template failed.
    #[error("report template: {0:#}")]
    Template(#[from] minijinja::Error),
    /// A stored result could not be read.
    #[error(transparent)]
    Stage(#[from] rheobase_pipeline::StageError),
    /// A file could not be written.
    #[error(transparent)]
    Pipeline(#[from] rheobase_pipeline::Error),
}

/// Result of drawing and writing.
pub type Result<T> = std::result::Result<T, Error>;
