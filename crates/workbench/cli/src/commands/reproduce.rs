//! `reproduce`: the gallery and its scoreboard.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rheobase_pipeline::store::write_atomically;
use rheobase_pipeline::summary::Summary;
use serde::Serialize;

use crate::arguments::{PipelineArguments, RunArguments, Settings};
use crate::catalogue::{self, System};
use crate::failure::{Failure, Outcome};
use crate::{output, pipeline};

/// One system on the scoreboard.
#[derive(Serialize)]
struct Line {
    id: String,
    title: String,
    citation: String,
    pipeline: Option<String>,
    verdict: &'static str,
    expectations: Vec<Expected>,
}

#[derive(Serialize)]
struct Expected {
    quantity: String,
    meaning: String,
    published: String,
    bound: String,
    ours: Vec<Option<f64>>,
    met: bool,
    source: String,
}

/// Runs the gallery and prints the scoreboard; exit code 1 if a system that is built is not met.
pub fn reproduce(only: &[String], gallery: &Path, run: &RunArguments, settings: &Settings) -> Outcome {
    let catalogue = catalogue::systems();
    if let Some(unknown) = only.iter().find(|id| !catalogue.iter().any(|s| s.id == **id)) {
        return Err(Failure::User(format!("no system has the id `{unknown}`; see `rheobase list systems`")));
    }
    let wanted = |id: &str| only.is_empty() || only.iter().any(|o| o == id);
    let mut summaries: Vec<Summary> = Vec::new();
    let mut without_data: BTreeMap<String, String> = BTreeMap::new();
    for path in pipelines(gallery)? {
        let arguments = PipelineArguments { pipeline: path.clone(), set: vec![] };
        let planned = pipeline::plan(&arguments, settings)?;
        if let Some(unknown) = planned.plan.header.systems.iter().find(|id| !catalogue.iter().any(|s| s.id == **id)) {
            return Err(Failure::User(format!("{}: no system has the id `{unknown}`", path.display())));
        }
        if planned.plan.header.systems.iter().any(|id| wanted(id)) {
            let nodes = &planned.plan.nodes;
            let mut absent: Vec<String> = nodes.iter().flat_map(|n| pipeline::absent_data(&planned, n)).collect();
            absent.dedup();
            if !absent.is_empty() {
                let fetch = format!("rheobase data fetch {}", absent.join(" "));
                output::message(&format!("{} needs data that are not here: {fetch}", path.display()));
                without_data.extend(planned.plan.header.systems.iter().map(|id| (id.clone(), fetch.clone())));
                continue;
            }
            output::message(&format!("running {}", path.display()));
            summaries.push(pipeline::run(&planned, run, settings)?);
        }
    }
    let lines: Vec<Line> =
        catalogue.into_iter().filter(|s| wanted(&s.id)).map(|s| line(s, &summaries, &without_data)).collect();
    let text = serde_json::to_string_pretty(&lines).unwrap_or_default() + "\n";
    if only.is_empty() {
        write_atomically(&settings.reports.join("scoreboard.json"), text.as_bytes())?;
    }
    if settings.json {
        output::data(text.trim_end());
    } else {
        print(&lines);
    }
    Ok(u8::from(lines.iter().any(|l| l.verdict == "not met")))
}

fn pipelines(gallery: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(gallery).map_err(|e| {
        Failure::User(format!(
            "cannot read the gallery {}: {e}; start in the project's folder or give --gallery",
            gallery.display()
        ))
    })?;
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    Ok(paths)
}

fn line(system: System, summaries: &[Summary], without_data: &BTreeMap<String, String>) -> Line {
    let Some(summary) = summaries.iter().find(|s| s.systems.contains(&system.id)) else {
        let fetch = without_data.get(&system.id);
        return Line {
            verdict: if fetch.is_some() { "needs data" } else { "missing" },
            pipeline: fetch.cloned(),
            id: system.id,
            title: system.title,
            citation: system.citation,
            expectations: vec![],
        };
    };
    let belongs =
        |v: &&rheobase_pipeline::summary::Verdict| v.expectation.system.as_ref().is_none_or(|id| *id == system.id);
    let expectations: Vec<Expected> = summary
        .expectations
        .iter()
        .filter(belongs)
        .map(|v| Expected {
            quantity: v.expectation.quantity(),
            meaning: v.expectation.meaning.clone().unwrap_or_default(),
            published: v.expectation.published.clone().unwrap_or_default(),
            bound: v.expectation.bounds(),
            ours: v.found.clone(),
            met: v.met,
            source: v.expectation.source.clone().unwrap_or_default(),
        })
        .collect();
    let good = summary.failures.is_empty() && !expectations.is_empty() && expectations.iter().all(|e| e.met);
    Line {
        id: system.id,
        title: system.title,
        citation: system.citation,
        pipeline: Some(summary.pipeline.clone()),
        verdict: if good { "met" } else { "not met" },
        expectations,
    }
}

fn print(lines: &[Line]) {
    for line in lines.iter().filter(|l| l.pipeline.is_some()) {
        let verdict = output::verdict(line.verdict == "met", line.verdict);
        let pipeline = line.pipeline.as_deref().unwrap_or_default();
        output::data(&format!("{} {}: {verdict} ({pipeline})", line.id, line.title));
        if line.expectations.is_empty() {
            output::data("");
            continue;
        }
        let rows: Vec<Vec<String>> = line
            .expectations
            .iter()
            .map(|e| {
                let ours: Vec<String> = e.ours.iter().map(|v| v.map_or("missing".into(), output::number)).collect();
                let met = output::verdict(e.met, if e.met { "met" } else { "MISSED" });
                vec![format!("  {met}"), e.quantity.clone(), ours.join(", "), e.bound.clone(), e.published.clone()]
            })
            .collect();
        output::data(&output::table(&["  verdict", "quantity", "ours", "bound", "published"], &rows));
        output::data("");
    }
    let missing: Vec<&Line> = lines.iter().filter(|l| l.pipeline.is_none()).collect();
    if !missing.is_empty() {
        let mut parts: BTreeMap<char, Vec<&str>> = BTreeMap::new();
        for line in &missing {
            parts.entry(line.id.chars().next().unwrap_or('?')).or_default().push(&line.id);
        }
        output::data(&format!("missing ({}):", missing.len()));
        for ids in parts.values() {
            output::data(&format!("  {}", ids.join(" ")));
        }
    }
    let count = |verdict: &str| lines.iter().filter(|l| l.verdict == verdict).count();
    output::message(&format!(
        "{} met, {} not met, {} without their data, {} missing of {} systems",
        count("met"),
        count("not met"),
        count("needs data"),
        count("missing"),
        lines.len()
    ));
}
