//! The checked pipeline: header, nodes with resolved parameters and references, expectations, sweep.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{self, Data, Table, Value};
use crate::expectation::Expectation;
use crate::registry::{Registry, Role, Stage};
use crate::schema::{Findings, Reference, missing, unknown_kind, validate};
use crate::suggest::nearest;
use crate::sweep::{Variant, variants};

/// The `[pipeline]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Name; results land in `reports/<name>`.
    pub name: String,
    /// The scientific question.
    pub question: String,
    /// Seed of all randomness.
    #[serde(default = "one")]
    pub seed: u64,
    /// Ids of the catalogue's systems that this pipeline rebuilds.
    #[serde(default)]
    pub systems: Vec<String>,
    /// Device for training: `cpu`, or `cuda` or `wgpu` in builds that have them.
    #[serde(default = "cpu")]
    pub device: String,
}

fn one() -> u64 {
    1
}

fn cpu() -> String {
    "cpu".into()
}

/// One node of the declaration, in one or more variants.
#[derive(Clone)]
pub struct Node {
    /// `role.name`.
    pub address: String,
    /// Its stage.
    pub stage: &'static dyn Stage,
    /// Parameters with defaults filled in.
    pub parameters: Arc<Json>,
    /// References among the parameters, sorted.
    pub references: Vec<String>,
    /// Seed of this node, if it has its own.
    pub seed: Option<u64>,
}

/// A pipeline without mistakes.
pub struct Declaration {
    /// The header.
    pub header: Header,
    /// Nodes in the order of the file, as written (before the sweep).
    pub nodes: Vec<Node>,
    /// For each variant, the swept values by address and the nodes that differ from [`Declaration::nodes`].
    pub variants: Vec<ResolvedVariant>,
    /// Expectations.
    pub expectations: Vec<Expectation>,
}

/// One variant of a sweep.
pub struct ResolvedVariant {
    /// `address=value` pairs, for labels; empty without a sweep.
    pub label: String,
    /// The pipeline's seed in this variant.
    pub seed: u64,
    /// Nodes whose parameters differ, by index into [`Declaration::nodes`].
    pub changed: BTreeMap<usize, Node>,
}

const NODE_KEYS: [&str; 2] = ["kind", "seed"];

/// Checks a pipeline's text with overrides; returns the declaration or every mistake.
///
/// # Errors
/// All diagnostics, in the order of the file.
pub fn check(text: &str, overrides: &[String], registry: Registry) -> Result<Declaration, Vec<Diagnostic>> {
    let (mut root, mut diagnostics) = document::parse(text);
    for one in overrides {
        if let Err(diagnostic) = document::apply_override(&mut root, one) {
            diagnostics.push(diagnostic);
        }
    }
    let empty = Table::default();
    let table = root.as_table().unwrap_or(&empty);
    check_top_level(table, &mut diagnostics);
    let header = check_header(table, &root.place, &mut diagnostics);
    let mut drafts = Vec::new();
    for role in Role::ALL {
        let Some(value) = table.get(role.name()) else { continue };
        let Some(nodes) = value.as_table() else {
            diagnostics.push(not_a_table(role.name(), value));
            continue;
        };
        for (key, node) in &nodes.entries {
            let address = format!("{}.{}", role.name(), key.name);
            drafts.extend(check_node(role, &address, node, registry, &mut diagnostics));
        }
    }
    if drafts.is_empty() && diagnostics.is_empty() {
        diagnostics.push(missing(
            "[role.name]",
            "pipeline",
            &root.place,
            Some("a pipeline needs at least one node, for example [data.digits]".into()),
        ));
    }
    check_references(&drafts, table, &mut diagnostics);
    let expectations = check_expectations(table, &drafts, &mut diagnostics);
    let seed = header.as_ref().map_or(1, |h| h.seed);
    let sweep = table.get("sweep").and_then(|value| match value.as_table() {
        None => {
            diagnostics.push(not_a_table("sweep", value));
            None
        }
        found => found,
    });
    let points = variants(sweep, seed, &mut diagnostics);
    let variants = resolve_variants(&points, seed, &drafts, registry, &mut diagnostics);
    diagnostics.sort_by_key(|d| if let Place::File(span) = &d.place { span.start } else { usize::MAX });
    diagnostics.dedup();
    match header {
        Some(header) if diagnostics.is_empty() => Ok(Declaration {
            header,
            nodes: drafts.into_iter().filter_map(|d| d.node).collect(),
            variants,
            expectations,
        }),
        _ => Err(diagnostics),
    }
}

fn not_a_table(name: &str, value: &Value) -> Diagnostic {
    Diagnostic {
        code: "R003",
        message: format!("`{name}` must be a table, found {}", value.type_name()),
        place: value.place.clone(),
        label: format!("this is {}", value.type_name()),
        help: None,
    }
}

fn check_top_level(table: &Table, diagnostics: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = ["pipeline", "expect", "sweep"].into_iter().chain(Role::ALL.map(Role::name)).collect();
    for (key, _) in &table.entries {
        if !known.contains(&key.name.as_str()) {
            let near =
                nearest(&key.name, known.iter().copied()).map_or(String::new(), |n| format!("did you mean `{n}`? "));
            diagnostics.push(Diagnostic {
                code: "R002",
                message: format!("a pipeline has no table `{}`", key.name),
                place: key.place.clone(),
                label: "unknown table".into(),
                help: Some(format!("{near}tables: {}", known.join(", "))),
            });
        }
    }
}

fn check_header(table: &Table, place: &Place, diagnostics: &mut Vec<Diagnostic>) -> Option<Header> {
    let Some(value) = table.get("pipeline") else {
        diagnostics.push(missing("[pipeline]", "the file", place, Some("with name, question and seed".into())));
        return None;
    };
    let mut findings = Findings::default();
    validate(value, &schema_of::<Header>(), "pipeline", &mut findings);
    let good = findings.diagnostics.is_empty();
    diagnostics.append(&mut findings.diagnostics);
    let header: Option<Header> = good.then(|| serde_json::from_value(value.to_json()).ok()).flatten();
    if let Some(name) = header.as_ref().map(|h| &h.name)
        && (name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            || name.starts_with('.'))
    {
        diagnostics.push(Diagnostic {
            code: "R004",
            message: format!("`pipeline.name` is `{name}`, but it names a folder"),
            place: value.as_table().and_then(|t| t.get("name")).map_or_else(|| place.clone(), |v| v.place.clone()),
            label: "not a folder name".into(),
            help: Some("use letters, digits, - _ and .".into()),
        });
    }
    header
}

/// JSON schema of a type, draft 7, without references.
pub fn schema_of<T: JsonSchema>() -> Json {
    let settings = schemars::generate::SchemaSettings::draft07().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// A node while it is being checked.
struct Draft {
    address: String,
    stage: Option<&'static dyn Stage>,
    value: Value,
    references: Vec<Reference>,
    node: Option<Node>,
}

fn check_node(
    role: Role,
    address: &str,
    value: &Value,
    registry: Registry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Draft> {
    let Some(table) = value.as_table() else {
        diagnostics.push(not_a_table(address, value));
        return None;
    };
    let mut draft =
        Draft { address: address.to_owned(), stage: None, value: value.clone(), references: vec![], node: None };
    let kinds: Vec<&str> = registry.of_role(role).map(Stage::kind).collect();
    let kind = if kinds == [""] {
        ""
    } else {
        let Some(kind) = table.get("kind") else {
            diagnostics.push(missing("kind", address, &value.place, Some(format!("kinds: {}", kinds.join(", ")))));
            return Some(draft);
        };
        match kind.as_str().filter(|found| kinds.contains(found)) {
            Some(found) => found,
            None => {
                diagnostics.push(unknown_kind(kind, address, &kinds));
                return Some(draft);
            }
        }
    };
    let stage = registry.find(role, kind)?;
    draft.stage = Some(stage);
    let mut findings = Findings::default();
    let inner = Value {
        data: Data::Table(table.without(if kind.is_empty() { &NODE_KEYS[1..] } else { &NODE_KEYS })),
        place: value.place.clone(),
    };
    validate(&inner, &stage.schema(), address, &mut findings);
    let seed = table.get("seed").map(|seed| match &seed.data {
        Data::Integer(number) if *number >= 0 => Ok(*number as u64),
        _ => Err(Diagnostic {
            code: "R003",
            message: format!("`{address}.seed` must be a whole number of at least 0, found {}", seed.type_name()),
            place: seed.place.clone(),
            label: "not a seed".into(),
            help: None,
        }),
    });
    let seed = seed.transpose().unwrap_or_else(|diagnostic| {
        findings.diagnostics.push(diagnostic);
        None
    });
    if findings.diagnostics.is_empty() {
        match stage.resolve(&inner.to_json()) {
            Ok(parameters) => {
                let mut references: Vec<String> = findings.references.iter().map(|r| r.target.clone()).collect();
                references.sort();
                references.dedup();
                draft.node = Some(Node {
                    address: address.to_owned(),
                    stage,
                    parameters: Arc::new(parameters),
                    references,
                    seed,
                });
            }
            Err(complaints) => {
                for complaint in complaints {
                    findings.diagnostics.push(Diagnostic {
                        code: "R010",
                        message: complaint.message,
                        place: place_at(value, &complaint.path),
                        label: "does not work together".into(),
                        help: complaint.help,
                    });
                }
            }
        }
    }
    diagnostics.append(&mut findings.diagnostics);
    draft.references = findings.references;
    Some(draft)
}

/// The place of the deepest value along a path that exists.
fn place_at(value: &Value, path: &[String]) -> Place {
    match path {
        [first, rest @ ..] => match value.as_table().and_then(|t| t.get(first)) {
            Some(inner) => place_at(inner, rest),
            None => value.place.clone(),
        },
        [] => value.place.clone(),
    }
}

fn check_references(drafts: &[Draft], table: &Table, diagnostics: &mut Vec<Diagnostic>) {
    let by_address: BTreeMap<&str, usize> = drafts.iter().enumerate().map(|(i, d)| (d.address.as_str(), i)).collect();
    let mut edges: Vec<Vec<(usize, Place)>> = vec![vec![]; drafts.len()];
    for (index, draft) in drafts.iter().enumerate() {
        for reference in &draft.references {
            let (address, output) = split_reference(&reference.target);
            let Some(&target) = by_address.get(address) else {
                let near = nearest(address, by_address.keys().copied());
                let known = by_address.keys().copied().collect::<Vec<_>>().join(", ");
                // A table that could not be read may hold the node: its own message is enough.
                let role = address.split('.').next().unwrap_or_default();
                if table.get(role).is_some_and(|v| v.as_table().is_none()) {
                    continue;
                }
                diagnostics.push(Diagnostic {
                    code: "R007",
                    message: format!("`{}` refers to `{}`, which does not exist", draft.address, reference.target),
                    place: reference.place.clone(),
                    label: "no such node".into(),
                    help: Some(match near {
                        Some(near) => format!("did you mean `{near}`? nodes: {known}"),
                        None => format!("nodes: {known}"),
                    }),
                });
                continue;
            };
            edges[index].push((target, reference.place.clone()));
            if let Some(stage) = drafts[target].stage {
                check_sort(draft, reference, stage, output, diagnostics);
            }
        }
    }
    check_cycles(drafts, &edges, diagnostics);
}

fn split_reference(target: &str) -> (&str, &str) {
    match target.match_indices('.').nth(1) {
        Some((at, _)) => (&target[..at], &target[at + 1..]),
        None => (target, ""),
    }
}

fn check_sort(
    draft: &Draft,
    reference: &Reference,
    stage: &dyn Stage,
    output: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let outputs = stage.outputs();
    let Some(found) = outputs.iter().find(|o| o.name == output) else {
        let names: Vec<&str> = outputs.iter().map(|o| o.name).filter(|n| !n.is_empty()).collect();
        let known = if names.is_empty() {
            "it has only its main output".into()
        } else {
            format!("outputs: {}", names.join(", "))
        };
        diagnostics.push(Diagnostic {
            code: "R007",
            message: format!(
                "`{}` refers to the output `{output}`, which {} does not have",
                draft.address,
                stage.kind()
            ),
            place: reference.place.clone(),
            label: "no such output".into(),
            help: Some(known),
        });
        return;
    };
    if !reference.accepts.iter().any(|sort| sort == found.artifact) {
        diagnostics.push(Diagnostic {
            code: "R008",
            message: format!(
                "`{}` needs {}, but `{}` is {}",
                draft.address,
                reference.accepts.join(" or "),
                reference.target,
                found.artifact
            ),
            place: reference.place.clone(),
            label: format!("this is {}", found.artifact),
            help: None,
        });
    }
}

/// Reports each circle once, at the reference that closes it (depth first, without recursion).
fn check_cycles(drafts: &[Draft], edges: &[Vec<(usize, Place)>], diagnostics: &mut Vec<Diagnostic>) {
    let mut state = vec![0_u8; drafts.len()];
    for start in 0..drafts.len() {
        if state[start] != 0 {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        state[start] = 1;
        while let Some((node, next)) = path.last_mut() {
            let Some((target, place)) = edges[*node].get(*next) else {
                state[*node] = 2;
                path.pop();
                continue;
            };
            *next += 1;
            match state[*target] {
                0 => {
                    state[*target] = 1;
                    path.push((*target, 0));
                }
                1 => {
                    let from = path.iter().position(|(n, _)| n == target).unwrap_or(0);
                    let mut circle: Vec<&str> = path[from..].iter().map(|(n, _)| drafts[*n].address.as_str()).collect();
                    circle.push(&drafts[*target].address);
                    diagnostics.push(Diagnostic {
                        code: "R009",
                        message: format!("nodes refer to each other in a circle: {}", circle.join(" -> ")),
                        place: place.clone(),
                        label: "this reference closes the circle".into(),
                        help: Some("a result cannot depend on itself; remove one of these references".into()),
                    });
                }
                _ => {}
            }
        }
    }
}

fn check_expectations(table: &Table, drafts: &[Draft], diagnostics: &mut Vec<Diagnostic>) -> Vec<Expectation> {
    let Some(value) = table.get("expect") else { return vec![] };
    let Data::Array(items) = &value.data else {
        diagnostics.push(Diagnostic {
            code: "R003",
            message: format!("`expect` must be a list of tables, found {}", value.type_name()),
            place: value.place.clone(),
            label: format!("this is {}", value.type_name()),
            help: Some("write [[expect]] with two brackets".into()),
        });
        return vec![];
    };
    let schema = schema_of::<Expectation>();
    let mut expectations = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let mut findings = Findings::default();
        validate(item, &schema, &format!("expect[{index}]"), &mut findings);
        let good = findings.diagnostics.is_empty();
        diagnostics.append(&mut findings.diagnostics);
        if !good {
            continue;
        }
        let Ok(expectation) = serde_json::from_value::<Expectation>(item.to_json()) else { continue };
        let complain = |key: &str, message: String, help: String| Diagnostic {
            code: "R011",
            message,
            place: place_at(item, &[key.to_owned()]),
            label: "expectation".into(),
            help: Some(help),
        };
        if expectation.at_least.is_none() && expectation.at_most.is_none() {
            diagnostics.push(complain(
                "",
                "an expectation needs at_least, at_most or both".into(),
                "for example at_least = 0.9".into(),
            ));
        }
        for (key, metric) in [("metric", Some(&expectation.metric)), ("minus", expectation.minus.as_ref())] {
            let Some(metric) = metric else { continue };
            let (address, name) = split_reference(metric);
            if name.is_empty() || !drafts.iter().any(|d| d.address == address) {
                let near = nearest(address, drafts.iter().map(|d| d.address.as_str()));
                let help = match near.filter(|near| *near != address) {
                    Some(near) => format!("did you mean `{near}`? write it as role.name.metric"),
                    None => "write it as role.name.metric, for example analysis.gabor.fraction_well_fit".to_owned(),
                };
                diagnostics.push(complain(key, format!("`{metric}` is not a metric of a node of this pipeline"), help));
            }
        }
        expectations.push(expectation);
    }
    expectations
}

fn resolve_variants(
    points: &[Variant],
    seed: u64,
    drafts: &[Draft],
    registry: Registry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<ResolvedVariant> {
    let mut resolved = Vec::with_capacity(points.len());
    // The same value of the same address needs one check, not one for each combination.
    let mut complained: BTreeSet<String> = BTreeSet::new();
    for point in points {
        let mut variant = ResolvedVariant { label: label(point), seed, changed: BTreeMap::new() };
        let mut changes: BTreeMap<usize, Value> = BTreeMap::new();
        for (address, value) in point {
            if address == "seed" {
                match value.data {
                    Data::Integer(number) if number >= 0 => variant.seed = number as u64,
                    _ => diagnostics.push(sweep_complaint(
                        address,
                        value,
                        "a seed is a whole number of at least 0".into(),
                    )),
                }
                continue;
            }
            let (node, path) = split_reference(address);
            let Some(index) = drafts.iter().position(|d| d.address == node).filter(|_| !path.is_empty()) else {
                if complained.insert(address.clone()) {
                    let near = nearest(node, drafts.iter().map(|d| d.address.as_str()));
                    let hint = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    diagnostics.push(sweep_complaint(address, value, format!("no node is called `{node}`{hint}")));
                }
                continue;
            };
            let changed = changes.entry(index).or_insert_with(|| drafts[index].value.clone());
            let parts: Vec<&str> = path.split('.').collect();
            if let Err(message) = document::set(changed, &parts, value.clone(), &value.place) {
                diagnostics.push(sweep_complaint(address, value, message));
            }
        }
        for (index, value) in changes {
            let draft = &drafts[index];
            let Some(stage) = draft.stage else { continue };
            let mut found = Vec::new();
            let node = check_node(stage.role(), &draft.address, &value, registry, &mut found).and_then(|d| d.node);
            // Mistakes that the unswept node has too are reported there.
            if draft.node.is_some() {
                diagnostics.append(&mut found);
            }
            if let Some(node) = node {
                variant.changed.insert(index, node);
            }
        }
        resolved.push(variant);
    }
    resolved
}

fn sweep_complaint(address: &str, value: &Value, reason: String) -> Diagnostic {
    Diagnostic {
        code: "R012",
        message: format!("the sweep of `{address}`: {reason}"),
        place: value.place.clone(),
        label: "sweep".into(),
        help: Some("addresses are role.name.key, or seed".into()),
    }
}

/// `address=value` pairs with short addresses.
fn label(point: &Variant) -> String {
    point.iter().map(|(address, value)| format!("{address}={}", value.to_json())).collect::<Vec<_>>().join(", ")
}

/// The JSON schema (draft 7) of whole pipeline files.
pub fn pipeline_schema(registry: Registry) -> Json {
    let mut properties = serde_json::Map::new();
    properties.insert("pipeline".into(), schema_of::<Header>());
    for role in Role::ALL {
        let kinds: Vec<Json> = registry.of_role(role).map(node_schema).collect();
        let nodes = if kinds.len() == 1 { kinds[0].clone() } else { json!({ "oneOf": kinds }) };
        properties.insert(role.name().into(), json!({ "type": "object", "additionalProperties": nodes }));
    }
    properties.insert("expect".into(), json!({ "type": "array", "items": schema_of::<Expectation>() }));
    properties.insert(
        "sweep".into(),
        json!({
            "type": "object",
            "description": "Lists of values by address (role.name.key, or seed).",
            "properties": {
                "mode": { "enum": ["grid", "zip", "random"], "default": "grid" },
                "count": { "type": "integer", "minimum": 1, "description": "Combinations of a random sweep." }
            },
            "additionalProperties": { "type": "array", "minItems": 1 }
        }),
    );
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rheobase pipeline",
        "type": "object",
        "properties": properties,
        "required": ["pipeline"],
        "additionalProperties": false
    })
}

fn node_schema(stage: &'static dyn Stage) -> Json {
    let mut schema = stage.schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), stage.about().into());
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert(
                "seed".into(),
                json!({ "type": "integer", "minimum": 0, "description": "Seed of this node alone." }),
            );
            if !stage.kind().is_empty() {
                properties.insert("kind".into(), json!({ "const": stage.kind(), "description": stage.about() }));
            }
        }
        if !stage.kind().is_empty() {
            let required = object.entry("required").or_insert_with(|| json!([]));
            if let Some(required) = required.as_array_mut() {
                required.insert(0, "kind".into());
            }
        }
    }
    schema
}
