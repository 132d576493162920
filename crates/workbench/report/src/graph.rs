//! The pipeline drawn as a graph: a column for each depth, an arrow for each reference.

use std::collections::BTreeMap;
use std::fmt::Write;

use rheobase_pipeline::plan::{Plan, PlanNode};

const BOX_HEIGHT: usize = 42;
const GAP: usize = 56;
const ROW: usize = 58;
/// Width of a letter of a name in px, bold and in a wide font, and the longest name that is not cut.
const LETTER: usize = 8;
const LETTERS: usize = 34;
/// Width of a letter of a kind in px.
const KIND_LETTER: usize = 7;

/// The graph of a plan's first variant as SVG; boxes link to the sections of the report.
pub fn pipeline_graph(plan: &Plan) -> String {
    let Some(view) = plan.views.first() else { return String::new() };
    let longest = view.keys().map(|a| a.chars().count()).max().unwrap_or(0).min(LETTERS);
    let longest_kind = view.values().map(|&i| kind_of(&plan.nodes[i]).chars().count()).max().unwrap_or(0);
    let box_width = (longest * LETTER).max(longest_kind * KIND_LETTER) + 24;
    let column_width = box_width + GAP;
    let mut depth: BTreeMap<usize, usize> = BTreeMap::new();
    // Nodes stand after their inputs, so one pass is enough.
    let mut nodes: Vec<(usize, &String)> = view.iter().map(|(address, &index)| (index, address)).collect();
    nodes.sort();
    for (index, _) in &nodes {
        let below = plan.nodes[*index].inputs.values().filter_map(|i| depth.get(i)).max();
        depth.insert(*index, below.map_or(0, |d| d + 1));
    }
    let mut filled: BTreeMap<usize, usize> = BTreeMap::new();
    let mut place: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (index, _) in &nodes {
        let column = depth[index];
        let row = filled.entry(column).or_default();
        place.insert(*index, (8 + column * column_width, 8 + *row * ROW));
        *row += 1;
    }
    let width = (filled.len().max(1) - 1) * column_width + box_width + 16;
    let height = filled.values().max().copied().unwrap_or(1) * ROW;
    let mut svg = format!(
        "<svg class=\"graph\" role=\"img\" aria-label=\"graph of the pipeline\" viewBox=\"0 0 {width} {height}\" \
         style=\"max-width:{width}px;min-width:{}px\" xmlns=\"http://www.w3.org/2000/svg\">",
        width.min(900)
    );
    for (index, _) in &nodes {
        let (x, y) = place[index];
        let inputs: std::collections::BTreeSet<usize> = plan.nodes[*index].inputs.values().copied().collect();
        for input in inputs {
            if let Some(&(a, b)) = place.get(&input) {
                let (from, to, bend) = (a + box_width, x, (x.saturating_sub(a + box_width)) / 2);
                let (y1, y2) = (b + BOX_HEIGHT / 2, y + BOX_HEIGHT / 2);
                // Writing to a string cannot fail.
                let _ = write!(
                    svg,
                    "<path class=\"edge\" d=\"M{from} {y1} C{} {y1} {} {y2} {to} {y2}\"/>",
                    from + bend,
                    to - bend
                );
            }
        }
    }
    for (index, address) in &nodes {
        let (x, y) = place[index];
        let node = &plan.nodes[*index];
        let kind = kind_of(node);
        let _ = write!(
            svg,
            "<a href=\"#{address}\"><rect class=\"node {role}\" x=\"{x}\" y=\"{y}\" width=\"{box_width}\" height=\"{BOX_HEIGHT}\" rx=\"6\"/>\
             <text x=\"{tx}\" y=\"{y1}\" class=\"name\">{name}</text><text x=\"{tx}\" y=\"{y2}\" class=\"kind\">{kind}</text></a>",
            role = node.role.name(),
            tx = x + 10,
            y1 = y + 18,
            y2 = y + 33,
            name = shorten(address, LETTERS),
        );
    }
    svg + "</svg>"
}

/// Kind of a node; that of its architecture for a model.
fn kind_of(node: &PlanNode) -> &str {
    if node.kind.is_empty() {
        node.parameters.pointer("/architecture/kind").and_then(|k| k.as_str()).unwrap_or("")
    } else {
        &node.kind
    }
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).collect::<String>() + "\u{2026}"
    }
}
