//! `[analysis.*] kind = "current-steps"`: firing rate against injected current, many amplitudes at once, one lane each.

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_dendrite::simulation::{Current, Probe};
use rheobase_dendrite::{Cell, Error, Kinetics, Method, Settings, Simulation};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;
use super::{CellArtifact, load_cell};
use crate::draw::label;
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `current-steps`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentStepsParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Where the current enters and spikes are counted.
    #[serde(default = "defaults::soma")]
    pub at: String,
    /// Amplitudes in nA, rising.
    #[schemars(length(min = 1))]
    pub amplitudes_na: Vec<f64>,
    /// Beginning in ms.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub start_ms: f64,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Part of the step, in ms from its beginning, that is left out of the rate.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub settle_ms: f64,
    /// Threshold of a spike.
    #[serde(default)]
    pub threshold_mv: f64,
    /// Step in ms.
    #[serde(default = "defaults::step_ms")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dt_ms: f64,
    /// Method of integration.
    #[serde(default)]
    pub method: Method,
    /// Voltage at the start in mV.
    #[serde(default = "defaults::start_mv")]
    pub v_init_mv: f64,
    /// Bits of the kinetics: `single` takes about two thirds of the time of `double` and moves a spike by less than .001 ms.
    #[serde(default)]
    pub kinetics: Kinetics,
}

/// Firing rate against current.
pub struct CurrentSteps;

/// Spike times and the range of the voltage in the second half of a step.
struct Answer {
    spikes_ms: Vec<f64>,
    late_range_mv: f64,
}

impl Kind for CurrentSteps {
    type Parameters = CurrentStepsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "current-steps";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "firing rate of a simulated cell against injected current (F-I curve)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("an F-I curve")];

    fn check(p: &CurrentStepsParameters) -> Vec<Complaint> {
        if p.settle_ms >= p.duration_ms {
            let message = format!("settle_ms {} leaves nothing of the step of {} ms", p.settle_ms, p.duration_ms);
            return vec![complaint(&["settle_ms"], message, "make it shorter than duration_ms")];
        }
        if p.amplitudes_na.windows(2).any(|w| w[1] <= w[0]) {
            return vec![complaint(&["amplitudes_na"], "the amplitudes do not rise".into(), "sort them, each once")];
        }
        vec![]
    }

    fn run(p: &CurrentStepsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let mut answers = Vec::new();
        for amplitudes in p.amplitudes_na.chunks(16) {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            answers.extend(run_lanes(p, &cell, amplitudes).map_err(failed)?);
            context.progress.step("amplitudes", answers.len(), p.amplitudes_na.len());
        }
        report(p, &answers)
    }
}

fn run_lanes(p: &CurrentStepsParameters, cell: &Cell, amplitudes: &[f64]) -> Result<Vec<Answer>, Error> {
    let lanes = amplitudes.len().next_power_of_two();
    let (dt_ms, method, v_init_mv, kinetics) = (p.dt_ms, p.method, p.v_init_mv, p.kinetics);
    let settings = Settings { dt_ms, method, v_init_mv, lanes, kinetics };
    let mut simulation = Simulation::new(cell, settings)?;
    let place = cell.at(&p.at)?;
    for (lane, &amplitude_na) in amplitudes.iter().enumerate() {
        let current = Current::Step { start_ms: p.start_ms, duration_ms: p.duration_ms, amplitude_na };
        simulation.inject(place, Some(lane), current)?;
    }
    let detector = simulation.detect_spikes(place, p.threshold_mv)?;
    let voltage = simulation.record(Probe::Voltage(place))?;
    simulation.run_until(p.start_ms + p.duration_ms)?;
    let half = ((p.start_ms + 0.5 * p.duration_ms) / p.dt_ms) as usize;
    let answer = |lane: usize| {
        let trace = simulation.recording(voltage, lane);
        let late = &trace[half.min(trace.len() - 1)..];
        let (low, high) = late.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        Answer { spikes_ms: simulation.spikes_ms(detector, lane).to_vec(), late_range_mv: high - low }
    };
    Ok((0..amplitudes.len()).map(answer).collect())
}

fn report(p: &CurrentStepsParameters, answers: &[Answer]) -> Result<Outcome, StageError> {
    let from = p.start_ms + p.settle_ms;
    let counted = |a: &Answer| a.spikes_ms.iter().filter(|t| **t >= from).count();
    // The rate of a sustained train is that of its intervals; a cell that falls silent in the second half has none.
    let rate = |a: &Answer| -> f64 {
        let times: Vec<f64> = a.spikes_ms.iter().copied().filter(|t| *t >= from).collect();
        let until = times.last().copied().unwrap_or(0.0);
        if times.len() < 2 || until < p.start_ms + 0.5 * p.duration_ms {
            return 0.0;
        }
        1000.0 * (times.len() - 1) as f64 / (until - times[0])
    };
    let rates: Vec<f64> = answers.iter().map(rate).collect();
    let mut outcome = Outcome::default();
    let number = |value: f64, name: &str, unit: &str| {
        Estimate::new(value, name, "one simulated trial each", answers.len(), "amplitudes").with_unit(unit)
    };
    for ((amplitude, rate), answer) in p.amplitudes_na.iter().zip(&rates).zip(answers) {
        let label = label(*amplitude);
        outcome.metric(&format!("rate_hz_at_{label}"), number(*rate, "rate of the sustained train", "Hz"));
        let range = number(answer.late_range_mv, "range of the voltage in the second half of the step", "mV");
        outcome.metric(&format!("range_at_{label}"), range);
    }
    let first = rates.iter().position(|r| *r > 0.0);
    let least = first.map_or(f64::NAN, |i| rates[i]);
    outcome.metric("lowest_rate_hz", number(least, "rate at the smallest current with a sustained train", "Hz"));
    outcome.metric(
        "rheobase_na",
        number(first.map_or(f64::NAN, |i| p.amplitudes_na[i]), "smallest current with a sustained train", "nA"),
    );
    let falls = rates.windows(2).filter(|w| w[1] < w[0] - 1e-9).count();
    outcome.metric("falls", number(falls as f64, "steps of the current at which the rate falls", ""));
    outcome.table(
        "curve",
        Table::new()
            .with("amplitude_na", p.amplitudes_na.clone())?
            .with("rate_hz", rates.clone())?
            .with("spikes", answers.iter().map(counted).collect::<Vec<_>>())?
            .with("late_range_mv", answers.iter().map(|a| a.late_range_mv).collect::<Vec<_>>())?,
    );
    let oscillating = answers.iter().filter(|a| a.late_range_mv > 1.0).count();
    outcome.metric(
        "oscillating_amplitudes",
        number(oscillating as f64, "amplitudes with a range above 1 in the second half", ""),
    );
    let chart = Chart {
        title: "firing rate against current".into(),
        x_label: "current (nA)".into(),
        y_label: "rate (Hz)".into(),
        x_range: None,
        y_range: None,
        series: vec![Series {
            name: String::new(),
            points: p.amplitudes_na.iter().copied().zip(rates).collect(),
            marks: Marks::Line,
        }],
    };
    let caption = format!("Rate of the sustained train at {}, {} amplitudes, one trial each.", p.at, answers.len());
    outcome.figure("curve", "F-I curve", &caption, chart.svg().map_err(failed)?);
    Ok(outcome)
}
