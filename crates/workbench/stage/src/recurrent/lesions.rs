//! `[analysis.*] kind = "recurrent-lesions"`: what a trained recurrent network loses with each unit, in each epoch of a trial, and with
//! its weights.

use std::ops::Range;

use ndarray::ArrayView2;
use rand::seq::{SliceRandom, index};
use rheobase_core::statistics::{mean, quantile};
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::lesion::{Intact, without_weights};
use rheobase_rate::recurrent::{Batch, Response, Wiring};
use rheobase_report::figure::{Bar, Bars, Marks};
use rheobase_task::Trial;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Recurrent, TrainedNetwork};
use crate::analysis::Manner;
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `recurrent-lesions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecurrentLesionParameters {
    /// The network.
    pub of: Input<Recurrent>,
    /// Fresh trials, the same for every lesion.
    #[serde(default = "trials")]
    #[schemars(range(min = 10, max = 100_000))]
    pub trials: usize,
    /// What is done to a unit.
    #[serde(default = "silence")]
    pub manner: Manner,
    /// Share of the units, drawn at random, that are lesioned in one epoch of the trial.
    #[serde(default = "third")]
    #[schemars(range(min = 0.001, max = 1.0))]
    pub share: f64,
    /// Random groups of units, and random orders of weights.
    #[serde(default = "controls")]
    #[schemars(range(min = 1, max = 1000))]
    pub controls: usize,
    /// Points of the curves of removed weights.
    #[serde(default = "points")]
    #[schemars(range(min = 2, max = 200))]
    pub points: usize,
}

fn trials() -> usize {
    200
}
fn silence() -> Manner {
    Manner::Silence
}
fn third() -> f64 {
    0.3
}
fn controls() -> usize {
    10
}
fn points() -> usize {
    10
}

/// Lesions of recurrent networks.
pub struct RecurrentLesions;

impl Kind for RecurrentLesions {
    type Parameters = RecurrentLesionParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "recurrent-lesions";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "lesions of a recurrent network: every unit, random groups in every epoch of a trial, weights by size, with random controls";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("lesion effects")];

    fn check(p: &RecurrentLesionParameters) -> Vec<Complaint> {
        let wrong = !(p.share > 0.0 && p.share <= 1.0);
        let complaint = || complaint(&["share"], format!("share is {}", p.share), "above 0, at most 1");
        wrong.then(complaint).into_iter().collect()
    }

    fn run(p: &RecurrentLesionParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let (trials, _) = trained.respond(p.trials, &context.seed);
        let noise = context.seed.child("noise");
        let intact = Intact::run(&trained.network, &trained.parameters, &trials, &noise, threads());
        let judge = Judge::of(&trained, &trials, &intact.responses)?;
        let study = Study { p, trained: &trained, trials: &trials, intact, judge, context };
        let mut outcome = Outcome::default();
        let n = trials.len();
        let before = Estimate::new(study.judge.before, study.judge.what(), "intact, mean over trials", n, "trials");
        outcome.metric("intact", before.with_unit(study.judge.unit));
        let effects = study.units(&mut outcome)?;
        study.populations(&effects, &mut outcome)?;
        study.epochs(&mut outcome)?;
        if !matches!(trained.network.wiring, Wiring::LowRank { .. }) {
            study.weights(&mut outcome)?;
        }
        Ok(outcome)
    }
}

/// What counts as doing badly.
struct Judge<'a> {
    trained: &'a TrainedNetwork,
    /// By the task's error, or by the share of wrong trials where it only knows right and wrong.
    by_error: bool,
    unit: &'static str,
    before: f64,
}

impl<'a> Judge<'a> {
    fn of(trained: &'a TrainedNetwork, trials: &[Trial], responses: &[Response<f32>]) -> Result<Self, StageError> {
        let task = trained.task.task();
        let mut judge = Self { trained, by_error: false, unit: "", before: 0.0 };
        judge.by_error =
            trials.iter().zip(responses).any(|(t, r)| judge.view(t, r).is_ok_and(|y| task.error(t, y).is_some()));
        judge.unit = if judge.by_error { task.error_unit() } else { "" };
        judge.before = judge.badness(trials, responses)?;
        Ok(judge)
    }

    fn what(&self) -> &'static str {
        if self.by_error { "error" } else { "share of wrong trials" }
    }

    fn view<'r>(&self, trial: &Trial, response: &'r Response<f32>) -> Result<ArrayView2<'r, f32>, StageError> {
        ArrayView2::from_shape((trial.steps(), self.trained.network.outputs), &response.read_outs).map_err(failed)
    }

    /// Mean error or share of wrong trials.
    fn badness(&self, trials: &[Trial], responses: &[Response<f32>]) -> Result<f64, StageError> {
        let task = self.trained.task.task();
        let mut values = Vec::with_capacity(trials.len());
        for (trial, response) in trials.iter().zip(responses) {
            let y = self.view(trial, response)?;
            let value = if self.by_error { task.error(trial, y) } else { task.score(trial, y).map(|s| 1.0 - s) };
            values.extend(value);
        }
        if values.is_empty() {
            return Err(StageError::Failed("the task judges none of the trials; give it more `trials`".into()));
        }
        Ok(mean(&values))
    }
}

struct Study<'a> {
    p: &'a RecurrentLesionParameters,
    trained: &'a TrainedNetwork,
    trials: &'a [Trial],
    intact: Intact<'a>,
    judge: Judge<'a>,
    context: &'a Context<'a>,
}

impl Study<'_> {
    /// Rise of the error or of wrong trials while units are lesioned in some steps.
    fn effect(&self, units: &[usize], when: impl Fn(&Trial) -> Range<usize>, name: &str) -> Result<f64, StageError> {
        if self.context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        let seed = self.context.seed.child(name);
        let responses = self.intact.lesioned(units, when, self.p.manner.lesion(), &seed).map_err(failed)?;
        Ok(self.judge.badness(self.trials, &responses)? - self.judge.before)
    }

    fn estimate(&self, value: f64, what: &str, variant: &str, n: usize, of: &str) -> Estimate {
        let name = format!("rise of the {}: {what}", self.judge.what());
        Estimate::new(value, &name, variant, n, of).with_unit(self.judge.unit)
    }

    /// Every unit alone, throughout.
    fn units(&self, outcome: &mut Outcome) -> Result<Vec<f64>, StageError> {
        let n = self.trained.network.units;
        let mut effects = Vec::with_capacity(n);
        for unit in 0..n {
            effects.push(self.effect(&[unit], |t| 0..t.steps(), "unit")?);
            self.context.progress.step("units", unit + 1, n);
        }
        let mut sorted = effects.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let largest = self.estimate(sorted[0], "worst unit", "one unit throughout", n, "units");
        outcome.metric("unit_largest", largest);
        outcome.metric("unit_mean", self.estimate(mean(&effects), "mean unit", "one unit throughout", n, "units"));
        let points = sorted.iter().enumerate().map(|(rank, e)| (rank as f64 + 1.0, *e)).collect();
        let caption = format!(
            "Rise of the {} (intact {:.3}) over {} trials when each of {n} units is lesioned alone, in order.",
            self.judge.what(),
            self.judge.before,
            self.trials.len()
        );
        let label = format!("rise of the {}", self.judge.what());
        let lines = vec![series("", points, Marks::Joined)];
        chart(outcome, ["units", "Every unit alone", &caption], ["unit, worst first", &label], lines)?;
        let table = Table::new().with("unit", (0..n).collect::<Vec<_>>())?.with("effect", effects.clone())?;
        outcome
            .table("units", table.with("mean_output", self.intact.mean.clone())?.with("sd", self.intact.sd.clone())?);
        Ok(effects)
    }

    /// Excitatory and inhibitory units under Dale's law, one at a time: whole populations leave nothing to compare.
    fn populations(&self, effects: &[f64], outcome: &mut Outcome) -> Result<(), StageError> {
        let Wiring::Dale { excitatory } = self.trained.network.wiring else { return Ok(()) };
        let n = self.trained.network.units;
        for (name, units) in [("excitatory", 0..excitatory), ("inhibitory", excitatory..n)] {
            if !units.is_empty() {
                let own = &effects[units.clone()];
                let variant = "one unit throughout";
                let estimate = self.estimate(mean(own), &format!("mean {name} unit"), variant, own.len(), "units");
                outcome.metric(&format!("{name}_unit_mean"), estimate);
            }
        }
        Ok(())
    }

    /// Random groups of units in each epoch, and throughout.
    fn epochs(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        let n = self.trained.network.units;
        let size = ((self.p.share * n as f64).round() as usize).clamp(1, n);
        let groups: Vec<Vec<usize>> = (0..self.p.controls)
            .map(|k| index::sample(&mut self.context.seed.child("group").index(k).stream(), n, size).into_vec())
            .collect();
        let mut names: Vec<&'static str> = vec![];
        for epoch in self.trials.iter().flat_map(|t| &t.epochs).filter(|e| !e.steps.is_empty()) {
            if !names.contains(&epoch.name) {
                names.push(epoch.name);
            }
        }
        names.push("throughout");
        let (mut bars, mut rows) = (vec![], vec![]);
        for (done, name) in names.iter().enumerate() {
            let when = |t: &Trial| if *name == "throughout" { 0..t.steps() } else { t.epoch(name) };
            let mut effects = vec![];
            for group in &groups {
                effects.push(self.effect(group, when, "group")?);
            }
            self.context.progress.step("epochs", done + 1, names.len());
            let interval = rheobase_core::inference::t_interval(&effects);
            let variant = format!("{size} random units of {n}");
            let mut estimate = self.estimate(mean(&effects), name, &variant, effects.len(), "groups");
            estimate.interval = interval.clone();
            outcome.metric(&format!("epoch_{}", name.replace(' ', "_")), estimate);
            rows.push(mean(&effects));
            bars.push(Bar {
                name: (*name).to_owned(),
                value: mean(&effects),
                interval: interval.map(|i| (i.low, i.high)),
                mark: String::new(),
            });
        }
        let figure = Bars {
            title: "lesions in time".into(),
            label: format!("rise of the {}", self.judge.what()),
            bars,
            band: None,
        };
        let caption = format!(
            "Rise of the {} when {size} random units of {n} are lesioned in one epoch only: mean and 95 % interval over {} groups.",
            self.judge.what(),
            groups.len()
        );
        outcome.figure("epochs", "Lesions in time", &caption, figure.svg().map_err(failed)?);
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        outcome.table("epochs", Table::new().with("epoch", names)?.with("effect", rows)?);
        Ok(())
    }

    /// Recurrent weights removed, largest first, smallest first, and in random orders.
    fn weights(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        let network = &self.trained.network;
        let sizes = network.weights(&self.trained.parameters).recurrent;
        let mut order: Vec<usize> = (0..sizes.len()).filter(|k| sizes[*k] != 0.0).collect();
        order.sort_by(|a, b| sizes[*b].abs().total_cmp(&sizes[*a].abs()).then(a.cmp(b)));
        let count = order.len();
        let grid: Vec<usize> = (0..=self.p.points).map(|k| count * k / self.p.points).collect();
        let curve = |order: &[usize]| -> Result<Vec<f64>, StageError> {
            grid.iter().map(|removed| self.without(&order[..*removed])).collect()
        };
        let largest = curve(&order)?;
        let smallest = curve(&order.iter().rev().copied().collect::<Vec<_>>())?;
        let mut random: Vec<Vec<f64>> = vec![];
        for k in 0..self.p.controls {
            let mut shuffled = order.clone();
            shuffled.shuffle(&mut self.context.seed.child("weights").index(k).stream());
            random.push(curve(&shuffled)?);
            self.context.progress.step("orders of weights", k + 1, self.p.controls);
        }
        let at = |k: usize| -> Vec<f64> { random.iter().map(|curve| curve[k]).collect() };
        let middle: Vec<f64> = (0..grid.len()).map(|k| mean(&at(k))).collect();
        let share = |k: usize| grid[k] as f64 / count.max(1) as f64;
        let points = |values: &[f64]| values.iter().enumerate().map(|(k, v)| (share(k), *v)).collect::<Vec<_>>();
        let band = (0..grid.len()).map(|k| (share(k), quantile(&at(k), 0.025), quantile(&at(k), 0.975))).collect();
        let lines = vec![
            series("largest first", points(&largest), Marks::Joined),
            series("smallest first", points(&smallest), Marks::Joined),
            series("random orders", points(&middle), Marks::Band(band)),
        ];
        let caption = format!(
            "Rise of the {} when a share of the {count} recurrent weights is removed; the band spans 95 % of {} random orders.",
            self.judge.what(),
            random.len()
        );
        let label = format!("rise of the {}", self.judge.what());
        chart(outcome, ["weights", "Weights removed", &caption], ["share of weights removed", &label], lines)?;
        for (name, values) in [("largest", &largest), ("smallest", &smallest), ("random", &middle)] {
            let variant = format!("mean over {} shares", grid.len());
            let mut area = self.estimate(mean(values), &format!("weights, {name} first"), &variant, count, "weights");
            if name == "random" {
                let areas: Vec<f64> = random.iter().map(|curve| mean(curve)).collect();
                area = area.with_interval(Interval {
                    low: quantile(&areas, 0.025),
                    high: quantile(&areas, 0.975),
                    level: 0.95,
                    method: "random orders".into(),
                });
            }
            outcome.metric(&format!("weights_{name}_area"), area);
        }
        let table = Table::new().with("removed", grid.clone())?.with("largest_first", largest)?;
        outcome.table("weights", table.with("smallest_first", smallest)?.with("random", middle)?);
        Ok(())
    }

    fn without(&self, weights: &[usize]) -> Result<f64, StageError> {
        if self.context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        let parameters = without_weights(&self.trained.network, &self.trained.parameters, weights).map_err(failed)?;
        let batch = Batch { trials: self.trials, noise: self.context.seed.child("noise") };
        let responses = batch.run(&self.trained.network, &parameters, threads());
        Ok(self.judge.badness(self.trials, &responses)? - self.judge.before)
    }
}
