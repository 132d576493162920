//! The recurrent loop as an operation on tensors: its outputs and gradients are those of the same layer composed of products under
//! burn's automatic differentiation, and it learns between layers of other kinds.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array2;
use rand::RngExt;
use rheobase_core::{Probe, Seed, Silent, Stimulus};
use rheobase_rate::Model;
use rheobase_rate::learning::{Gradient, LearningRule, Route, Trained};
use rheobase_rate::network::{ConvNet, ConvRecurrentNet};
use rheobase_rate::objective::{Objective, Task};
use rheobase_rate::optimizer::Optimizer;
use rheobase_rate::recurrent::{Cell, Nonlinearity, RecurrentLayer};
use rheobase_rate::tensors::{flat, values};
use rheobase_rate::training::{NoCheckpoints, Samples, Session};

const ROWS: usize = 37;
const STEPS: usize = 9;

/// Every kind of cell, and every F-I curve in both rate equations.
fn cells() -> Vec<Cell> {
    let curves = [
        Nonlinearity::Tanh,
        Nonlinearity::Relu,
        Nonlinearity::Sigmoid,
        Nonlinearity::Softplus,
        Nonlinearity::RectifiedTanh,
        Nonlinearity::Linear,
    ];
    let mut cells = vec![Cell::Gru, Cell::Lstm, Cell::SubLstm, Cell::FixedForgetSubLstm];
    for nonlinearity in curves {
        cells.push(Cell::Rate { nonlinearity, alpha: 0.4 });
        cells.push(Cell::Current { nonlinearity, alpha: 0.4 });
    }
    cells
}

fn wave(count: usize, phase: f64) -> Vec<f32> {
    (0..count).map(|k| ((k as f64 * 0.77 + phase) * 1.3).sin() as f32).collect()
}

/// Outputs, and derivatives of a sum over outputs with weights of both signs by inputs, weights, biases and start.
fn both_ways(layer: &RecurrentLayer, fused: bool) -> [Vec<f32>; 5] {
    let device = Device::flex().autodiff();
    let (mut weight, mut bias) = layer.initial(&Seed::root(3));
    // No parameter at a value where a mistake would not show.
    weight.iter_mut().zip(wave(layer.weight_shape().iter().product(), 1.0)).for_each(|(w, v)| *w += 0.05 * v);
    bias.iter_mut().zip(wave(layer.bias_length(), 2.0)).for_each(|(b, v)| *b += 0.3 * v);
    let shape = [ROWS, STEPS, layer.inputs];
    let inputs = TensorData::new(wave(ROWS * STEPS * layer.inputs, 0.0), shape);
    let inputs = Tensor::<3>::from_data(inputs, &device).require_grad();
    let (weight, bias) = (flat(weight, &device).require_grad(), flat(bias, &device).require_grad());
    let start = flat(wave(layer.state_length(), 4.0), &device).require_grad();
    let (x, w, b, s) = (inputs.clone(), weight.clone(), bias.clone(), start.clone());
    let outputs = if fused { layer.outputs(x, w, b, Some(s)) } else { layer.composed(x, w, b, s) };
    let read = TensorData::new(wave(ROWS * STEPS * layer.units, 5.0), [ROWS, STEPS, layer.units]);
    let gradients = (outputs.clone() * Tensor::<3>::from_data(read, &device)).sum().backward();
    [
        values(outputs.inner()).unwrap(),
        values(inputs.grad(&gradients).unwrap()).unwrap(),
        values(weight.grad(&gradients).unwrap()).unwrap(),
        values(bias.grad(&gradients).unwrap()).unwrap(),
        values(start.grad(&gradients).unwrap()).unwrap(),
    ]
}

#[test]
fn outputs_and_gradients_are_those_of_automatic_differentiation_for_every_cell() {
    for cell in cells() {
        let layer = RecurrentLayer { cell, inputs: 5, units: 11 };
        let (fused, composed) = (both_ways(&layer, true), both_ways(&layer, false));
        for (what, (fused, composed)) in
            ["outputs", "inputs", "weights", "biases", "start"].iter().zip(fused.iter().zip(&composed))
        {
            assert_eq!(fused.len(), composed.len(), "{cell:?} {what}");
            let scale = composed.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            assert!(scale > 0.0, "{cell:?} {what}");
            for (k, (a, b)) in fused.iter().zip(composed).enumerate() {
                assert!((a - b).abs() <= 1e-5 * scale, "{cell:?} {what} {k}: {a} {b}");
            }
        }
    }
}

/// Where nothing is differentiated the operation gives the same outputs.
#[test]
fn outputs_without_gradients_are_the_same_bytes() {
    for cell in [Cell::Gru, Cell::Lstm] {
        let layer = RecurrentLayer { cell, inputs: 4, units: 6 };
        let outputs = |device: Device| {
            let (weight, bias) = layer.initial(&Seed::root(8));
            let inputs = TensorData::new(wave(3 * 7 * 4, 0.4), [3, 7, 4]);
            let inputs = Tensor::<3>::from_data(inputs, &device);
            values(layer.outputs(inputs, flat(weight, &device), flat(bias, &device), None)).unwrap()
        };
        assert_eq!(outputs(Device::flex()), outputs(Device::flex().autodiff()));
    }
}

/// Images of 8 x 8 px with two marks, left or right, in noise: the class says which side the upper and which the lower mark is on.
fn marks(count: usize, seed: &Seed) -> Samples {
    let mut stream = seed.stream();
    let labels: Vec<usize> = (0..count).map(|i| i % 4).collect();
    let mut inputs = Array2::zeros((count, 64));
    for (mut image, label) in inputs.rows_mut().into_iter().zip(&labels) {
        image.mapv_inplace(|_| 0.2 * stream.random::<f32>());
        for (part, side) in [label / 2, label % 2].into_iter().enumerate() {
            let (row, column) = (4 * part + stream.random_range(0..3), 4 * side + stream.random_range(0..2));
            for offset in [0, 1, 8, 9] {
                image[row * 8 + column + offset] = 1.0;
            }
        }
    }
    Samples { inputs, labels, classes: 4 }
}

fn reader(cell: Cell) -> Model {
    let conv = ConvNet { filters: vec![4], kernels: vec![3], first_stride: 1, pools: vec![1] };
    let network = ConvRecurrentNet { conv, cell, units: 12 }.build([1, 8, 8], 4).unwrap();
    Model::feedforward(network, &Seed::root(6))
}

fn train(model: &mut Model, route: Route) -> rheobase_rate::Result<f64> {
    let (shown, held_out) = (marks(400, &Seed::root(1)), marks(200, &Seed::root(2)));
    let mut session = Session {
        objective: Objective::plain(Task::CrossEntropy),
        train: &shown,
        test: Some(&held_out),
        seed: Seed::root(5),
        device: Device::flex(),
        progress: &Silent,
        checkpoints: &mut NoCheckpoints,
    };
    let rule = Gradient { rate: 1e-2, epochs: 15, batch: 20, optimizer: Optimizer::Adam, route, trained: Trained::All };
    let history = rule.train(model, &mut session)?;
    Ok(history.last().and_then(|record| record.test_accuracy).unwrap())
}

#[test]
fn units_between_convolutions_and_a_read_out_learn_what_stood_above_what() {
    for cell in [Cell::Gru, Cell::Lstm, Cell::Current { nonlinearity: Nonlinearity::Tanh, alpha: 0.5 }] {
        let mut model = reader(cell);
        let accuracy = train(&mut model, Route::Backprop).unwrap();
        // Without the order of the rows two of the four classes are one: .75 at most.
        assert!(accuracy > 0.95, "{cell:?}: {accuracy}");
        let frames = marks(5, &Seed::root(3)).inputs.mapv(f64::from);
        let activity = model.record(&Stimulus::new(frames, vec![8, 8], 0.1).unwrap(), "recurrent").unwrap();
        assert_eq!(activity.samples().dim(), (5, 12));
    }
}

#[test]
fn feedback_through_random_weights_is_refused() {
    let message = train(&mut reader(Cell::Gru), Route::RandomFeedback).unwrap_err().to_string();
    assert!(message.contains("recurrent layer") && message.contains("use gradient"), "{message}");
}
