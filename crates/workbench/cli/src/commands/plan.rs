//! `plan` and `status`: what is there, what would run, and why.

use std::path::Path;

use rheobase_pipeline::plan::{Plan, PlanNode};
use rheobase_pipeline::store::State;
use serde_json::{Value as Json, json};

use crate::arguments::{PipelineArguments, Settings};
use crate::failure::Outcome;
use crate::output;
use crate::pipeline::{self, Planned};

/// What happens to a node, and why.
struct Fate {
    state: &'static str,
    reason: String,
}

/// Says what would run and why; writes plan.lock where asked.
pub fn plan(arguments: &PipelineArguments, lock: Option<&Path>, settings: &Settings) -> Outcome {
    let planned = pipeline::plan(arguments, settings)?;
    let earlier = pipeline::earlier_plan(&planned.folder);
    let fates = fates(&planned, earlier.as_ref());
    print(&planned, &fates, settings);
    if let Some(path) = lock {
        planned.plan.write(path)?;
        output::message(&format!("frozen: {}", path.display()));
    }
    Ok(0)
}

/// Shows the state of every node.
pub fn status(arguments: &PipelineArguments, settings: &Settings) -> Outcome {
    let planned = pipeline::plan(arguments, settings)?;
    let fates: Vec<Fate> = planned
        .plan
        .nodes
        .iter()
        .map(|node| match planned.store.state(&node.key) {
            State::Present(_) => {
                let cost =
                    planned.store.cost(&node.key).map_or(String::new(), |c| format!("computed in {:.1} s", c.wall_s));
                Fate { state: "done", reason: cost }
            }
            State::Damaged(reason) => Fate { state: "damaged", reason },
            State::Absent if planned.store.has_checkpoint(&node.key) => {
                Fate { state: "unfinished", reason: "a checkpoint is kept".into() }
            }
            State::Absent => Fate { state: "waiting", reason: String::new() },
        })
        .collect();
    print(&planned, &fates, settings);
    Ok(0)
}

fn fates(planned: &Planned, earlier: Option<&Plan>) -> Vec<Fate> {
    let mut fates: Vec<Fate> = Vec::with_capacity(planned.plan.nodes.len());
    for node in &planned.plan.nodes {
        let fate = match planned.store.state(&node.key) {
            State::Present(_) => Fate { state: "cached", reason: "the result of this key is in the store".into() },
            State::Damaged(reason) => {
                Fate { state: "will run", reason: format!("the stored result is damaged: {reason}") }
            }
            State::Absent => {
                let waits: Vec<&str> = node
                    .inputs
                    .values()
                    .filter(|&&i| fates[i].state != "cached")
                    .map(|&i| planned.plan.nodes[i].address.as_str())
                    .collect();
                let absent = pipeline::absent_data(planned, node);
                if !absent.is_empty() {
                    let fetch = absent.join(" ");
                    let reason = format!("needs data that are not here; `rheobase data fetch {fetch}` gets them");
                    fates.push(Fate { state: "blocked", reason });
                    continue;
                }
                let blocking = node.inputs.values().find(|&&i| fates[i].state == "blocked");
                if let Some(&i) = blocking {
                    let reason = format!("its input {} is blocked", planned.plan.nodes[i].address);
                    fates.push(Fate { state: "blocked", reason });
                    continue;
                }
                let mut reason = why(planned, node, earlier);
                if planned.store.has_checkpoint(&node.key) {
                    reason.push_str("; goes on from a checkpoint");
                }
                if waits.is_empty() {
                    Fate { state: "will run", reason }
                } else {
                    Fate { state: "will run", reason: format!("{reason}; after {}", waits.join(", ")) }
                }
            }
        };
        fates.push(fate);
    }
    fates
}

/// Why a node has no result: what differs from the earlier run.
fn why(planned: &Planned, node: &PlanNode, earlier: Option<&Plan>) -> String {
    let Some(earlier) = earlier else { return "never run".into() };
    let Ok(before) = earlier.find(&node.address) else { return "new in this pipeline".into() };
    let mut reasons = Vec::new();
    if before.kind != node.kind {
        reasons.push(format!("its kind was {}", before.kind));
    } else if before.version != node.version {
        reasons.push(format!("its code is version {} now, was {}", node.version, before.version));
    }
    if before.seed != node.seed {
        reasons.push(format!("its seed is {} now, was {}", node.seed, before.seed));
    }
    let mut changed = Vec::new();
    changes("", &before.parameters, &node.parameters, &mut changed);
    reasons.extend(changed);
    for (reference, &index) in &node.inputs {
        let now = &planned.plan.nodes[index].key;
        if before.inputs.get(reference).map(|&i| &earlier.nodes[i].key) != Some(now) {
            reasons.push(format!("its input {reference} changed"));
        }
    }
    if reasons.is_empty() { "not computed yet".into() } else { reasons.join("; ") }
}

/// Leaves that differ between two parameter sets, in words.
pub fn changes(path: &str, before: &Json, after: &Json, found: &mut Vec<String>) {
    match (before, after) {
        (Json::Object(a), Json::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                changes(&inner, a.get(key).unwrap_or(&Json::Null), b.get(key).unwrap_or(&Json::Null), found);
            }
        }
        _ if before != after => found.push(format!("{path} is {after} now, was {before}")),
        _ => {}
    }
}

fn print(planned: &Planned, fates: &[Fate], settings: &Settings) {
    let nodes = &planned.plan.nodes;
    if settings.json {
        let all: Vec<Json> = nodes
            .iter()
            .zip(fates)
            .map(|(node, fate)| json!({ "address": node.address, "kind": node.kind, "key": node.key, "state": fate.state, "reason": fate.reason }))
            .collect();
        output::json(&all);
        return;
    }
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .zip(fates)
        .map(|(node, fate)| {
            let good = matches!(fate.state, "cached" | "done");
            vec![
                output::verdict(good, fate.state),
                node.address.clone(),
                node.key[..12].to_owned(),
                fate.reason.clone(),
            ]
        })
        .collect();
    output::data(&output::table(&["state", "node", "key", "reason"], &rows));
    let ready = fates.iter().filter(|f| matches!(f.state, "cached" | "done")).count();
    output::message(&format!("{ready} of {} results are there", nodes.len()));
}
