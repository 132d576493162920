//! Limits, units and renamed benchmarks, from a TOML file.
//!
//! ```toml
//! [limits]                     # for every benchmark: by how much a number may grow, as a share
//! time_ns = 0.15
//! instructions = 0.02
//!
//! [[bench]]                    # for those whose id fits; `*` stands for anything, the last that fits counts
//! pattern = "cable/*"
//! unit = "compartment-steps"   # what criterion's elements are
//! limits = { time_ns = 0.1 }
//!
//! [[renamed]]
//! from = "cable/old"
//! to = "cable/new"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::measurement::name;
use crate::{Error, Result};

/// The settings of a workspace's benchmarks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Largest growth of each number, as a share; numbers that are not named are not judged.
    #[serde(default = "limits")]
    pub limits: BTreeMap<String, f64>,
    /// Exceptions and units.
    #[serde(default)]
    pub bench: Vec<BenchSettings>,
    /// Benchmarks that had other names.
    #[serde(default)]
    pub renamed: Vec<Renamed>,
}

/// Settings of benchmarks whose id fits a pattern.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchSettings {
    /// Id; `*` stands for any text.
    pub pattern: String,
    /// What the elements of its throughput are, in the plural.
    #[serde(default)]
    pub unit: Option<String>,
    /// Limits that differ from the general ones.
    #[serde(default)]
    pub limits: BTreeMap<String, f64>,
}

/// A benchmark that had another name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renamed {
    /// Name in the history.
    pub from: String,
    /// Name now.
    pub to: String,
}

/// Limits where none are given: wall times of one machine, exact counts, errors, memory, sizes of files.
fn limits() -> BTreeMap<String, f64> {
    let time_and_counts = [(name::TIME_NS, 0.15), (name::INSTRUCTIONS, 0.02), (name::ERROR, 0.05)];
    let sizes = [(name::PEAK_BYTES, 0.05), (name::BYTES, 0.05)];
    time_and_counts.into_iter().chain(sizes).map(|(name, limit)| (name.to_owned(), limit)).collect()
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: limits(), bench: vec![], renamed: vec![] }
    }
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// If the file cannot be read, a key is unknown, or a limit is not a positive share.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, e))?;
        let settings: Self = toml::from_str(&text).map_err(|e| Error::content(path, e))?;
        let all = settings.bench.iter().map(|b| &b.limits).chain([&settings.limits]).flatten();
        for (name, limit) in all {
            if !limit.is_finite() || *limit <= 0.0 {
                let reason = format!("the limit of `{name}` is {limit}; it must be a share above 0, for example 0.02");
                return Err(Error::content(path, reason));
            }
        }
        Ok(settings)
    }

    /// The limit of a number of a benchmark, if it is judged.
    pub fn limit(&self, bench: &str, measure: &str) -> Option<f64> {
        let own = self.fitting(bench).filter_map(|b| b.limits.get(measure)).next_back();
        own.or_else(|| self.limits.get(measure)).copied()
    }

    /// What the elements of a benchmark are.
    pub fn unit(&self, bench: &str) -> Option<&str> {
        self.fitting(bench).filter_map(|b| b.unit.as_deref()).next_back()
    }

    /// The name that a benchmark had before.
    pub fn former(&self, bench: &str) -> Option<&str> {
        self.renamed.iter().find(|r| r.to == bench).map(|r| r.from.as_str())
    }

    /// Whether this is a name of the past.
    pub fn is_former(&self, bench: &str) -> bool {
        self.renamed.iter().any(|r| r.from == bench)
    }

    fn fitting(&self, bench: &str) -> impl DoubleEndedIterator<Item = &BenchSettings> {
        self.bench.iter().filter(move |b| fits(&b.pattern, bench))
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => {
            let Some(tail) = text.strip_prefix(head) else { return false };
            let starts = tail.char_indices().map(|(i, _)| i).chain([tail.len()]);
            starts.into_iter().any(|i| fits(rest, &tail[i..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits("cable/*", "cable/hay/lanes-8"));
        assert!(fits("*/lanes-8", "cable/hay/lanes-8"));
        assert!(fits("a*b*", "ab"));
        assert!(!fits("cable/*", "network/cable/x"));
        assert!(!fits("cable", "cable/x"));
    }

    #[test]
    fn the_last_pattern_that_fits_counts_and_mistakes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("perf.toml");
        let text = "[[bench]]\npattern = \"a/*\"\nunit = \"steps\"\nlimits = { time_ns = 0.5 }\n[[bench]]\npattern = \"a/b\"\nlimits = { time_ns = 0.1 }\n";
        std::fs::write(&path, text).unwrap();
        let settings = Settings::read(&path).unwrap();
        assert_eq!(settings.limit("a/b", "time_ns"), Some(0.1));
        assert_eq!(settings.limit("a/c", "time_ns"), Some(0.5));
        assert_eq!(settings.limit("b", "time_ns"), Some(0.15));
        assert_eq!(settings.limit("b", "l1_misses"), None);
        assert_eq!(settings.unit("a/b"), Some("steps"));
        std::fs::write(&path, text.replace("0.5", "-1")).unwrap();
        assert!(Settings::read(&path).unwrap_err().to_string().contains("share above 0"));
        std::fs::write(&path, text.replace("unit", "unti")).unwrap();
        assert!(Settings::read(&path).unwrap_err().to_string().contains("unti"));
    }
}
