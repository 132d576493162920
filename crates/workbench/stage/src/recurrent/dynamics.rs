//! `[analysis.*] kind = "population-dynamics"`: dimensionality, rotations and tangling of the states of a trained network; against the
//! stand-in for motor cortex where the task has one; and the time constants that a GRU chose.

use ndarray::{Array1, Array2, Array3, ArrayView1, Axis, s};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::statistics::{mean, median, variance};
use rheobase_core::{Estimate, Seed};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::Cell;
use rheobase_report::figure::Marks;
use rheobase_similarity::cca::canonical_correlations;
use rheobase_similarity::geometry::participation_ratio;
use rheobase_task::motor::MusclePattern;
use rheobase_task::{AnyTask, Trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::demixed::demix_trials;
use super::source::{Axes, Recurrent, TrainedNetwork, unit_rates};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output};
use crate::trajectories::rotations;

/// Parameters of `population-dynamics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicsParameters {
    /// The network.
    pub of: Input<Recurrent>,
    /// Fresh trials; a task with fixed conditions shows each of them once instead.
    #[serde(default = "trials")]
    pub trials: usize,
    /// Principal components in which rotations are sought.
    #[serde(default = "six")]
    pub components: usize,
    /// Condition of the trials (a column of the task's trial table) by which states are demixed from time (dPCA).
    #[serde(default)]
    pub by: Option<String>,
    /// Relative noise on weights whose effect on the error is measured.
    #[serde(default = "twentieth")]
    pub weight_noise: f64,
}

fn trials() -> usize {
    100
}
fn six() -> usize {
    6
}
fn twentieth() -> f64 {
    0.05
}

/// Population dynamics.
pub struct PopulationDynamics;

impl Kind for PopulationDynamics {
    type Parameters = DynamicsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "population-dynamics";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "dimensionality, rotations (jPCA), tangling and demixed components (dPCA) of a recurrent network's states; time constants of gated units";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("population dynamics")];

    fn check(p: &DynamicsParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if p.trials < 2 {
            all.push(complaint(&["trials"], format!("trials is {}, at least 2 are needed", p.trials), "raise it"));
        }
        if p.components < 2 || p.components % 2 == 1 {
            let message = format!("components is {}, an even number of 2 or more is needed", p.components);
            all.push(complaint(&["components"], message, "the paper takes 6"));
        }
        if p.weight_noise.is_nan() || p.weight_noise < 0.0 {
            all.push(complaint(&["weight_noise"], format!("weight_noise is {}", p.weight_noise), "0 or more"));
        }
        all
    }

    fn run(p: &DynamicsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let task = trained.task.task();
        let trials: Vec<Trial> = match &trained.task {
            AnyTask::MusclePattern(pattern) => (0..pattern.conditions).map(|k| pattern.of_condition(k)).collect(),
            _ => trained.respond(p.trials, &context.seed).0,
        };
        let responses = trained.respond_to(&trials, &context.seed);
        let rates = unit_rates(&responses, trained.network.units);
        let mut outcome = Outcome::default();
        let rows = flat(&rates);
        let dimension = participation_ratio(rows.view()).map_err(failed)?;
        metric(
            &mut outcome,
            "participation_ratio",
            dimension,
            ("participation ratio of states", ""),
            (rows.nrows(), "states"),
        );
        let axes = Axes::of(&rows, 3)?;
        draw_planes(&rates, &axes, &mut outcome)?;
        let dt_s = task.dt_ms() / 1e3;
        let movement = match &trained.task {
            AnyTask::MusclePattern(_) => rates.slice(s![.., trials[0].epoch("movement"), ..]).to_owned(),
            _ => rates.clone(),
        };
        let range = movement.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        // A small share of the range stands for the 5 spikes/s of recorded neurons.
        rotations(&movement, dt_s, p.components, 0.05 * (range.1 - range.0), &mut outcome)?;
        if let Some(by) = &p.by {
            demix_trials(&rates, &trials, by, dt_s, &mut outcome)?;
        }
        if let AnyTask::MusclePattern(pattern) = &trained.task {
            against_motor_cortex(pattern, &trained, &trials, &movement, p, &context.seed, &mut outcome)?;
        }
        if let (AnyTask::TwoDelays(_), Cell::Gru) = (&trained.task, trained.network.cell) {
            time_constants(&trained, &trials, &rates, &mut outcome)?;
        }
        Ok(outcome)
    }
}

fn flat(rates: &Array3<f64>) -> Array2<f64> {
    let (k, t, n) = rates.dim();
    Array2::from_shape_fn((k * t, n), |(row, i)| rates[[row / t, row % t, i]])
}

fn draw_planes(rates: &Array3<f64>, axes: &Axes, outcome: &mut Outcome) -> Result<(), StageError> {
    const SHOWN: usize = 30;
    if axes.shares.len() < 2 {
        return Ok(());
    }
    let (mut paths, mut begins) = (vec![], vec![]);
    for trial in rates.axis_iter(Axis(0)).take(SHOWN) {
        for (t, state) in trial.rows().into_iter().enumerate() {
            let place = axes.project(state);
            if t == 0 {
                begins.push((place[0], place[1]));
            }
            paths.push((place[0], place[1]));
        }
        paths.push((f64::NAN, f64::NAN));
    }
    let caption = format!(
        "States of {} trials in their first two principal axes ({:.0} % and {:.0} % of the variance).",
        rates.dim().0.min(SHOWN),
        100.0 * axes.shares[0],
        100.0 * axes.shares[1]
    );
    let lines = vec![series("trials", paths, Marks::Paths), series("first step", begins, Marks::Points)];
    chart(outcome, ["states", "States", &caption], ["axis 1", "axis 2"], lines)
}

/// Similarity of units to the cells of the stand-in for motor cortex, and robustness of the muscles to noise on weights.
fn against_motor_cortex(
    pattern: &MusclePattern,
    trained: &TrainedNetwork,
    trials: &[Trial],
    movement: &Array3<f64>,
    p: &DynamicsParameters,
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    const TOP: usize = 6;
    let steps = trials[0].epoch("movement");
    let cells: Vec<Array2<f64>> =
        (0..pattern.conditions).map(|k| pattern.motor_cortex(k).slice(s![steps.clone(), ..]).to_owned()).collect();
    let views: Vec<_> = cells.iter().map(|c| c.view()).collect();
    let target = ndarray::concatenate(Axis(0), &views).map_err(failed)?;
    // The principal components of each side, so that six correlations are not six chances out of hundreds.
    let scores = |x: &Array2<f64>| -> Result<Array2<f64>, StageError> {
        let axes = Axes::of(x, 10)?;
        Ok((x - &axes.mean).dot(&axes.axes))
    };
    let own = scores(&flat(movement))?;
    let correlations = canonical_correlations(own.view(), scores(&target)?.view()).map_err(failed)?;
    let top = mean(&correlations.iter().take(TOP).copied().collect::<Vec<_>>());
    let n = (target.nrows(), "states");
    metric(outcome, "cortex_cca", top, ("mean of the first six canonical correlations with motor cortex", ""), n);
    let error = |trained: &TrainedNetwork| -> f64 {
        let responses = trained.respond_to(trials, seed);
        let (mut miss, mut power) = (0.0, 0.0);
        for (trial, response) in trials.iter().zip(&responses) {
            for (t, y) in trial.targets.iter().zip(&response.read_outs) {
                miss += f64::from(t - y).powi(2);
                power += f64::from(t * t);
            }
        }
        miss / power
    };
    let before = error(trained);
    metric(
        outcome,
        "muscle_error",
        before,
        ("squared error over the power of the targets, all conditions", ""),
        (trials.len(), "conditions"),
    );
    let draws = 10;
    let changed: Vec<f64> = (0..draws)
        .map(|k| {
            let mut noisy = trained.clone();
            if let Some(index) = noisy.network.index_of("recurrent.weight") {
                let mut stream = seed.child("weight noise").index(k).stream();
                for w in &mut noisy.parameters[index] {
                    let normal: f64 = StandardNormal.sample(&mut stream);
                    *w *= 1.0 + (p.weight_noise * normal) as f32;
                }
            }
            error(&noisy)
        })
        .collect();
    let rise = mean(&changed) - before;
    metric(
        outcome,
        "noise_rise",
        rise,
        ("rise of the muscle error under noise on recurrent weights", ""),
        (draws, "draws"),
    );
    Ok(())
}

/// tau = dt / z of each unit, of those that carry the slow cue against the others.
fn time_constants(
    trained: &TrainedNetwork,
    trials: &[Trial],
    rates: &Array3<f64>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let frozen = trained.frozen();
    let (count, steps, n) = rates.dim();
    let mut gates = Array1::<f64>::zeros(n);
    for k in 0..count {
        for t in 1..steps {
            let state: ArrayView1<'_, f64> = rates.slice(s![k, t - 1, ..]);
            let input = trials[k].inputs.row(t).mapv(f64::from);
            if let Some(z) = frozen.update_gate(state, input.view()) {
                gates += &(z / (count * (steps - 1)) as f64);
            }
        }
    }
    let taus = gates.mapv(|z| 1.0 / z.max(1e-9));
    let sign = |k: usize| trials[k].conditions.get("slow_cue").copied().unwrap_or(0.0);
    let middle = steps / 2;
    let d_prime = |unit: usize| {
        let values = |positive: bool| -> Vec<f64> {
            (0..count).filter(|k| (sign(*k) > 0.0) == positive).map(|k| rates[[k, middle, unit]]).collect()
        };
        let (a, b) = (values(true), values(false));
        let spread = ((variance(&a, 1) + variance(&b, 1)) / 2.0).sqrt();
        if spread > 0.0 { ((mean(&a) - mean(&b)) / spread).abs() } else { 0.0 }
    };
    let carried: Vec<f64> = (0..n).map(d_prime).collect();
    let of = |carry: bool| -> Vec<f64> { (0..n).filter(|u| (carried[*u] > 2.0) == carry).map(|u| taus[u]).collect() };
    let (slow, fast) = (of(true), of(false));
    let points =
        |carry: bool| (0..n).filter(|u| (carried[*u] > 2.0) == carry).map(|u| (carried[u], taus[u].log10())).collect();
    let lines =
        vec![series("carry the slow cue", points(true), Marks::Points), series("others", points(false), Marks::Points)];
    let caption =
        format!("Effective time constant of {n} units against how well they tell the slow cue half way (d').");
    chart(outcome, ["time_constants", "Time constants", &caption], ["d' of the slow cue", "log10 tau (steps)"], lines)?;
    if slow.is_empty() || fast.is_empty() {
        return Ok(());
    }
    for (name, values) in [("tau_carriers", &slow), ("tau_others", &fast)] {
        let estimate = Estimate::new(
            median(values),
            "effective time constant",
            "median over units of 1 / mean update gate",
            values.len(),
            "units",
        );
        outcome.metric(name, estimate.with_unit("steps"));
    }
    let ratio = median(&slow) / median(&fast);
    metric(outcome, "tau_ratio", ratio, ("median time constant of carriers over that of others", ""), (n, "units"));
    Ok(())
}
