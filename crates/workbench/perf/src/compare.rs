//! Verdicts: results of now against the baseline.
//!
//! The baseline of a count is the last comparable record. That of an estimate is the span of the intervals of the last
//! [`BASELINE_RUNS`] comparable records, because times differ more between runs than within one. A number has regressed if even the
//! lower end of its ratio to the baseline is above 1 + limit: for an exact count that is the ratio itself.

use crate::history::{History, Record};
use crate::{Circumstances, Measure, Measurement, Settings, Tool};

/// Records that make the baseline of an estimate.
pub const BASELINE_RUNS: usize = 5;

/// What is said of one number.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Grew beyond its limit.
    Regressed,
    /// Shrank by more than its limit.
    Improved,
    /// Neither.
    Same,
    /// The history does not know the benchmark or the number.
    New,
    /// The history has it, but not comparable; why.
    Incomparable(String),
    /// The baseline has it and now there is no result; which new one it may have become.
    Gone(Option<String>),
}

/// One number against its baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Benchmark.
    pub bench: String,
    /// Tool.
    pub tool: Tool,
    /// Name of the number.
    pub measure: String,
    /// Now.
    pub now: Option<Measure>,
    /// Baseline.
    pub baseline: Option<Measure>,
    /// Commit of the baseline's last record.
    pub commit: String,
    /// Largest growth, as a share.
    pub limit: f64,
    /// Verdict.
    pub verdict: Verdict,
}

impl Comparison {
    /// Now over baseline, with the least and the largest ratio that the intervals allow.
    pub fn ratio(&self) -> Option<Measure> {
        let (now, baseline) = (self.now?, self.baseline?);
        let ((a, b), (c, d)) = (now.interval(), baseline.interval());
        Some(Measure::estimate(quotient(now.value, baseline.value), quotient(a, d), quotient(b, c)))
    }
}

/// x / y where 0 / 0 means that nothing changed.
fn quotient(x: f64, y: f64) -> f64 {
    if x == y { 1.0 } else { x / y }
}

/// Compares results with a history; with `commit`, only with records of that commit.
pub fn compare(
    found: &[Measurement],
    now: &Circumstances,
    history: &History,
    settings: &Settings,
    commit: Option<&str>,
) -> Vec<Comparison> {
    let mut all = vec![];
    for measurement in found {
        let record = Record::new(now, measurement.clone());
        for name in measurement.measures.keys() {
            if let Some(limit) = settings.limit(&measurement.bench, name) {
                all.push(judge(&record, name, limit, history, settings, commit));
            }
        }
    }
    all.extend(gone(found, now, history, settings, commit));
    all
}

fn judge(
    now: &Record,
    name: &str,
    limit: f64,
    history: &History,
    settings: &Settings,
    commit: Option<&str>,
) -> Comparison {
    let measurement = &now.measurement;
    let bench = measurement.bench.as_str();
    let mut comparison = Comparison {
        bench: bench.to_owned(),
        tool: measurement.tool,
        measure: name.to_owned(),
        now: measurement.measures.get(name).copied(),
        baseline: None,
        commit: String::new(),
        limit,
        verdict: Verdict::New,
    };
    let known = history
        .of(measurement.tool, bench, settings.former(bench))
        .filter(|r| of_commit(r, commit) && r.measurement.measures.contains_key(name));
    let known: Vec<&Record> = known.rev().collect();
    let comparable: Vec<&Record> = known.iter().copied().filter(|r| now.incomparable(r).is_none()).collect();
    let Some(last) = comparable.first() else {
        if let Some(reason) = known.first().and_then(|r| now.incomparable(r)) {
            comparison.verdict = Verdict::Incomparable(reason);
        }
        return comparison;
    };
    let last_measure = last.measurement.measures[name];
    let runs = if last_measure.low.is_some() { BASELINE_RUNS } else { 1 };
    let intervals = comparable.iter().take(runs).map(|r| r.measurement.measures[name].interval());
    let (low, high) = intervals.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (c, d)| (a.min(c), b.max(d)));
    comparison.baseline = Some(Measure { low: Some(low), high: Some(high), ..last_measure });
    comparison.commit.clone_from(&last.circumstances.commit);
    comparison.verdict = match comparison.ratio().map(|r| r.interval()) {
        Some((low, _)) if low > 1.0 + limit => Verdict::Regressed,
        Some((_, high)) if high < 1.0 / (1.0 + limit) => Verdict::Improved,
        _ => Verdict::Same,
    };
    comparison
}

fn of_commit(record: &Record, commit: Option<&str>) -> bool {
    commit.is_none_or(|c| record.circumstances.commit.starts_with(c))
}

/// Benchmarks that the last comparable run of a tool had and that have no result now, for the tools that have results.
fn gone(
    found: &[Measurement],
    now: &Circumstances,
    history: &History,
    settings: &Settings,
    commit: Option<&str>,
) -> Vec<Comparison> {
    let has = |tool: Tool, bench: &str| found.iter().any(|m| m.tool == tool && m.bench == bench);
    let mut all = vec![];
    for (tool, bench) in history.benches() {
        let measured = found.iter().any(|m| m.tool == tool);
        let renamed = settings.renamed.iter().any(|r| r.from == bench && has(tool, &r.to));
        if !measured || renamed || has(tool, bench) || tool == Tool::Peers {
            continue;
        }
        let Some(last) = history.of(tool, bench, None).rfind(|r| of_commit(r, commit)) else { continue };
        let probe = Record::new(now, last.measurement.clone());
        let Some((name, measure)) = last.measurement.main() else { continue };
        if probe.incomparable(last).is_some() || !is_last_run(last, history) {
            continue;
        }
        let new = found.iter().filter(|m| m.tool == tool && history.of(tool, &m.bench, None).next().is_none());
        let similar = new.max_by_key(|m| common(&m.bench, bench)).filter(|m| common(&m.bench, bench) > 0);
        all.push(Comparison {
            bench: bench.to_owned(),
            tool,
            measure: name.to_owned(),
            now: None,
            baseline: Some(*measure),
            commit: last.circumstances.commit.clone(),
            limit: settings.limit(bench, name).unwrap_or(f64::INFINITY),
            verdict: Verdict::Gone(similar.map(|m| m.bench.clone())),
        });
    }
    all
}

/// Whether a record belongs to the newest run of its tool on its machine: what was dropped earlier is not missed for ever.
fn is_last_run(record: &Record, history: &History) -> bool {
    let same = |r: &&Record| {
        r.measurement.tool == record.measurement.tool
            && r.circumstances.machine.fingerprint() == record.circumstances.machine.fingerprint()
    };
    let newest = history.records.iter().filter(same).map(|r| r.circumstances.time_utc.as_str()).max();
    newest == Some(record.circumstances.time_utc.as_str())
}

/// Parts that two ids share at the start and at the end.
fn common(a: &str, b: &str) -> usize {
    let head = a.split('/').zip(b.split('/')).take_while(|(x, y)| x == y).count();
    let tail = a.rsplit('/').zip(b.rsplit('/')).take_while(|(x, y)| x == y).count();
    head + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::record;
    use crate::settings::Renamed;

    fn verdicts(history: Vec<Record>, now: &Record, settings: &Settings) -> Vec<(String, Verdict)> {
        let history = History { records: history, skipped: vec![] };
        let found = [now.measurement.clone()];
        let all = compare(&found, &now.circumstances, &history, settings, None);
        all.into_iter().map(|c| (c.bench, c.verdict)).collect()
    }

    fn count(time: &str, bench: &str, value: f64) -> Record {
        record(time, Tool::Gungraun, bench, "instructions", Measure::exact(value))
    }

    fn time(when: &str, value: f64, half: f64) -> Record {
        record(when, Tool::Criterion, "t", "time_ns", Measure::estimate(value, value - half, value + half))
    }

    #[test]
    fn counts_are_judged_exactly_against_the_last_record() {
        let history = vec![count("1", "a", 500.0), count("2", "a", 1000.0)];
        let settings = Settings::default();
        for (value, wanted) in
            [(1020.0, Verdict::Same), (1020.1, Verdict::Regressed), (980.0, Verdict::Improved), (990.0, Verdict::Same)]
        {
            let found = verdicts(history.clone(), &count("3", "a", value), &settings);
            assert_eq!(found, [("a".to_owned(), wanted)], "{value}");
        }
    }

    #[test]
    fn times_regress_only_beyond_the_span_of_the_last_runs() {
        let history = vec![time("1", 100.0, 2.0), time("2", 118.0, 2.0), time("3", 101.0, 2.0)];
        let settings = Settings::default();
        // 120 * 1.15 = 138: the span reaches to 120 because one of the runs was disturbed.
        assert_eq!(verdicts(history.clone(), &time("4", 139.0, 2.0), &settings)[0].1, Verdict::Same);
        assert_eq!(verdicts(history.clone(), &time("4", 141.0, 2.0), &settings)[0].1, Verdict::Regressed);
        assert_eq!(verdicts(history, &time("4", 80.0, 2.0), &settings)[0].1, Verdict::Improved);
    }

    #[test]
    fn new_foreign_and_zero_numbers_have_defined_verdicts() {
        let settings = Settings::default();
        assert_eq!(verdicts(vec![], &count("1", "a", 1.0), &settings)[0].1, Verdict::New);
        let mut foreign = count("1", "a", 1.0);
        foreign.circumstances.compiler = "rustc 1.90.0".into();
        let found = verdicts(vec![foreign], &count("2", "a", 9.0), &settings);
        assert!(matches!(&found[0].1, Verdict::Incomparable(why) if why.contains("1.90")));
        assert_eq!(verdicts(vec![count("1", "a", 0.0)], &count("2", "a", 0.0), &settings)[0].1, Verdict::Same);
        assert_eq!(verdicts(vec![count("1", "a", 0.0)], &count("2", "a", 1.0), &settings)[0].1, Verdict::Regressed);
    }

    #[test]
    fn a_less_accurate_method_has_regressed_however_fast_it_is() {
        let error = |when: &str, e: f64| record(when, Tool::Observation, "w/cn/0.1", "error", Measure::exact(e));
        let settings = Settings::default();
        assert_eq!(verdicts(vec![error("1", 1e-3)], &error("2", 1.2e-3), &settings)[0].1, Verdict::Regressed);
    }

    #[test]
    fn a_renamed_benchmark_is_missed_with_a_hint_until_the_settings_say_so() {
        let history = vec![count("1", "cable/old/8", 100.0), count("1", "network", 5.0)];
        let now = count("2", "cable/new/8", 150.0);
        let found = verdicts(history.clone(), &now, &Settings::default());
        assert_eq!(found[0], ("cable/new/8".to_owned(), Verdict::New));
        assert_eq!(found[1], ("cable/old/8".to_owned(), Verdict::Gone(Some("cable/new/8".into()))));
        assert_eq!(found[2], ("network".to_owned(), Verdict::Gone(None)));
        let renamed = Renamed { from: "cable/old/8".into(), to: "cable/new/8".into() };
        let settings = Settings { renamed: vec![renamed], ..Settings::default() };
        let found = verdicts(history, &now, &settings);
        assert_eq!(found[0], ("cable/new/8".to_owned(), Verdict::Regressed));
        assert_eq!(found.len(), 2);
    }
}
