//! `reproduce`: the gallery, the longer studies beside it, and their scoreboard.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rheobase_pipeline::store::write_atomically;
use rheobase_pipeline::summary::{Summary, Verdict};
use serde::Serialize;

use crate::arguments::{PipelineArguments, RunArguments, Settings};
use crate::catalogue::{self, System};
use crate::failure::{Failure, Outcome};
use crate::{output, pipeline};

/// One system on the scoreboard, or a pipeline that rebuilds none: then the id is its name.
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

/// Why a system is not judged, and the command that helps.
struct Open {
    verdict: &'static str,
    command: String,
}

const NEEDS_DATA: &str = "needs data";
const NEEDS_STUDY: &str = "needs its study";

/// Runs the gallery, or the pipelines and studies of some systems, and prints the scoreboard; exit code 1 if something built is not met.
/// Studies take long: unless their systems are asked for, only those are judged whose results are there.
pub fn reproduce(only: &[String], gallery: &Path, run: &RunArguments, settings: &Settings) -> Outcome {
    let catalogue = catalogue::systems();
    if let Some(unknown) = only.iter().find(|id| !catalogue.iter().any(|s| s.id == **id)) {
        return Err(Failure::User(format!("no system has the id `{unknown}`; see `rheobase list systems`")));
    }
    let wanted = |id: &str| only.is_empty() || only.iter().any(|o| o == id);
    let mut summaries: Vec<Summary> = Vec::new();
    let mut open: BTreeMap<String, Open> = BTreeMap::new();
    let studies = gallery.with_file_name("studies");
    let long = if studies.is_dir() { pipelines(&studies)? } else { vec![] };
    let all =
        pipelines(gallery)?.into_iter().map(|path| (path, false)).chain(long.into_iter().map(|path| (path, true)));
    for (path, is_study) in all {
        let arguments = PipelineArguments { pipeline: path.clone(), set: vec![] };
        let planned = pipeline::plan(&arguments, settings)?;
        let systems = &planned.plan.header.systems;
        if let Some(unknown) = systems.iter().find(|id| !catalogue.iter().any(|s| s.id == **id)) {
            return Err(Failure::User(format!("{}: no system has the id `{unknown}`", path.display())));
        }
        // A study of no system is for those who name it.
        let asked = systems.iter().any(|id| wanted(id)) || (only.is_empty() && !is_study);
        if !asked {
            continue;
        }
        let absent = pipeline::all_absent_data(&planned);
        let reason = if !absent.is_empty() {
            let command = format!("rheobase data fetch {}", absent.join(" "));
            output::message(&format!("{} needs data that are not here: {command}", path.display()));
            Some((NEEDS_DATA, command))
        } else if is_study && only.is_empty() && !pipeline::is_stored(&planned) {
            Some((NEEDS_STUDY, format!("rheobase reproduce --only {}", systems.join(","))))
        } else {
            None
        };
        if let Some((verdict, command)) = reason {
            open.extend(systems.iter().map(|id| (id.clone(), Open { verdict, command: command.clone() })));
            continue;
        }
        output::message(&format!("running {}", path.display()));
        summaries.push(pipeline::run(&planned, run, settings)?);
    }
    let mut lines: Vec<Line> =
        catalogue.into_iter().filter(|s| wanted(&s.id)).map(|s| line(s, &summaries, &open)).collect();
    lines.extend(summaries.iter().filter(|s| s.systems.is_empty()).map(beside));
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

fn line(system: System, summaries: &[Summary], open: &BTreeMap<String, Open>) -> Line {
    let own: Vec<&Summary> = summaries.iter().filter(|s| s.systems.contains(&system.id)).collect();
    // A system may take several pipelines; each says in its header that it is one of them.
    let belongs = |v: &&Verdict| v.expectation.system.as_ref().is_none_or(|id| *id == system.id);
    let expectations: Vec<Expected> =
        own.iter().flat_map(|s| s.expectations.iter().filter(belongs).map(expected)).collect();
    let found = (!own.is_empty()).then(|| verdict(&own, &expectations));
    let (verdict, pipeline) = match (found, open.get(&system.id)) {
        // What is missed stays missed, whatever is still to come.
        (None | Some("met"), Some(open)) => (open.verdict, Some(open.command.clone())),
        (None, None) => ("missing", None),
        (Some(found), _) => (found, Some(own.iter().map(|s| s.pipeline.as_str()).collect::<Vec<_>>().join(", "))),
    };
    Line { verdict, pipeline, id: system.id, title: system.title, citation: system.citation, expectations }
}

/// The line of a pipeline that rebuilds no system of the catalogue.
fn beside(summary: &Summary) -> Line {
    let expectations: Vec<Expected> = summary.expectations.iter().map(expected).collect();
    Line {
        verdict: verdict(&[summary], &expectations),
        pipeline: Some(summary.pipeline.clone()),
        id: summary.pipeline.clone(),
        title: summary.question.clone(),
        citation: String::new(),
        expectations,
    }
}

fn expected(verdict: &Verdict) -> Expected {
    Expected {
        quantity: verdict.expectation.quantity(),
        meaning: verdict.expectation.meaning.clone().unwrap_or_default(),
        published: verdict.expectation.published.clone().unwrap_or_default(),
        bound: verdict.expectation.bounds(),
        ours: verdict.found.clone(),
        met: verdict.met,
        source: verdict.expectation.source.clone().unwrap_or_default(),
    }
}

fn verdict(summaries: &[&Summary], expectations: &[Expected]) -> &'static str {
    let ran = summaries.iter().all(|s| s.failures.is_empty());
    if ran && !expectations.is_empty() && expectations.iter().all(|e| e.met) { "met" } else { "not met" }
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
    let (beside, systems): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|l| Some(&l.id) == l.pipeline.as_ref());
    let count = |lines: &[&Line], verdict: &str| lines.iter().filter(|l| l.verdict == verdict).count();
    output::message(&format!(
        "{} met, {} not met, {} without their data, {} without their study, {} missing of {} systems",
        count(&systems, "met"),
        count(&systems, "not met"),
        count(&systems, NEEDS_DATA),
        count(&systems, NEEDS_STUDY),
        count(&systems, "missing"),
        systems.len()
    ));
    if !beside.is_empty() {
        output::message(&format!(
            "{} met, {} not met of {} pipelines beside the catalogue",
            count(&beside, "met"),
            count(&beside, "not met"),
            beside.len()
        ));
    }
}
