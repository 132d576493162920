//! Recurrent training steps at the size that PyTorch is timed on: 3 -> 256 -> 3, batch 64, 100 steps, forward, back and Adam; fixed points.

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array1, Array2};
use rand::RngExt;
use rheobase_benches::recurrent::{TanhRing, Training};
use rheobase_core::{Seed, Silent};
use rheobase_fixed_point::Search;
use rheobase_rate::recurrent::{Cell, RecurrentLayer};
use rheobase_rate::tensors::{flat, values};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn training(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recurrent");
    group.sample_size(20);
    group.throughput(Throughput::Elements(64 * 100));
    for (name, cell) in [("rnn", Training::elman()), ("gru", Cell::Gru), ("lstm", Cell::Lstm)] {
        let mut training = Training::new(cell, 256, 100, 64);
        for threads in [1, 2] {
            group.bench_function(format!("train/{name}/256x100x64/threads-{threads}"), |b| {
                b.iter(|| training.step(threads));
            });
        }
        group.bench_function(format!("forward/{name}/256x100x64/threads-1"), |b| b.iter(|| training.run(1)));
    }
    group.finish();
}

/// The loop as an operation among others under automatic differentiation, forward and back, beside the layer composed of products.
fn operation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recurrent/operation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(64 * 100));
    let device = Device::flex().autodiff();
    for (name, cell) in [("rnn", Training::elman()), ("gru", Cell::Gru)] {
        let layer = RecurrentLayer { cell, inputs: 3, units: 256 };
        let (weight, bias) = layer.initial(&Seed::root(1));
        let inputs: Vec<f32> = (0..64 * 100 * 3).map(|k| (k as f32 * 0.37).sin()).collect();
        for (how, fused) in [("fused", true), ("composed", false)] {
            group.bench_function(format!("{name}/256x100x64/{how}"), |b| {
                b.iter(|| {
                    let inputs = Tensor::<3>::from_data(TensorData::new(inputs.clone(), [64, 100, 3]), &device);
                    let weight = flat(weight.clone(), &device).require_grad();
                    let bias = flat(bias.clone(), &device).require_grad();
                    let outputs = if fused {
                        layer.outputs(inputs, weight.clone(), bias, None)
                    } else {
                        layer.composed(inputs, weight.clone(), bias, Tensor::zeros([256], &device))
                    };
                    let gradients = (outputs.clone() * outputs).mean().backward();
                    weight.grad(&gradients).map(|gradient| values(gradient).expect("numbers on the CPU"))
                });
            });
        }
    }
    group.finish();
}

/// All fixed points of tanh rings from 64 starts.
fn fixed_points(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fixed-points/tanh-ring");
    group.sample_size(10);
    for units in [8, 16, 32, 64] {
        let mut stream = Seed::root(17).stream();
        let starts = Array2::from_shape_simple_fn((64, units), || stream.random_range(-1.0..1.0));
        let ring = TanhRing::new(units);
        group.throughput(Throughput::Elements(64));
        group.bench_function(units.to_string(), |b| {
            b.iter(|| Search::default().run(&ring, starts.view(), Array1::zeros(0).view(), &Silent).expect("a ring"));
        });
    }
    group.finish();
}

criterion_group!(benches, training, operation, fixed_points);
criterion_main!(benches);
