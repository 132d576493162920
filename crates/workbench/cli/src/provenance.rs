//! Circumstances of a run: source state, machine, time.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rheobase_report::Provenance;

/// Collects the circumstances.
pub fn collect(wall_s: f64, jobs: usize) -> Provenance {
    Provenance {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        git: git_state(),
        command: command_line(),
        time_utc: utc_now(),
        hardware: hardware(),
        system: system(),
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

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn git_state() -> String {
    match git(&["rev-parse", "--short=12", "HEAD"]) {
        Some(commit) => match git(&["status", "--porcelain", "--untracked-files=no"]).as_deref() {
            Some("") => format!("commit {commit}, unchanged"),
            _ => format!("commit {commit}, with changes"),
        },
        None => "not a git checkout".into(),
    }
}

fn hardware() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map(|l| l.trim_start_matches([' ', '\t', ':']).to_owned());
    format!("{}, {} cores", model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()), cores())
}

fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).map(|n| n.trim_matches('"').to_owned());
    name.unwrap_or_else(|| std::env::consts::OS.to_owned())
}

/// Number of cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
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

/// Time in UTC as ISO 8601, from days since 1970 (the civil calendar algorithm of Hinnant 2013).
fn utc_now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}
