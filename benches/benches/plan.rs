//! Checking and planning, at sizes that double: the time per node should not grow.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rheobase_benches::plan::{parameter_sweep, pipeline};
use rheobase_data::library::Library;
use rheobase_pipeline::declaration::check;
use rheobase_pipeline::plan::Plan;
use rheobase_stage::REGISTRY;

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
