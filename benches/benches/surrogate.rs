//! Training steps and inference of surrogates at the sizes that PyTorch is timed on.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rheobase_benches::surrogate::{Imitation, elm, tcn};

fn surrogates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("surrogate");
    group.sample_size(10);
    let sizes = [("tcn/7x128", tcn(1278, 128, 54), 400), ("elm/150", elm(1278, 150), 500)];
    for (name, network, steps) in sizes {
        let mut imitation = Imitation::new(network, 8, steps);
        group.throughput(Throughput::Elements(8 * steps as u64));
        for threads in [1, 2] {
            group.bench_function(format!("train/{name}/8x{steps}/threads-{threads}"), |b| {
                b.iter(|| imitation.step(threads));
            });
        }
        group.bench_function(format!("forward/{name}/8x{steps}/threads-1"), |b| b.iter(|| imitation.run(1)));
    }
    group.finish();
}

criterion_group!(benches, surrogates);
criterion_main!(benches);
