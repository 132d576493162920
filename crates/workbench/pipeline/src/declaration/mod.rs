//! The checked pipeline: header, nodes with resolved parameters and references, expectations, sweep.

mod expectations;
mod json_schema;
mod references;
mod shared_schemas;
mod swept;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{self, Data, Table, Value};
use crate::expectation::Expectation;
use crate::registry::{Registry, Role, Stage};
use crate::schema::{Findings, Reference, kinds_in_words, missing, unknown_kind, validate};
use crate::suggest::nearest;
use crate::sweep::variants;

pub use json_schema::{pipeline_schema, schema_of};

use expectations::check_expectations;
use references::check_references;
use swept::resolve_variants;

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
    let schemas = Schemas::new(registry);
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
            drafts.extend(check_node(role, &address, node, &schemas, &mut diagnostics));
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
    let variants = resolve_variants(&points, seed, &drafts, &schemas, &mut diagnostics);
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

/// The schemas of stages, each derived when it is first needed (0.1 ms and more) and kept: a sweep validates a node for every variant.
struct Schemas {
    registry: Registry,
    by_stage: BTreeMap<(Role, &'static str), OnceCell<Json>>,
}

impl Schemas {
    fn new(registry: Registry) -> Self {
        let by_stage = registry.stages().iter().map(|s| ((s.role(), s.kind()), OnceCell::new())).collect();
        Self { registry, by_stage }
    }

    fn of(&self, stage: &dyn Stage) -> &Json {
        let schema = self.by_stage.get(&(stage.role(), stage.kind()));
        schema.map_or(&Json::Null, |schema| schema.get_or_init(|| stage.schema()))
    }

    /// Whether a table has every key that a stage cannot do without.
    fn has_required(&self, stage: &dyn Stage, table: &Table) -> bool {
        let required = self.of(stage)["required"].as_array();
        required.is_none_or(|keys| keys.iter().filter_map(Json::as_str).all(|key| table.get(key).is_some()))
    }

    /// The named kind that a table without `kind` must mean, where it has all that this kind needs and the kind without a name lacks
    /// something.
    fn forgotten_kind(&self, role: Role, table: &Table) -> Option<&'static str> {
        let unnamed = self.registry.find(role, "")?;
        let mut named = self.registry.of_role(role).filter(|stage| !stage.kind().is_empty());
        let meant = named.find(|stage| self.has_required(*stage, table))?;
        (!self.has_required(unnamed, table)).then(|| meant.kind())
    }
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
    schemas: &Schemas,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Draft> {
    let Some(table) = value.as_table() else {
        diagnostics.push(not_a_table(address, value));
        return None;
    };
    let mut draft =
        Draft { address: address.to_owned(), stage: None, value: value.clone(), references: vec![], node: None };
    let all: Vec<&str> = schemas.registry.of_role(role).map(Stage::kind).collect();
    let kinds: Vec<&str> = all.iter().copied().filter(|kind| !kind.is_empty()).collect();
    if table.get("kind").is_none()
        && let Some(meant) = schemas.forgotten_kind(role, table)
    {
        let help = format!("with these keys it is kind = \"{meant}\"");
        diagnostics.push(missing("kind", address, &value.place, Some(help)));
        return Some(draft);
    }
    // A role may have one kind without a name, which a table without `kind` means.
    let kind = if all.contains(&"") && (kinds.is_empty() || table.get("kind").is_none()) {
        ""
    } else {
        let Some(kind) = table.get("kind") else {
            diagnostics.push(missing("kind", address, &value.place, Some(kinds_in_words("", &kinds))));
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
    let stage = schemas.registry.find(role, kind)?;
    draft.stage = Some(stage);
    let mut findings = Findings::default();
    let inner = Value {
        data: Data::Table(table.without(if kind.is_empty() { &NODE_KEYS[1..] } else { &NODE_KEYS })),
        place: value.place.clone(),
    };
    validate(&inner, schemas.of(stage), address, &mut findings);
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
    let mut crossed = Vec::new();
    // What is wrong by itself is left out before parts are checked against each other, so that both show at once.
    let wrong: Vec<&Place> = findings.diagnostics.iter().map(|d| &d.place).collect();
    let sound = inner.without_places(&wrong);
    match stage.resolve(&sound.to_json()) {
        Ok(parameters) if wrong.is_empty() => {
            let mut references: Vec<String> = findings.references.iter().map(|r| r.target.clone()).collect();
            references.sort();
            references.dedup();
            draft.node =
                Some(Node { address: address.to_owned(), stage, parameters: Arc::new(parameters), references, seed });
        }
        Ok(_) => {}
        Err(complaints) => {
            // A complaint without help is one of deserialisation: a consequence of what was left out.
            for complaint in complaints.into_iter().filter(|c| wrong.is_empty() || c.help.is_some()) {
                crossed.push(Diagnostic {
                    code: "R010",
                    message: complaint.message,
                    place: place_at(value, &complaint.path),
                    label: "does not work together".into(),
                    help: complaint.help,
                });
            }
        }
    }
    diagnostics.append(&mut crossed);
    diagnostics.append(&mut findings.diagnostics);
    draft.references = findings.references;
    Some(draft)
}

/// The place of the deepest value along a path that exists.
fn place_at(value: &Value, path: &[String]) -> Place {
    let [first, rest @ ..] = path else { return value.place.clone() };
    let inner = match &value.data {
        Data::Table(table) => table.get(first),
        Data::Array(items) => first.parse().ok().and_then(|i: usize| items.get(i)),
        _ => None,
    };
    inner.map_or_else(|| value.place.clone(), |inner| place_at(inner, rest))
}
