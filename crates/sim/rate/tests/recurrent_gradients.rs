//! Gradients of recurrent networks against finite differences, real-time recurrent learning, burn's automatic differentiation and
//! PyTorch's numbers; identities between cells.
#![allow(clippy::print_stderr)]

mod support;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array1, Array2, ArrayD, array};
use rheobase_core::{Dynamics, Seed};
use rheobase_rate::optimizer::{Moments, Optimizer};
use rheobase_rate::recurrent::linearised::real_time_gradient;
use rheobase_rate::recurrent::{
    Backward, Batch, Cell, FrozenNetwork, Nonlinearity, Penalties, RecurrentNetwork, Wiring,
};
use rheobase_task::{Loss, Trial};

use support::{CELLS, network, parameters, settings, trials};

/// Largest difference between the gradient and central differences, relative to the largest element.
fn worst_difference(network: &RecurrentNetwork, loss: &Loss, penalties: &Penalties) -> f64 {
    worst_difference_with(network, loss, settings(loss, penalties))
}

fn worst_difference_with(network: &RecurrentNetwork, loss: &Loss, settings: Backward<'_>) -> f64 {
    let trials = trials(network, loss, 5, 6);
    let batch = Batch { trials: &trials, noise: Seed::root(4) };
    let mut p = parameters(network, 7);
    let gradient = batch.cost(network, &p, settings).gradient;
    let scale = gradient.iter().flatten().fold(0.0_f64, |m, g| m.max(g.abs()));
    let mut worst = 0.0_f64;
    let h = 1e-5;
    for (k, info) in network.parameters().iter().enumerate().filter(|(_, info)| info.trained) {
        for i in (0..p[k].len()).step_by(1 + p[k].len() / 12) {
            let kept = p[k][i];
            let mut total = |value: f64| {
                p[k][i] = value;
                let cost = batch.cost(network, &p, settings);
                cost.task + cost.penalty
            };
            let slope = (total(kept + h) - total(kept - h)) / (2.0 * h);
            p[k][i] = kept;
            let miss = (slope - gradient[k][i]).abs() / scale;
            assert!(miss.is_finite(), "{}", info.name);
            worst = worst.max(miss);
        }
    }
    worst
}

#[test]
fn gradients_are_those_of_finite_differences_for_every_cell_and_loss() {
    let none = Penalties::default();
    for cell in CELLS {
        for loss in [Loss::SquaredError, Loss::Logistic, Loss::CrossEntropy { groups: vec![2] }] {
            let worst = worst_difference(&network(cell, 5), &loss, &none);
            // Central differences of step 1e-5: truncation 1e-10, rounding 1e-11 over the step.
            assert!(worst < 1e-6, "{cell:?} {loss:?}: {worst:e}");
        }
    }
}

#[test]
fn a_bottleneck_under_dropout_has_the_gradient_of_finite_differences() {
    let tanh = Cell::Current { nonlinearity: Nonlinearity::Tanh, alpha: 0.3 };
    let penalties = Penalties { weight: 0.01, ..Penalties::default() };
    for cell in [tanh, Cell::Gru, Cell::Lstm] {
        for dropout in [0.0, 0.5] {
            for loss in [Loss::SquaredError, Loss::CrossEntropy { groups: vec![2] }] {
                let net = RecurrentNetwork { bottleneck: 4, ..network(cell, 5) };
                net.check().unwrap();
                let own = Backward { dropout, ..settings(&loss, &penalties) };
                let worst = worst_difference_with(&net, &loss, own);
                assert!(worst < 1e-6, "{cell:?} {dropout} {loss:?}: {worst:e}");
            }
        }
    }
}

/// Without dropout a bottleneck is a read-out whose weights are a product.
#[test]
fn a_bottleneck_is_a_product_of_two_read_outs() {
    let net = RecurrentNetwork { bottleneck: 3, ..network(Cell::Lstm, 5) };
    let plain = RecurrentNetwork { bottleneck: 0, ..net.clone() };
    let narrow = parameters(&net, 3);
    let at = net.index_of("bottleneck.weight").unwrap();
    let mut wide = narrow.clone();
    let (b, w) = (wide.remove(at), &narrow[at + 1]);
    wide[at] = (0..10).map(|k| (0..3).map(|j| b[k / 2 * 3 + j] * w[j * 2 + k % 2]).sum()).collect();
    let all = trials(&net, &Loss::SquaredError, 3, 6);
    let batch = Batch { trials: &all, noise: Seed::root(1) };
    let frozen = FrozenNetwork::from_wide(&net, &narrow);
    for (a, b) in batch.run(&net, &narrow, 1).iter().zip(&batch.run(&plain, &wide, 1)) {
        let steps = a.read_outs.len() / 2;
        assert_eq!((a.bottleneck.len(), b.bottleneck.len()), (3 * steps, 0));
        for t in 0..steps {
            let state = Array1::from(a.states[(t + 1) * 10..(t + 2) * 10].to_vec());
            for k in 0..2 {
                let found = a.read_outs[t * 2 + k];
                assert!((found - b.read_outs[t * 2 + k]).abs() < 1e-12);
                assert!((found - frozen.read_out(state.view())[k]).abs() < 1e-12);
            }
        }
    }
    let dale = RecurrentNetwork { wiring: Wiring::Dale { excitatory: 4 }, bottleneck: 3, ..network(CELLS[0], 5) };
    assert!(dale.check().unwrap_err().to_string().contains("leave the bottleneck out"));
}

#[test]
fn gradients_hold_under_every_wiring_start_noise_and_penalty() {
    let tanh = Cell::Current { nonlinearity: Nonlinearity::Tanh, alpha: 0.3 };
    let penalties = Penalties { rate: 0.3, weight: 0.01, wiring: 0.02, smooth_dynamics: 0.05, vanishing_gradient: 0.0 };
    for cell in [tanh, Cell::Gru, Cell::Lstm] {
        for wiring in [Wiring::Free, Wiring::LowRank { rank: 2 }, Wiring::Dale { excitatory: 4 }] {
            if matches!(wiring, Wiring::Dale { .. }) && cell != tanh {
                continue;
            }
            for (encoder, masked) in [(0, true), (4, false)] {
                let noise_sd = if cell == tanh { 0.1 } else { 0.0 };
                let net = RecurrentNetwork { wiring: wiring.clone(), encoder, masked, noise_sd, ..network(cell, 6) };
                net.check().unwrap();
                let own = if cell == tanh { penalties } else { Penalties { smooth_dynamics: 0.0, ..penalties } };
                own.check(&net).unwrap();
                let worst = worst_difference(&net, &Loss::SquaredError, &own);
                assert!(worst < 1e-6, "{cell:?} {wiring:?} {encoder} {masked}: {worst:e}");
            }
        }
    }
}

/// A penalty on activity is a mean over the steps of all trials, whatever the longest trial of a batch is.
#[test]
fn what_pads_a_short_trial_costs_nothing() {
    let net = network(Cell::Current { nonlinearity: Nonlinearity::Tanh, alpha: 0.3 }, 6);
    let p = parameters(&net, 7);
    let mut trials = trials(&net, &Loss::SquaredError, 2, 9);
    let short = trials[1].clone();
    trials[1] = Trial::blank(4, net.inputs, net.outputs);
    trials[1].inputs.assign(&short.inputs.slice(ndarray::s![..4, ..]));
    trials[1].targets.assign(&short.targets.slice(ndarray::s![..4, ..]));
    let activity = Penalties { rate: 0.3, smooth_dynamics: 0.05, ..Penalties::default() };
    let errors = Penalties { vanishing_gradient: 0.4, ..Penalties::default() };
    for penalties in [activity, errors] {
        let cost = |trials: &[Trial]| {
            let batch = Batch { trials, noise: Seed::root(4) };
            batch.cost(&net, &p, settings(&Loss::SquaredError, &penalties)).penalty
        };
        let together = 13.0 * cost(&trials);
        let apart = 9.0 * cost(&trials[..1]) + 4.0 * cost(&trials[1..]);
        assert!(apart > 0.0 && (together / apart - 1.0).abs() < 1e-12, "{penalties:?}: {together} {apart}");
    }
}

#[test]
fn backpropagation_through_time_is_real_time_recurrent_learning() {
    for cell in CELLS {
        let net = network(cell, 10);
        let p = parameters(&net, 3);
        let trials = trials(&net, &Loss::SquaredError, 1, 20);
        let batch = Batch { trials: &trials, noise: Seed::root(1) };
        let back = batch.cost(&net, &p, settings(&Loss::SquaredError, &Penalties::default())).gradient;
        let frozen = FrozenNetwork::from_wide(&net, &p);
        let forward = real_time_gradient(&frozen, &trials[0], &Loss::SquaredError).unwrap();
        for (forward, back) in forward.iter().zip(&back) {
            let scale = back.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            for (a, b) in forward.iter().zip(back) {
                assert!((a - b).abs() < 1e-8 * scale, "{cell:?} {a} {b}");
            }
        }
    }
}

#[test]
fn jacobians_are_those_of_central_differences() {
    /// The same map without its closed form.
    struct Numeric<'a>(&'a FrozenNetwork);
    impl Dynamics for Numeric<'_> {
        fn dimension(&self) -> usize {
            self.0.dimension()
        }
        fn step(&self, x: ndarray::ArrayView1<'_, f64>, u: ndarray::ArrayView1<'_, f64>) -> Array1<f64> {
            self.0.step(x, u)
        }
    }
    for cell in CELLS {
        let net = network(cell, 6);
        let frozen = FrozenNetwork::from_wide(&net, &parameters(&net, 5));
        let state = Array1::from_shape_fn(frozen.dimension(), |i| 0.3 * (i as f64).cos());
        let input = array![0.2, -0.4, 0.1];
        let miss =
            &frozen.jacobian(state.view(), input.view()) - &Numeric(&frozen).jacobian(state.view(), input.view());
        assert!(miss.iter().all(|v| v.abs() < 1e-8), "{cell:?}");
        let both = ndarray::stack![ndarray::Axis(0), state, &state * 0.5];
        let rows = frozen.steps(both.view(), input.view());
        for (row, state) in rows.rows().into_iter().zip(both.rows()) {
            assert_eq!(row.to_owned(), frozen.step(state, input.view()), "{cell:?}");
        }
        let covectors = Array2::from_shape_fn(both.dim(), |(i, j)| ((i * 7 + j) as f64).sin());
        let back = frozen.pull_back(both.view(), input.view(), covectors.view());
        for ((row, state), covector) in back.rows().into_iter().zip(both.rows()).zip(covectors.rows()) {
            let exact = frozen.jacobian(state, input.view()).t().dot(&covector);
            assert!((&row - &exact).iter().all(|v| v.abs() < 1e-12), "{cell:?}");
        }
    }
}

#[test]
fn a_rate_network_without_leak_is_elmans_and_a_gru_with_a_constant_gate_is_a_rate_network() {
    let elman = network(Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha: 1.0 }, 7);
    let p = parameters(&elman, 2);
    let trials = trials(&elman, &Loss::SquaredError, 2, 9);
    let batch = Batch { trials: &trials, noise: Seed::root(1) };
    let found = batch.run(&elman, &p, 1);
    // r(t) = tanh(b + W_in u + W r(t-1)), term by term in the order of the products.
    let mut r = p[5].clone();
    for t in 0..9 {
        let drive: Vec<f64> = (0..7)
            .map(|i| {
                let input =
                    (0..3).fold(p[2][i], |d, k| f64::from(trials[0].inputs[[t, k]]).mul_add(p[0][k * 7 + i], d));
                (0..7).fold(input, |d, j| r[j].mul_add(p[1][j * 7 + i], d))
            })
            .collect();
        r = drive.iter().map(|d| 1.0 - 2.0 / (1.0 + rheobase_core::math::exp(2.0 * d))).collect();
        assert_eq!(r, found[0].units[(t + 1) * 7..(t + 2) * 7], "step {t}");
    }

    let alpha = 0.3;
    let leaky = network(Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha }, 7);
    let gru = network(Cell::Gru, 7);
    let p = parameters(&leaky, 2);
    let mut q: Vec<Vec<f64>> = gru.parameters().iter().map(|i| vec![0.0; i.shape.iter().product()]).collect();
    for (from, to, rows) in [(0, 0, 3), (1, 1, 7), (2, 2, 1)] {
        for row in 0..rows {
            for i in 0..7 {
                q[to][row * 21 + 14 + i] = p[from][row * 7 + i];
            }
        }
    }
    q[2][..7].fill(60.0); // the reset gate stays open
    q[2][7..14].fill((alpha / (1.0_f64 - alpha)).ln()); // the update gate is alpha
    (q[4], q[5], q[6]) = (p[3].clone(), p[4].clone(), p[5].clone());
    for (a, b) in batch.run(&leaky, &p, 1).iter().zip(batch.run(&gru, &q, 1)) {
        assert!(a.units.iter().zip(&b.units).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}

#[test]
fn smaller_steps_approach_the_differential_equation_at_first_order() {
    // tau r' = -r + tanh(W r + b), tau = 1, from r = 0 to time 2, without input.
    let run = |alpha: f64| {
        let net = RecurrentNetwork { inputs: 0, ..network(Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha }, 6) };
        let mut p = parameters(&net, 11);
        p[1].iter_mut().for_each(|w| *w *= 2.0);
        p[5].fill(0.0);
        let frozen = FrozenNetwork::from_wide(&net, &p);
        let mut r = Array1::zeros(6);
        for _ in 0..(2.0 / alpha).round() as usize {
            r = frozen.step(r.view(), Array1::zeros(0).view());
        }
        (r, p)
    };
    let (_, p) = run(0.5);
    let slope = |r: &Array1<f64>| {
        Array1::from_shape_fn(6, |i| -r[i] + (p[2][i] + (0..6).map(|j| r[j] * p[1][j * 6 + i]).sum::<f64>()).tanh())
    };
    let mut exact = Array1::<f64>::zeros(6);
    let h = 1e-3;
    for _ in 0..2000 {
        let k1 = slope(&exact);
        let k2 = slope(&(&exact + &(&k1 * (h / 2.0))));
        let k3 = slope(&(&exact + &(&k2 * (h / 2.0))));
        let k4 = slope(&(&exact + &(&k3 * h)));
        exact = exact + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6.0);
    }
    let error = |alpha: f64| (run(alpha).0 - &exact).iter().map(|v| v * v).sum::<f64>().sqrt();
    let ratio = error(0.02) / error(0.01);
    assert!((ratio - 2.0).abs() < 0.3, "{ratio}");
}

#[test]
fn the_loop_agrees_with_automatic_differentiation_by_burn() {
    let net = network(CELLS[0], 16);
    let p: Vec<Vec<f32>> = parameters(&net, 6).into_iter().map(|v| v.into_iter().map(|x| x as f32).collect()).collect();
    let mut trials = trials(&net, &Loss::SquaredError, 4, 15);
    trials.iter_mut().for_each(|t| *t = Trial { mask: Array2::ones(t.mask.dim()), ..t.clone() });
    trials.truncate(1);
    let batch = Batch { trials: &trials, noise: Seed::root(1) };
    let own = batch.cost(&net, &p, settings(&Loss::SquaredError, &Penalties::default()));
    let device = Device::flex().autodiff();
    let matrix = |values: &[f32], rows: usize| {
        Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, values.len() / rows]), &device)
    };
    let weights: Vec<Tensor<2>> =
        [(0, 3), (1, 16), (2, 1), (3, 16), (4, 1)].map(|(k, rows)| matrix(&p[k], rows).require_grad()).into();
    let mut r = matrix(&p[5], 1);
    let mut loss = None;
    for t in 0..15 {
        let x = matrix(&trials[0].inputs.row(t).to_vec(), 1);
        r = (x.matmul(weights[0].clone()) + r.matmul(weights[1].clone()) + weights[2].clone()).tanh();
        let y = r.clone().matmul(weights[3].clone()) + weights[4].clone();
        let miss = y - matrix(&trials[0].targets.row(t).to_vec(), 1);
        let term = (miss.clone() * miss).sum();
        loss = Some(match loss {
            None => term,
            Some(sum) => sum + term,
        });
    }
    let loss = loss.unwrap() / 30.0;
    let gradients = loss.backward();
    for (k, tensor) in weights.iter().enumerate() {
        let theirs: Vec<f32> = tensor.grad(&gradients).unwrap().into_data().try_to_vec().unwrap();
        let scale = theirs.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (a, b) in own.gradient[k].iter().zip(&theirs) {
            assert!((a - b).abs() < 1e-5 * scale, "{k}: {a} {b}");
        }
    }
}

/// Numbers that PyTorch gave, if they lie beside the project.
fn pytorch() -> Option<BTreeMap<String, ArrayD<f64>>> {
    let path = format!("{}/../../../../shared/peers/results/oracles_w5.npz", env!("CARGO_MANIFEST_DIR"));
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: no reference numbers of PyTorch beside the project");
        return None;
    };
    // The archive also holds other models; only plain arrays are read.
    Some(rheobase_data::npy::read_npz("oracles_w5.npz", &bytes).unwrap())
}

/// Parameters in our order and layout from PyTorch's.
fn from_pytorch(oracle: &BTreeMap<String, ArrayD<f64>>, kind: &str, which: &str) -> Vec<Vec<f64>> {
    let get = |name: &str| oracle[&format!("{kind}/{which}/{name}")].clone();
    let transposed = |name: &str| {
        let matrix = get(name).into_dimensionality::<ndarray::Ix2>().unwrap();
        matrix.t().as_standard_layout().iter().copied().collect::<Vec<f64>>()
    };
    let (bias_in, bias_rec): (Vec<f64>, Vec<f64>) =
        (get("rnn.bias_ih_l0").iter().copied().collect(), get("rnn.bias_hh_l0").iter().copied().collect());
    let mut p = vec![transposed("rnn.weight_ih_l0"), transposed("rnn.weight_hh_l0")];
    if kind == "gru" {
        // Our update gate is how much is new, theirs how much is old: the signs of its drive differ.
        for weights in &mut p {
            for row in weights.chunks_exact_mut(72) {
                row[24..48].iter_mut().for_each(|w| *w = -*w);
            }
        }
        let outer = (0..72).map(|c| if c < 48 { bias_in[c] + bias_rec[c] } else { bias_in[c] });
        p.push(outer.enumerate().map(|(c, b)| if (24..48).contains(&c) { -b } else { b }).collect());
        p.push(bias_rec[48..].to_vec());
    } else {
        p.push(bias_in.iter().zip(&bias_rec).map(|(a, b)| a + b).collect());
    }
    p.extend([transposed("out.weight"), get("out.bias").iter().copied().collect(), vec![0.0; 24]]);
    p
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let Some(oracle) = pytorch() else { return };
    for (kind, cell) in [("rnn", CELLS[0]), ("gru", Cell::Gru)] {
        let net = RecurrentNetwork { outputs: 3, ..network(cell, 24) };
        let mut p = from_pytorch(&oracle, kind, "init");
        let (x, y) = (&oracle[&format!("{kind}/x")], &oracle[&format!("{kind}/y")]);
        let trials: Vec<Trial> = (0..8)
            .map(|k| {
                let mut trial = Trial::blank(30, 3, 3);
                for t in 0..30 {
                    for c in 0..3 {
                        trial.inputs[[t, c]] = x[[t, k, c]] as f32;
                        trial.targets[[t, c]] = y[[t, k, c]] as f32;
                    }
                }
                trial
            })
            .collect();
        let batch = Batch { trials: &trials, noise: Seed::root(1) };
        let none = Penalties::default();
        let cost = batch.cost(&net, &p, settings(&Loss::SquaredError, &none));
        let theirs = from_pytorch(&oracle, kind, "grad0");
        // The last parameter is our initial state, which PyTorch does not train. Both biases of PyTorch have the gradient of ours.
        for (k, (a, b)) in cost.gradient.iter().zip(&theirs).enumerate().take(net.parameters().len() - 1) {
            let halved = net.parameters()[k].name == "bias";
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let b = if halved && (kind == "rnn" || i < 48) { b / 2.0 } else { *b };
                assert!((a - b).abs() < 1e-12, "{kind} {k} {i}: {a} {b}");
            }
        }
        let losses = &oracle[&format!("{kind}/losses")];
        let mut moments: Vec<Moments> = vec![Moments::default(); p.len()];
        for step in 0..5 {
            let cost = batch.cost(&net, &p, settings(&Loss::SquaredError, &none));
            // Adam runs in single precision here and in double there; the two biases there also take two steps where ours takes one.
            let bound = if step == 0 { 1e-12 } else { 3e-3 };
            assert!((cost.task - losses[step]).abs() < bound, "{kind} step {step}: {} {}", cost.task, losses[step]);
            for (k, moments) in moments.iter_mut().enumerate().take(net.parameters().len() - 1) {
                let mut narrow: Vec<f32> = p[k].iter().map(|v| *v as f32).collect();
                let gradient: Vec<f32> = cost.gradient[k].iter().map(|v| *v as f32).collect();
                Optimizer::Adam.step(&mut narrow, &gradient, moments, 1e-3);
                p[k] = narrow.iter().map(|v| f64::from(*v)).collect();
            }
        }
    }
}

#[test]
fn dropout_is_a_gradient_of_the_same_masked_network() {
    let net = network(Cell::Gru, 8);
    let mut p = parameters(&net, 2);
    let trials = trials(&net, &Loss::SquaredError, 3, 5);
    let batch = Batch { trials: &trials, noise: Seed::root(3) };
    let none = Penalties::default();
    let with = |p: &[Vec<f64>]| batch.cost(&net, p, Backward { dropout: 0.4, ..settings(&Loss::SquaredError, &none) });
    let gradient = with(&p).gradient;
    assert_ne!(with(&p).task, batch.cost(&net, &p, settings(&Loss::SquaredError, &none)).task);
    for (k, i) in [(1, 5), (4, 3), (0, 7)] {
        let (kept, h) = (p[k][i], 1e-5);
        p[k][i] = kept + h;
        let up = with(&p).task;
        p[k][i] = kept - h;
        let down = with(&p).task;
        p[k][i] = kept;
        assert!(((up - down) / (2.0 * h) - gradient[k][i]).abs() < 1e-7);
    }
}
