//! The history: JSON lines, one for each benchmark of each run, appended and never rewritten.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Circumstances, Error, Measurement, Result, Tool};

/// Version of the lines.
pub const SCHEMA: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the line.
    pub schema: u32,
    /// When, where, of which source.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// What was found.
    #[serde(flatten)]
    pub measurement: Measurement,
}

impl Record {
    /// A line of today's version.
    pub fn new(circumstances: &Circumstances, measurement: Measurement) -> Self {
        Self { schema: SCHEMA, circumstances: circumstances.clone(), measurement }
    }

    /// Why numbers of `other` cannot be compared with these, if they cannot: machine, compiler, or what the benchmark ran on.
    pub fn incomparable(&self, other: &Self) -> Option<String> {
        let (a, b) = (&self.circumstances, &other.circumstances);
        if self.measurement.arguments != other.measurement.arguments {
            return Some("the benchmark's arguments or throughput changed".into());
        }
        if self.measurement.tool == Tool::Gungraun {
            let (x, y) = (a.machine.counted_instruction_set(), b.machine.counted_instruction_set());
            if x != y {
                return Some(format!("instruction set `{y}` then, `{x}` now"));
            }
            return (a.compiler != b.compiler).then(|| format!("{} then, {} now", b.compiler, a.compiler));
        }
        (a.machine.fingerprint() != b.machine.fingerprint())
            .then(|| format!("measured on another machine ({}, {} cores)", b.machine.cpu, b.machine.cores))
    }
}

/// All lines of a history that can be read.
#[derive(Debug, Default)]
pub struct History {
    /// Records, oldest first.
    pub records: Vec<Record>,
    /// Lines that are left out, with number and reason.
    pub skipped: Vec<String>,
}

impl History {
    /// Reads a history; a missing file is an empty one. Lines that are damaged, of a later version, or of another program are left out
    /// and named; they stay in the file.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::file(path, e)),
        };
        let mut history = Self::default();
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match parse(line) {
                Ok(record) => history.records.push(record),
                Err(reason) => history.skipped.push(format!("{}, line {}: {reason}", path.display(), index + 1)),
            }
        }
        // Files that were merged need not be in order.
        history.records.sort_by(|a, b| a.circumstances.time_utc.cmp(&b.circumstances.time_utc));
        Ok(history)
    }

    /// Records of one benchmark by one tool, oldest first; a former name counts as the benchmark's.
    pub fn of<'a>(
        &'a self,
        tool: Tool,
        bench: &'a str,
        former: Option<&'a str>,
    ) -> impl DoubleEndedIterator<Item = &'a Record> {
        self.records.iter().filter(move |r| {
            let m = &r.measurement;
            m.tool == tool && (m.bench == bench || former.is_some_and(|f| m.bench == f))
        })
    }

    /// Benchmarks with their tools, each once, in order.
    pub fn benches(&self) -> Vec<(Tool, &str)> {
        let mut all: Vec<_> = self.records.iter().map(|r| (r.measurement.tool, r.measurement.bench.as_str())).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn parse(line: &[u8]) -> std::result::Result<Record, String> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("not JSON, perhaps cut off ({e})"))?;
    match value["schema"].as_u64() {
        None => return Err("not a line of `rheobase perf`: it has no `schema`".into()),
        Some(version) if version != u64::from(SCHEMA) => {
            return Err(format!("version {version}; this program knows version {SCHEMA}"));
        }
        Some(_) => {}
    }
    let record: Record = serde_json::from_value(value).map_err(|e| e.to_string())?;
    match record.measurement.measures.iter().find(|(_, m)| !m.is_sound()) {
        Some((name, measure)) => Err(format!("`{name}` is {} and not within its interval", measure.value)),
        None => Ok(record),
    }
}

/// Appends records, all in one write. A last line that was cut off is ended first, so that it spoils no other.
///
/// # Errors
/// If the file cannot be written.
pub fn append(path: &Path, records: &[Record]) -> Result<()> {
    let mut text = String::new();
    if std::fs::read(path).is_ok_and(|bytes| bytes.last().is_some_and(|b| *b != b'\n')) {
        text.push('\n');
    }
    for record in records {
        text += &serde_json::to_string(record).map_err(|e| Error::content(path, e))?;
        text.push('\n');
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
    }
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|e| Error::file(path, e))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| Error::file(path, e))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Machine, Measure};

    /// A record of a benchmark with one number.
    pub(crate) fn record(time: &str, tool: Tool, bench: &str, name: &str, measure: Measure) -> Record {
        let machine =
            Machine { cpu: "cpu".into(), cores: 2, instruction_set: "x86_64 avx2".into(), system: "Linux".into() };
        let circumstances = Circumstances {
            time_utc: time.into(),
            commit: format!("commit-{time}"),
            changed: false,
            compiler: "rustc 1.95.0".into(),
            machine,
        };
        Record::new(&circumstances, Measurement::new(bench, tool).with(name, measure))
    }

    #[test]
    fn lines_come_back_and_bad_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/history.jsonl");
        assert!(History::read(&path).unwrap().records.is_empty());
        let one = record("2026-01-01", Tool::Criterion, "a", "time_ns", Measure::estimate(1.0, 0.9, 1.1));
        append(&path, std::slice::from_ref(&one)).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        let line = text.trim().to_owned();
        text += "{\"name\":\"of another tool\"}\n";
        text += &line.replace("\"schema\":1", "\"schema\":7");
        text += "\n";
        text += &line.replace("0.9", "2.9");
        text += "\n";
        text += &line[..40];
        std::fs::write(&path, text).unwrap();
        // The line that was cut off must not swallow the next.
        append(&path, std::slice::from_ref(&one)).unwrap();
        let history = History::read(&path).unwrap();
        assert_eq!(history.records, [one.clone(), one]);
        let reasons = ["no `schema`", "version 7", "not within its interval", "cut off"];
        assert_eq!(history.skipped.len(), reasons.len(), "{:?}", history.skipped);
        for (found, wanted) in history.skipped.iter().zip(reasons) {
            assert!(found.contains(wanted) && found.contains(", line "), "{found}");
        }
    }

    #[test]
    fn counts_ask_for_the_compiler_and_times_for_the_machine() {
        let count = record("1", Tool::Gungraun, "a", "instructions", Measure::exact(1.0));
        let mut other = count.clone();
        other.circumstances.machine.cpu = "another".into();
        assert_eq!(count.incomparable(&other), None);
        other.circumstances.compiler = "rustc 1.96.0".into();
        assert!(count.incomparable(&other).unwrap().contains("1.96"));
        let time = record("1", Tool::Criterion, "a", "time_ns", Measure::exact(1.0));
        let mut other = time.clone();
        other.circumstances.compiler = "rustc 1.96.0".into();
        assert_eq!(time.incomparable(&other), None, "a compiler that makes programs slower is a regression");
        other.circumstances.machine.cores = 4;
        assert!(time.incomparable(&other).unwrap().contains("4 cores"));
        let mut other = time.clone();
        other.measurement.arguments = "x".into();
        assert!(time.incomparable(&other).unwrap().contains("arguments"));
    }
}
