//! One file for each command with more than a few lines.

mod data;
mod describe;
mod diff;
mod list;
mod perf;
mod plan;
mod reproduce;
mod run;

use clap::CommandFactory;
use rheobase_pipeline::declaration::{pipeline_schema, schema_of};
use rheobase_stage::REGISTRY;
use serde_json::Value as Json;

use crate::arguments::{Arguments, Command};
use crate::failure::Outcome;
use crate::{output, pipeline};

/// Runs the command.
pub fn run(arguments: Arguments) -> Outcome {
    let settings = &arguments.settings;
    match &arguments.command {
        Command::Run { pipeline, run } => run::run(pipeline, run, settings),
        Command::Report { pipeline } => run::report(pipeline, settings),
        Command::Exec { plan, node } => run::exec(plan, node, settings),
        Command::Check { pipeline } => {
            let declaration = pipeline::declare(pipeline, settings)?;
            let (nodes, variants) = (declaration.nodes.len(), declaration.variants.len());
            if settings.json {
                output::json(&Vec::<Json>::new());
            } else {
                output::message(&format!(
                    "{} is fine: {nodes} nodes, {variants} variants",
                    pipeline.pipeline.display()
                ));
            }
            Ok(0)
        }
        Command::Plan { pipeline, lock } => plan::plan(pipeline, lock.as_deref(), settings),
        Command::Status { pipeline } => plan::status(pipeline, settings),
        Command::List { what } => list::list(*what, settings),
        Command::Describe { name } => describe::describe(name, settings),
        Command::Data { command } => data::data(command, settings),
        Command::Diff { a, b } => diff::diff(a, b, settings),
        Command::Reproduce { only, gallery, run } => reproduce::reproduce(only, gallery, run, settings),
        Command::Perf { command } => perf::perf(command, settings),
        Command::Schema => {
            output::json(&pipeline_schema(REGISTRY));
            Ok(0)
        }
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "rheobase", &mut std::io::stdout());
            Ok(0)
        }
    }
}

/// Kinds of one part of a model (architecture, objective, learning): name, description, schema.
pub fn parts(part: &str) -> Vec<(String, String, Json)> {
    let schema = match part {
        "architecture" => schema_of::<rheobase_stage::model::architecture::Architecture>(),
        "objective" => schema_of::<rheobase_stage::model::objective::Objective>(),
        _ => schema_of::<rheobase_stage::model::learning::Learning>(),
    };
    let alternatives = schema.get("oneOf").and_then(Json::as_array).cloned().unwrap_or_default();
    alternatives
        .into_iter()
        .filter_map(|one| {
            let kind = one.pointer("/properties/kind/const")?.as_str()?.to_owned();
            let about = one.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
            Some((kind, about, one))
        })
        .collect()
}
