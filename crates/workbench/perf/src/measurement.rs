//! What a benchmark found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which program measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// Wall time by criterion.
    Criterion,
    /// Counts by valgrind through gungraun.
    Gungraun,
    /// A file that a benchmark wrote itself ([`crate::observation`]).
    Observation,
    /// Two programs in turn ([`crate::peers`]).
    Peers,
}

impl Tool {
    /// Name in the history and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Gungraun => "gungraun",
            Self::Observation => "observation",
            Self::Peers => "peers",
        }
    }
}

/// One number, with an interval where it was estimated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The number.
    pub value: f64,
    /// Lower end of the 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Measure {
    /// A count: no interval.
    pub fn exact(value: f64) -> Self {
        Self { value, low: None, high: None }
    }

    /// An estimate with its interval.
    pub fn estimate(value: f64, low: f64, high: f64) -> Self {
        Self { value, low: Some(low), high: Some(high) }
    }

    /// Both ends of the interval; the value itself for a count.
    pub fn interval(&self) -> (f64, f64) {
        (self.low.unwrap_or(self.value), self.high.unwrap_or(self.value))
    }

    /// Whether it is a number at all, and within its interval.
    pub fn is_sound(&self) -> bool {
        let (low, high) = self.interval();
        self.value.is_finite() && low <= self.value && self.value <= high
    }
}

/// Names of measures; what is not listed may be recorded too, and is compared exactly.
pub mod name {
    /// Wall time of one iteration in ns.
    pub const TIME_NS: &str = "time_ns";
    /// Instructions executed.
    pub const INSTRUCTIONS: &str = "instructions";
    /// Accesses that the first cache level did not have.
    pub const L1_MISSES: &str = "l1_misses";
    /// Accesses that no cache had.
    pub const CACHE_MISSES: &str = "cache_misses";
    /// Error against a reference, in the unit that the benchmark's documentation gives.
    pub const ERROR: &str = "error";
    /// Most memory held at a time, in bytes.
    pub const PEAK_BYTES: &str = "peak_bytes";
    /// Size of a file in bytes.
    pub const BYTES: &str = "bytes";
    /// Time of the other program over time of ours.
    pub const RATIO: &str = "ratio";
}

/// What one benchmark found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Id of the benchmark, parts separated by `/`.
    pub bench: String,
    /// Which program measured.
    pub tool: Tool,
    /// Hash of what the benchmark ran on, beyond its id: results with different hashes are not compared.
    #[serde(default)]
    pub arguments: String,
    /// Elements of one iteration (compartment-steps, synaptic events, ...), where declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elements: Option<f64>,
    /// Numbers by name ([`name`]).
    pub measures: BTreeMap<String, Measure>,
}

impl Measurement {
    /// A measurement without numbers so far.
    pub fn new(bench: impl Into<String>, tool: Tool) -> Self {
        Self { bench: bench.into(), tool, arguments: String::new(), elements: None, measures: BTreeMap::new() }
    }

    /// With one more number.
    #[must_use]
    pub fn with(mut self, name: &str, measure: Measure) -> Self {
        self.measures.insert(name.to_owned(), measure);
        self
    }

    /// A number by name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.measures.get(name).map(|m| m.value)
    }

    /// The number that stands for the benchmark: time, else instructions, else the first.
    pub fn main(&self) -> Option<(&str, &Measure)> {
        let by = |name: &str| self.measures.get_key_value(name);
        let found = by(name::TIME_NS).or_else(|| by(name::INSTRUCTIONS)).or_else(|| by(name::RATIO));
        found.or_else(|| self.measures.iter().next()).map(|(k, v)| (k.as_str(), v))
    }
}

/// A short hash of what a benchmark ran on.
pub fn hash(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    hasher.finalize().to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_parts_from_their_concatenation() {
        assert_ne!(hash(&["a", "bc"]), hash(&["ab", "c"]));
        assert_eq!(hash(&["a"]), hash(&["a"]));
    }

    #[test]
    fn an_interval_must_hold_its_value() {
        assert!(Measure::estimate(1.0, 0.9, 1.1).is_sound());
        assert!(!Measure::estimate(1.0, 1.05, 1.1).is_sound());
        assert!(!Measure::exact(f64::NAN).is_sound());
    }
}
