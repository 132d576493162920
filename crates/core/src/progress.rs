//! Where long work reports; libraries never print.

/// Receives progress and tells whether to stop.
pub trait Progress: Send + Sync {
    /// `done` of `total` steps of the work called `what` are finished.
    fn step(&self, what: &str, done: usize, total: usize);

    /// Something worth telling, in one line.
    fn note(&self, message: &str);

    /// Whether the user asked to stop; long loops ask at least once per second of work.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _what: &str, _done: usize, _total: usize) {}
    fn note(&self, _message: &str) {}
}
