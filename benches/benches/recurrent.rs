//! Recurrent training steps at the size that PyTorch is timed on: 3 -> 256 -> 3, batch 64, 100 steps, forward, back and Adam.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rheobase_core::Seed;
use rheobase_rate::optimizer::{Moments, Optimizer};
use rheobase_rate::recurrent::{
    Backward, Batch, Cell, Initial, Nonlinearity, Penalties, RecurrentNetwork, Wiring, initial_parameters,
};
use rheobase_task::memory::FlipFlop;
use rheobase_task::{Loss, Task, Trial};

fn network(cell: Cell) -> RecurrentNetwork {
    RecurrentNetwork {
        cell,
        inputs: 3,
        units: 256,
        outputs: 3,
        encoder: 0,
        wiring: Wiring::Free,
        masked: false,
        noise_sd: 0.0,
    }
}

fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recurrent");
    group.sample_size(20);
    let task = FlipFlop { steps: 100, ..FlipFlop::default() };
    let trials: Vec<Trial> = (0..64).map(|k| task.trial(&Seed::root(1).index(k))).collect();
    let batch = Batch { trials: &trials, noise: Seed::root(2) };
    group.throughput(Throughput::Elements(64 * 100));
    let cells = [
        ("rnn", Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha: 1.0 }),
        ("gru", Cell::Gru),
        ("lstm", Cell::Lstm),
    ];
    for (name, cell) in cells {
        let net = network(cell);
        let mut p = initial_parameters(&net, &Initial::Uniform {}, 1.0, None, None, &Seed::root(3)).expect("fits");
        let mut moments = vec![Moments::default(); p.len()];
        for threads in [1, 2] {
            group.bench_function(format!("train/{name}/256x100x64/threads-{threads}"), |b| {
                b.iter(|| {
                    let settings = Backward {
                        loss: &Loss::SquaredError,
                        penalties: &Penalties::default(),
                        truncation: None,
                        dropout: 0.0,
                        threads,
                    };
                    let cost = batch.cost(&net, &p, settings);
                    for ((p, g), m) in p.iter_mut().zip(&cost.gradient).zip(&mut moments) {
                        Optimizer::Adam.step(p, g, m, 1e-3);
                    }
                    cost.task
                });
            });
        }
        group.bench_function(format!("forward/{name}/256x100x64/threads-1"), |b| b.iter(|| batch.run(&net, &p, 1)));
    }
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
