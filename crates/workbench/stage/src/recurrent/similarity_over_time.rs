//! `[compare.*] kind = "similarity-over-time"`: are two recurrent networks in like states at each time of the same trials?

use ndarray::{Array2, Array3, Axis, s};
use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, quantile};
use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Matrix, Panel};
use rheobase_task::Trial;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Recurrent, TrainedNetwork, unit_rates};
use crate::compare::Measure;
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `similarity-over-time`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimilarityOverTimeParameters {
    /// Two networks on tasks with the same trials.
    #[schemars(length(min = 2, max = 2))]
    pub of: Vec<Input<Recurrent>>,
    /// The measure; trials are its conditions.
    #[serde(default = "cka")]
    pub measure: Measure,
    /// Fresh trials.
    #[serde(default = "trials")]
    #[schemars(range(min = 10, max = 10_000))]
    pub trials: usize,
    /// Parts of the trial; states are averaged in each.
    #[serde(default = "bins")]
    #[schemars(range(min = 2, max = 200))]
    pub bins: usize,
    /// Permutations of the trials of one network.
    #[serde(default = "permutations")]
    #[schemars(range(min = 19, max = 10_000))]
    pub permutations: usize,
}

fn cka() -> Measure {
    Measure::Cka {}
}
fn trials() -> usize {
    200
}
fn bins() -> usize {
    12
}
fn permutations() -> usize {
    99
}

/// Similarity over time.
pub struct SimilarityOverTime;

impl Kind for SimilarityOverTime {
    type Parameters = SimilarityOverTimeParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "similarity-over-time";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "similarity of two recurrent networks at each time of the same trials, and of each time of one with each of the other";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities over time")];

    fn check(p: &SimilarityOverTimeParameters) -> Vec<Complaint> {
        let two = p.of.len() == 2;
        let message = format!("`of` names {} networks", p.of.len());
        (!two).then(|| complaint(&["of"], message, "name the two that are compared")).into_iter().collect()
    }

    fn run(p: &SimilarityOverTimeParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let first = TrainedNetwork::load(context.input(&p.of[0])?)?;
        let second = TrainedNetwork::load(context.input(&p.of[1])?)?;
        if first.task != second.task {
            return Err(StageError::Failed(format!(
                "the networks have different tasks ({} and {}) or parameters of them, so they cannot see the same trials",
                first.task.kind(),
                second.task.kind()
            )));
        }
        let (trials, _) = first.respond(p.trials, &context.seed);
        let steps = trials.iter().map(Trial::steps).min().unwrap_or(0);
        if steps < p.bins {
            return Err(StageError::Failed(format!("the trials have {steps} steps, too few for {} bins", p.bins)));
        }
        let states = |network: &TrainedNetwork| {
            binned(&unit_rates(&network.respond_to(&trials, &context.seed), network.network.units), p.bins)
        };
        let (a, b) = (states(&first), states(&second));
        let dt_s = first.task.task().dt_ms() / 1e3;
        let times: Vec<f64> = (0..p.bins).map(|k| dt_s * steps as f64 * (k as f64 + 0.5) / p.bins as f64).collect();
        let found = Found::of(p, &a, &b, context)?;
        found.report(p, &times)
    }
}

/// Means over parts of the trial: (bins, trials, units) of (trials, steps, units).
fn binned(rates: &Array3<f64>, bins: usize) -> Vec<Array2<f64>> {
    let steps = rates.dim().1;
    (0..bins)
        .map(|k| {
            let part = rates.slice(s![.., k * steps / bins..(k + 1) * steps / bins, ..]);
            part.mean_axis(Axis(1)).expect("at least a step in each bin")
        })
        .collect()
}

struct Found {
    /// Similarity at equal times; NaN where it does not exist.
    equal: Vec<f64>,
    /// Null at each time, (bins, permutations).
    null: Vec<Vec<f64>>,
    /// Times of the first network by times of the second.
    across: Array2<f64>,
}

impl Found {
    fn of(
        p: &SimilarityOverTimeParameters,
        a: &[Array2<f64>],
        b: &[Array2<f64>],
        context: &Context<'_>,
    ) -> Result<Self, StageError> {
        let seed = context.seed.child("measure");
        let value = |x: &Array2<f64>, y: &Array2<f64>| p.measure.of(x.view(), y.view(), &seed);
        let mut across = Array2::from_elem((p.bins, p.bins), f64::NAN);
        let mut why = String::new();
        for i in 0..p.bins {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            for j in 0..p.bins {
                match value(&a[i], &b[j]) {
                    Ok(v) => across[[i, j]] = v,
                    Err(error) => why = error.to_string(),
                }
            }
            context.progress.step("times", i + 1, 2 * p.bins);
        }
        let equal = across.diag().to_vec();
        if equal.iter().all(|v| v.is_nan()) {
            return Err(StageError::Failed(format!("the networks cannot be compared at any time: {why}")));
        }
        let mut null = vec![];
        for (k, (x, y)) in a.iter().zip(b).enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            // The same permutations at all times, so that the mean over time has a null too.
            null.push(parallel::map(p.permutations, threads(), |draw| {
                let mut order: Vec<usize> = (0..y.nrows()).collect();
                order.shuffle(&mut context.seed.child("permutation").index(draw).stream());
                value(x, &y.select(Axis(0), &order)).unwrap_or(f64::NAN)
            }));
            context.progress.step("times", p.bins + k + 1, 2 * p.bins);
        }
        Ok(Self { equal, null, across })
    }

    fn report(&self, p: &SimilarityOverTimeParameters, times: &[f64]) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let finite = |values: &[f64]| values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<f64>>();
        let estimate = |value: f64, what: &str| Estimate::new(value, what, &p.measure.name(), p.trials, "trials");
        let over_time = mean(&finite(&self.equal));
        let nulls: Vec<f64> = (0..p.permutations)
            .map(|draw| mean(&finite(&self.null.iter().map(|n| n[draw]).collect::<Vec<_>>())))
            .filter(|v| v.is_finite())
            .collect();
        let sign = if p.measure.is_distance() { -1.0 } else { 1.0 };
        let mut whole = estimate(over_time, "similarity at equal times, mean over time");
        whole.null = p.measure.judged("trials permuted in one network", over_time, &nulls);
        if let Some(null) = &whole.null {
            outcome.metric("p", estimate(null.p, "p-value of the mean over time"));
        }
        outcome.metric("equal_times", whole);
        let other: Vec<f64> = self.across.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, v)| *v).collect();
        outcome.metric("other_times", estimate(mean(&finite(&other)), "similarity at different times, mean"));
        let best = finite(&self.equal).into_iter().fold(f64::NEG_INFINITY, |b, v| b.max(sign * v)) * sign;
        outcome.metric("best_time", estimate(best, "similarity at the time where it is closest"));
        let bound: Vec<f64> =
            self.null.iter().map(|n| quantile(&finite(n), if p.measure.is_distance() { 0.05 } else { 0.95 })).collect();
        let points = |values: &[f64]| times.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
        let lines = vec![
            series("networks", points(&self.equal), Marks::Joined),
            series("trials permuted, 95 %", points(&bound), Marks::Dashed),
        ];
        let caption = format!("{} of the two networks' states at each time of {} trials.", p.measure.name(), p.trials);
        chart(&mut outcome, ["equal", "Similarity over time", &caption], ["time (s)", &p.measure.name()], lines)?;
        let figure = Matrix {
            title: "similarity across times".into(),
            label: p.measure.name(),
            panels: vec![Panel { name: "first by second network".into(), values: self.across.clone() }],
            across: 1,
            range: None,
        };
        let caption = "Each time of the first network (rows, downwards) with each time of the second (columns).";
        outcome.figure("across", "Across times", caption, figure.svg().map_err(failed)?);
        let table = Table::new()
            .with("time_s", times.to_vec())?
            .with("value", self.equal.clone())?
            .with("null_bound", bound)?;
        outcome.table("over_time", table);
        Ok(outcome)
    }
}
