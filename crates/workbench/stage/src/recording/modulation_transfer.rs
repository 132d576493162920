//! Modulation transfer functions of recorded units: how they lock to, and how much they fire at, each modulation frequency.

use std::f64::consts::TAU;

use rheobase_core::Estimate;
use rheobase_core::circular::Resultant;
use rheobase_core::statistics::median;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::modulation::{TransferFunction, cycle_average, f1_over_f0};
use rheobase_report::figure::{Chart, Marks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{window_complaint, windows};
use crate::draw::series;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::{Recorded, load};

/// Parts of a cycle in a period histogram.
const PHASES: usize = 20;

/// Units whose numbers are given as metrics and whose curves are drawn.
const SHOWN: usize = 12;

/// Parameters of `modulation-transfer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModulationTransferParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the modulation frequency in Hz.
    #[serde(default = "column")]
    pub frequency: String,
    /// Column of the trials with the begin of the sound in s, at which its modulation has phase 0.
    #[serde(default = "start")]
    pub align: String,
    /// Window in s from the begin; whole cycles of the slowest modulation are best.
    pub window_s: [f64; 2],
    /// Vector strength below which a unit has lost the modulation: its upper cut-off.
    #[serde(default = "criterion")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub criterion: f64,
    /// Share of the way from the lowest to the highest rate below which the rate is cut off.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate_share: f64,
    /// A unit locks to a frequency if Rayleigh's p is below this; otherwise its vector strength counts as 0.
    #[serde(default = "level")]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub level: f64,
}

fn column() -> String {
    "modulation_hz".into()
}
fn start() -> String {
    "start_time".into()
}
fn criterion() -> f64 {
    0.1
}
fn half() -> f64 {
    0.5
}
fn level() -> f64 {
    0.001
}

/// Modulation transfer.
pub struct ModulationTransfer;

/// What one unit does.
struct Transfer {
    strength: Vec<f64>,
    rayleigh_p: Vec<f64>,
    rate_hz: Vec<f64>,
    best_locking_hz: f64,
    best_rate_hz: f64,
    locking_cutoff_hz: Option<f64>,
    rate_cutoff_hz: Option<f64>,
    /// Rate in Hz in each part of the cycle at the best frequency of locking; empty for a unit that does not lock.
    cycle_hz: Vec<f64>,
}

impl Transfer {
    /// Amplitude at the modulation frequency over the mean, of the period histogram.
    fn f1_over_f0(&self) -> f64 {
        f1_over_f0(&self.cycle_hz).unwrap_or(f64::NAN)
    }
}

impl Kind for ModulationTransfer {
    type Parameters = ModulationTransferParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "modulation-transfer";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "temporal and rate modulation transfer functions of recorded units: best frequency, upper cut-off (Koumura 2019), period histogram, F1/F0";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("transfer functions")];

    fn check(p: &ModulationTransferParameters) -> Vec<Complaint> {
        let mut all: Vec<Complaint> = window_complaint(p.window_s).into_iter().collect();
        if p.criterion.is_nan() || p.criterion <= 0.0 {
            all.push(complaint(&["criterion"], format!("criterion is {}", p.criterion), "above 0, at most 1"));
        }
        all
    }

    fn run(p: &ModulationTransferParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let of_trial = recording.trials.numbers(&p.frequency)?;
        let mut frequencies: Vec<f64> = of_trial.clone();
        frequencies.sort_by(f64::total_cmp);
        frequencies.dedup();
        if frequencies.len() < 2 || frequencies[0] <= 0.0 || frequencies.len() > of_trial.len() / 2 {
            return Err(StageError::Failed(format!(
                "column `{}` has {} different values in {} trials, from {}; modulation frequencies are 2 or more, above 0, with several trials each",
                p.frequency,
                frequencies.len(),
                of_trial.len(),
                frequencies.first().copied().unwrap_or(f64::NAN)
            )));
        }
        let units = recording.spikes.units();
        let found: Vec<Transfer> = (0..units)
            .map(|unit| transfer(p, recording.spikes.unit(unit), &spans, &of_trial, &frequencies))
            .collect::<Result<_, _>>()?;
        let mut outcome = Outcome::default();
        metrics(p, &found, of_trial.len(), &mut outcome);
        draw(p, &frequencies, &found, &mut outcome)?;
        let flat = |f: &dyn Fn(&Transfer) -> Vec<f64>| found.iter().flat_map(f).collect::<Vec<f64>>();
        let table = Table::new()
            .with("unit", (0..units).flat_map(|u| vec![u; frequencies.len()]).collect::<Vec<_>>())?
            .with("modulation_hz", flat(&|_| frequencies.clone()))?
            .with("vector_strength", flat(&|t| t.strength.clone()))?
            .with("rayleigh_p", flat(&|t| t.rayleigh_p.clone()))?
            .with("rate_hz", flat(&|t| t.rate_hz.clone()))?;
        outcome.table("transfer", table);
        let own = |f: &dyn Fn(&Transfer) -> f64| found.iter().map(f).collect::<Vec<f64>>();
        let table = Table::new()
            .with("unit", (0..units).collect::<Vec<_>>())?
            .with("best_locking_hz", own(&|t| t.best_locking_hz))?
            .with("best_rate_hz", own(&|t| t.best_rate_hz))?
            .with("locking_cutoff_hz", own(&|t| t.locking_cutoff_hz.unwrap_or(f64::NAN)))?
            .with("rate_cutoff_hz", own(&|t| t.rate_cutoff_hz.unwrap_or(f64::NAN)))?
            .with("f1_over_f0", own(&Transfer::f1_over_f0))?;
        outcome.table("units", table);
        Ok(outcome)
    }
}

fn transfer(
    p: &ModulationTransferParameters,
    times: &[f64],
    spans: &[(f64, f64)],
    of_trial: &[f64],
    frequencies: &[f64],
) -> Result<Transfer, StageError> {
    let (mut strength, mut rayleigh_p, mut rate_hz) = (vec![], vec![], vec![]);
    let length = p.window_s[1] - p.window_s[0];
    for &frequency in frequencies {
        let (mut phases, mut trials) = (vec![], 0.0);
        for (span, _) in spans.iter().zip(of_trial).filter(|(_, f)| **f == frequency) {
            let (from, to) = (times.partition_point(|t| *t < span.0), times.partition_point(|t| *t < span.1));
            let begin = span.0 - p.window_s[0];
            phases.extend(times[from..to].iter().map(|t| (TAU * frequency * (t - begin)).rem_euclid(TAU)));
            trials += 1.0;
        }
        let (length_of, p_of) = Resultant::of_angles(&phases).map_or((0.0, 1.0), |r| (r.length, r.rayleigh_p()));
        strength.push(length_of);
        rayleigh_p.push(p_of);
        rate_hz.push(phases.len() as f64 / (trials * length));
    }
    let locked: Vec<f64> = strength.iter().zip(&rayleigh_p).map(|(v, q)| if *q < p.level { *v } else { 0.0 }).collect();
    let temporal = TransferFunction::new(frequencies.to_vec(), locked.clone()).map_err(failed)?;
    let rate = TransferFunction::new(frequencies.to_vec(), rate_hz.clone()).map_err(failed)?;
    let (low, high) = rate_hz.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), r| (l.min(*r), h.max(*r)));
    let locks = locked.iter().any(|v| *v >= p.criterion);
    let best = temporal.best_hz();
    let own: Vec<(f64, f64)> = spans.iter().zip(of_trial).filter(|(_, f)| **f == best).map(|(span, _)| *span).collect();
    Ok(Transfer {
        cycle_hz: if locks { period_histogram(p, times, &own, best)? } else { vec![] },
        best_locking_hz: if locks { best } else { f64::NAN },
        best_rate_hz: if high > 0.0 { rate.best_hz() } else { f64::NAN },
        locking_cutoff_hz: if locks { temporal.upper_cutoff_hz(p.criterion) } else { None },
        rate_cutoff_hz: rate.upper_cutoff_hz(low + p.rate_share * (high - low)),
        strength,
        rayleigh_p,
        rate_hz,
    })
}

/// Rate in Hz in [`PHASES`] parts of the modulation's cycle, over whole cycles in the windows of some trials.
fn period_histogram(
    p: &ModulationTransferParameters,
    times: &[f64],
    spans: &[(f64, f64)],
    frequency_hz: f64,
) -> Result<Vec<f64>, StageError> {
    let bins_hz = PHASES as f64 * frequency_hz;
    // The modulation has phase 0 at the begin of the sound; the first whole cycle starts at or after the window.
    let first_s = (p.window_s[0] * frequency_hz).ceil() / frequency_hz;
    let cycles = ((p.window_s[1] - first_s) * frequency_hz + 1e-9).floor().max(0.0) as usize;
    let mut counts = vec![0.0; cycles * PHASES];
    for span in spans {
        let from = span.0 - p.window_s[0] + first_s;
        for t in &times[times.partition_point(|t| *t < from)..times.partition_point(|t| *t < span.1)] {
            if let Some(count) = counts.get_mut(((t - from) * bins_hz) as usize) {
                *count += bins_hz / spans.len() as f64;
            }
        }
    }
    // A window that holds no whole cycle of the best frequency has no histogram.
    if cycles == 0 { Ok(vec![]) } else { cycle_average(&counts, bins_hz, frequency_hz).map_err(failed) }
}

fn metrics(p: &ModulationTransferParameters, found: &[Transfer], trials: usize, outcome: &mut Outcome) {
    let locking = format!("vector strength of at least {} with Rayleigh's p below {}", p.criterion, p.level);
    let rate = format!("mean rate, cut off at {} of the way from the lowest to the highest", p.rate_share);
    let lock = found.iter().filter(|t| t.best_locking_hz.is_finite()).count();
    let share = Estimate::new(lock as f64 / found.len() as f64, "units that lock", &locking, found.len(), "units");
    outcome.metric("locking_units", share);
    let mut put = |name: &str, what: &str, variant: &str, of: &dyn Fn(&Transfer) -> f64| {
        let known: Vec<f64> = found.iter().map(of).filter(|v| v.is_finite()).collect();
        if !known.is_empty() {
            let all = format!("{what}, median over units that have one");
            outcome.metric(name, Estimate::new(median(&known), &all, variant, known.len(), "units").with_unit("Hz"));
        }
        for (unit, value) in found.iter().map(of).enumerate().take(SHOWN).filter(|(_, v)| v.is_finite()) {
            let estimate = Estimate::new(value, what, variant, trials, "trials").with_unit("Hz");
            outcome.metric(&format!("{name}_{unit}"), estimate);
        }
    };
    put("best_locking_hz", "best modulation frequency of locking", &locking, &|t| t.best_locking_hz);
    put("best_rate_hz", "best modulation frequency of the rate", &rate, &|t| t.best_rate_hz);
    put("locking_cutoff_hz", "upper cut-off of locking", &locking, &|t| t.locking_cutoff_hz.unwrap_or(f64::NAN));
    put("rate_cutoff_hz", "upper cut-off of the rate", &rate, &|t| t.rate_cutoff_hz.unwrap_or(f64::NAN));
    let variant = format!("period histogram of {PHASES} parts at the best frequency of locking");
    for (unit, value) in found.iter().map(Transfer::f1_over_f0).enumerate().take(SHOWN).filter(|(_, v)| v.is_finite()) {
        outcome.metric(&format!("f1_over_f0_{unit}"), Estimate::new(value, "F1/F0", &variant, trials, "trials"));
    }
}

fn draw(
    p: &ModulationTransferParameters,
    frequencies: &[f64],
    found: &[Transfer],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    const LINES: usize = 6;
    let points = |values: &[f64]| frequencies.iter().map(|f| f.log2()).zip(values.iter().copied()).collect::<Vec<_>>();
    let (first, last) = (frequencies[0].log2(), frequencies[frequencies.len() - 1].log2());
    let mut temporal: Vec<_> = (found.iter().enumerate().take(LINES))
        .map(|(u, t)| series(&format!("unit {u}"), points(&t.strength), Marks::Joined))
        .collect();
    temporal.push(series("criterion", vec![(first, p.criterion), (last, p.criterion)], Marks::Dashed));
    let rates = found.iter().enumerate().take(LINES);
    let rates = rates.map(|(u, t)| series(&format!("unit {u}"), points(&t.rate_hz), Marks::Joined)).collect();
    let phase = |k: usize| (k as f64 + 0.5) / PHASES as f64;
    let histograms = found.iter().enumerate().take(LINES).filter(|(_, t)| !t.cycle_hz.is_empty());
    let histograms: Vec<_> = histograms
        .map(|(u, t)| {
            let points = t.cycle_hz.iter().enumerate().map(|(k, rate)| (phase(k), *rate)).collect();
            series(&format!("unit {u}, {} Hz", t.best_locking_hz), points, Marks::Joined)
        })
        .collect();
    let log = "log2 of the modulation frequency in Hz";
    for (key, title, x_label, y_label, top, lines) in [
        ("temporal", "Temporal modulation transfer", log, "vector strength", Some(1.0), temporal),
        ("rate", "Rate modulation transfer", log, "rate (Hz)", None, rates),
        ("period", "Period histograms", "cycles of the best modulation", "rate (Hz)", None, histograms),
    ] {
        if lines.is_empty() {
            continue;
        }
        let figure = Chart {
            title: title.to_lowercase(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            x_range: None,
            y_range: top.map(|t| (0.0, t)),
            series: lines,
        };
        let caption = format!("{title} of the first {} units.", found.len().min(LINES));
        outcome.figure(key, title, &caption, figure.svg().map_err(failed)?);
    }
    Ok(())
}
