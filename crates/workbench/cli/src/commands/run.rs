//! `run`, `report` and `exec`.

use std::path::Path;

use rheobase_data::library::Library;
use rheobase_pipeline::plan::Plan;
use rheobase_pipeline::run::{NodeResult, Runner};
use rheobase_pipeline::store::Store;
use rheobase_pipeline::summary::Summary;
use rheobase_stage::REGISTRY;

use crate::arguments::{PipelineArguments, RunArguments, Settings};
use crate::failure::Outcome;
use crate::observer::Screen;
use crate::output::{data, json, message, number, table, verdict};
use crate::{pipeline, provenance};

/// Runs a pipeline and writes its report.
pub fn run(arguments: &PipelineArguments, run: &RunArguments, settings: &Settings) -> Outcome {
    let planned = pipeline::plan(arguments, settings)?;
    let summary = pipeline::run(&planned, run, settings)?;
    print(&summary, &planned.folder, settings);
    Ok(u8::from(!summary.is_good()))
}

/// Writes the report again from the store.
pub fn report(arguments: &PipelineArguments, settings: &Settings) -> Outcome {
    let planned = pipeline::plan(arguments, settings)?;
    let results = pipeline::stored_results(&planned);
    let summary = pipeline::write_report(&planned, &results, provenance::collect(0.0, 1))?;
    print(&summary, &planned.folder, settings);
    Ok(u8::from(!summary.is_good()))
}

/// Runs one node of a frozen plan.
pub fn exec(plan: &Path, node: &str, settings: &Settings) -> Outcome {
    let plan = Plan::read(plan)?;
    let library = Library::new(settings.data_folder())?;
    let store = Store::open(settings.reports.join("store"))?;
    let screen = Screen::new(settings.progress);
    let runner = Runner {
        registry: REGISTRY,
        store: &store,
        library: &library,
        jobs: 1,
        memory_mib: u64::MAX,
        observer: &screen,
    };
    let found = plan.find(node)?;
    match runner.exec(&plan, node)? {
        NodeResult::Done(record) => {
            if settings.json {
                json(&record);
            } else {
                data(&record.key);
            }
            Ok(0)
        }
        NodeResult::Failed(_) => Ok(1),
        NodeResult::Blocked => {
            let missing: Vec<&str> = found.inputs.values().map(|&i| plan.nodes[i].address.as_str()).collect();
            message(&format!(
                "error: {} needs the results of {}; run those nodes first",
                found.address,
                missing.join(", ")
            ));
            Ok(1)
        }
    }
}

fn print(summary: &Summary, folder: &Path, settings: &Settings) {
    if settings.json {
        json(summary);
    } else if !summary.expectations.is_empty() {
        let rows: Vec<Vec<String>> = summary
            .expectations
            .iter()
            .map(|v| {
                let found: Vec<String> = v.found.iter().map(|f| f.map_or("missing".into(), number)).collect();
                vec![
                    verdict(v.met, if v.met { "met" } else { "MISSED" }),
                    v.expectation.quantity(),
                    found.join(", "),
                    v.expectation.bounds(),
                    v.expectation.source.clone().unwrap_or_default(),
                ]
            })
            .collect();
        data(&table(&["verdict", "quantity", "ours", "bound", "source"], &rows));
    }
    for (address, reason) in &summary.failures {
        message(&format!("failed: {address}: {reason}"));
    }
    message(&format!("report: {}", folder.join("report.html").display()));
}
