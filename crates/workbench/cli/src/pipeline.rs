//! From a file to a plan, a run and a report: what several commands share.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rheobase_data::library::{Library, Place};
use rheobase_pipeline::declaration::{Declaration, check};
use rheobase_pipeline::plan::{Plan, PlanNode};
use rheobase_pipeline::run::{NodeResult, Runner};
use rheobase_pipeline::store::{State, Store, write_atomically};
use rheobase_pipeline::summary::Summary;
use rheobase_report::{Provenance, Report, ReportNode};
use rheobase_stage::REGISTRY;

use crate::arguments::{PipelineArguments, RunArguments, Settings};
use crate::failure::Failure;
use crate::observer::Screen;
use crate::provenance;

/// A planned pipeline with the places its results go to.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The store.
    pub store: Store,
    /// The data sets.
    pub library: Library,
    /// Folder of the report.
    pub folder: PathBuf,
}

/// Checks a pipeline file.
pub fn declare(arguments: &PipelineArguments, settings: &Settings) -> Result<Declaration, Failure> {
    let name = arguments.pipeline.display().to_string();
    let text =
        std::fs::read_to_string(&arguments.pipeline).map_err(|e| Failure::User(format!("cannot read {name}: {e}")))?;
    check(&text, &arguments.set, REGISTRY).map_err(|diagnostics| Failure::Diagnostics {
        name,
        text,
        diagnostics,
        json: settings.json,
    })
}

/// Checks and plans a pipeline file.
pub fn plan(arguments: &PipelineArguments, settings: &Settings) -> Result<Planned, Failure> {
    let declaration = declare(arguments, settings)?;
    let library = Library::new(settings.data_folder())?;
    let plan = Plan::build(&declaration, &library)?;
    let store = Store::open(settings.reports.join("store"))?;
    let folder = settings.reports.join(&plan.header.name);
    Ok(Planned { plan, store, library, folder })
}

/// The data sets that a node reads and that are not here.
pub fn absent_data(planned: &Planned, node: &PlanNode) -> Vec<String> {
    let files = REGISTRY.find(node.role, &node.kind).map_or(vec![], |stage| stage.data_files(&node.parameters));
    let absent = |(dataset, file): &(String, String)| planned.library.place(dataset, file) == Place::Absent;
    let mut names: Vec<String> = files.into_iter().filter(absent).map(|(dataset, _)| dataset).collect();
    names.dedup();
    names
}

/// The data sets that any node reads and that are not here.
pub fn all_absent_data(planned: &Planned) -> Vec<String> {
    let mut names: Vec<String> = planned.plan.nodes.iter().flat_map(|node| absent_data(planned, node)).collect();
    names.dedup();
    names
}

/// Whether the results of all nodes are in the store.
pub fn is_stored(planned: &Planned) -> bool {
    planned.plan.nodes.iter().all(|node| matches!(planned.store.state(&node.key), State::Present(_)))
}

/// Runs a plan, writes plan.lock, summary.json and report.html, and returns the summary.
pub fn run(planned: &Planned, arguments: &RunArguments, settings: &Settings) -> Result<Summary, Failure> {
    let started = Instant::now();
    rheobase_stage::require_device(&planned.plan.header.device).map_err(Failure::User)?;
    planned.plan.write(&planned.folder.join("plan.lock"))?;
    let screen = Screen::new(settings.progress);
    let jobs = arguments.jobs.unwrap_or_else(rheobase_core::parallel::available).max(1);
    let runner = Runner {
        registry: REGISTRY,
        store: &planned.store,
        library: &planned.library,
        jobs,
        memory_mib: arguments.memory.unwrap_or_else(provenance::memory_budget_mib),
        observer: &screen,
    };
    let results = runner.run(&planned.plan)?;
    let provenance = provenance::collect(started.elapsed().as_secs_f64(), jobs);
    write_report(planned, &results, provenance)
}

/// Results of a plan as they are in the store.
pub fn stored_results(planned: &Planned) -> Vec<NodeResult> {
    let state = |key: &str| match planned.store.state(key) {
        State::Present(record) => NodeResult::Done(record),
        State::Absent => NodeResult::Failed("not computed yet".into()),
        State::Damaged(reason) => NodeResult::Failed(format!("damaged: {reason}; run the pipeline again")),
    };
    planned.plan.nodes.iter().map(|node| state(&node.key)).collect()
}

/// Writes summary.json, provenance.json and report.html.
pub fn write_report(planned: &Planned, results: &[NodeResult], provenance: Provenance) -> Result<Summary, Failure> {
    let summary = Summary::new(&planned.plan, results);
    let circumstances = serde_json::to_string_pretty(&provenance).unwrap_or_default() + "\n";
    let mut nodes = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (variant, view) in planned.plan.views.iter().enumerate() {
        let mut places: Vec<(usize, &String)> = view.iter().map(|(address, &index)| (index, address)).collect();
        places.sort();
        for (index, address) in places {
            // What several variants share is shown once.
            if !seen.insert((index, address.clone())) {
                continue;
            }
            let node = &planned.plan.nodes[index];
            let about = REGISTRY.find(node.role, &node.kind).map_or("", |stage| stage.about());
            let label = &planned.plan.variants[variant];
            nodes.extend(ReportNode::load(&planned.store, &planned.plan, index, address, label, about)?);
        }
    }
    let html = Report { plan: &planned.plan, summary: &summary, nodes, provenance }.html()?;
    write_atomically(&planned.folder.join("summary.json"), summary.to_json().as_bytes())?;
    write_atomically(&planned.folder.join("provenance.json"), circumstances.as_bytes())?;
    write_atomically(&planned.folder.join("report.html"), html.as_bytes())?;
    Ok(summary)
}

/// The plan of an earlier run in a report folder, if there is one.
pub fn earlier_plan(folder: &Path) -> Option<Plan> {
    Plan::read(&folder.join("plan.lock")).ok()
}
