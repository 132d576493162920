//! What a batch of trials costs, and its gradient: the fused passes of groups of trials, in a fixed order.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Seed, parallel};
use rheobase_task::{Loss, Trial};

use super::network::{RecurrentNetwork, Weights};
use super::pass::{Chunk, Prepared, Trajectory};
use super::penalty::Penalties;
use super::vanishing::vanishing_gradient;
use crate::scalar::Scalar;
use crate::{Error, Result};

/// Trials of a batch, padded to one length.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// The trials.
    pub trials: &'a [Trial],
    /// Where private noise comes from; each trial has its own stream.
    pub noise: Seed,
}

/// Trials that go through the loop together: one unit of work for a thread. Fixed, so that sums do not depend on threads.
pub const ROWS: usize = 32;

/// Cost of a batch.
#[derive(Debug, Clone)]
pub struct Cost<F> {
    /// Mean task loss.
    pub task: f64,
    /// Sum of the penalties.
    pub penalty: f64,
    /// Gradient of both by the parameters.
    pub gradient: Vec<Vec<F>>,
}

/// Settings of the backward pass.
#[derive(Debug, Clone, Copy)]
pub struct Backward<'a> {
    /// How outputs are judged.
    pub loss: &'a Loss,
    /// What else costs.
    pub penalties: &'a Penalties,
    /// After how many steps the error is cut; `None` for the whole trial.
    pub truncation: Option<usize>,
    /// Chance that an output of a unit, or of the bottleneck where there is one, does not reach the read-out in a step (Srivastava et al.
    /// 2014); 0 for none.
    pub dropout: f64,
    /// Threads.
    pub threads: usize,
}

impl Batch<'_> {
    /// Longest trial in steps.
    pub fn steps(&self) -> usize {
        self.trials.iter().map(Trial::steps).max().unwrap_or(0)
    }

    pub(super) fn groups(&self) -> usize {
        self.trials.len().div_ceil(ROWS)
    }

    /// Trials of a group.
    pub(super) fn group(&self, index: usize) -> &[Trial] {
        &self.trials[index * ROWS..((index + 1) * ROWS).min(self.trials.len())]
    }

    /// The inputs and noise of a group, step after step.
    pub fn chunk<F: Scalar>(&self, network: &RecurrentNetwork, index: usize) -> Chunk<F> {
        let (trials, steps) = (self.group(index), self.steps());
        let (rows, k, n) = (trials.len(), network.inputs, network.units);
        let mut inputs = vec![F::ZERO; steps * rows * k];
        let noisy = network.noise_sd > 0.0;
        let mut noise = vec![F::ZERO; if noisy { steps * rows * n } else { 0 }];
        let scale = network.cell.rate_equation().map_or(0.0, |(_, alpha)| (2.0 / alpha).sqrt() * network.noise_sd);
        let mut initial = Vec::with_capacity(rows * network.encoder);
        for (row, trial) in trials.iter().enumerate() {
            for (t, values) in trial.inputs.rows().into_iter().enumerate() {
                let place = (t * rows + row) * k;
                for (target, value) in inputs[place..place + k].iter_mut().zip(values) {
                    *target = F::of(f64::from(*value));
                }
            }
            if network.encoder > 0 {
                initial.extend(trial.initial.iter().map(|v| F::of(f64::from(*v))));
            }
            if noisy {
                let mut stream = self.noise.index(index * ROWS + row).stream();
                for t in 0..steps {
                    let place = (t * rows + row) * n;
                    for value in &mut noise[place..place + n] {
                        *value = F::of(scale * Distribution::<f64>::sample(&StandardNormal, &mut stream));
                    }
                }
            }
        }
        Chunk { steps, rows, inputs, initial, noise }
    }

    /// Which outputs reach the read-out, scaled so that the mean stays; empty without dropout.
    fn kept<F: Scalar>(&self, index: usize, count: usize, dropout: f64) -> Vec<F> {
        if dropout <= 0.0 {
            return vec![];
        }
        let mut stream = self.noise.child("dropout").index(index).stream();
        let scale = F::of(1.0 / (1.0 - dropout));
        (0..count).map(|_| if stream.random::<f64>() < dropout { F::ZERO } else { scale }).collect()
    }

    /// Weight of the whole batch: what the loss is divided by.
    pub(super) fn weight(&self, loss: &Loss) -> f64 {
        let sum = |t: &Trial| -> f64 {
            match loss {
                // A group counts as its first output does.
                Loss::CrossEntropy { .. } => t.mask.column(0).iter().map(|m| f64::from(*m)).sum(),
                _ => t.mask.iter().map(|m| f64::from(*m)).sum(),
            }
        };
        self.trials.iter().map(sum).sum()
    }

    /// Refuses trials that do not fit the network.
    ///
    /// # Errors
    /// With both sizes.
    pub fn check(&self, network: &RecurrentNetwork) -> Result<()> {
        let Some(trial) = self.trials.first() else {
            return Err(Error::Data("a batch needs at least one trial".into()));
        };
        let found = [trial.inputs.ncols(), trial.targets.ncols(), trial.initial.len()];
        let wanted = [network.inputs, network.outputs, network.encoder];
        if found == wanted {
            Ok(())
        } else {
            Err(Error::Data(format!(
                "the task has {} inputs, {} outputs and a start code of {}, the network takes {}, {} and {}",
                found[0], found[1], found[2], wanted[0], wanted[1], wanted[2]
            )))
        }
    }

    /// Cost and gradient.
    pub fn cost<F: Scalar>(
        &self,
        network: &RecurrentNetwork,
        parameters: &[Vec<F>],
        settings: Backward<'_>,
    ) -> Cost<F> {
        let prepared = Prepared::new(network, parameters);
        let weight = self.weight(settings.loss);
        // Steps after the end of a trial cost nothing: no task error arrives there, and activity there is not counted.
        let places = self.trials.iter().map(Trial::steps).sum::<usize>() as f64;
        let parts = parallel::map(self.groups(), settings.threads, |index| {
            let chunk = self.chunk(network, index);
            let trajectory = prepared.forward(&chunk);
            let kept = self.kept(index, chunk.steps * chunk.rows * network.read_width(), settings.dropout);
            let y = prepared.read_out(&chunk, &trajectory, &kept);
            let (task, by_y) = loss_of(settings.loss, self.group(index), &chunk, &y, network.outputs, weight);
            let mut by_output = vec![F::ZERO; chunk.steps * chunk.rows * network.units];
            let mut by_recurrent = vec![F::ZERO; 0];
            let penalty = settings.penalties.on_activity(
                &prepared,
                self.group(index),
                &trajectory,
                places,
                &mut by_output,
                &mut by_recurrent,
            );
            let errors = prepared.errors(&chunk, &trajectory, &by_y, by_output, &kept, settings.truncation);
            let mut by = prepared.gradient(&chunk, &trajectory, &by_y, &kept, &errors);
            by.recurrent.iter_mut().zip(by_recurrent).for_each(|(g, e)| *g += e);
            let factor = settings.penalties.vanishing_gradient / places;
            let vanishing = vanishing_gradient(&prepared, &chunk, &trajectory, &errors, factor, &mut by.recurrent);
            (task, penalty + vanishing, by)
        });
        let mut total: Option<(f64, f64, Weights<F>)> = None;
        for (task, penalty, by) in parts {
            match &mut total {
                None => total = Some((task, penalty, by)),
                Some(sum) => {
                    sum.0 += task;
                    sum.1 += penalty;
                    sum.2.add(&by);
                }
            }
        }
        let Some((task, mut penalty, mut by)) = total else {
            return Cost { task: 0.0, penalty: 0.0, gradient: vec![] };
        };
        penalty += settings.penalties.on_weights(network, &prepared.weights, &mut by);
        Cost { task, penalty, gradient: network.pull_back(parameters, by) }
    }

    /// Outputs of the network, and trajectories of its units, of every trial: read-outs (steps, outputs) and unit outputs
    /// (steps + 1, units), padded steps cut away.
    pub fn run<F: Scalar>(
        &self,
        network: &RecurrentNetwork,
        parameters: &[Vec<F>],
        threads: usize,
    ) -> Vec<Response<F>> {
        self.run_with(network, parameters, threads, |_, _, _| {})
    }

    /// As [`Self::run`], where `intervene` (trial, step, outputs of the units) may change what is seen of the units after each step.
    pub fn run_with<F: Scalar>(
        &self,
        network: &RecurrentNetwork,
        parameters: &[Vec<F>],
        threads: usize,
        intervene: impl Fn(usize, usize, &mut [F]) + Sync,
    ) -> Vec<Response<F>> {
        let prepared = Prepared::new(network, parameters);
        let groups = parallel::map(self.groups(), threads, |index| {
            let chunk = self.chunk(network, index);
            let trajectory = prepared.forward_with(&chunk, |row, t, outputs| intervene(index * ROWS + row, t, outputs));
            let read = prepared.read(&chunk, &trajectory, &[]);
            let y = prepared.readout.outputs(&read, &prepared.weights.output_bias);
            let group = self.group(index).iter().enumerate();
            let of = |row: usize, steps: usize| Response::of(&chunk, &trajectory, (&read, &y), network, row, steps);
            let all = group.map(|(row, trial)| of(row, trial.steps()));
            all.collect::<Vec<_>>()
        });
        groups.into_iter().flatten().collect()
    }
}

/// What a network did in a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Response<F> {
    /// Read-outs, (steps, outputs).
    pub read_outs: Vec<F>,
    /// States that decide the future, (steps + 1, state length); the first is the initial one.
    pub states: Vec<F>,
    /// Outputs of the units, (steps + 1, units).
    pub units: Vec<F>,
    /// Outputs of the bottleneck, (steps, bottleneck); empty without.
    pub bottleneck: Vec<F>,
}

impl<F: Scalar> Response<F> {
    fn of(
        chunk: &Chunk<F>,
        trajectory: &Trajectory<F>,
        (read, y): (&[F], &[F]),
        network: &RecurrentNetwork,
        row: usize,
        steps: usize,
    ) -> Self {
        let (n, o, rows) = (network.units, network.outputs, chunk.rows);
        let b = network.bottleneck;
        let mut response = Self { read_outs: vec![], states: vec![], units: vec![], bottleneck: vec![] };
        for t in 0..=steps {
            let place = (t * rows + row) * n;
            response.units.extend(&trajectory.outputs[place..place + n]);
            if network.cell.has_separate_output() {
                response.states.extend(&trajectory.outputs[place..place + n]);
            }
            response.states.extend(&trajectory.states[place..place + n]);
            if t < steps {
                let place = (t * rows + row) * o;
                response.read_outs.extend(&y[place..place + o]);
                let place = (t * rows + row) * b;
                response.bottleneck.extend(&read[place..place + b]);
            }
        }
        response
    }
}

/// Loss of a group of trials and its derivative by the read-outs (steps, rows, outputs).
pub(super) fn loss_of<F: Scalar>(
    loss: &Loss,
    trials: &[Trial],
    chunk: &Chunk<F>,
    y: &[F],
    outputs: usize,
    weight: f64,
) -> (f64, Vec<F>) {
    let mut by_y = vec![F::ZERO; y.len()];
    let mut sum = 0.0;
    for (row, trial) in trials.iter().enumerate() {
        for t in 0..trial.steps() {
            let place = (t * chunk.rows + row) * outputs;
            let own = place..place + outputs;
            let (y, by) = (&y[own.clone()], &mut by_y[own]);
            let (targets, mask) = (trial.targets.row(t), trial.mask.row(t));
            match loss {
                Loss::SquaredError => {
                    for k in 0..outputs {
                        let (m, miss) = (f64::from(mask[k]) / weight, y[k].value() - f64::from(targets[k]));
                        sum += m * miss * miss;
                        by[k] = F::of(2.0 * m * miss);
                    }
                }
                Loss::Logistic => {
                    for k in 0..outputs {
                        let (m, x, target) = (f64::from(mask[k]) / weight, y[k].value(), f64::from(targets[k]));
                        sum += m * (x.max(0.0) + (-x.abs()).exp().ln_1p() - target * x);
                        by[k] = F::of(m * (1.0 / (1.0 + (-x).exp()) - target));
                    }
                }
                Loss::CrossEntropy { groups } => {
                    let mut first = 0;
                    for &size in groups {
                        let m = f64::from(mask[first]) / weight;
                        if m > 0.0 {
                            let own = first..first + size;
                            let top = y[own.clone()].iter().fold(f64::NEG_INFINITY, |a, v| a.max(v.value()));
                            let scale: f64 = y[own.clone()].iter().map(|v| (v.value() - top).exp()).sum();
                            let mass: f64 = targets.iter().skip(first).take(size).map(|v| f64::from(*v)).sum();
                            for k in own {
                                let (x, target) = (y[k].value() - top, f64::from(targets[k]));
                                sum -= m * target * (x - scale.ln());
                                by[k] = F::of(m * (mass * x.exp() / scale - target));
                            }
                        }
                        first += size;
                    }
                }
            }
        }
    }
    (sum, by_y)
}
