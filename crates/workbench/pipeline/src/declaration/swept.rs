//! The nodes of each variant of a sweep, checked like the nodes of the file.

use std::collections::{BTreeMap, BTreeSet};

use crate::declaration::references::split_reference;
use crate::declaration::{Draft, ResolvedVariant, Schemas, check_node};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Data, Value};
use crate::suggest::nearest;
use crate::sweep::Variant;

/// Resolves every variant; mistakes go to the diagnostics.
pub fn resolve_variants(
    points: &[Variant],
    seed: u64,
    drafts: &[Draft],
    schemas: &Schemas,
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
            let node = check_node(stage.role(), &draft.address, &value, schemas, &mut found).and_then(|d| d.node);
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
