//! The page "How fast is it?": peers, work against precision, growth with size, and the trend of every benchmark.

use std::collections::BTreeMap;

use rheobase_report::figure::{Chart, Marks, Series, Sparkline};
use serde::Serialize;

use crate::change_point::change_points;
use crate::frontier::{Frontier, frontiers};
use crate::history::{History, Record};
use crate::measurement::name;
use crate::scaling::{Growth, growths};
use crate::{Measure, Measurement, Result, Settings, Tool};

const TEMPLATE: &str = include_str!("page.html");

#[derive(Serialize)]
struct Page {
    workspace: String,
    machines: Vec<MachineView>,
    peers: Vec<PeerView>,
    frontiers: Vec<FrontierView>,
    growths: Vec<GrowthView>,
    growth_figure: Option<String>,
    groups: Vec<Group>,
    skipped: Vec<String>,
    records: usize,
}

#[derive(Serialize)]
struct MachineView {
    cpu: String,
    cores: usize,
    instruction_set: String,
    system: String,
    compilers: String,
    first: String,
    last: String,
    records: usize,
}

#[derive(Serialize)]
struct PeerView {
    workload: String,
    peer: String,
    theirs: String,
    ours: String,
    ratio: String,
    interval: String,
    faster: bool,
    time: String,
    machine: String,
}

#[derive(Serialize)]
struct FrontierView {
    problem: String,
    svg: String,
    rows: Vec<[String; 4]>,
}

#[derive(Serialize)]
struct GrowthView {
    family: String,
    measure: String,
    sizes: String,
    exponent: String,
    per_element: String,
}

#[derive(Serialize)]
struct Group {
    name: String,
    trends: Vec<Trend>,
}

#[derive(Serialize)]
struct Trend {
    bench: String,
    tool: &'static str,
    measure: String,
    latest: String,
    interval: String,
    throughput: String,
    since: String,
    change: String,
    better: Option<bool>,
    changes: String,
    spark: String,
    machine: String,
    runs: usize,
}

/// The page of a history as HTML.
///
/// # Errors
/// If a figure or the template fails.
pub fn page(workspace: &str, history: &History, settings: &Settings) -> Result<String> {
    // Results of different machines are different trends.
    let latest = latest(history, settings);
    let measured: Vec<&Measurement> = latest.iter().map(|r| &r.measurement).collect();
    let growths = growths(&measured);
    let page = Page {
        workspace: workspace.to_owned(),
        machines: machines(history),
        peers: latest.iter().filter(|r| r.measurement.value(name::RATIO).is_some()).map(|r| peer(r)).collect(),
        frontiers: frontiers(&measured).iter().map(frontier).collect::<Result<_>>()?,
        growth_figure: growth_figure(&growths)?,
        growths: growths.iter().map(growth).collect(),
        groups: groups(history, settings),
        skipped: history.skipped.clone(),
        records: history.records.len(),
    };
    Ok(rheobase_report::page(TEMPLATE, page)?)
}

/// The newest record of each benchmark, under its present name.
fn latest<'a>(history: &'a History, settings: &Settings) -> Vec<&'a Record> {
    let benches = history.benches().into_iter().filter(|(_, bench)| !settings.is_former(bench));
    benches.filter_map(|(tool, bench)| history.of(tool, bench, None).next_back()).collect()
}

fn machines(history: &History) -> Vec<MachineView> {
    let mut by_machine: BTreeMap<String, Vec<&Record>> = BTreeMap::new();
    for record in &history.records {
        by_machine.entry(record.circumstances.machine.fingerprint()).or_default().push(record);
    }
    let view = |records: Vec<&Record>| {
        let last = &records[records.len() - 1].circumstances;
        let mut compilers: Vec<&str> = records.iter().map(|r| r.circumstances.compiler.as_str()).collect();
        compilers.sort_unstable();
        compilers.dedup();
        MachineView {
            cpu: last.machine.cpu.clone(),
            cores: last.machine.cores,
            instruction_set: last.machine.instruction_set.clone(),
            system: last.machine.system.clone(),
            compilers: compilers.join(", "),
            first: records[0].circumstances.time_utc.clone(),
            last: last.time_utc.clone(),
            records: records.len(),
        }
    };
    let mut all: Vec<MachineView> = by_machine.into_values().map(view).collect();
    all.sort_by(|a, b| b.last.cmp(&a.last));
    all
}

fn peer(record: &Record) -> PeerView {
    let measurement = &record.measurement;
    let (workload, peer) = measurement.bench.rsplit_once('/').unwrap_or((&measurement.bench, ""));
    let measure = |name: &str| measurement.measures.get(name).copied().unwrap_or(Measure::exact(f64::NAN));
    let ratio = measure(name::RATIO);
    PeerView {
        workload: workload.to_owned(),
        peer: peer.replace('-', " "),
        theirs: duration(measure("theirs_ns").value),
        ours: duration(measure("ours_ns").value),
        ratio: format!("{:.2}", ratio.value),
        interval: interval(&ratio, |v| format!("{v:.2}")),
        faster: ratio.value >= 1.0,
        time: record.circumstances.time_utc.clone(),
        machine: short_machine(record),
    }
}

fn short_machine(record: &Record) -> String {
    let machine = &record.circumstances.machine;
    format!("{}, {} cores", machine.cpu, machine.cores)
}

fn frontier(frontier: &Frontier) -> Result<FrontierView> {
    let rows = frontier.methods.iter().flat_map(|(method, points)| {
        points.iter().map(move |(setting, time, error)| {
            [method.clone(), setting.clone(), duration(*time), rheobase_report::number(*error)]
        })
    });
    Ok(FrontierView { problem: frontier.problem.clone(), rows: rows.collect(), svg: frontier.svg()? })
}

fn growth(growth: &Growth) -> GrowthView {
    let (low, high) = growth.exponent.interval();
    let (size, value) = growth.points[growth.points.len() - 1];
    let per = value / size;
    GrowthView {
        family: growth.family.clone(),
        measure: if growth.measure == name::TIME_NS { "time".into() } else { "memory".into() },
        sizes: growth.points.iter().map(|p| p.0.to_string()).collect::<Vec<_>>().join(", "),
        exponent: format!("{:.2} ({low:.2} to {high:.2})", growth.exponent.value),
        per_element: shown(&growth.measure, per),
    }
}

fn growth_figure(growths: &[Growth]) -> Result<Option<String>> {
    let times: Vec<&Growth> = growths.iter().filter(|g| g.measure == name::TIME_NS).collect();
    if times.is_empty() {
        return Ok(None);
    }
    let series = times.iter().map(|g| Series {
        name: g.family.clone(),
        points: g.points.iter().map(|p| (p.0, p.1 / 1e9)).collect(),
        marks: Marks::Joined,
    });
    let chart = Chart {
        title: "time against size".into(),
        x_label: "size".into(),
        y_label: "time of an iteration (s)".into(),
        x_range: None,
        y_range: None,
        series: series.collect(),
    };
    Ok(Some(chart.log_log_svg()?))
}

/// Trends by the first part of the id; the newest machine of each benchmark.
fn groups(history: &History, settings: &Settings) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<Trend>> = BTreeMap::new();
    for last in latest(history, settings) {
        let measurement = &last.measurement;
        if measurement.tool == Tool::Peers {
            continue;
        }
        let bench = measurement.bench.as_str();
        let all = history.of(measurement.tool, bench, settings.former(bench));
        let comparable: Vec<&Record> = all.filter(|r| last.incomparable(r).is_none()).collect();
        let group = bench.split('/').next().unwrap_or(bench).to_owned();
        if let Some(trend) = trend(&comparable, settings) {
            groups.entry(group).or_default().push(trend);
        }
    }
    groups.into_iter().map(|(name, trends)| Group { name, trends }).collect()
}

fn trend(records: &[&Record], settings: &Settings) -> Option<Trend> {
    let last = records.last()?;
    let measurement = &last.measurement;
    let (measure_name, measure) = measurement.main()?;
    let (values, kept): (Vec<f64>, Vec<&Record>) =
        records.iter().filter_map(|r| Some((r.measurement.value(measure_name)?, *r))).unzip();
    let changes = change_points(&values, measure.low.is_none());
    let show = |v: f64| shown(measure_name, v);
    let described: Vec<String> = changes
        .iter()
        .map(|c| {
            let percent = 100.0 * (values[*c] / values[c - 1] - 1.0);
            format!("{percent:+.1} % at {}", kept[*c].circumstances.commit)
        })
        .collect();
    let change = if values.len() > 1 { Some(values[values.len() - 1] / values[0] - 1.0) } else { None };
    let limit = settings.limit(&measurement.bench, measure_name).unwrap_or(f64::INFINITY);
    Some(Trend {
        bench: measurement.bench.clone(),
        tool: measurement.tool.name(),
        measure: measure_name.replace('_', " ").replace(" ns", ""),
        latest: show(measure.value),
        interval: interval(measure, show),
        throughput: throughput(measurement, settings),
        since: kept[0].circumstances.time_utc.split(' ').next().unwrap_or_default().to_owned(),
        change: change.map_or(String::new(), |c| format!("{:+.1} %", 100.0 * c)),
        better: change.filter(|c| c.abs() > limit).map(|c| c < 0.0),
        changes: described.join("; "),
        machine: short_machine(last),
        runs: values.len(),
        spark: Sparkline { title: format!("{} over time", measurement.bench), values, changes }.svg(),
    })
}

/// Elements per second in the units of the field.
fn throughput(measurement: &Measurement, settings: &Settings) -> String {
    match (measurement.elements, measurement.value(name::TIME_NS)) {
        (Some(elements), Some(ns)) => {
            let unit = settings.unit(&measurement.bench).unwrap_or("elements");
            let rate = elements / ns * 1e9;
            let (value, prefix) = match rate {
                r if r >= 1e9 => (r / 1e9, " G "),
                r if r >= 1e6 => (r / 1e6, " M "),
                r if r >= 1e3 => (r / 1e3, " k "),
                r => (r, " "),
            };
            format!("{}{prefix}{unit}/s", rheobase_report::number(value))
        }
        _ => String::new(),
    }
}

fn interval(measure: &Measure, show: impl Fn(f64) -> String) -> String {
    match (measure.low, measure.high) {
        (Some(low), Some(high)) => format!("{} to {}", show(low), show(high)),
        _ => String::new(),
    }
}

/// A measured number in its unit: times and sizes with a fitting one, all else plain.
pub fn shown(measure: &str, value: f64) -> String {
    match measure {
        name::TIME_NS => duration(value),
        name::BYTES | name::PEAK_BYTES => size(value),
        _ => rheobase_report::number(value),
    }
}

/// A size with a fitting decimal unit.
fn size(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b >= 1e9 => (b / 1e9, "GB"),
        b if b >= 1e6 => (b / 1e6, "MB"),
        b if b >= 1e4 => (b / 1e3, "kB"),
        b => (b, "bytes"),
    };
    format!("{} {unit}", rheobase_report::number(value))
}

/// A time with a fitting unit.
pub fn duration(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns >= 1e9 => (ns / 1e9, "s"),
        ns if ns >= 1e6 => (ns / 1e6, "ms"),
        ns if ns >= 1e3 => (ns / 1e3, "us"),
        ns => (ns, "ns"),
    };
    format!("{} {unit}", rheobase_report::number(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::record;

    #[test]
    fn the_page_shows_trends_changes_frontiers_growth_and_peers() {
        let time = |when: &str, id: &str, v: f64| {
            record(when, Tool::Criterion, id, "time_ns", Measure::estimate(v, v * 0.98, v * 1.02))
        };
        let mut records: Vec<Record> =
            (0..12).map(|i| time(&format!("2026-01-{:02}", i + 1), "a/x", if i < 6 { 1e6 } else { 2e6 })).collect();
        records.extend([1000, 2000, 4000].map(|n| time("2026-02-01", &format!("grow/{n}"), f64::from(n) * 100.0)));
        let mut point = time("2026-02-01", "work-precision/cable/crank-nicolson/0.1", 1e6);
        point.measurement = point.measurement.with("error", Measure::exact(1e-3));
        records.push(point);
        let mut pair = record("2026-02-01", Tool::Peers, "cable/NEURON-9", "ratio", Measure::estimate(6.1, 5.9, 6.3));
        pair.measurement =
            pair.measurement.with("theirs_ns", Measure::exact(80.0)).with("ours_ns", Measure::exact(13.1));
        records.push(pair);
        let history = History { records, skipped: vec!["history.jsonl, line 3: cut off".into()] };
        let html = page("rheobase", &history, &Settings::default()).unwrap();
        for part in ["+100.0 % at commit-2026-01-07", "NEURON 9", "6.10", "crank-nicolson", "grow", "1.00 (", "cut off"]
        {
            assert!(html.contains(part), "{part}");
        }
    }

    #[test]
    fn numbers_are_shown_in_fitting_units() {
        let pairs = [
            (name::TIME_NS, 1.5e6, "1.500 ms"),
            (name::BYTES, 48.5e6, "48.50 MB"),
            (name::PEAK_BYTES, 420.0, "420 bytes"),
        ];
        for (measure, value, text) in pairs {
            assert_eq!(shown(measure, value), text);
        }
        assert_eq!(shown(name::INSTRUCTIONS, 1234.0), "1234");
    }

    #[test]
    fn an_empty_history_has_a_page_too() {
        let html = page("rheobase", &History::default(), &Settings::default()).unwrap();
        assert!(html.contains("no results so far"));
    }
}
