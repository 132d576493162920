//! Machine, compiler, commit and time of a measurement.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::measurement::hash;

/// The machine, as far as it decides how fast a program is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Architecture and the vector extensions that numerical kernels choose by.
    pub instruction_set: String,
    /// Operating system.
    pub system: String,
}

/// Extensions that kernels are chosen by.
const EXTENSIONS: [&str; 6] = ["sse4_2", "avx", "avx2", "fma", "avx512f", "neon"];

impl Machine {
    /// The machine this runs on.
    pub fn here() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find(|l| l.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
        let has = |extension: &&str| flags.split_whitespace().any(|f| f == *extension);
        let extensions: Vec<&str> = EXTENSIONS.into_iter().filter(has).collect();
        Self {
            cpu: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            instruction_set: [&[std::env::consts::ARCH][..], &extensions].concat().join(" "),
            system: system(),
        }
    }

    /// Hash of what times depend on: times of different fingerprints are not compared.
    pub fn fingerprint(&self) -> String {
        hash(&[&self.cpu, &self.cores.to_string(), &self.instruction_set])
    }

    /// The instruction set that a program sees under valgrind, which has no AVX-512: counts of different sets are not compared.
    pub fn counted_instruction_set(&self) -> String {
        self.instruction_set.split(' ').filter(|e| *e != "avx512f").collect::<Vec<_>>().join(" ")
    }
}

fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).map(|n| n.trim_matches('"').to_owned());
    name.unwrap_or_else(|| std::env::consts::OS.to_owned())
}

/// When, where and of which source something was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Time in UTC, ISO 8601 to the second.
    pub time_utc: String,
    /// Commit, 12 digits; empty outside of git.
    pub commit: String,
    /// Whether the source differed from the commit.
    pub changed: bool,
    /// Compiler and version.
    pub compiler: String,
    /// Machine.
    pub machine: Machine,
}

impl Circumstances {
    /// Those of the workspace in a folder, now.
    pub fn of(workspace: &Path) -> Self {
        let commit = git(workspace, &["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
        let status = git(workspace, &["status", "--porcelain", "--untracked-files=no"]);
        Self {
            time_utc: utc_now(),
            changed: status.is_none_or(|s| !s.is_empty()),
            commit,
            compiler: compiler(workspace),
            machine: Machine::here(),
        }
    }
}

/// Seconds since 1970 of the commit that is checked out.
pub fn commit_time(workspace: &Path) -> Option<u64> {
    git(workspace, &["log", "-1", "--format=%ct"])?.parse().ok()
}

/// What git prints, if it is there and content.
pub fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(workspace).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn compiler(workspace: &Path) -> String {
    let output = Command::new("rustc").arg("--version").current_dir(workspace).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    // `rustc 1.95.0 (hash date)`: the hash follows from the version.
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Time in UTC as `2026-01-31 12:00:00`.
pub fn utc_now() -> String {
    utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()))
}

/// Seconds since 1970 as `2026-01-31 12:00:00` (the civil calendar algorithm of Hinnant 2013).
fn utc(seconds: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(utc(1_798_761_599), "2026-12-31 23:59:59");
    }

    #[test]
    fn a_fingerprint_is_that_of_the_processor_not_of_the_system() {
        let here = Machine::here();
        let updated = Machine { system: "another".into(), ..here.clone() };
        assert_eq!(here.fingerprint(), updated.fingerprint());
        let wider = Machine { instruction_set: format!("{} avx512f", here.counted_instruction_set()), ..here.clone() };
        assert_eq!(wider.counted_instruction_set(), here.counted_instruction_set());
    }
}
