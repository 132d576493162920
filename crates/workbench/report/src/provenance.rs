//! Where a report comes from: program, source state, machine, time. Shown in the report, part of no key and no summary.

use serde::{Deserialize, Serialize};

/// Circumstances of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the program.
    pub program: String,
    /// Commit of the working directory and whether it was changed, if it is a git checkout.
    pub git: String,
    /// Command line.
    pub command: String,
    /// Time in UTC.
    pub time_utc: String,
    /// Processor and number of cores.
    pub hardware: String,
    /// Operating system.
    pub system: String,
    /// Wall time of the whole run in s.
    pub wall_s: f64,
    /// Peak memory of the process in MiB.
    pub peak_memory_mib: f64,
    /// Nodes at a time.
    pub jobs: usize,
}
