//! Pipelines of many nodes.

use std::fmt::Write;

/// A pipeline of `nodes` nodes by a grid sweep of five nodes.
pub fn pipeline(nodes: usize) -> String {
    let seeds: Vec<String> = (0..nodes / 5).map(|s| s.to_string()).collect();
    let mut text = String::from("[pipeline]\nname = \"many\"\nquestion = \"?\"\n[data.d]\nkind = \"digits\"\n");
    for name in ["a", "b"] {
        let _ = write!(
            text,
            "[model.{name}]\narchitecture = {{ kind = \"mlp\", hidden = [{}] }}\nobjective = {{ kind = \"cross-entropy\" }}\n\
             learning = {{ kind = \"gradient\" }}\ntrain_on = \"data.d\"\n[analysis.{name}]\nkind = \"ablation\"\nof = \"model.{name}\"\non = \"data.d\"\n",
            name.len() * 8 + usize::from(name == "b"),
        );
    }
    let _ = write!(text, "[sweep]\nseed = [{}]\n", seeds.join(", "));
    text
}

/// A pipeline of `nodes` nodes (and one of data) by a sweep of one parameter, which validates a node for every value.
pub fn parameter_sweep(nodes: usize) -> String {
    let rates: Vec<String> = (0..nodes / 2).map(|i| format!("{:.9}", 1e-4 + i as f64 * 1e-8)).collect();
    format!(
        "[pipeline]\nname = \"many\"\nquestion = \"?\"\n[data.d]\nkind = \"digits\"\n\
         [model.a]\narchitecture = {{ kind = \"mlp\", hidden = [8] }}\nobjective = {{ kind = \"cross-entropy\" }}\n\
         learning = {{ kind = \"gradient\" }}\ntrain_on = \"data.d\"\n\
         [analysis.a]\nkind = \"ablation\"\nof = \"model.a\"\non = \"data.d\"\n\
         [sweep]\n\"model.a.learning.rate\" = [{}]\n",
        rates.join(", ")
    )
}
