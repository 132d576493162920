//! Training steps and inference of surrogates at the sizes that PyTorch is timed on, and the cell that they imitate.
//!
//! Throughput is in milliseconds of the neuron, so that a surrogate and its teacher can be compared.

// Only one of its cells is needed here.
#[allow(dead_code)]
#[path = "../../crates/sim/dendrite/tests/cells/mod.rs"]
mod cells;
#[path = "../../crates/sim/dendrite/tests/shared_data/mod.rs"]
mod shared_data;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rheobase_benches::surrogate::{Copies, Imitation, elm, tcn, teacher};
use rheobase_dendrite::Kinetics;
use rheobase_surrogate::data::Teacher;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn surrogates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("surrogate");
    group.sample_size(10);
    let sizes =
        [("tcn/7x128", tcn(1278, 128, 54), 400), ("elm/150", elm(1278, 150), 500), ("elm/20", elm(1278, 20), 500)];
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
    const COPIES: usize = 8;
    const STREAM_MS: usize = 100;
    for (name, network) in [("tcn/7x128", tcn(1278, 128, 54)), ("elm/150", elm(1278, 150)), ("elm/20", elm(1278, 20))] {
        let mut copies = Copies::new(&network, COPIES, STREAM_MS);
        group.throughput(Throughput::Elements((COPIES * STREAM_MS) as u64));
        group.bench_function(format!("stream/{name}/copies-{COPIES}"), |b| b.iter(|| copies.run()));
    }
    // Without the reconstruction there is nothing to compare with.
    if let Some(cell) = cells::hay_cell(cells::HayModel::Biophys5b) {
        const MS: usize = 100;
        for (kinetics, name) in [(Kinetics::Double, "hay"), (Kinetics::Single, "hay/single")] {
            for lanes in [1, 4, 8] {
                let (teacher, trials) = teacher(cell.clone(), lanes, kinetics, MS);
                group.throughput(Throughput::Elements((MS * lanes) as u64));
                group.bench_function(format!("teacher/{name}/lanes-{lanes}"), |b| {
                    b.iter(|| teacher.respond(&trials).expect("it stays finite"));
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, surrogates);
criterion_main!(benches);
