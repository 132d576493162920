//! The plan: every node of every variant with its key, inputs before users.
//!
//! The key of a node is blake3 over its kind, its code version, its resolved parameters with every reference replaced by the key of
//! what it refers to, its seed, its device where that matters, and the hash of outside files. Names of nodes are not part of it:
//! renaming reruns nothing, and nodes that would compute the same share one result.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rheobase_data::library::Library;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::declaration::{Declaration, Header, Node};
use crate::expectation::Expectation;
use crate::registry::{Registry, Role, Stage};
use crate::{Error, Result};

/// Format of `plan.lock`; another number is refused.
const FORMAT: u32 = 1;

/// A frozen plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of the file.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// The pipeline's header.
    pub header: Header,
    /// Labels of the variants; one empty label without a sweep.
    pub variants: Vec<String>,
    /// Nodes, each after everything it needs.
    pub nodes: Vec<PlanNode>,
    /// For each variant: address to index into `nodes`.
    pub views: Vec<BTreeMap<String, usize>>,
    /// Expectations.
    pub expectations: Vec<Expectation>,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanNode {
    /// Key of the result.
    pub key: String,
    /// `role.name`.
    pub address: String,
    /// Role.
    pub role: Role,
    /// Kind in the registry.
    pub kind: String,
    /// Version of the stage's code.
    pub version: u32,
    /// Resolved parameters.
    pub parameters: Json,
    /// References of the parameters and the node each leads to.
    pub inputs: BTreeMap<String, usize>,
    /// Seed.
    pub seed: u64,
}

impl Plan {
    /// Plans a checked declaration.
    ///
    /// # Errors
    /// If a file that a node names cannot be read.
    pub fn build(declaration: &Declaration, library: &Library) -> Result<Self> {
        let order = topological_order(&declaration.nodes);
        let mut plan = Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            header: declaration.header.clone(),
            variants: declaration.variants.iter().map(|v| v.label.clone()).collect(),
            nodes: Vec::new(),
            views: Vec::new(),
            expectations: declaration.expectations.clone(),
        };
        let mut by_key: HashMap<String, usize> = HashMap::new();
        for variant in &declaration.variants {
            let same_graph =
                variant.changed.iter().all(|(&i, node)| node.references == declaration.nodes[i].references);
            let order = if same_graph {
                order.clone()
            } else {
                let nodes: Vec<Node> = (0..declaration.nodes.len())
                    .map(|i| variant.changed.get(&i).unwrap_or(&declaration.nodes[i]).clone())
                    .collect();
                topological_order(&nodes)
            };
            let mut view: BTreeMap<String, usize> = BTreeMap::new();
            for index in order {
                let node = variant.changed.get(&index).unwrap_or(&declaration.nodes[index]);
                let planned = plan_node(node, variant.seed, &plan, &view, library)?;
                let place = *by_key.entry(planned.key.clone()).or_insert_with(|| {
                    plan.nodes.push(planned);
                    plan.nodes.len() - 1
                });
                view.insert(node.address.clone(), place);
            }
            plan.views.push(view);
        }
        Ok(plan)
    }

    /// The node of an address (in the first variant that has it) or of a key or its first letters.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(&self, name: &str) -> Result<&PlanNode> {
        let by_address = self.views.iter().find_map(|view| view.get(name)).map(|&i| &self.nodes[i]);
        let by_key = || self.nodes.iter().find(|node| name.len() >= 8 && node.key.starts_with(name));
        by_address.or_else(by_key).ok_or_else(|| Error::UnknownNode {
            found: name.to_owned(),
            known: self.nodes.iter().map(|n| n.address.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Writes `plan.lock`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::store::write_atomically(path, to_json(self).as_bytes())
    }

    /// Reads `plan.lock`.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or has another format.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("cannot read", path))?;
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        let plan: Self = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if plan.format != FORMAT {
            return Err(damaged(format!(
                "format {} is not {FORMAT}; make the plan again with `rheobase plan`",
                plan.format
            )));
        }
        Ok(plan)
    }

    /// The stage of a node.
    ///
    /// # Errors
    /// If the registry does not have it, or has it in another version.
    pub fn stage(node: &PlanNode, registry: Registry) -> Result<&'static dyn Stage> {
        let stage = registry.find(node.role, &node.kind).ok_or_else(|| {
            Error::Incompatible(format!("this program has no stage `{}` of role {}", node.kind, node.role.name()))
        })?;
        if stage.version() == node.version {
            Ok(stage)
        } else {
            Err(Error::Incompatible(format!(
                "{}: the plan was made for version {} of `{}`, this program has {}; plan again",
                node.address,
                node.version,
                node.kind,
                stage.version()
            )))
        }
    }
}

pub(crate) fn to_json(value: &impl Serialize) -> String {
    // Plans and summaries hold strings, numbers and maps with string keys: serialising them cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn plan_node(
    node: &Node,
    pipeline_seed: u64,
    plan: &Plan,
    view: &BTreeMap<String, usize>,
    library: &Library,
) -> Result<PlanNode> {
    let mut inputs = BTreeMap::new();
    let mut input_keys = BTreeMap::new();
    for reference in &node.references {
        let address = node_address(reference);
        let Some(&index) = view.get(address) else {
            return Err(Error::Incompatible(format!(
                "{} refers to {address}, which the plan does not have",
                node.address
            )));
        };
        inputs.insert(reference.clone(), index);
        input_keys.insert(reference.as_str(), format!("{}{}", plan.nodes[index].key, &reference[address.len()..]));
    }
    let seed = node.seed.unwrap_or(pipeline_seed);
    let fingerprint = node
        .stage
        .fingerprint(&node.parameters, library)
        .map_err(|e| Error::Incompatible(format!("{}: {e}", node.address)))?;
    let mut hasher = blake3::Hasher::new();
    let mut field = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    field(node.stage.role().name());
    field(node.stage.kind());
    field(&node.stage.version().to_string());
    field(&canonical(&node.parameters, &input_keys));
    field(&seed.to_string());
    field(if node.stage.uses_device() { &plan.header.device } else { "" });
    field(&fingerprint);
    Ok(PlanNode {
        key: hasher.finalize().to_hex().to_string(),
        address: node.address.clone(),
        role: node.stage.role(),
        kind: node.stage.kind().to_owned(),
        version: node.stage.version(),
        parameters: (*node.parameters).clone(),
        inputs,
        seed,
    })
}

/// `role.name` of a reference.
pub(crate) fn node_address(reference: &str) -> &str {
    reference.match_indices('.').nth(1).map_or(reference, |(at, _)| &reference[..at])
}

/// Output name of a reference.
pub(crate) fn output_name(reference: &str) -> &str {
    reference.match_indices('.').nth(1).map_or("", |(at, _)| &reference[at + 1..])
}

/// JSON with sorted keys, references replaced by keys.
fn canonical(value: &Json, input_keys: &BTreeMap<&str, String>) -> String {
    match value {
        Json::String(text) => match input_keys.get(text.as_str()) {
            Some(key) => format!("@{key}"),
            None => Json::String(text.clone()).to_string(),
        },
        Json::Array(items) => {
            format!("[{}]", items.iter().map(|v| canonical(v, input_keys)).collect::<Vec<_>>().join(","))
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries: Vec<String> = entries
                .into_iter()
                .map(|(key, v)| format!("{}:{}", Json::String(key.clone()), canonical(v, input_keys)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        other => other.to_string(),
    }
}

/// Inputs before users, otherwise in the order of the file (Kahn 1962, taking the earliest ready node).
fn topological_order(nodes: &[Node]) -> Vec<usize> {
    let by_address: HashMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.address.as_str(), i)).collect();
    let mut waiting = vec![0; nodes.len()];
    let mut users: Vec<Vec<usize>> = vec![vec![]; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let mut targets: Vec<usize> =
            node.references.iter().filter_map(|r| by_address.get(node_address(r)).copied()).collect();
        targets.sort_unstable();
        targets.dedup();
        waiting[index] = targets.len();
        targets.into_iter().for_each(|target| users[target].push(index));
    }
    let mut ready: std::collections::BTreeSet<usize> = (0..nodes.len()).filter(|&i| waiting[i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for &user in &users[next] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.insert(user);
            }
        }
    }
    order
}
