//! Training a recurrent network on a task: fresh trials every iteration, the gradient (exact, or estimated by perturbation),
//! clipping, a schedule, checkpoints, and an early stop.

use rheobase_core::{Progress, Seed, parallel};
use rheobase_task::{Task, Trial};

use super::loss::{Backward, Batch, Response};
use super::network::RecurrentNetwork;
use super::penalty::Penalties;
use super::perturbation::{Estimator, perturbed_gradient};
use crate::optimizer::{Moments, Optimizer};
use crate::training::{Checkpoint, CheckpointStore, EpochRecord, Session};
use crate::{Error, Result};

/// How the step size changes over the iterations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Half a cosine from the full rate down to this share of it.
    Cosine {
        /// Share of the rate at the end.
        to: f64,
    },
    /// By this factor every so many iterations.
    Steps {
        /// Factor.
        factor: f64,
        /// Iterations between.
        every: usize,
    },
}

/// Where the gradient comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Backpropagation through time; the error is cut after so many steps if given.
    Backpropagation {
        /// Steps after which the error is cut.
        truncation: Option<usize>,
    },
    /// From what random changes do to the loss.
    Perturbation {
        /// What is perturbed.
        estimator: Estimator,
        /// Standard deviation of the perturbation.
        sd: f64,
    },
}

/// A training run.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Where the gradient comes from.
    pub method: Method,
    /// Iterations.
    pub iterations: usize,
    /// Trials of an iteration.
    pub batch: usize,
    /// Step size.
    pub rate: f64,
    /// How the step size changes.
    pub schedule: Schedule,
    /// How a gradient becomes a step.
    pub optimizer: Optimizer,
    /// Largest norm of the gradient of all parameters together; 0 for no limit.
    pub clip: f64,
    /// What costs beside the task.
    pub penalties: Penalties,
    /// Chance that an output of a unit, or of the bottleneck where there is one, does not reach the read-out.
    pub dropout: f64,
    /// Iterations between validations.
    pub report_every: usize,
    /// Trials of a validation, the same each time.
    pub validation: usize,
    /// Mean score at which training stops; none to go on to the end.
    pub stop_at: Option<f64>,
    /// Names of parameters that stay as they are.
    pub frozen: Vec<String>,
    /// Threads.
    pub threads: usize,
}

/// What a training run needs from outside.
pub struct Surroundings<'a> {
    /// Random streams.
    pub seed: Seed,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Where checkpoints go.
    pub checkpoints: &'a mut dyn CheckpointStore,
}

impl Training {
    /// Refuses settings that cannot be.
    ///
    /// # Errors
    /// With the setting and what would be right.
    pub fn check(&self, network: &RecurrentNetwork) -> Result<()> {
        let fail = |message: String| Err(Error::Architecture(message));
        if self.batch == 0 || self.report_every == 0 || self.validation == 0 {
            return fail("batch, report_every and validation must be at least 1".into());
        }
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return fail(format!("the learning rate is {}, it must be above 0", self.rate));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail(format!("dropout is {}, it must lie in [0, 1)", self.dropout));
        }
        if let Method::Perturbation { estimator, sd } = self.method {
            if sd.is_nan() || sd <= 0.0 {
                return fail(format!("the perturbation has standard deviation {sd}, it must be above 0"));
            }
            if estimator == Estimator::Node && network.cell.rate_equation().is_none() {
                return fail(
                    "node perturbation needs rate units, a gated unit has several drives; use weight perturbation"
                        .into(),
                );
            }
            if estimator == Estimator::Node && network.bottleneck > 0 {
                return fail("node perturbation reads units directly; leave the bottleneck out".into());
            }
            if self.penalties != Penalties::default() || self.dropout > 0.0 {
                return fail("perturbation learns from the task loss alone; leave out penalties and dropout".into());
            }
        }
        for name in &self.frozen {
            if network.index_of(name).is_none() {
                let known: Vec<String> = network.parameters().into_iter().map(|p| p.name).collect();
                return fail(format!("no parameter `{name}` to freeze; there are {}", known.join(", ")));
            }
        }
        self.penalties.check(network)
    }

    fn rate_at(&self, iteration: usize) -> f64 {
        let done = (iteration as f64 - 1.0) / self.iterations.max(1) as f64;
        match self.schedule {
            Schedule::Constant => self.rate,
            Schedule::Cosine { to } => {
                self.rate * (to + (1.0 - to) * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0)
            }
            Schedule::Steps { factor, every } => self.rate * factor.powi(((iteration - 1) / every.max(1)) as i32),
        }
    }

    /// Trains `parameters`; returns the history, an entry for each validation.
    ///
    /// # Errors
    /// If the task does not fit the network, training diverges, or the user interrupts.
    pub fn run(
        &self,
        network: &RecurrentNetwork,
        parameters: &mut Vec<Vec<f32>>,
        task: &dyn Task,
        surroundings: Surroundings<'_>,
    ) -> Result<Vec<EpochRecord>> {
        self.check(network)?;
        let Surroundings { seed, progress, checkpoints } = surroundings;
        let validation = draw(task, self.validation, &seed.child("validation"), self.threads);
        Batch { trials: &validation, noise: seed }.check(network)?;
        let infos = network.parameters();
        let names: Vec<String> = infos.iter().map(|p| p.name.clone()).collect();
        let trained: Vec<bool> = infos.iter().map(|p| p.trained && !self.frozen.contains(&p.name)).collect();
        let mut state = match checkpoints.load() {
            Some(found) if sizes(&found.parameters) == sizes(parameters) && found.moments.len() == parameters.len() => {
                progress.note(&format!("resuming after iteration {}", found.epochs_done * self.report_every));
                found
            }
            Some(_) => return Err(Error::Checkpoint("it belongs to another network; delete it".into())),
            None => {
                let moments = vec![Moments::default(); parameters.len()];
                let history = vec![self.validate(network, parameters, task, &validation, &seed, 0, None)];
                Checkpoint { epochs_done: 0, parameters: parameters.clone(), moments, history }
            }
        };
        let blocks = self.iterations.div_ceil(self.report_every);
        while state.epochs_done < blocks && !self.reached(&state.history) {
            if progress.cancelled() {
                checkpoints.save(&state, true)?;
                return Err(rheobase_core::Error::Interrupted.into());
            }
            let first = state.epochs_done * self.report_every + 1;
            let last = (first + self.report_every - 1).min(self.iterations);
            // A block that diverges must not touch the last good state.
            let (mut moving, mut moments) = (state.parameters.clone(), state.moments.clone());
            let mut loss = 0.0;
            for iteration in first..=last {
                loss += self.step(network, &mut moving, &mut moments, task, &seed, iteration, &trained);
                if !loss.is_finite() || progress.cancelled() {
                    break;
                }
            }
            if progress.cancelled() {
                continue;
            }
            loss /= (last + 1 - first) as f64;
            if let Err(diverged) = Session::check_finite(last, loss, &names, &moving, self.rate) {
                checkpoints.save(&state, true)?;
                return Err(diverged);
            }
            (state.parameters, state.moments) = (moving, moments);
            let record = self.validate(network, &state.parameters, task, &validation, &seed, last, Some(loss));
            state.history.push(record);
            state.epochs_done += 1;
            checkpoints.save(&state, false)?;
            progress.step("iterations", last, self.iterations);
        }
        *parameters = state.parameters;
        Ok(state.history)
    }

    fn reached(&self, history: &[EpochRecord]) -> bool {
        let score = history.last().and_then(|r| r.test_accuracy);
        matches!((self.stop_at, score), (Some(wanted), Some(found)) if found >= wanted)
    }

    /// One iteration; returns its loss, penalties included.
    #[allow(clippy::too_many_arguments)]
    fn step(
        &self,
        network: &RecurrentNetwork,
        parameters: &mut [Vec<f32>],
        moments: &mut [Moments],
        task: &dyn Task,
        seed: &Seed,
        iteration: usize,
        trained: &[bool],
    ) -> f64 {
        let own = seed.child("iteration").index(iteration);
        let trials = draw(task, self.batch, &own.child("trials"), self.threads);
        let batch = Batch { trials: &trials, noise: own.child("noise") };
        let loss = task.loss();
        let (value, mut gradient) = match self.method {
            Method::Backpropagation { truncation } => {
                let settings = Backward {
                    loss: &loss,
                    penalties: &self.penalties,
                    truncation,
                    dropout: self.dropout,
                    threads: self.threads,
                };
                let cost = batch.cost(network, parameters, settings);
                (cost.task + cost.penalty, cost.gradient)
            }
            Method::Perturbation { estimator, sd } => {
                perturbed_gradient(&batch, network, parameters, &loss, estimator, sd, self.threads)
            }
        };
        for (gradient, _) in gradient.iter_mut().zip(trained).filter(|(_, trained)| !**trained) {
            gradient.fill(0.0);
        }
        if self.clip > 0.0 {
            let norm = gradient.iter().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            if norm > self.clip {
                let scale = (self.clip / norm) as f32;
                gradient.iter_mut().flatten().for_each(|g| *g *= scale);
            }
        }
        let rate = self.rate_at(iteration);
        for (k, gradient) in gradient.iter().enumerate().filter(|(k, _)| trained[*k]) {
            self.optimizer.step(&mut parameters[k], gradient, &mut moments[k], rate);
        }
        value
    }

    #[allow(clippy::too_many_arguments)]
    fn validate(
        &self,
        network: &RecurrentNetwork,
        parameters: &[Vec<f32>],
        task: &dyn Task,
        trials: &[Trial],
        seed: &Seed,
        iteration: usize,
        train_loss: Option<f64>,
    ) -> EpochRecord {
        let batch = Batch { trials, noise: seed.child("validation noise") };
        let responses = batch.run(network, parameters, self.threads);
        let judged = judge(network, task, trials, &responses, self.threads);
        EpochRecord {
            epoch: iteration,
            train_loss,
            test_loss: judged.error,
            test_accuracy: judged.score,
            alignment_deg: None,
        }
    }
}

fn sizes(parameters: &[Vec<f32>]) -> Vec<usize> {
    parameters.iter().map(Vec::len).collect()
}

/// Trials of a seed.
pub fn draw(task: &dyn Task, count: usize, seed: &Seed, threads: usize) -> Vec<Trial> {
    parallel::map(count, threads, |k| task.trial(&seed.index(k)))
}

/// How well responses do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Mean score, for tasks with right and wrong.
    pub score: Option<f64>,
    /// Trials that have a score.
    pub scored: usize,
    /// Mean error in the task's unit, for tasks that have one.
    pub error: Option<f64>,
}

/// Lets the task judge responses.
pub fn judge(
    network: &RecurrentNetwork,
    task: &dyn Task,
    trials: &[Trial],
    responses: &[Response<f32>],
    threads: usize,
) -> Judged {
    let judged = parallel::map(trials.len().min(responses.len()), threads, |k| {
        let shape = (trials[k].steps(), network.outputs);
        let outputs = ndarray::ArrayView2::from_shape(shape, &responses[k].read_outs);
        outputs.map_or((None, None), |outputs| task.judge(&trials[k], outputs))
    });
    let scores: Vec<f64> = judged.iter().filter_map(|j| j.0).collect();
    let errors: Vec<f64> = judged.iter().filter_map(|j| j.1).collect();
    let mean = |v: &[f64]| (!v.is_empty()).then(|| v.iter().sum::<f64>() / v.len() as f64);
    Judged { score: mean(&scores), scored: scores.len(), error: mean(&errors) }
}
