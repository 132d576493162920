//! One epoch of training, by architecture and learning rule.

use burn::tensor::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use rheobase_core::{Seed, Silent};
use rheobase_rate::Model;
use rheobase_rate::code::SparseCode;
use rheobase_rate::learning::{Gradient, LearningRule, Route, Trained};
use rheobase_rate::network::{Activation, ConvNet, Mlp};
use rheobase_rate::objective::{Objective, Task};
use rheobase_rate::optimizer::Optimizer;
use rheobase_rate::training::{NoCheckpoints, Samples, Session};
use rheobase_receptive_field::stimuli::white_noise;

fn samples(count: usize, side: usize) -> Samples {
    let noise = white_noise(count, [side, side], 1.0, &Seed::root(1)).expect("finite noise");
    let inputs: Array2<f32> = noise.frames().mapv(|v| v as f32);
    Samples { inputs, labels: (0..count).map(|i| i % 10).collect(), classes: 10 }
}

fn gradient(route: Route) -> Gradient {
    Gradient { rate: 1e-3, epochs: 1, batch: 32, optimizer: Optimizer::Adam, route, trained: Trained::All }
}

fn epoch(model: &Model, rule: &Gradient, task: Task, train: &Samples) {
    let mut session = Session {
        objective: Objective::plain(task),
        train,
        test: None,
        seed: Seed::root(1),
        device: Device::flex(),
        progress: &Silent,
        checkpoints: &mut NoCheckpoints,
    };
    rule.train(&mut model.clone(), &mut session).expect("training works");
}

fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("training-epoch");
    group.sample_size(10);
    let small = samples(1024, 8);
    group.throughput(Throughput::Elements(1024));
    let network = Mlp { hidden: vec![64, 32], activation: Activation::Relu }.build([1, 8, 8], 10).expect("valid");
    let mlp = Model::feedforward(network, &Seed::root(1));
    for (name, route) in [("backprop", Route::Backprop), ("feedback-alignment", Route::RandomFeedback)] {
        group.bench_function(format!("mlp-64-32/{name}"), |b| {
            b.iter(|| epoch(&mlp, &gradient(route), Task::CrossEntropy, &small));
        });
    }
    let patches = samples(1024, 16);
    let code = Model::SparseCode(SparseCode::new([16, 16], 128, 0.5, true, 40, &Seed::root(1)).expect("valid"));
    let rule = Gradient { batch: 256, ..gradient(Route::Backprop) };
    group.bench_function("sparse-code-128/40-iterations", |b| {
        b.iter(|| epoch(&code, &rule, Task::Reconstruction, &patches));
    });
    let images = samples(256, 32);
    group.throughput(Throughput::Elements(256));
    let net = ConvNet { filters: vec![16, 32], kernels: vec![9, 5], first_stride: 2, pools: vec![1, 2] };
    let conv = Model::feedforward(net.build([1, 32, 32], 10).expect("valid"), &Seed::root(1));
    group.bench_function("conv-16-32/backprop", |b| {
        b.iter(|| epoch(&conv, &gradient(Route::Backprop), Task::CrossEntropy, &images));
    });
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
