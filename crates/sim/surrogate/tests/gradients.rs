//! Losses and gradients of surrogates: against PyTorch's, against differences, and on any number of threads.

// A test without its numbers says that it was skipped.
#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayD, IxDyn};
use rheobase_core::Seed;
use rheobase_rate::recurrent::Cell;
use rheobase_surrogate::loss::{Loss, Targets};
use rheobase_surrogate::network::{Activation, BranchLayout, Branches, Elm, Network, Recurrent, Tcn, Uptake};
use rheobase_surrogate::spikes::{InputSpikes, SpikeBatch};

type Oracle = BTreeMap<String, ArrayD<f64>>;

/// Losses and gradients that PyTorch 2.15 found in double precision (`shared/peers/w5_train.py --oracle`); none without the file.
fn oracle() -> Option<Oracle> {
    let path = format!("{}/../../../../shared/peers/results/oracles_w5.npz", env!("CARGO_MANIFEST_DIR"));
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: {path} is not there");
        return None;
    };
    Some(rheobase_data::npy::read_npz("oracles_w5.npz", &bytes).unwrap())
}

fn array(oracle: &Oracle, name: &str) -> ArrayD<f64> {
    oracle[name].clone()
}

/// Values of an array with its axes in another order.
fn turned(array: &ArrayD<f64>, order: &[usize]) -> Vec<f64> {
    array.view().permuted_axes(IxDyn(order)).iter().copied().collect()
}

/// Spikes where a (rows, steps, inputs) array is not zero.
fn batch(x: &ArrayD<f64>) -> SpikeBatch {
    let shape = x.shape().to_vec();
    let trial = |row: usize| {
        let active = |(s, i): &(u32, u32)| x[[row, *s as usize, *i as usize]] != 0.0;
        let events = (0..shape[1] as u32).flat_map(|s| (0..shape[2] as u32).map(move |i| (s, i))).filter(active);
        InputSpikes::new(shape[2], shape[1], events.collect()).unwrap()
    };
    SpikeBatch::new(&(0..shape[0]).map(trial).collect::<Vec<_>>()).unwrap()
}

fn targets(spikes: &Array2<f64>, voltage: &Array2<f64>) -> Targets<f64> {
    let values = spikes.iter().zip(voltage).flat_map(|(s, v)| [*s, *v]).collect();
    Targets { values, steps: spikes.ncols(), heads: 2 }
}

fn plain() -> Loss {
    Loss { voltage_weight: 1.0, ..Loss::default() }
}

fn cost(network: &Network, weights: &[Vec<f64>], batch: &SpikeBatch, targets: &Targets<f64>) -> (f64, Vec<Vec<f64>>) {
    let (outputs, tape) = network.forward(weights, batch, 1);
    let (value, by_outputs) = plain().value(&outputs, targets);
    (value, network.backward(weights, batch, &tape, by_outputs, 1))
}

/// Follows PyTorch through five steps of Adam in double precision.
fn follow(network: &Network, mut weights: Vec<Vec<f64>>, batch: &SpikeBatch, targets: &Targets<f64>) -> Vec<f64> {
    let mut moments: Vec<Vec<(f64, f64)>> = weights.iter().map(|w| vec![(0.0, 0.0); w.len()]).collect();
    (1..=5)
        .map(|step| {
            let (value, gradient) = cost(network, &weights, batch, targets);
            for ((w, g), m) in weights.iter_mut().zip(&gradient).zip(&mut moments) {
                for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
                    *m = (0.9 * m.0 + 0.1 * g, 0.999 * m.1 + 0.001 * g * g);
                    let (first, second) = (m.0 / (1.0 - 0.9_f64.powi(step)), m.1 / (1.0 - 0.999_f64.powi(step)));
                    *w -= 1e-3 * first / (second.sqrt() + 1e-8);
                }
            }
            value
        })
        .collect()
}

#[track_caller]
fn close(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
    let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance * scale, "{what}: off by {worst} of {scale}");
}

#[test]
fn the_convolutional_network_has_the_losses_and_gradients_of_pytorch() {
    let Some(o) = oracle() else { return };
    let network =
        Network::Tcn(Tcn { inputs: 20, width: 12, kernels: vec![9, 5, 5], activation: Activation::Relu, heads: 2 });
    // PyTorch keeps (out, in, tap) with the oldest tap first; our first layer keeps (in, lag, out).
    let ours = |stage: &str| -> Vec<Vec<f64>> {
        let get = |name: &str| array(&o, &format!("tcn/{stage}/{name}"));
        let mut first = get("convs.0.weight");
        first.invert_axis(ndarray::Axis(2));
        let spike = get("spike.weight").iter().copied().collect();
        let volt = get("volt.weight").iter().copied().collect();
        let both = |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).flat_map(|(a, b)| [a, b]).collect::<Vec<_>>();
        let bias = |name: &str| get(name).iter().copied().collect::<Vec<f64>>();
        vec![
            turned(&first, &[1, 2, 0]),
            bias("convs.0.bias"),
            turned(&get("convs.1.weight"), &[2, 1, 0]),
            bias("convs.1.bias"),
            turned(&get("convs.2.weight"), &[2, 1, 0]),
            bias("convs.2.bias"),
            both(spike, volt),
            both(bias("spike.bias"), bias("volt.bias")),
        ]
    };
    let x = array(&o, "tcn/x").permuted_axes(IxDyn(&[0, 2, 1]));
    let two = |name: &str| array(&o, name).into_dimensionality().unwrap();
    let (batch, targets) = (batch(&x), targets(&two("tcn/spk"), &two("tcn/v")));
    let weights = ours("init");
    let (_, gradient) = cost(&network, &weights, &batch, &targets);
    for ((found, wanted), shape) in gradient.iter().zip(&ours("grad0")).zip(network.shapes()) {
        close(found, wanted, 1e-12, &shape.name);
    }
    let losses = follow(&network, weights, &batch, &targets);
    close(&losses, array(&o, "tcn/losses").as_slice().unwrap(), 1e-10, "losses");
}

#[test]
fn the_leaky_memory_neuron_has_the_losses_and_gradients_of_pytorch() {
    let Some(o) = oracle() else { return };
    let network = Network::Elm(Elm {
        inputs: 30,
        signs: vec![],
        memories: 16,
        hidden: 32,
        branches: None,
        tau_synapse_ms: 5.0,
        tau_memory_ms: (1.0, 150.0),
        lambda: 5.0,
        uptake: Uptake::Linear,
        heads: 2,
    });
    let ours = |stage: &str| -> Vec<Vec<f64>> {
        let get = |name: &str| array(&o, &format!("elm/{stage}/{name}"));
        let flat = |name: &str| get(name).iter().copied().collect::<Vec<f64>>();
        let joint = turned(&get("l1.weight"), &[1, 0]);
        let (input, memory) = joint.split_at(30 * 32);
        vec![
            flat("ws"),
            input.to_vec(),
            memory.to_vec(),
            flat("l1.bias"),
            turned(&get("l2.weight"), &[1, 0]),
            flat("l2.bias"),
            turned(&get("ly.weight"), &[1, 0]),
            flat("ly.bias"),
        ]
    };
    let x = array(&o, "elm/x").permuted_axes(IxDyn(&[1, 0, 2]));
    let two = |name: &str| array(&o, name).t().as_standard_layout().into_owned().into_dimensionality().unwrap();
    let (batch, targets) = (batch(&x), targets(&two("elm/spk"), &two("elm/v")));
    let weights = ours("init");
    let (_, gradient) = cost(&network, &weights, &batch, &targets);
    for ((found, wanted), shape) in gradient.iter().zip(&ours("grad0")).zip(network.shapes()) {
        close(found, wanted, 1e-11, &shape.name);
    }
    let losses = follow(&network, weights, &batch, &targets);
    close(&losses, array(&o, "elm/losses").as_slice().unwrap(), 1e-10, "losses");
}

/// Random spikes and targets at awkward sizes.
fn example(inputs: usize, rows: usize, steps: usize) -> (SpikeBatch, Targets<f64>) {
    let wave = |k: usize| (k as f64 * 0.731).sin();
    let trial = |row: usize| {
        let events = (0..steps as u32)
            .flat_map(|s| (0..inputs as u32).map(move |i| (s, i)))
            .filter(|(s, i)| wave(row * 997 + *s as usize * 31 + *i as usize * 7) > 0.7);
        InputSpikes::new(inputs, steps, events.collect()).unwrap()
    };
    let batch = SpikeBatch::new(&(0..rows).map(trial).collect::<Vec<_>>()).unwrap();
    let spikes = Array2::from_shape_fn((rows, steps), |(r, s)| f64::from(wave(r * 13 + s * 5) > 0.5));
    let voltage = Array2::from_shape_fn((rows, steps), |(r, s)| wave(r * 3 + s));
    (batch, targets(&spikes, &voltage))
}

fn networks() -> Vec<Network> {
    let tcn = Tcn { inputs: 7, width: 5, kernels: vec![4, 3, 6], activation: Activation::LeakyRelu, heads: 2 };
    let elm = Elm {
        inputs: 7,
        signs: vec![],
        memories: 3,
        hidden: 5,
        branches: None,
        tau_synapse_ms: 4.0,
        tau_memory_ms: (2.0, 30.0),
        lambda: 3.0,
        uptake: Uptake::Bounded,
        heads: 2,
    };
    let branched = Elm {
        branches: Some(Branches { count: 3, synapses: 4, layout: BranchLayout::Even }),
        signs: vec![1, 1, 1, -1, 1, -1, 1],
        ..elm.clone()
    };
    vec![
        Network::Tcn(Tcn { kernels: vec![4], width: 1, activation: Activation::Linear, ..tcn.clone() }),
        Network::Tcn(Tcn { width: 300, kernels: vec![2, 2], ..tcn.clone() }),
        Network::Tcn(tcn),
        Network::Elm(elm),
        Network::Elm(branched),
        Network::Recurrent(Recurrent { cell: Cell::Lstm, inputs: 7, units: 4, heads: 2 }),
    ]
}

fn start(network: &Network) -> Vec<Vec<f64>> {
    let weights = network.initial(&Seed::root(3)).unwrap();
    weights.into_iter().map(|w| w.into_iter().map(f64::from).collect()).collect()
}

#[test]
fn gradients_are_differences_of_losses() {
    let (batch, targets) = example(7, 3, 17);
    for network in networks() {
        network.check().unwrap();
        let weights = start(&network);
        let (_, gradient) = cost(&network, &weights, &batch, &targets);
        for (k, shape) in network.shapes().iter().enumerate() {
            let stride = (shape.len() / 9).max(1);
            for i in (0..shape.len()).step_by(stride) {
                let at = |h: f64| {
                    let mut moved = weights.clone();
                    moved[k][i] += h;
                    cost(&network, &moved, &batch, &targets).0
                };
                let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
                // Central differences of a smooth loss of size 1 are good to about 1e-10; kinks of the rectifier are rare.
                let found = gradient[k][i];
                assert!((numeric - found).abs() < 1e-7, "{} [{i}]: {found}, differences {numeric}", shape.name);
            }
        }
    }
}

#[test]
fn threads_change_no_byte() {
    let (batch, targets) = example(7, 9, 40);
    for network in networks() {
        let weights = network.initial(&Seed::root(5)).unwrap();
        let targets = Targets {
            values: targets.values.iter().map(|v| *v as f32).collect(),
            steps: targets.steps,
            heads: targets.heads,
        };
        let run = |threads| {
            let (outputs, tape) = network.forward(&weights, &batch, threads);
            let by_outputs = plain().value(&outputs, &targets).1;
            (outputs, network.backward(&weights, &batch, &tape, by_outputs, threads))
        };
        let one = run(1);
        assert!(one.1.iter().flatten().any(|g| *g != 0.0));
        assert!(one == run(3), "{network:?}");
    }
}

#[test]
fn outputs_do_not_look_into_the_future() {
    let (batch, _) = example(7, 1, 30);
    let trial = |end: u32| {
        let events = (0..7).flat_map(|i| batch.of_input(i).iter().map(move |&(_, s)| (s, i as u32)));
        SpikeBatch::new(&[InputSpikes::new(7, 30, events.filter(|(s, _)| *s < end).collect()).unwrap()]).unwrap()
    };
    for network in networks() {
        let weights = start(&network);
        let (all, cut) = (network.forward(&weights, &trial(30), 1).0, network.forward(&weights, &trial(12), 1).0);
        assert_eq!(all[..24], cut[..24], "{network:?}");
        assert_ne!(all[24..], cut[24..], "{network:?}");
    }
}
