//! `perf compare`: verdicts against the history.

use rheobase_perf::compare::{Comparison, Verdict, compare as judge};
use rheobase_perf::measurement::name;
use rheobase_perf::page::shown;
use serde_json::json;

use super::{Places, settings};
use crate::arguments::{PerfArguments, PerfResults, Settings as Program};
use crate::failure::{Failure, Outcome};
use crate::output;

/// Prints the table; 1 if something regressed.
pub fn compare(
    perf: &PerfArguments,
    results: &PerfResults,
    baseline: Option<&str>,
    all: bool,
    program: &Program,
) -> Outcome {
    let places = Places::of(perf)?;
    let settings = settings(perf)?;
    let history = places.read_history()?;
    if let Some(commit) = baseline
        && !history.records.iter().any(|r| r.circumstances.commit.starts_with(commit))
    {
        return Err(Failure::User(format!("{} has no result of commit `{commit}`", places.history.display())));
    }
    let (collected, now) = places.collect(results)?;
    let comparisons = judge(&collected.measurements, &now, &history, &settings, baseline);
    let regressed = comparisons.iter().filter(|c| c.verdict == Verdict::Regressed).count();
    let gone = comparisons.iter().filter(|c| matches!(c.verdict, Verdict::Gone(_))).count();
    let judged = comparisons.iter().filter(|c| c.baseline.is_some() && c.now.is_some()).count();
    if program.json {
        output::json(&comparisons.iter().map(as_json).collect::<Vec<_>>());
    } else {
        let rows: Vec<Vec<String>> = comparisons.iter().map(row).collect();
        output::data(&output::table(&["benchmark", "number", "baseline", "now", "change", "limit", "verdict"], &rows));
    }
    for reason in unjudged(&comparisons) {
        output::message(&reason);
    }
    output::message(&format!(
        "{judged} judged, {regressed} regressed, {gone} gone, {} without a baseline",
        comparisons.len() - judged - gone
    ));
    Ok(u8::from(regressed > 0 || (all && gone > 0)))
}

/// Why numbers were not judged, each reason once.
fn unjudged(comparisons: &[Comparison]) -> Vec<String> {
    let mut reasons: Vec<String> = comparisons
        .iter()
        .filter_map(|c| match &c.verdict {
            Verdict::Incomparable(why) => {
                Some(format!("not comparable: {why}; `rheobase perf record` makes a baseline of now"))
            }
            Verdict::Gone(Some(new)) => Some(format!(
                "`{}` has no result; if it is `{new}` now, say so in perf.toml: [[renamed]] from = \"{}\", to = \"{new}\"",
                c.bench, c.bench
            )),
            Verdict::Gone(None) => Some(format!("`{}` has no result; was it removed or filtered out?", c.bench)),
            _ => None,
        })
        .collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "regressed",
        Verdict::Improved => "improved",
        Verdict::Same => "same",
        Verdict::New => "new",
        Verdict::Incomparable(_) => "not comparable",
        Verdict::Gone(_) => "gone",
    }
}

fn row(comparison: &Comparison) -> Vec<String> {
    let show = |value: f64| match comparison.measure.as_str() {
        measure @ (name::TIME_NS | name::BYTES | name::PEAK_BYTES) => shown(measure, value),
        _ => output::number(value),
    };
    let percent = |ratio: f64| format!("{:+.1} %", 100.0 * (ratio - 1.0));
    let change = comparison.ratio().map_or(String::new(), |ratio| match ratio.interval() {
        (low, high) if low == high => format!("{:+.2} %", 100.0 * (ratio.value - 1.0)),
        (low, high) => format!("{} ({} to {})", percent(ratio.value), percent(low), percent(high)),
    });
    let verdict = word(&comparison.verdict);
    vec![
        comparison.bench.clone(),
        comparison.measure.clone(),
        comparison.baseline.map_or("-".into(), |m| show(m.value)),
        comparison.now.map_or("-".into(), |m| show(m.value)),
        change,
        percent(1.0 + comparison.limit),
        match comparison.verdict {
            Verdict::Regressed | Verdict::Gone(_) => output::verdict(false, verdict),
            Verdict::Improved => output::verdict(true, verdict),
            _ => verdict.to_owned(),
        },
    ]
}

fn as_json(comparison: &Comparison) -> serde_json::Value {
    let reason = match &comparison.verdict {
        Verdict::Incomparable(why) => Some(why.clone()),
        Verdict::Gone(now) => now.clone(),
        _ => None,
    };
    json!({
        "bench": comparison.bench, "tool": comparison.tool, "measure": comparison.measure,
        "baseline": comparison.baseline, "now": comparison.now, "ratio": comparison.ratio(),
        "limit": comparison.limit, "commit": comparison.commit, "verdict": word(&comparison.verdict), "reason": reason,
    })
}
