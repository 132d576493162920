//! `[model.*] kind = "recurrent"`: a recurrent network trained on a task.

use rheobase_core::Estimate;
use rheobase_core::statistics::wilson_interval;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::training::{Judged, draw, judge};
use rheobase_rate::recurrent::{Initial, RecurrentNetwork, Response, check_longest, initial_parameters};
use rheobase_rate::training::EpochRecord;
use rheobase_report::figure::{Marks, Series};
use rheobase_task::{AnyTask, Task, Trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lessons::{self, Lesson, LessonRecord};
use super::parts::{CellPart, LearningPart, PenaltyPart, WiringPart};
use super::source::TrainedNetwork;
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of a recurrent network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecurrentParameters {
    /// What it is trained to do.
    pub task: AnyTask,
    /// Kind of unit.
    pub cell: CellPart,
    /// Number of units.
    pub units: usize,
    /// Units of a linear layer between them and the outputs, on which dropout then acts; 0 for none.
    #[serde(default)]
    pub bottleneck: usize,
    /// How recurrent weights are made.
    #[serde(default = "free")]
    pub wiring: WiringPart,
    /// How recurrent weights begin; by default what fits the wiring.
    #[serde(default)]
    pub start: Option<Initial>,
    /// Standard deviation of the initial input weights times the square root of the number of inputs.
    #[serde(default = "one")]
    pub input_gain: f64,
    /// Longest time constant, in steps, at which gates start; each unit draws its own. By default all start alike.
    #[serde(default)]
    pub longest_start: Option<f64>,
    /// Private noise of rate units (stationary standard deviation).
    #[serde(default)]
    pub noise_sd: f64,
    /// What costs beside the task.
    #[serde(default)]
    pub penalties: PenaltyPart,
    /// Easier forms of the task that are learnt first, in this order.
    #[serde(default)]
    pub lessons: Vec<Lesson>,
    /// How it is trained.
    #[serde(default)]
    pub learning: LearningPart,
    /// Fresh trials on which the trained network is judged.
    #[serde(default = "test_trials")]
    pub test_trials: usize,
}

fn free() -> WiringPart {
    WiringPart::Free {}
}

fn one() -> f64 {
    1.0
}

fn test_trials() -> usize {
    512
}

impl RecurrentParameters {
    fn network(&self) -> RecurrentNetwork {
        let task = self.task.task();
        RecurrentNetwork {
            cell: self.cell.cell(task.dt_ms()),
            inputs: task.inputs().len(),
            units: self.units,
            outputs: task.outputs().len(),
            bottleneck: self.bottleneck,
            encoder: task.initial(),
            wiring: self.wiring.wiring(self.units),
            masked: matches!(self.wiring, WiringPart::Dale { areas, .. } if areas > 1),
            noise_sd: self.noise_sd,
        }
    }

    fn initial(&self) -> Initial {
        self.start.unwrap_or_else(|| Initial::fitting(&self.wiring.wiring(self.units)))
    }
}

/// A recurrent network.
pub struct RecurrentModel;

impl Kind for RecurrentModel {
    type Parameters = RecurrentParameters;
    const ROLE: Role = Role::Model;
    const KIND: &'static str = "recurrent";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "a recurrent network trained on a task: cell, wiring, penalties and learning rule";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recurrent network")];

    fn check(p: &RecurrentParameters) -> Vec<Complaint> {
        if let Err(error) = p.task.task().check() {
            return vec![complaint(&["task"], error.to_string(), "mend this parameter of the task")];
        }
        let network = p.network();
        let training = p.learning.training(&p.penalties);
        let checks = [
            ("wiring", p.wiring.check(), "mend the wiring"),
            ("cell", network.check(), "mend the network"),
            ("start", p.initial().check(&network.wiring), "choose another start or another wiring"),
            ("longest_start", check_longest(&network, p.longest_start), "leave it out for rate units"),
            ("learning", training.check(&network), "mend the learning rule or its penalties"),
        ];
        let failed = checks.into_iter().filter_map(|(key, check, help)| Some((key, check.err()?, help)));
        let mut all: Vec<Complaint> =
            failed.map(|(key, error, help)| complaint(&[key], error.to_string(), help)).collect();
        all.extend(lessons::check(&p.lessons, p.task.task()));
        if p.test_trials == 0 {
            all.push(complaint(&["test_trials"], "test_trials is 0, at least 1 is needed".into(), "raise it"));
        }
        all
    }

    fn memory_mib(p: &RecurrentParameters) -> u64 {
        let network = p.network();
        let trial = p.task.task().trial(&rheobase_core::Seed::root(0));
        let values = trial.steps()
            * p.learning.batch.max(p.learning.validation_trials)
            * (4 * network.columns() + network.outputs);
        256 + (values * 8 / (1 << 20)) as u64
    }

    fn run(p: &RecurrentParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let (network, task) = (p.network(), p.task.task());
        let mask = p.wiring.mask(p.units, &context.seed);
        let weights = context.seed.child("weights");
        let untrained =
            initial_parameters(&network, &p.initial(), p.input_gain, mask.as_ref(), p.longest_start, &weights)
                .map_err(failed)?;
        let mut trained = TrainedNetwork { network, task: p.task.clone(), parameters: untrained };
        let history = lessons::train(p, &mut trained, context)?;
        let mut outcome = Outcome::default();
        trained.store(&mut outcome)?;
        let seed = context.seed.child("test");
        let trials = draw(task, p.test_trials, &seed.child("trials"), threads());
        let responses = trained.respond_to(&trials, &seed);
        let judged = judge(&trained.network, task, &trials, &responses, threads());
        report_score(&judged, task, trials.len(), &mut outcome);
        report_training(&trained, &history, task, &mut outcome)?;
        report_trials(&trained, task, &trials, &responses, &mut outcome)?;
        Ok(outcome)
    }
}

fn report_score(judged: &Judged, task: &dyn Task, trials: usize, outcome: &mut Outcome) {
    if let Some(score) = judged.score {
        let n = judged.scored;
        let right = (score * n as f64).round() as usize;
        let estimate = Estimate::new(score, "score", "mean score of fresh trials, 1 for right", n, "trials")
            .with_interval(wilson_interval(right, n));
        outcome.metric("score", estimate);
    }
    if let Some(error) = judged.error {
        let estimate = Estimate::new(error, "error", "mean error of fresh trials", trials, "trials");
        outcome.metric("error", estimate.with_unit(task.error_unit()));
    }
}

fn report_training(
    trained: &TrainedNetwork,
    lessons: &[LessonRecord],
    task: &dyn Task,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let history: Vec<&EpochRecord> = lessons.iter().map(|l| &l.record).collect();
    let network = &trained.network;
    let infos = network.parameters();
    let all: usize = infos.iter().filter(|p| p.trained).map(|p| p.shape.iter().product::<usize>()).sum();
    // The weights of a gate that is a constant are in the arrays, but nothing reads them.
    let unused = network.cell.constant_gate().map_or(0, |_| network.units * (network.inputs + network.units));
    let count = all - unused;
    outcome.metric("parameters", Estimate::new(count as f64, "trainable parameters", "count", 1, "network"));
    let iterations = history.last().map_or(0, |r| r.epoch);
    outcome.metric("iterations", Estimate::new(iterations as f64, "iterations", "until the stop", 1, "run"));
    if let Some(loss) = history.last().and_then(|r| r.train_loss) {
        let variant = "mean over the last block of iterations, penalties included";
        outcome.metric("train_loss", Estimate::new(loss, "training loss", variant, 1, "block"));
    }
    if let rheobase_rate::recurrent::Wiring::Dale { excitatory } = network.wiring {
        let weights = network.weights(&trained.parameters);
        let rows = weights.recurrent.chunks_exact(network.columns()).enumerate();
        let wrong: usize = rows
            .map(|(source, row)| row.iter().filter(|w| if source < excitatory { **w < 0.0 } else { **w > 0.0 }).count())
            .sum();
        let estimate = Estimate::new(wrong as f64, "sign violations", "weights against Dale's law", 1, "network");
        outcome.metric("sign_violations", estimate);
    }
    let column =
        |f: fn(&EpochRecord) -> Option<f64>| history.iter().map(|r| f(r).unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let table = Table::new()
        .with("lesson", lessons.iter().map(|l| l.lesson).collect::<Vec<_>>())?
        .with("iteration", history.iter().map(|r| r.epoch).collect::<Vec<_>>())?
        .with("train_loss", column(|r| r.train_loss))?
        .with("validation_score", column(|r| r.test_accuracy))?
        .with("validation_error", column(|r| r.test_loss))?;
    outcome.table("history", table);
    let line = |f: fn(&EpochRecord) -> Option<f64>| -> Vec<(f64, f64)> {
        history.iter().filter_map(|r| f(r).map(|v| (r.epoch as f64, v))).collect()
    };
    let losses = line(|r| r.train_loss);
    if !losses.is_empty() {
        let caption = "Mean training loss of each block of iterations, penalties included.";
        chart(outcome, ["loss", "Loss", caption], ["iteration", "loss"], vec![series("", losses, Marks::Line)])?;
    }
    let scores = line(|r| r.test_accuracy);
    if !scores.is_empty() {
        let caption = "Mean score on the same validation trials after each block of iterations.";
        chart(outcome, ["score", "Score", caption], ["iteration", "score"], vec![series("", scores, Marks::Line)])?;
    }
    let errors = line(|r| r.test_loss);
    if !errors.is_empty() {
        let caption = "Mean error on the same validation trials after each block of iterations.";
        let axis = format!("error ({})", task.error_unit());
        chart(outcome, ["error", "Error", caption], ["iteration", &axis], vec![series("", errors, Marks::Line)])?;
    }
    Ok(())
}

/// The trial table, and one trial drawn: what should come out and what does.
fn report_trials(
    trained: &TrainedNetwork,
    task: &dyn Task,
    trials: &[Trial],
    responses: &[Response<f32>],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let outputs = trained.network.outputs;
    let view = |k: usize| ndarray::ArrayView2::from_shape((trials[k].steps(), outputs), &responses[k].read_outs);
    let mut table = Table::new().with("steps", trials.iter().map(Trial::steps).collect::<Vec<_>>())?;
    if let Some(first) = trials.first() {
        for name in first.conditions.keys() {
            let values: Vec<f64> = trials.iter().map(|t| t.conditions.get(name).copied().unwrap_or(f64::NAN)).collect();
            table = table.with(name, values)?;
        }
    }
    let (mut scores, mut errors) = (vec![], vec![]);
    for (k, trial) in trials.iter().enumerate() {
        let y = view(k).map_err(failed)?;
        scores.push(task.score(trial, y).unwrap_or(f64::NAN));
        errors.push(task.error(trial, y).unwrap_or(f64::NAN));
    }
    outcome.table("trials", table.with("score", scores)?.with("error", errors)?);
    let Some(trial) = trials.first().filter(|t| t.steps() > 1 && outputs <= 16) else { return Ok(()) };
    let y = view(0).map_err(failed)?;
    let names = task.outputs();
    let time = |t: usize| t as f64 * task.dt_ms();
    let mut lines: Vec<Series> = Vec::new();
    for k in 0..outputs.min(3) {
        let shown = (0..trial.steps()).filter(|&t| trial.mask[[t, k]] > 0.0);
        let wanted = shown.map(|t| (time(t), f64::from(trial.targets[[t, k]]))).collect();
        lines.push(series(&format!("{}, target", names[k]), wanted, Marks::Points));
        let found = (0..trial.steps()).map(|t| (time(t), f64::from(y[[t, k]]))).collect();
        lines.push(series(&names[k], found, Marks::Line));
    }
    let unit = if task.dt_ms() == 1.0 { "step" } else { "time (ms)" };
    let caption = "One fresh trial: targets where they count, and what the network gives.";
    chart(outcome, ["trial", "A trial", caption], [unit, "output"], lines)
}
