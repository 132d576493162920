//! `[analysis.*] kind = "stimulation"`: electrodes, synapses and lesions in several conditions, and what is read off.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use rheobase_core::expression::{Dimension, Program, parse};
use rheobase_core::{Estimate, statistics};
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_dendrite::{Error, Kinetics, Method, Settings};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Protocol};
use super::defaults;
use super::measure::{CoActivity, Measure};
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `stimulation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StimulationParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
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
    /// Recorded voltages: names and locations.
    pub record: BTreeMap<String, String>,
    /// Recorded conductances in nS: names, and the numbers (from 0) of a synapse of the condition and of its receptor.
    #[serde(default)]
    pub conductances: BTreeMap<String, [usize; 2]>,
    /// Conditions by name.
    pub conditions: BTreeMap<String, Condition>,
    /// Trials of each condition: the same synapses, with each trial's own random input.
    #[serde(default = "defaults::one")]
    #[schemars(range(min = 1))]
    pub trials: usize,
    /// What is read off each recording; the metric is the mean over trials.
    #[serde(default)]
    pub measure: Vec<Measure>,
    /// Events that two recordings share.
    #[serde(default)]
    pub co_activity: Vec<CoActivity>,
    /// Further metrics as formulas over the measured ones, such as "two_rise / one_rise".
    #[serde(default)]
    pub derive: BTreeMap<String, String>,
    /// Part of the run that is drawn, in ms.
    #[serde(default)]
    pub draw_ms: Option<[f64; 2]>,
}

/// Electrodes and synapses in several conditions.
pub struct Stimulation;

impl Kind for Stimulation {
    type Parameters = StimulationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "stimulation";
    const VERSION: u32 = 7;
    const ABOUT: &'static str = "a simulated cell with electrodes, synapses and channel lesions, in several conditions";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("voltage traces")];

    fn check(p: &StimulationParameters) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for (index, shared) in p.co_activity.iter().enumerate() {
            for (end, name) in [("a", &shared.a), ("b", &shared.b)] {
                if !rows(p).contains(&name.as_str()) {
                    let message = format!("co-activity {} reads `{name}`, which is not recorded", shared.name);
                    let help = format!("recorded: {}", rows(p).join(", "));
                    complaints.push(complaint(&["co_activity", &index.to_string(), end], message, &help));
                }
            }
        }
        for (index, measure) in p.measure.iter().enumerate() {
            if !rows(p).contains(&measure.of.as_str()) {
                let known = rows(p);
                let message = format!("measure {} reads `{}`, which is not recorded", measure.name, measure.of);
                complaints.push(complaint(
                    &["measure", &index.to_string(), "of"],
                    message,
                    &format!("recorded: {}", known.join(", ")),
                ));
            }
            if let Some(unknown) = measure.conditions.iter().find(|c| !p.conditions.contains_key(*c)) {
                let known: Vec<&str> = p.conditions.keys().map(String::as_str).collect();
                let message = format!("measure {} names the condition `{unknown}`, which is not there", measure.name);
                complaints.push(complaint(
                    &["measure", &index.to_string(), "conditions"],
                    message,
                    &format!("conditions: {}", known.join(", ")),
                ));
            }
        }
        let names = metric_names(p);
        for (name, formula) in &p.derive {
            if let Err(error) = program(formula, &names) {
                complaints.push(complaint(&["derive", name], error.to_string(), "formulas use the measured metrics"));
            }
        }
        for (name, condition) in &p.conditions {
            for synapse in &condition.synapses {
                if synapse.at.is_some() == synapse.region.is_some() {
                    let message =
                        format!("a synapse of condition {name} needs a location `at` or a `region`, not both");
                    complaints.push(complaint(&["conditions", name, "synapses"], message, "give one of them"));
                }
            }
        }
        complaints
    }

    fn run(p: &StimulationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let (dt_ms, method, v_init_mv, kinetics) = (p.dt_ms, p.method, p.v_init_mv, p.kinetics);
        let settings = Settings { dt_ms, method, v_init_mv, lanes: 1, kinetics };
        let protocol = Protocol {
            duration_ms: p.duration_ms,
            settings,
            voltages: p.record.values().map(String::as_str).collect(),
            conductances: p.conductances.values().copied().collect(),
        };
        let mut traces = Traces::new();
        for (index, (name, condition)) in p.conditions.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let failed_in = |e: Error| StageError::Failed(format!("condition {name}: {e}"));
            let seed = context.seed.child(name);
            traces.insert(name.clone(), protocol.record(&cell, condition, p.trials, &seed).map_err(failed_in)?);
            context.progress.step("conditions", index + 1, p.conditions.len());
        }
        let mut outcome = Outcome::default();
        measure(p, &traces, &mut outcome)?;
        figures(p, &traces, &mut outcome)?;
        // The first trial of each condition; the table holds what was read off all of them.
        for (name, trials) in &traces {
            let times = trials[0].first().map_or(0, Vec::len);
            let flat: Vec<f64> = trials[0].iter().flatten().copied().collect();
            let array = ArrayD::from_shape_vec(IxDyn(&[trials[0].len(), times]), flat).map_err(failed)?;
            outcome.array(name, Array::F64(array));
        }
        Ok(outcome)
    }
}

/// Recordings of each condition, of shape (trials, recordings, times).
type Traces = BTreeMap<String, Vec<Vec<Vec<f64>>>>;

/// Names of all recordings: voltages, then conductances.
fn rows(p: &StimulationParameters) -> Vec<&str> {
    p.record.keys().chain(p.conductances.keys()).map(String::as_str).collect()
}

fn row_of(p: &StimulationParameters, name: &str) -> usize {
    rows(p).iter().position(|k| *k == name).unwrap_or(0)
}

fn metric_names(p: &StimulationParameters) -> Vec<String> {
    let read_in = |m: &Measure, c: &String| m.conditions.is_empty() || m.conditions.contains(c);
    p.measure
        .iter()
        .flat_map(|m| p.conditions.keys().filter(|c| read_in(m, c)).map(|c| format!("{c}_{}", m.name)))
        .chain(p.co_activity.iter().flat_map(|s| p.conditions.keys().map(|c| format!("{c}_{}", s.name))))
        .collect()
}

fn program(formula: &str, names: &[String]) -> Result<Program, Error> {
    let variables: Vec<(&str, Dimension)> = names.iter().map(|n| (n.as_str(), Dimension::NONE)).collect();
    Ok(Program::new(&[parse(formula, &variables)?]))
}

fn measure(p: &StimulationParameters, traces: &Traces, outcome: &mut Outcome) -> Result<(), StageError> {
    let mut values = Vec::new();
    let (mut conditions, mut names, mut trial_numbers, mut read) = (vec![], vec![], vec![], vec![]);
    for m in &p.measure {
        let row = row_of(p, &m.of);
        for (condition, trials) in traces {
            if m.conditions.is_empty() || m.conditions.contains(condition) {
                let found: Vec<f64> = trials.iter().map(|recorded| m.value(&recorded[row], p.dt_ms)).collect();
                for (trial, &value) in found.iter().enumerate() {
                    conditions.push(condition.clone());
                    names.push(m.name.clone());
                    trial_numbers.push(trial);
                    read.push(value);
                }
                values.push(statistics::mean(&found));
                outcome.metric(&format!("{condition}_{}", m.name), m.estimate(&found, traces[condition][0][row].len()));
            }
        }
    }
    for shared in &p.co_activity {
        let (a, b) = (row_of(p, &shared.a), row_of(p, &shared.b));
        for (condition, trials) in traces {
            let pairs: Vec<(&[f64], &[f64])> = trials.iter().map(|r| (&r[a][..], &r[b][..])).collect();
            let estimate = shared.estimate(&pairs, p.dt_ms);
            values.push(estimate.value);
            outcome.metric(&format!("{condition}_{}", shared.name), estimate);
        }
    }
    if p.trials > 1 {
        let table = Table::new().with("condition", conditions)?.with("measure", names)?;
        outcome.table("trials", table.with("trial", trial_numbers)?.with("value", read)?);
    }
    let names = metric_names(p);
    for (name, formula) in &p.derive {
        let value: f64 = program(formula, &names).map_err(failed)?.evaluate(&values)[0];
        outcome
            .metric(name, Estimate::new(value, formula, "formula over the measured metrics", names.len(), "metrics"));
    }
    Ok(())
}

/// One figure per recording, all conditions in it; long runs are thinned to what a page can show.
fn figures(p: &StimulationParameters, traces: &Traces, outcome: &mut Outcome) -> Result<(), StageError> {
    let [from_ms, to_ms] = p.draw_ms.unwrap_or([0.0, p.duration_ms]);
    for (row, name) in rows(p).into_iter().enumerate() {
        let (what, axis) = match p.record.get(name) {
            Some(location) => (format!("Voltage at {location}"), "voltage (mV)"),
            None => (format!("Conductance {}", name.replace('_', " ")), "conductance (nS)"),
        };
        let points = |trace: &[f64]| -> Vec<(f64, f64)> {
            let (from, to) = ((from_ms / p.dt_ms) as usize, ((to_ms / p.dt_ms) as usize).min(trace.len() - 1));
            let stride = (to.saturating_sub(from) / 1500).max(1);
            // The largest of each stretch, so that no spike is lost.
            (from..=to)
                .step_by(stride)
                .map(|i| {
                    let stretch = &trace[i..(i + stride).min(trace.len())];
                    let top = stretch.iter().copied().fold(f64::MIN, f64::max);
                    (i as f64 * p.dt_ms, top)
                })
                .collect()
        };
        let series = traces
            .iter()
            .map(|(condition, trials)| Series {
                name: condition.replace('_', " "),
                points: points(&trials[0][row]),
                marks: Marks::Line,
            })
            .collect();
        let chart = Chart {
            title: what.clone(),
            x_label: "time (ms)".into(),
            y_label: axis.into(),
            x_range: Some((from_ms, to_ms)),
            y_range: None,
            series,
        };
        let shown =
            if p.trials == 1 { "one simulated trial each".into() } else { format!("the first of {} trials", p.trials) };
        let caption = format!("{what} in {} conditions, {shown}.", traces.len());
        outcome.figure(&format!("trace_{name}"), &what, &caption, chart.svg().map_err(failed)?);
    }
    Ok(())
}
