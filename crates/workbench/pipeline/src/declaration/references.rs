//! References between nodes: they exist, fit, and make no circle.

use std::collections::BTreeMap;

use crate::declaration::Draft;
use crate::diagnostic::{Diagnostic, Place};
use crate::document::Table;
use crate::registry::Stage;
use crate::schema::Reference;
use crate::suggest::nearest;

/// Reports references that lead nowhere, to the wrong sort, or in a circle.
pub fn check_references(drafts: &[Draft], table: &Table, diagnostics: &mut Vec<Diagnostic>) {
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

/// `role.name` and the rest of a reference or metric address.
pub fn split_reference(target: &str) -> (&str, &str) {
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
                listed(&reference.accepts),
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

/// `a, b or c`.
fn listed(sorts: &[String]) -> String {
    match sorts {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => sorts.concat(),
    }
}
