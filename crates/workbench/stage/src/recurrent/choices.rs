//! `[analysis.*] kind = "choices"`: what a network that decides does, trial by trial: psychometric function, choice-selective units, and
//! whether excitatory units of one choice excite each other (Song, Yang & Wang 2016).

use rheobase_core::Estimate;
use rheobase_core::statistics::{mean, pearson, variance, wilson_interval};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::{Response, Wiring};
use rheobase_report::figure::Marks;
use rheobase_task::{AnyTask, Trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Recurrent, TrainedNetwork};
use crate::draw::{chart, histogram, metric, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `choices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoiceParameters {
    /// A network trained on `perceptual-decision` or `context-integration`.
    pub of: Input<Recurrent>,
    /// Fresh trials.
    #[serde(default = "trials")]
    pub trials: usize,
}

fn trials() -> usize {
    2000
}

/// Choices.
pub struct Choices;

impl Kind for Choices {
    type Parameters = ChoiceParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "choices";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "psychometric function, choice-selective units and their wiring, of a network that decides";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("choices")];

    fn check(p: &ChoiceParameters) -> Vec<Complaint> {
        let few = p.trials < 100;
        few.then(|| complaint(&["trials"], format!("trials is {}, at least 100 are needed", p.trials), "raise it"))
            .into_iter()
            .collect()
    }

    fn run(p: &ChoiceParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let (trials, responses) = trained.respond(p.trials, &context.seed);
        let mut outcome = Outcome::default();
        match &trained.task {
            AnyTask::PerceptualDecision(_) => {
                let choices = chosen(&trained, &trials, &responses)?;
                psychometric(&trials, &choices, &mut outcome)?;
                selectivity(&trained, &trials, &responses, &choices, &mut outcome)?;
            }
            AnyTask::ContextIntegration(_) => context_weights(&trained, &trials, &responses, &mut outcome)?,
            other => {
                return Err(StageError::Failed(format!(
                    "choices are read of the tasks perceptual-decision and context-integration, not of {}",
                    other.kind()
                )));
            }
        }
        Ok(outcome)
    }
}

/// Which output was larger in each trial.
fn chosen(trained: &TrainedNetwork, trials: &[Trial], responses: &[Response<f32>]) -> Result<Vec<usize>, StageError> {
    let task = trained.task.task();
    let mut choices = Vec::with_capacity(trials.len());
    for (trial, response) in trials.iter().zip(responses) {
        let y = ndarray::ArrayView2::from_shape((trial.steps(), 2), &response.read_outs).map_err(failed)?;
        let right = trial.conditions.get("right_choice").copied().unwrap_or(-1.0);
        // A right trial is the right choice, a wrong one the other.
        let own = match task.score(trial, y) {
            Some(score) if score > 0.5 => right as usize,
            Some(_) => 1 - right as usize,
            None => usize::MAX,
        };
        choices.push(own);
    }
    Ok(choices)
}

fn psychometric(trials: &[Trial], choices: &[usize], outcome: &mut Outcome) -> Result<(), StageError> {
    let of = |t: &Trial, name: &str| t.conditions.get(name).copied().unwrap_or(f64::NAN);
    let mut coherences: Vec<f64> = trials.iter().map(|t| of(t, "coherence_percent")).filter(|c| *c > 0.0).collect();
    coherences.sort_by(f64::total_cmp);
    coherences.dedup();
    let counts: Vec<(usize, usize)> = coherences
        .iter()
        .map(|c| {
            let own = trials.iter().zip(choices).filter(|(t, _)| of(t, "coherence_percent") == *c);
            own.fold((0, 0), |(right, n), (t, choice)| {
                (right + usize::from(*choice as f64 == of(t, "right_choice")), n + 1)
            })
        })
        .collect();
    let share = |k: usize| counts[k].0 as f64 / counts[k].1.max(1) as f64;
    let shares: Vec<f64> = (0..counts.len()).map(share).collect();
    let (threshold, slope) = weibull(&coherences, &counts);
    let n = (trials.len(), "trials");
    metric(outcome, "threshold_percent", threshold, ("coherence of 82 % right, Weibull fit", "%"), n);
    metric(outcome, "slope", slope, ("slope of the Weibull fit", ""), n);
    let falls = shares.windows(2).filter(|w| w[1] < w[0] - 0.02).count();
    metric(outcome, "accuracy_falls", falls as f64, ("coherences at which accuracy falls by more than .02", ""), n);
    let mut table = Table::new().with("coherence_percent", coherences.clone())?.with("right", shares.clone())?;
    let intervals: Vec<_> = counts.iter().map(|c| wilson_interval(c.0, c.1)).collect();
    table = table
        .with("low", intervals.iter().map(|i| i.low).collect::<Vec<_>>())?
        .with("high", intervals.iter().map(|i| i.high).collect::<Vec<_>>())?;
    outcome.table("psychometric", table);
    let top = coherences.last().copied().unwrap_or(1.0).max(1.0);
    let curve = (0..=100).map(|k| {
        let c = top.powf(f64::from(k) / 100.0);
        (c.log2(), 1.0 - 0.5 * (-(c / threshold).powf(slope)).exp())
    });
    let band = coherences.iter().zip(&intervals).map(|(c, i)| (c.log2(), i.low, i.high)).collect();
    let points: Vec<(f64, f64)> = coherences.iter().zip(&shares).map(|(c, s)| (c.log2(), *s)).collect();
    let lines = vec![
        series("trials, 95 % interval", points, Marks::Band(band)),
        series("Weibull", curve.collect(), Marks::Dashed),
    ];
    let caption = format!("Share of right choices against coherence, {} trials.", trials.len());
    chart(outcome, ["psychometric", "Psychometric function", &caption], ["log2 coherence (%)", "share right"], lines)
}

/// Threshold and slope of 1 - .5 exp(-(c / threshold)^slope) with the largest likelihood, on a fine grid.
fn weibull(coherences: &[f64], counts: &[(usize, usize)]) -> (f64, f64) {
    let mut best = (f64::NEG_INFINITY, 1.0, 1.0);
    for i in 0..200 {
        let threshold = 0.5 * 1.025_f64.powi(i);
        for j in 0..60 {
            let slope = 0.3 * 1.05_f64.powi(j);
            let mut total = 0.0;
            for (c, (right, n)) in coherences.iter().zip(counts) {
                let p = (1.0 - 0.5 * (-(c / threshold).powf(slope)).exp()).clamp(1e-6, 1.0 - 1e-6);
                total += *right as f64 * p.ln() + (n - right) as f64 * (1.0 - p).ln();
            }
            if total > best.0 {
                best = (total, threshold, slope);
            }
        }
    }
    (best.1, best.2)
}

/// d' of every unit between the two choices at the end of the stimulus, and the mean weights between units of the same and of
/// different choices.
fn selectivity(
    trained: &TrainedNetwork,
    trials: &[Trial],
    responses: &[Response<f32>],
    choices: &[usize],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let n = trained.network.units;
    let rate = |k: usize, step: usize, unit: usize| f64::from(responses[k].units[(step + 1) * n + unit]);
    let at = |k: usize| trials[k].epoch("decision").start.saturating_sub(1);
    let of_choice = |choice: usize| -> Vec<usize> { (0..trials.len()).filter(|k| choices[*k] == choice).collect() };
    let (first, second) = (of_choice(0), of_choice(1));
    if first.len() < 10 || second.len() < 10 {
        return Err(StageError::Failed(format!(
            "the network chose one side {} and the other {} times; at least 10 of each are needed",
            first.len(),
            second.len()
        )));
    }
    let d_prime: Vec<f64> = (0..n)
        .map(|unit| {
            let values = |list: &[usize]| -> Vec<f64> { list.iter().map(|k| rate(*k, at(*k), unit)).collect() };
            let (a, b) = (values(&first), values(&second));
            let spread = ((variance(&a, 1) + variance(&b, 1)) / 2.0).sqrt();
            if spread > 0.0 { (mean(&a) - mean(&b)) / spread } else { 0.0 }
        })
        .collect();
    let strong = d_prime.iter().filter(|d| d.abs() > 1.0).count();
    let share = strong as f64 / n as f64;
    metric(
        outcome,
        "choice_selective",
        share,
        ("units with |d'| above 1 at the end of the stimulus", ""),
        (n, "units"),
    );
    if let Wiring::Dale { excitatory } = trained.network.wiring {
        let weights = trained.network.weights(&trained.parameters).recurrent;
        let pool = |unit: usize| {
            if d_prime[unit] > 1.0 {
                1
            } else if d_prime[unit] < -1.0 {
                2
            } else {
                0
            }
        };
        let (mut same, mut other) = (vec![], vec![]);
        for source in (0..excitatory).filter(|u| pool(*u) > 0) {
            for target in (0..excitatory).filter(|u| pool(*u) > 0 && *u != source) {
                let w = f64::from(weights[source * n + target]);
                if pool(source) == pool(target) { same.push(w) } else { other.push(w) }
            }
        }
        if !same.is_empty() && !other.is_empty() {
            let ratio = mean(&same) / mean(&other).max(1e-12);
            let what = ("mean excitatory weight within over between the pools of the two choices", "");
            metric(outcome, "within_over_between", ratio, what, (same.len() + other.len(), "weights"));
        }
    }
    outcome.table("units", Table::new().with("unit", (0..n).collect::<Vec<_>>())?.with("d_prime", d_prime.clone())?);
    let top = d_prime.iter().fold(1.0_f64, |m, d| m.max(d.abs()));
    let bars = histogram(&d_prime, [-top, top], 31);
    let lines = vec![series("", bars, Marks::Bars(2.0 * top / 31.0))];
    let caption = format!("d' between the two choices at the end of the stimulus, {n} units.");
    chart(outcome, ["selectivity", "Choice selectivity", &caption], ["d'", "share of units"], lines)?;
    // The mean rate of each choice over time, of units that prefer the first.
    let prefer: Vec<usize> = (0..n).filter(|u| d_prime[*u] > 1.0).collect();
    let steps = trials.iter().map(Trial::steps).min().unwrap_or(0);
    if !prefer.is_empty() {
        let curve = |list: &[usize]| -> Vec<(f64, f64)> {
            let at = |t: usize| {
                let sum: f64 = list.iter().map(|k| prefer.iter().map(|u| rate(*k, t, *u)).sum::<f64>()).sum();
                sum / (list.len() * prefer.len()) as f64
            };
            (0..steps).map(|t| (t as f64 * trained.task.task().dt_ms(), at(t))).collect()
        };
        let lines = vec![
            series("preferred choice", curve(&first), Marks::Line),
            series("other choice", curve(&second), Marks::Line),
        ];
        let caption = format!("Mean rate of the {} units that prefer the first choice.", prefer.len());
        chart(outcome, ["ramps", "Ramps", &caption], ["time (ms)", "rate"], lines)?;
    }
    Ok(())
}

/// How the output follows the relevant and the irrelevant stream.
fn context_weights(
    trained: &TrainedNetwork,
    trials: &[Trial],
    responses: &[Response<f32>],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let of = |t: &Trial, name: &str| t.conditions.get(name).copied().unwrap_or(f64::NAN);
    let last = |k: usize| {
        let trial = &trials[k];
        let steps = trial.epoch("decision");
        let sum: f64 = steps.clone().map(|t| f64::from(responses[k].read_outs[t * trained.network.outputs])).sum();
        sum / steps.len() as f64
    };
    let mut points = [vec![], vec![]];
    for context in 0..2 {
        let own: Vec<usize> = (0..trials.len()).filter(|k| of(&trials[*k], "context") == context as f64).collect();
        let outputs: Vec<f64> = own.iter().map(|k| last(*k)).collect();
        let streams = ["motion", "colour"];
        let values = |name: &str| -> Vec<f64> { own.iter().map(|k| of(&trials[*k], name)).collect() };
        let (relevant, irrelevant) = (values(streams[context]), values(streams[1 - context]));
        for (name, values, what) in [
            ("relevant", &relevant, "correlation of output and relevant evidence"),
            ("irrelevant", &irrelevant, "correlation of output and irrelevant evidence"),
        ] {
            let r = pearson(values, &outputs).unwrap_or(f64::NAN);
            let key = format!("{name}_{}", streams[context]);
            outcome.metric(&key, Estimate::new(r, what, "Pearson over trials", own.len(), "trials"));
        }
        points[0].extend(relevant.iter().copied().zip(outputs.iter().copied()));
        points[1].extend(irrelevant.iter().copied().zip(outputs.iter().copied()));
    }
    let grouped = |list: &[(f64, f64)]| -> Vec<(f64, f64)> {
        let mut xs: Vec<f64> = list.iter().map(|p| p.0).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        xs.iter().map(|x| (*x, mean(&list.iter().filter(|p| p.0 == *x).map(|p| p.1).collect::<Vec<_>>()))).collect()
    };
    let lines = vec![
        series("relevant stream", grouped(&points[0]), Marks::Line),
        series("irrelevant stream", grouped(&points[1]), Marks::Dashed),
    ];
    let caption = format!("Mean output against the mean of each stream, both contexts, {} trials.", trials.len());
    chart(outcome, ["context", "Context", &caption], ["mean evidence", "output"], lines)
}
