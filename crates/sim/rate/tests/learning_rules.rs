//! Every learning rule does what its paper says, on problems whose answer is known.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array1, Array2, Axis};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Lesion, LesionManner, LesionTarget, Probe, Seed, Silent, Stimulus};
use rheobase_linalg::eigh;
use rheobase_rate::code::{LinearCode, SparseCode};
use rheobase_rate::learning::{
    Competition, Eigenvectors, FastIca, Gradient, Hebbian, LearningRule, LocalRule, Route, Trained, local_update,
};
use rheobase_rate::network::{Activation, ConvNet, Credit, Mlp, Network};
use rheobase_rate::objective::{Objective, Penalties, Task, one_hot};
use rheobase_rate::optimizer::Optimizer;
use rheobase_rate::training::{Checkpoint, CheckpointStore, EpochRecord, NoCheckpoints, Samples, Session};
use rheobase_rate::{Error, Model};

fn gaussian(rows: usize, columns: usize, seed: &Seed) -> Array2<f64> {
    let mut stream = seed.stream();
    Array2::from_shape_simple_fn((rows, columns), || StandardNormal.sample(&mut stream))
}

/// Prototypes of 64 bits with 15 % of the bits flipped (SYN-DIG of the specification).
fn prototypes(count: usize, seed: &Seed) -> Samples {
    let mut stream = Seed::root(99).child("prototypes").stream();
    let patterns: Vec<bool> = (0..640).map(|_| stream.random::<f64>() < 0.5).collect();
    let mut stream = seed.stream();
    let labels: Vec<usize> = (0..count).map(|i| i % 10).collect();
    let inputs = Array2::from_shape_fn((count, 64), |(i, bit)| {
        let flip = stream.random::<f64>() < 0.15;
        f32::from(u8::from(patterns[labels[i] * 64 + bit] != flip))
    });
    Samples { inputs, labels, classes: 10 }
}

fn unlabelled(inputs: &Array2<f64>) -> Samples {
    Samples { inputs: inputs.mapv(|v| v as f32), labels: vec![], classes: 0 }
}

fn gradient(route: Route, epochs: usize) -> Gradient {
    Gradient { rate: 3e-3, epochs, batch: 20, optimizer: Optimizer::Adam, route, trained: Trained::All }
}

fn train(
    model: &mut Model,
    rule: &dyn LearningRule,
    task: Task,
    train: &Samples,
    test: Option<&Samples>,
    checkpoints: &mut dyn CheckpointStore,
) -> Result<Vec<EpochRecord>, Error> {
    let mut session = Session {
        objective: Objective::plain(task),
        train,
        test,
        seed: Seed::root(5),
        device: Device::flex(),
        progress: &Silent,
        checkpoints,
    };
    rule.train(model, &mut session)
}

fn mlp(seed: u64) -> Model {
    let network = Mlp { hidden: vec![32], activation: Activation::Relu }.build([1, 8, 8], 10).unwrap();
    Model::feedforward(network, &Seed::root(seed))
}

fn flat(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn loss_at(
    network: &Network,
    parameters: &[Vec<f32>],
    objective: &Objective,
    input: &Array2<f32>,
    labels: &[usize],
) -> f64 {
    let device = Device::flex();
    let tensors: Vec<_> = parameters.iter().map(|p| flat(p, &device)).collect();
    let x: Tensor<2> = flat(input.as_slice().unwrap(), &device).reshape([input.nrows(), input.ncols()]);
    let trace = network.forward(&tensors, x, &Credit::Symmetric, &mut |_, a| a).unwrap();
    let loss = objective.loss(network, &tensors, &trace, one_hot(labels, network.outputs(), &device));
    f64::from(loss.into_data().try_to_vec::<f32>().unwrap()[0])
}

#[test]
fn the_gradient_equals_finite_differences_for_every_layer_and_penalty() {
    let conv =
        ConvNet { filters: vec![3], kernels: vec![3], first_stride: 1, pools: vec![1] }.build([1, 5, 5], 4).unwrap();
    let dense = Mlp { hidden: vec![6], activation: Activation::Tanh }.build([1, 5, 5], 4).unwrap();
    for network in [dense, conv] {
        let parameters = network.initial_parameters(&Seed::root(2));
        let input = gaussian(7, 25, &Seed::root(3)).mapv(|v| v as f32);
        let labels = [0, 1, 2, 3, 0, 1, 2];
        for task in [Task::CrossEntropy, Task::SquaredError] {
            let objective = Objective { task, penalties: Penalties { activity: 0.1, weight: 0.05, wiring: 0.02 } };
            let device = Device::flex().autodiff();
            let tensors: Vec<_> = parameters.iter().map(|p| flat(p, &device).require_grad()).collect();
            let x: Tensor<2> = flat(input.as_slice().unwrap(), &device).reshape([7, 25]);
            let trace = network.forward(&tensors, x, &Credit::Symmetric, &mut |_, a| a).unwrap();
            let loss = objective.loss(&network, &tensors, &trace, one_hot(&labels, 4, &device));
            let gradients = loss.backward();
            for (index, tensor) in tensors.iter().enumerate() {
                let exact = tensor.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
                for place in [0, exact.len() / 2, exact.len() - 1] {
                    // |w| of the wiring penalty has a kink at 0 that a difference quotient must not straddle.
                    if parameters[index][place].abs() < 4e-3 && index % 2 == 0 {
                        continue;
                    }
                    let mut moved = parameters.clone();
                    let h = 2e-3_f32;
                    moved[index][place] += h;
                    let up = loss_at(&network, &moved, &objective, &input, &labels);
                    moved[index][place] -= 2.0 * h;
                    let down = loss_at(&network, &moved, &objective, &input, &labels);
                    let numeric = (up - down) / (2.0 * f64::from(h));
                    // f32 losses of about 3 resolve 2e-7, so the quotient 2e-7 / 2h = 6e-5 for each of some tens of rounded sums.
                    assert!(
                        (numeric - f64::from(exact[place])).abs() < 3e-3,
                        "{index} {place}: {numeric} {}",
                        exact[place]
                    );
                }
            }
        }
    }
}

#[test]
fn random_feedback_changes_the_error_path_but_not_the_forward_value() {
    let network = Mlp { hidden: vec![6], activation: Activation::Linear }.build([1, 1, 5], 3).unwrap();
    let parameters = network.initial_parameters(&Seed::root(2));
    let device = Device::flex().autodiff();
    let feedback = network.random_feedback(&Seed::root(8), &device);
    let input = gaussian(4, 5, &Seed::root(3)).mapv(|v| v as f32);
    let labels = [0, 1, 2, 0];
    let objective = Objective::plain(Task::SquaredError);
    let run = |credit: &Credit| {
        let tensors: Vec<_> = parameters.iter().map(|p| flat(p, &device).require_grad()).collect();
        let x: Tensor<2> = flat(input.as_slice().unwrap(), &device).reshape([4, 5]);
        let trace = network.forward(&tensors, x, credit, &mut |_, a| a).unwrap();
        let target = one_hot(&labels, 3, &device);
        let error = (trace.output.clone() - target.clone()).inner().into_data().try_to_vec::<f32>().unwrap();
        let gradients = objective.loss(&network, &tensors, &trace, target).backward();
        let first = tensors[0].grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        (trace.output.inner().into_data().try_to_vec::<f32>().unwrap(), error, first)
    };
    let (symmetric_output, ..) = run(&Credit::Symmetric);
    let (random_output, error, first) = run(&feedback);
    assert_eq!(symmetric_output, random_output);
    // By hand: dW1 = x' (e B') / batch, with B the fixed feedback weights of the output layer.
    let Credit::Random(random) = &feedback else { unreachable!() };
    let b = random[1].clone().unwrap().inner().into_data().try_to_vec::<f32>().unwrap();
    let b = Array2::from_shape_vec((6, 3), b).unwrap();
    let e = Array2::from_shape_vec((4, 3), error).unwrap();
    let by_hand = input.t().dot(&e.dot(&b.t())) / 4.0;
    for (found, expected) in first.iter().zip(&by_hand) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

#[test]
fn feedback_alignment_solves_the_linear_task_of_lillicrap_and_aligns() {
    // Linear 30-20-10: both rules reach 1 % of the initial loss in 4000 single-sample steps, the angle falls from 90 to <= 45.
    let seed = Seed::root(11);
    let mut stream = seed.child("teacher").stream();
    let teacher = Array2::from_shape_simple_fn((30, 10), || stream.random_range(-1.0..1.0_f32));
    let inputs = gaussian(4000, 30, &seed.child("inputs")).mapv(|v| v as f32);
    let targets = inputs.dot(&teacher);
    let network = Mlp { hidden: vec![20], activation: Activation::Linear }.build([1, 1, 30], 10).unwrap();
    let objective = Objective::plain(Task::SquaredError);
    let device = Device::flex().autodiff();
    let mut stream = seed.child("B").stream();
    let uniform: Vec<f32> = (0..200).map(|_| stream.random_range(-0.5..0.5)).collect();
    for route in [Route::Backprop, Route::RandomFeedback] {
        let mut stream = seed.child("start").stream();
        let mut parameters: Vec<Vec<f32>> = [600, 20, 200, 10]
            .map(|n| (0..n).map(|_| if n < 100 { 0.0 } else { stream.random_range(-0.01..0.01_f32) }).collect())
            .to_vec();
        let credit = match route {
            Route::Backprop => Credit::Symmetric,
            Route::RandomFeedback => Credit::Random(vec![None, Some(flat(&uniform, &device))]),
        };
        let b = Array2::from_shape_vec((20, 10), uniform.clone()).unwrap();
        let angle = |w: &[f32], e: &Array1<f32>| {
            let (p, q) = (Array2::from_shape_vec((20, 10), w.to_vec()).unwrap().dot(e), b.dot(e));
            f64::from(p.dot(&q) / (p.dot(&p) * q.dot(&q)).sqrt()).acos().to_degrees()
        };
        // Before training the output is near 0, so the error is minus the target.
        let at_start: Vec<f64> = targets.rows().into_iter().take(200).map(|y| angle(&parameters[2], &-&y)).collect();
        let mut losses = Vec::new();
        let mut angles = Vec::new();
        for step in 0..4000 {
            let tensors: Vec<_> = parameters.iter().map(|p| flat(p, &device).require_grad()).collect();
            let x: Tensor<2> = flat(inputs.row(step).to_slice().unwrap(), &device).reshape([1, 30]);
            let y: Tensor<2> = flat(targets.row(step).to_slice().unwrap(), &device).reshape([1, 10]);
            let trace = network.forward(&tensors, x, &credit, &mut |_, a| a).unwrap();
            let e = (trace.output.clone() - y.clone()).inner().into_data().try_to_vec::<f32>().unwrap();
            let loss = objective.task_loss(trace.output, y);
            losses.push(f64::from(loss.clone().inner().into_data().try_to_vec::<f32>().unwrap()[0]));
            angles.push(angle(&parameters[2], &Array1::from(e)));
            let gradients = loss.backward();
            for (parameter, tensor) in parameters.iter_mut().zip(&tensors) {
                let g = tensor.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
                parameter.iter_mut().zip(g).for_each(|(w, g)| *w -= 2e-3 * g);
            }
        }
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        assert!(
            mean(&losses[3900..]) < 0.01 * mean(&losses[..100]),
            "{route:?}: {}",
            mean(&losses[3900..]) / mean(&losses[..100])
        );
        if route == Route::RandomFeedback {
            // A random pair of 20 x 10 matrices: cosines have sd 1 / sqrt(20) = 13 degrees, ten directions average to 4; 3.5 sd.
            assert!((mean(&at_start) - 90.0).abs() < 15.0, "start {}", mean(&at_start));
            assert!(mean(&angles[3500..]) <= 45.0, "later {}", mean(&angles[3500..]));
        }
    }
}

#[test]
fn both_routes_learn_prototypes_and_learned_features_beat_frozen_ones() {
    let (train_set, test_set) = (prototypes(500, &Seed::root(1)), prototypes(500, &Seed::root(2)));
    let accuracy = |rule: &Gradient| {
        // Eight hidden units are too few to do without learning: over five seeds frozen ones reach .50 to .61, learned ones .99.
        let network = Mlp { hidden: vec![8], activation: Activation::Relu }.build([1, 8, 8], 10).unwrap();
        let mut model = Model::feedforward(network, &Seed::root(1));
        let history =
            train(&mut model, rule, Task::CrossEntropy, &train_set, Some(&test_set), &mut NoCheckpoints).unwrap();
        history.last().unwrap().test_accuracy.unwrap()
    };
    let frozen = accuracy(&Gradient { trained: Trained::Readout, ..gradient(Route::Backprop, 40) });
    for route in [Route::Backprop, Route::RandomFeedback] {
        let learned = accuracy(&gradient(route, 40));
        assert!(learned >= 0.9, "{route:?}: {learned}");
        // systems.md C9: a frozen hidden layer is at least 0.05 worse.
        assert!(learned >= frozen + 0.05, "{route:?}: {learned} against frozen {frozen}");
    }
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    /// Keeps the checkpoint of one epoch and fails afterwards, as a killed process would.
    struct Killed {
        at: usize,
        kept: Option<Checkpoint>,
    }
    impl CheckpointStore for Killed {
        fn load(&mut self) -> Option<Checkpoint> {
            self.kept.clone()
        }
        fn save(&mut self, checkpoint: &Checkpoint, _urgent: bool) -> rheobase_rate::Result<()> {
            if checkpoint.epochs_done > self.at {
                return Err(Error::Checkpoint("killed".into()));
            }
            self.kept = Some(checkpoint.clone());
            Ok(())
        }
    }
    let set = prototypes(200, &Seed::root(1));
    let hebbian = Hebbian {
        rule: LocalRule::Oja(Competition::Subspace),
        rate: 0.02,
        epochs: 3,
        batch: 10,
        readout: gradient(Route::Backprop, 3),
    };
    let rules: [(&dyn LearningRule, usize); 3] =
        [(&gradient(Route::Backprop, 6), 2), (&gradient(Route::RandomFeedback, 6), 4), (&hebbian, 4)];
    for (rule, at) in rules {
        let mut whole = mlp(1);
        let history = train(&mut whole, rule, Task::CrossEntropy, &set, Some(&set), &mut NoCheckpoints).unwrap();
        let mut store = Killed { at, kept: None };
        let mut resumed = mlp(1);
        assert!(train(&mut resumed, rule, Task::CrossEntropy, &set, Some(&set), &mut store).is_err());
        store.at = usize::MAX;
        let again = train(&mut resumed, rule, Task::CrossEntropy, &set, Some(&set), &mut store).unwrap();
        assert_eq!(whole.arrays(), resumed.arrays());
        assert_eq!(history, again);
    }
}

#[test]
fn hebb_diverges_and_oja_finds_the_first_principal_component() {
    let mut data = gaussian(10_000, 5, &Seed::root(4));
    for (column, sd) in [3.0, 1.5, 1.0, 0.7, 0.5].into_iter().enumerate() {
        data.column_mut(column).mapv_inplace(|v| v * sd);
    }
    let mix = gaussian(5, 5, &Seed::root(6));
    let data = data.dot(&rheobase_linalg::qr(mix.view()).unwrap().0);
    let components = eigh((data.t().dot(&data) / 1e4).view()).unwrap().vectors;
    let start = || gaussian(5, 1, &Seed::root(7)) * 0.1;
    let run = |rule: LocalRule, mut weights: Array2<f64>| {
        for sample in data.rows() {
            local_update(&mut weights, &sample.to_owned().insert_axis(Axis(0)), rule, 2e-3);
        }
        weights
    };
    let hebb = run(LocalRule::Hebb { normalise: false }, start());
    assert!(hebb.column(0).dot(&hebb.column(0)).sqrt() > 1e3);
    let oja = run(LocalRule::Oja(Competition::None), start());
    let norm = oja.column(0).dot(&oja.column(0)).sqrt();
    assert!((norm - 1.0).abs() <= 0.02, "{norm}");
    assert!(oja.column(0).dot(&components.column(0)).abs() / norm >= 0.99);
    let sanger = run(LocalRule::Oja(Competition::Ordered), gaussian(5, 4, &Seed::root(7)) * 0.1);
    for k in 0..4 {
        let w = sanger.column(k);
        let cosine = w.dot(&components.column(k)).abs() / w.dot(&w).sqrt();
        assert!(cosine >= 0.97, "component {k}: {cosine}");
    }
}

#[test]
fn eigenvectors_and_fast_ica_recover_planted_structure() {
    // Three Laplace sources, mixed.
    let mut stream = Seed::root(8).stream();
    let sources = Array2::from_shape_simple_fn((20_000, 3), || {
        let u: f64 = stream.random_range(-0.5..0.5);
        -u.signum() * (1.0 - 2.0 * u.abs()).max(1e-12).ln()
    });
    let mixing = ndarray::array![[1.0, 0.5, -0.3], [0.2, 1.0, 0.4], [-0.5, 0.3, 1.0]];
    let mixed = sources.dot(&mixing.t());
    let samples = unlabelled(&mixed);
    let code = || Model::LinearCode(LinearCode::new([1, 3], 3, &Seed::root(1)).unwrap());
    let mut ica = code();
    let rule = FastIca { iterations: 200, tolerance: 1e-6 };
    train(&mut ica, &rule, Task::Independence, &samples, None, &mut NoCheckpoints).unwrap();
    let Model::LinearCode(found) = &ica else { unreachable!() };
    let unmixing = Array2::from_shape_vec((3, 3), found.weights.iter().map(|&v| f64::from(v)).collect()).unwrap();
    let p = unmixing.dot(&mixing).mapv(f64::abs);
    let share = |lines: Vec<Vec<f64>>| -> f64 {
        lines.iter().map(|l| l.iter().sum::<f64>() / l.iter().copied().fold(0.0, f64::max) - 1.0).sum()
    };
    let rows = p.rows().into_iter().map(|r| r.to_vec()).collect();
    let columns = p.columns().into_iter().map(|c| c.to_vec()).collect();
    let amari = (share(rows) + share(columns)) / (2.0 * 3.0 * 2.0);
    assert!(amari <= 0.05, "Amari index {amari}");

    let mut pca = code();
    train(&mut pca, &Eigenvectors, Task::Reconstruction, &samples, None, &mut NoCheckpoints).unwrap();
    let stimulus = Stimulus::new(mixed.slice(ndarray::s![..5000, ..]).to_owned(), vec![1, 3], 1.0).unwrap();
    let y = pca.record(&stimulus, "code").unwrap().samples().to_owned();
    let covariance = y.t().dot(&y) / 5000.0;
    assert!(covariance[[0, 0]] > covariance[[1, 1]] && covariance[[1, 1]] > covariance[[2, 2]]);
    // Correlations of 5000 samples have a standard error of 0.014.
    assert!(covariance[[0, 1]].abs() / (covariance[[0, 0]] * covariance[[1, 1]]).sqrt() < 0.07);
}

#[test]
fn a_sparse_code_recovers_a_planted_dictionary() {
    // Images made of few rows of a known dictionary.
    let planted = {
        let mut d = gaussian(12, 16, &Seed::root(1));
        for mut row in d.rows_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        d
    };
    let mut stream = Seed::root(2).stream();
    let causes = Array2::from_shape_simple_fn((3000, 12), || {
        if stream.random::<f64>() < 0.15 { 1.0 + stream.random::<f64>() } else { 0.0 }
    });
    let samples = unlabelled(&causes.dot(&planted));
    let mut model = Model::SparseCode(SparseCode::new([4, 4], 12, 0.1, true, 60, &Seed::root(3)).unwrap());
    let rule = Gradient { rate: 0.02, epochs: 60, batch: 50, ..gradient(Route::Backprop, 0) };
    let history = train(&mut model, &rule, Task::Reconstruction, &samples, None, &mut NoCheckpoints).unwrap();
    assert!(history.last().unwrap().train_loss < history[0].train_loss);
    let Model::SparseCode(code) = &model else { unreachable!() };
    let found = Array2::from_shape_vec((12, 16), code.dictionary.iter().map(|&v| f64::from(v)).collect()).unwrap();
    let similarity = planted.dot(&found.t());
    let recovered = similarity.rows().into_iter().filter(|r| r.iter().any(|&c| c > 0.97)).count();
    assert!(recovered >= 11, "{recovered} of 12: {similarity:.2}");
}

#[test]
fn lesions_follow_their_definitions() {
    let model = mlp(3);
    let frames = prototypes(20, &Seed::root(1)).inputs.mapv(f64::from);
    let stimulus = Stimulus::new(frames, vec![8, 8], 1.0).unwrap();
    let seed = Seed::root(1);
    let output = |units: Vec<usize>, manner| {
        let target = LesionTarget { layer: "hidden1".into(), units };
        model.output_with_lesion(&stimulus, &target, manner, &seed).unwrap().samples().to_owned()
    };
    let intact = model.record(&stimulus, "output").unwrap().samples().to_owned();
    assert_eq!(output(vec![], LesionManner::Silence), intact);
    // The output is linear in the hidden layer, so silencing unit j takes away exactly W_j h_j.
    let hidden = model.record(&stimulus, "hidden1").unwrap().samples().to_owned();
    let weights = &model.arrays()[2];
    for unit in [0, 7, 31] {
        let silenced = output(vec![unit], LesionManner::Silence);
        for ((i, k), &value) in silenced.indexed_iter() {
            let expected = intact[[i, k]] - hidden[[i, unit]] * f64::from(weights.values[unit * 10 + k]);
            assert!((value - expected).abs() < 1e-4, "{value} {expected}");
        }
    }
    assert_eq!(output(vec![4], LesionManner::Permute), output(vec![4], LesionManner::Permute));
    assert_ne!(output(vec![4], LesionManner::Noise { relative_sd: 1.0 }), intact);
    let wrong = LesionTarget { layer: "hidden1".into(), units: vec![32] };
    assert!(model.output_with_lesion(&stimulus, &wrong, LesionManner::Silence, &seed).is_err());
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let set = prototypes(50, &Seed::root(1));
    let mut code = Model::LinearCode(LinearCode::new([8, 8], 4, &Seed::root(1)).unwrap());
    let error = train(&mut code, &gradient(Route::Backprop, 1), Task::Reconstruction, &set, None, &mut NoCheckpoints);
    assert!(matches!(error.unwrap_err(), Error::Unsupported { .. }));
    let unlabelled = Samples { labels: vec![], ..set.clone() };
    let error =
        train(&mut mlp(1), &gradient(Route::Backprop, 1), Task::CrossEntropy, &unlabelled, None, &mut NoCheckpoints);
    assert!(error.unwrap_err().to_string().contains("50 samples, 0 labels"));
    let wild = Gradient { rate: 1e9, optimizer: Optimizer::Sgd { momentum: 0.9 }, ..gradient(Route::Backprop, 5) };
    let error = train(&mut mlp(1), &wild, Task::SquaredError, &set, None, &mut NoCheckpoints).unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 1, .. }), "{error}");
}
