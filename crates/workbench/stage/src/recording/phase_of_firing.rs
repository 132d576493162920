//! What the phase of an oscillation at which a unit fires tells about the condition of a trial, beyond how often it fires (Montemurro,
//! Rasch, Murayama, Logothetis & Panzeri 2008).

use std::f64::consts::TAU;

use ndarray::Array2;
use rand::seq::SliceRandom;
use rheobase_core::circular::Resultant;
use rheobase_core::statistics::{mean, quantile};
use rheobase_core::{Estimate, NullDistribution, Seed, parallel};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars, Marks, Matrix, Panel};
use rheobase_spike_train::code::{counts, mean_phase, phase_words};
use rheobase_spike_train::information::{dense, mutual_information, shuffling_estimator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::phases::Phases;
use super::trial_information::CorrectionChoice;
use super::trials::{alternatives, window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, failed, main_output, threads};
use crate::recording::{Recorded, load, signal};

/// Parameters of `phase-of-firing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseOfFiringParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the condition.
    pub by: String,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window of the spikes in s from the event.
    pub window_s: [f64; 2],
    /// The signal with the phase in rad, wrapped or not.
    #[serde(default = "phase")]
    pub phase: String,
    /// Sectors of the cycle; quartiles are usual.
    #[serde(default = "sectors")]
    #[schemars(range(min = 2, max = 16))]
    pub sectors: usize,
    /// Spikes that are told apart in each sector.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 50))]
    pub most: usize,
    /// What is done about the bias of few trials.
    #[serde(default)]
    pub correction: CorrectionChoice,
    /// Permutations of the phases over spikes for the test.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

fn start() -> String {
    "start_time".into()
}
fn phase() -> String {
    "phase".into()
}
fn sectors() -> usize {
    4
}
fn most() -> usize {
    2
}
fn permutations() -> usize {
    99
}

/// Units whose numbers are metrics of their own.
const TOLD: usize = 12;
/// Sectors of the figure of one unit.
const DRAWN: usize = 12;

/// The codes, as metrics and as words.
const CODES: [(&str, &str); 3] = [
    ("count", "information of the count"),
    ("mean_phase", "information of the mean phase"),
    ("phase", "information of the counts by phase"),
];

/// Phase of firing.
pub struct PhaseOfFiring;

/// The spikes of one unit in the windows, as the codes need them.
struct Unit {
    times_s: Vec<f64>,
    phases_rad: Vec<f64>,
}

/// What a unit tells.
struct Told {
    /// By count, by mean phase and by counts in sectors.
    bits: [f64; 3],
    shuffled: f64,
    /// Of the counts in sectors, with the phases permuted over spikes.
    null: Vec<f64>,
}

impl Told {
    fn against_null(&self) -> Option<NullDistribution> {
        let null = || NullDistribution::one_sided("phases permuted over spikes", self.bits[2], &self.null);
        (!self.null.is_empty()).then(null)
    }

    /// Whether the phases tell more than those of any spikes of the unit would.
    fn beyond_count(&self) -> bool {
        self.against_null().is_some_and(|null| null.p <= 0.05)
    }
}

impl Kind for PhaseOfFiring {
    type Parameters = PhaseOfFiringParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "phase-of-firing";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "information of the phase of an oscillation at which every unit fires about the condition, beyond that of its count";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("information")];

    fn check(p: &PhaseOfFiringParameters) -> Vec<Complaint> {
        window_complaint(p.window_s).into_iter().collect()
    }

    fn run(p: &PhaseOfFiringParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let (names, labels) = alternatives(&recording, &p.by)?;
        let phases = Phases::of(signal(&recording, &p.phase)?, &p.phase)?;
        let all = recording.spikes.units();
        let (mut units, mut told) = (vec![], vec![]);
        for number in 0..all {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let unit = Unit::within(recording.spikes.unit(number), &spans, &phases, &p.phase)?;
            told.push(unit.tells(p, &labels, &spans, &context.seed.child("unit").index(number))?);
            units.push(unit);
            context.progress.step("units", number + 1, all);
        }
        let mut outcome = Outcome::default();
        metrics(p, &told, labels.len(), &mut outcome);
        outcome.table("units", table(&units, &told)?);
        bars(p, &told, &mut outcome)?;
        let gain = |k: &usize| told[*k].bits[2] - told[*k].bits[0];
        if let Some(best) = (0..all).max_by(|a, b| gain(a).total_cmp(&gain(b))) {
            by_condition(p, best, &units[best], &spans, (&names, &labels), &mut outcome)?;
        }
        Ok(outcome)
    }
}

impl Unit {
    /// The spikes in the windows, with the phase of each.
    fn within(times_s: &[f64], spans: &[(f64, f64)], phases: &Phases<'_>, name: &str) -> Result<Self, StageError> {
        let mut unit = Self { times_s: vec![], phases_rad: vec![] };
        let mut order: Vec<(f64, f64)> = spans.to_vec();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut next = 0;
        for (from, to) in order {
            // Windows may overlap; a spike is listed once.
            let first = times_s.partition_point(|t| *t < from).max(next);
            next = times_s.partition_point(|t| *t < to).max(first);
            for &t in &times_s[first..next] {
                let phase = phases.at(t).ok_or_else(|| {
                    let message = format!(
                        "signal `{name}` does not reach the spike at {t} s in the window from {from} to {to} s"
                    );
                    StageError::Failed(message)
                })?;
                unit.times_s.push(t);
                unit.phases_rad.push(phase.rem_euclid(TAU));
            }
        }
        Ok(unit)
    }

    /// Phase of a spike, by its time, in a list of phases.
    fn phase_of<'a>(&'a self, phases_rad: &'a [f64]) -> impl Fn(f64) -> f64 + 'a {
        |t| phases_rad[self.times_s.partition_point(|own| *own < t).min(phases_rad.len() - 1)]
    }

    fn words(
        &self,
        p: &PhaseOfFiringParameters,
        spans: &[(f64, f64)],
        phases_rad: &[f64],
    ) -> Result<Vec<Vec<usize>>, StageError> {
        phase_words(&self.times_s, spans, self.phase_of(phases_rad), p.sectors, p.most).map_err(failed)
    }

    fn tells(
        &self,
        p: &PhaseOfFiringParameters,
        labels: &[usize],
        spans: &[(f64, f64)],
        seed: &Seed,
    ) -> Result<Told, StageError> {
        let correction = p.correction.correction();
        let bits = |symbols: &[usize]| mutual_information(labels, symbols, correction, seed).map_err(failed);
        let by_count = bits(&counts(&self.times_s, spans).map_err(failed)?)?;
        let means = mean_phase(&self.times_s, spans, self.phase_of(&self.phases_rad), p.sectors).map_err(failed)?;
        let words = self.words(p, spans, &self.phases_rad)?;
        let shuffled = shuffling_estimator(labels, &words, &seed.child("shuffling")).map_err(failed)?;
        let null = parallel::try_map(p.permutations, threads(), |draw| {
            let mut permuted = self.phases_rad.clone();
            permuted.shuffle(&mut seed.child("permutation").index(draw).stream());
            bits(&dense(&self.words(p, spans, &permuted)?))
        })?;
        Ok(Told { bits: [by_count, bits(&means)?, bits(&dense(&words))?], shuffled, null })
    }
}

fn metrics(p: &PhaseOfFiringParameters, told: &[Told], trials: usize, outcome: &mut Outcome) {
    let variant = p.correction.correction().name();
    let constants = |e: Estimate| {
        e.with_constant("sectors", p.sectors as f64).with_constant("most", p.most as f64).with_unit("bit")
    };
    for (unit, one) in told.iter().enumerate().take(TOLD) {
        for ((name, what), bits) in CODES.iter().zip(one.bits) {
            let mut estimate = constants(Estimate::new(bits, what, variant, trials, "trials"));
            if *name == "phase" {
                estimate.null = one.against_null();
            }
            outcome.metric(&format!("{name}_bits_{unit}"), estimate);
        }
        let variant = "symbols shuffled between trials of one condition, Montemurro 2007";
        let estimate = constants(Estimate::new(one.shuffled, CODES[2].1, variant, trials, "trials"));
        outcome.metric(&format!("phase_shuffled_bits_{unit}"), estimate);
    }
    for (code, (name, what)) in CODES.iter().enumerate() {
        let all: Vec<f64> = told.iter().map(|t| t.bits[code]).collect();
        let average = Estimate::new(mean(&all), &format!("mean {what}"), variant, all.len(), "units");
        outcome.metric(&format!("mean_{name}_bits"), constants(average));
    }
    let significant = told.iter().filter(|t| t.beyond_count()).count();
    if p.permutations > 0 {
        let what = "units whose phase tells more than their count";
        let estimate =
            Estimate::new(significant as f64, what, "p at most .05, phases permuted over spikes", told.len(), "units");
        outcome.metric("units_with_phase", estimate);
    }
}

/// What every unit tells, and how well it is locked to the oscillation.
fn table(units: &[Unit], told: &[Told]) -> Result<Table, StageError> {
    let mut table = Table::new().with("unit", (0..units.len()).collect::<Vec<_>>())?;
    for (code, (name, _)) in CODES.iter().enumerate() {
        table = table.with(&format!("{name}_bits"), told.iter().map(|t| t.bits[code]).collect::<Vec<_>>())?;
    }
    table = table.with("phase_shuffled_bits", told.iter().map(|t| t.shuffled).collect::<Vec<_>>())?;
    let resultants: Vec<Option<Resultant>> = units.iter().map(|u| Resultant::of_angles(&u.phases_rad)).collect();
    let column = |of: &dyn Fn(&Resultant) -> f64| -> Vec<f64> {
        resultants.iter().map(|r| r.as_ref().map_or(f64::NAN, of)).collect()
    };
    table = table.with("spikes", units.iter().map(|u| u.times_s.len()).collect::<Vec<_>>())?;
    table = table.with("vector_strength", column(&|r| r.length))?;
    Ok(table.with("rayleigh_p", column(&Resultant::rayleigh_p))?)
}

fn bars(p: &PhaseOfFiringParameters, told: &[Told], outcome: &mut Outcome) -> Result<(), StageError> {
    let mut bars = vec![];
    for (unit, one) in told.iter().enumerate().take(TOLD) {
        let stars = ["", "", if one.beyond_count() { "*" } else { "" }];
        for (((name, _), value), mark) in CODES.iter().zip(one.bits).zip(stars) {
            let name = format!("unit {unit}, {}", name.replace('_', " "));
            bars.push(Bar { name, value, interval: None, mark: mark.to_owned() });
        }
    }
    let figure =
        Bars { title: "information about the condition".into(), label: "information (bit)".into(), bars, band: None };
    let caption = format!(
        "What the number of spikes, their mean phase and their numbers in {} sectors of `{}` tell about `{}` ({}). * more than with the phases permuted over the unit's spikes, p at most .05.",
        p.sectors,
        p.phase,
        p.by,
        p.correction.correction().name(),
    );
    outcome.figure("information", "Information by unit", &caption, figure.svg().map_err(failed)?);
    null_figure(told, outcome)
}

/// Information of every unit's counts by phase over the range of its null.
fn null_figure(told: &[Told], outcome: &mut Outcome) -> Result<(), StageError> {
    if told.iter().any(|t| t.null.is_empty()) {
        return Ok(());
    }
    let line = |of: &dyn Fn(&Told) -> f64| told.iter().enumerate().map(|(k, t)| (k as f64, of(t))).collect();
    let lines = vec![
        series("found", line(&|t| t.bits[2]), Marks::Points),
        series("median of permuted phases", line(&|t| quantile(&t.null, 0.5)), Marks::Points),
        series("95 % of permuted phases", line(&|t| quantile(&t.null, 0.95)), Marks::Points),
    ];
    let caption = "Information of the counts by phase, and the same with the phases permuted over the unit's spikes: what the number of spikes alone gives, with its bias.";
    chart(outcome, ["beyond_count", "Beyond the count", caption], ["unit", "information (bit)"], lines)
}

/// Where in the cycle the unit that gains most fires, by condition.
fn by_condition(
    p: &PhaseOfFiringParameters,
    number: usize,
    unit: &Unit,
    spans: &[(f64, f64)],
    (names, labels): (&[String], &[usize]),
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    if unit.times_s.is_empty() {
        return Ok(());
    }
    let words =
        phase_words(&unit.times_s, spans, unit.phase_of(&unit.phases_rad), DRAWN, usize::MAX).map_err(failed)?;
    let mut rates = Array2::zeros((names.len(), DRAWN));
    let width_s = (p.window_s[1] - p.window_s[0]) / DRAWN as f64;
    for (word, label) in words.iter().zip(labels) {
        let trials = labels.iter().filter(|l| *l == label).count() as f64;
        rates.row_mut(*label).iter_mut().zip(word).for_each(|(r, n)| *r += *n as f64 / trials / width_s);
    }
    let panels = vec![Panel { name: format!("unit {number}"), values: rates.clone() }];
    let figure =
        Matrix { title: format!("firing by phase and {}", p.by), label: "Hz".into(), panels, across: 1, range: None };
    let caption = format!(
        "Rate of unit {number}, whose phase adds most to its count: rows are the values of `{}` ({}), columns {DRAWN} sectors of the cycle from phase 0.",
        p.by,
        names.join(", "),
    );
    outcome.figure("phase_by_condition", "Firing by phase and condition", &caption, figure.svg().map_err(failed)?);
    outcome.array("phase_by_condition_hz", rheobase_data::npy::Array::F64(rates.into_dyn()));
    Ok(())
}
