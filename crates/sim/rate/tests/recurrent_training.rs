//! Training of recurrent networks: the same bytes on any number of threads and after a resume, truncation, divergence, and learning from
//! perturbation.

mod support;

use rheobase_core::Seed;
use rheobase_rate::optimizer::Optimizer;
use rheobase_rate::recurrent::{Backward, Batch, Penalties, RecurrentNetwork};
use rheobase_task::Loss;

use support::{CELLS, network, parameters, settings, trials};

#[test]
fn threads_do_not_change_a_byte_and_truncation_changes_the_gradient() {
    let net = RecurrentNetwork { noise_sd: 0.1, ..network(CELLS[3], 20) };
    let p: Vec<Vec<f32>> = parameters(&net, 1).into_iter().map(|v| v.into_iter().map(|x| x as f32).collect()).collect();
    let trials = trials(&net, &Loss::SquaredError, 100, 12);
    let batch = Batch { trials: &trials, noise: Seed::root(8) };
    let none = Penalties::default();
    let with = |threads, truncation| {
        batch
            .cost(&net, &p, Backward { loss: &Loss::SquaredError, penalties: &none, truncation, dropout: 0.0, threads })
            .gradient
    };
    let one = with(1, None);
    assert_eq!(one, with(2, None));
    assert_eq!(one, with(7, None));
    assert_eq!(one, with(1, Some(100)));
    let cut = with(1, Some(3));
    assert_ne!(one[1], cut[1]);
    assert_eq!(one[3], cut[3], "the read-out sees no truncation");
}

#[test]
fn perturbation_follows_the_gradient_on_average_and_nodes_are_better_than_weights() {
    use rheobase_rate::recurrent::perturbation::{Estimator, perturbed_gradient};
    let net = network(CELLS[0], 12);
    let p = parameters(&net, 9);
    let trials = trials(&net, &Loss::SquaredError, 1, 3);
    let exact = {
        let batch = Batch { trials: &trials, noise: Seed::root(1) };
        batch.cost(&net, &p, settings(&Loss::SquaredError, &Penalties::default())).gradient[1].clone()
    };
    let samples = 2000;
    let estimate = |estimator| {
        let (mut mean, mut second) = (vec![0.0; exact.len()], 0.0);
        for k in 0..samples {
            let batch = Batch { trials: &trials, noise: Seed::root(5).index(k) };
            let (_, g) = perturbed_gradient(&batch, &net, &p, &Loss::SquaredError, estimator, 1e-3, 1);
            for (m, v) in mean.iter_mut().zip(&g[1]) {
                *m += v / samples as f64;
                second += v * v / samples as f64;
            }
        }
        let spread = second - mean.iter().map(|m| m * m).sum::<f64>();
        (mean, spread)
    };
    let size = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let cosine = |v: &[f64]| v.iter().zip(&exact).map(|(a, b)| a * b).sum::<f64>() / size(v) / size(&exact);
    let ((node, node_variance), (weight, weight_variance)) = (estimate(Estimator::Node), estimate(Estimator::Weight));
    assert!(cosine(&node) >= 0.9 && cosine(&weight) >= 0.9, "{} {}", cosine(&node), cosine(&weight));
    assert!(weight_variance > node_variance, "{weight_variance} {node_variance}");
}

#[test]
fn the_variance_of_weight_over_node_perturbation_is_the_number_of_inputs_of_a_unit() {
    use rheobase_rate::recurrent::perturbation::{Estimator, perturbed_gradient};
    // One step from rest, so that recurrent weights have no part: 40 inputs onto 8 units.
    const FAN_IN: usize = 40;
    let net = RecurrentNetwork { inputs: FAN_IN, ..network(CELLS[0], 8) };
    let mut p = parameters(&net, 3);
    p[0].iter_mut().for_each(|w| *w *= 0.3);
    p[5].fill(0.0);
    let mut trial = trials(&net, &Loss::SquaredError, 1, 1).remove(0);
    trial.mask.fill(1.0);
    let trials = [trial];
    let samples = 2000;
    let variance = |estimator| {
        let (mut mean, mut second) = (vec![0.0; p[0].len()], 0.0);
        for k in 0..samples {
            let batch = Batch { trials: &trials, noise: Seed::root(6).index(k) };
            let (_, g) = perturbed_gradient(&batch, &net, &p, &Loss::SquaredError, estimator, 1e-4, 1);
            for (m, v) in mean.iter_mut().zip(&g[0]) {
                *m += v / samples as f64;
                second += v * v / samples as f64;
            }
        }
        second - mean.iter().map(|m| m * m).sum::<f64>()
    };
    let ratio = variance(Estimator::Weight) / variance(Estimator::Node) / FAN_IN as f64;
    // The catalogue (C7) asks for the fan-in within a half.
    assert!((0.5..1.5).contains(&ratio), "{ratio}");
}

#[test]
fn training_resumes_to_the_same_bytes_and_keeps_the_last_good_state_when_it_diverges() {
    use rheobase_core::{Progress, Silent};
    use rheobase_rate::recurrent::training::{Method, Schedule, Surroundings, Training};
    use rheobase_rate::recurrent::{Initial, initial_parameters};
    use rheobase_rate::training::{Checkpoint, CheckpointStore, NoCheckpoints};
    use rheobase_rate::{Error, Result};
    use rheobase_task::{Task, memory::FlipFlop};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Keeps the last checkpoint in memory.
    #[derive(Default)]
    struct Memory(Option<Checkpoint>);
    impl CheckpointStore for Memory {
        fn load(&mut self) -> Option<Checkpoint> {
            self.0.clone()
        }
        fn save(&mut self, checkpoint: &Checkpoint, _urgent: bool) -> Result<()> {
            self.0 = Some(checkpoint.clone());
            Ok(())
        }
    }
    /// Asks to stop after so many questions.
    struct StopAfter(AtomicUsize);
    impl Progress for StopAfter {
        fn step(&self, _what: &str, _done: usize, _of: usize) {}
        fn note(&self, _text: &str) {}
        fn cancelled(&self) -> bool {
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
        }
    }

    let task = FlipFlop { bits: 2, steps: 12, ..FlipFlop::default() };
    let net = RecurrentNetwork { inputs: 2, noise_sd: 0.05, ..network(CELLS[3], 12) };
    let start = initial_parameters(&net, &Initial::Gaussian { gain: 1.0 }, 1.0, None, None, &Seed::root(1)).unwrap();
    let training = Training {
        method: Method::Backpropagation { truncation: None },
        iterations: 35,
        batch: 8,
        rate: 1e-2,
        schedule: Schedule::Cosine { to: 0.1 },
        optimizer: Optimizer::Adam,
        clip: 1.0,
        penalties: Penalties { rate: 1e-3, ..Penalties::default() },
        dropout: 0.1,
        report_every: 5,
        validation: 16,
        stop_at: None,
        frozen: vec!["initial.state".into()],
        threads: 1,
    };
    let run = |training: &Training, progress: &dyn Progress, store: &mut dyn CheckpointStore| {
        let mut p = start.clone();
        let surroundings = Surroundings { seed: Seed::root(2), progress, checkpoints: store };
        training.run(&net, &mut p, &task as &dyn Task, surroundings).map(|history| (p, history))
    };
    let whole = run(&training, &Silent, &mut NoCheckpoints).unwrap();
    assert!(whole.1.last().unwrap().test_accuracy > whole.1[0].test_accuracy);
    assert!(whole.0[5].iter().all(|v| *v == 0.0), "a frozen parameter stays");
    let two = Training { threads: 2, ..training.clone() };
    assert_eq!(run(&two, &Silent, &mut NoCheckpoints).unwrap(), whole);
    let mut memory = Memory::default();
    let stopped = run(&training, &StopAfter(AtomicUsize::new(17)), &mut memory);
    assert!(matches!(stopped, Err(Error::Core(rheobase_core::Error::Interrupted))));
    let done = memory.0.as_ref().unwrap().epochs_done;
    assert!((1..7).contains(&done), "{done}");
    assert_eq!(run(&training, &Silent, &mut memory).unwrap(), whole);

    let wild = Training { rate: 1e8, clip: 0.0, ..training.clone() };
    let mut memory = Memory::default();
    let Err(Error::Diverged { epoch, what, .. }) = run(&wild, &Silent, &mut memory) else {
        panic!("it should diverge")
    };
    assert!(epoch == 5 && !what.is_empty());
    assert_eq!(memory.0.unwrap().parameters, start, "the last good state is kept");
    let none = Training { frozen: vec!["nothing".into()], ..training };
    assert!(none.check(&net).unwrap_err().to_string().contains("input.weight"));
}
