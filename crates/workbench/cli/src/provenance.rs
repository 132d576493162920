//! Circumstances of a run: source state, machine, time.

use std::path::Path;

use rheobase_perf::Machine;
use rheobase_perf::circumstances::{git, utc_now};
use rheobase_report::Provenance;

/// Collects the circumstances.
pub fn collect(wall_s: f64, jobs: usize) -> Provenance {
    let machine = Machine::here();
    Provenance {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        git: git_state(),
        command: command_line(),
        time_utc: utc_now(),
        hardware: format!("{}, {} cores", machine.cpu, machine.cores),
        system: machine.system,
        wall_s,
        peak_memory_mib: status_mib("VmHWM:"),
        jobs,
    }
}

fn command_line() -> String {
    let mut words = std::env::args();
    // The path of the program says nothing about the run.
    words.next();
    std::iter::once("rheobase".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn git_state() -> String {
    let here = Path::new(".");
    match git(here, &["rev-parse", "--short=12", "HEAD"]) {
        Some(commit) => match git(here, &["status", "--porcelain", "--untracked-files=no"]).as_deref() {
            Some("") => format!("commit {commit}, unchanged"),
            _ => format!("commit {commit}, with changes"),
        },
        None => "not a git checkout".into(),
    }
}

fn status_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    kib(&status, field) / 1024.0
}

fn kib(text: &str, field: &str) -> f64 {
    let line = text.lines().find_map(|l| l.strip_prefix(field));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0.0)
}

/// Three quarters of the memory that is available, in MiB; 4 GiB where the system does not tell.
pub fn memory_budget_mib() -> u64 {
    let available = kib(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable:") / 1024.0;
    if available > 0.0 { (available * 0.75) as u64 } else { 4096 }
}
