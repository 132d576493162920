//! The state of a simulation on disk, so that a killed run goes on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rheobase_core::Progress;
use rheobase_pipeline::store::{read_sealed, write_sealed};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state is kept no more often than this, and for no more than a twentieth of the time; the clock decides only how much is
/// done again after a kill.
const INTERVAL: Duration = Duration::from_secs(1);
const SHARE: u32 = 20;

/// A state's file, written whole or not at all.
pub(super) struct StateFile {
    path: PathBuf,
    interval: Duration,
    share: u32,
    last: Instant,
    wait: Duration,
}

impl StateFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, interval: INTERVAL, share: SHARE, last: Instant::now(), wait: INTERVAL }
    }

    /// One that is written whenever there is something to write.
    #[cfg(test)]
    pub(super) fn eager(path: PathBuf) -> Self {
        Self { interval: Duration::ZERO, share: 0, wait: Duration::ZERO, ..Self::new(path) }
    }

    /// What an earlier run left; a damaged file is told and not used.
    pub(super) fn read<T: DeserializeOwned>(&self, progress: &dyn Progress) -> Option<T> {
        let kept = read_sealed(&self.path).and_then(|bytes| ciborium::from_reader(&bytes[..]).ok());
        if kept.is_none() && self.path.exists() {
            progress.note("the state kept of this network is damaged; it starts again");
        }
        kept
    }

    /// Keeps the state if it is time to.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn keep<T: Serialize>(&mut self, state: impl FnOnce() -> Result<T, String>) -> Result<(), String> {
        if self.last.elapsed() < self.wait {
            return Ok(());
        }
        let begin = Instant::now();
        let failed = |e: &dyn std::fmt::Display| format!("the network could not be kept: {e}");
        let mut bytes = Vec::new();
        ciborium::into_writer(&state().map_err(|e| failed(&e))?, &mut bytes).map_err(|e| failed(&e))?;
        write_sealed(&self.path, &bytes).map_err(|e| failed(&e))?;
        self.last = Instant::now();
        self.wait = self.interval.max(self.share * (self.last - begin));
        Ok(())
    }
}
