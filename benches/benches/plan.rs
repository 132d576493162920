//! Checking and planning, at sizes that double: the time per node should not grow.

use std::fmt::Write;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rheobase_data::library::Library;
use rheobase_pipeline::declaration::check;
use rheobase_pipeline::plan::Plan;
use rheobase_stage::REGISTRY;

/// A pipeline of `nodes` nodes by a grid sweep of five nodes.
fn pipeline(nodes: usize) -> String {
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
fn parameter_sweep(nodes: usize) -> String {
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

fn planning(criterion: &mut Criterion) {
    let library = Library::new("nowhere").expect("valid manifests");
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for (nodes, sweep) in [12_500, 25_000, 50_000, 100_000].into_iter().flat_map(|n| [(n, "seed"), (n, "parameter")]) {
        let (text, expected) =
            if sweep == "seed" { (pipeline(nodes), nodes) } else { (parameter_sweep(nodes), nodes + 1) };
        group.throughput(Throughput::Elements(nodes as u64));
        group.bench_with_input(BenchmarkId::new(sweep, nodes), &text, |b, text| {
            b.iter(|| {
                let declaration = check(text, &[], REGISTRY).unwrap_or_else(|d| panic!("{d:?}"));
                let plan = Plan::build(&declaration, &library).expect("no files are read");
                assert_eq!(plan.nodes.len(), expected);
                plan
            });
        });
    }
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
