//! `[analysis.*] kind = "stimulation"`: electrodes, synapses and lesions in several conditions, and what is read off.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use rheobase_core::{Estimate, Seed};
use rheobase_data::npy::Array;
use rheobase_dendrite::expression::{Dimension, Program, parse};
use rheobase_dendrite::region::uniform_sample;
use rheobase_dendrite::simulation::{Current, Probe};
use rheobase_dendrite::synapse::{Receptor, ShortTermPlasticity, SpikeSource};
use rheobase_dendrite::{Cell, Error, Method, Settings, Simulation};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure::Measure;
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, complaint, failed, main_output};

/// A current at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// Location such as "soma(0.5)".
    pub at: String,
    /// The current.
    pub current: Current,
}

/// Synapses with their inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseParameters {
    /// Location such as "dend(0.7)".
    #[serde(default)]
    pub at: Option<String>,
    /// Region over which synapses are spread evenly in length, at random; instead of a location.
    #[serde(default)]
    pub region: Option<String>,
    /// Number of synapses, each with its own input.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub count: usize,
    /// Receptors; an event opens all of them.
    pub receptors: Vec<Receptor>,
    /// When spikes arrive.
    pub input: SpikeSource,
    /// Weight of an event.
    #[serde(default = "unit")]
    pub weight: f64,
    /// Short-term plasticity.
    #[serde(default)]
    pub plasticity: Option<ShortTermPlasticity>,
}

fn one() -> usize {
    1
}

fn unit() -> f64 {
    1.0
}

/// A mechanism removed from a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Region.
    #[serde(default = "everywhere")]
    pub region: String,
    /// Mechanism; "passive" is the leak.
    pub mechanism: String,
}

fn everywhere() -> String {
    "all".into()
}

/// What is done to the cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Injected currents.
    #[serde(default)]
    pub inject: Vec<Injection>,
    /// Synapses.
    #[serde(default)]
    pub synapses: Vec<SynapseParameters>,
    /// Lesioned channels.
    #[serde(default)]
    pub block: Vec<Block>,
    /// Regions cut off the cell.
    #[serde(default)]
    pub amputate: Vec<String>,
}

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
    #[serde(default = "step")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dt_ms: f64,
    /// Method of integration.
    #[serde(default)]
    pub method: Method,
    /// Voltage at the start in mV.
    #[serde(default = "start")]
    pub v_init_mv: f64,
    /// Recorded voltages: names and locations.
    pub record: BTreeMap<String, String>,
    /// Recorded conductances in nS: names, and the numbers (from 0) of a synapse of the condition and of its receptor.
    #[serde(default)]
    pub conductances: BTreeMap<String, [usize; 2]>,
    /// Conditions by name.
    pub conditions: BTreeMap<String, Condition>,
    /// What is read off each recording.
    #[serde(default)]
    pub measure: Vec<Measure>,
    /// Further metrics as formulas over the measured ones, such as "two_rise / one_rise".
    #[serde(default)]
    pub derive: BTreeMap<String, String>,
    /// Part of the run that is drawn, in ms.
    #[serde(default)]
    pub draw_ms: Option<[f64; 2]>,
}

fn step() -> f64 {
    0.025
}

fn start() -> f64 {
    -65.0
}

/// Electrodes and synapses in several conditions.
pub struct Stimulation;

impl Kind for Stimulation {
    type Parameters = StimulationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "stimulation";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a simulated cell with electrodes, synapses and channel lesions, in several conditions";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("voltage traces")];

    fn check(p: &StimulationParameters) -> Vec<Complaint> {
        let mut complaints = Vec::new();
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
        let mut traces: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
        for (index, (name, condition)) in p.conditions.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let failed_in = |e: Error| StageError::Failed(format!("condition {name}: {e}"));
            traces.insert(name.clone(), simulate(p, &cell, condition, &context.seed.child(name)).map_err(failed_in)?);
            context.progress.step("conditions", index + 1, p.conditions.len());
        }
        let mut outcome = Outcome::default();
        measure(p, &traces, &mut outcome)?;
        figures(p, &traces, &mut outcome)?;
        let times = traces.values().next().and_then(|t| t.first()).map_or(0, Vec::len);
        let rows = rows(p).len();
        for (name, recorded) in &traces {
            let flat: Vec<f64> = recorded.iter().flatten().copied().collect();
            let array = ArrayD::from_shape_vec(IxDyn(&[rows, times]), flat).map_err(failed)?;
            outcome.array(name, Array::F64(array));
        }
        Ok(outcome)
    }
}

/// Voltages of all recordings.
fn simulate(
    p: &StimulationParameters,
    cell: &Cell,
    condition: &Condition,
    seed: &Seed,
) -> Result<Vec<Vec<f64>>, Error> {
    let mut cell = cell.clone();
    for block in &condition.block {
        cell.block(&block.region, &block.mechanism)?;
    }
    for region in &condition.amputate {
        cell.amputate(region)?;
    }
    let settings = Settings { dt_ms: p.dt_ms, method: p.method, v_init_mv: p.v_init_mv, lanes: 1 };
    let mut simulation = Simulation::new(&cell, settings)?;
    for injection in &condition.inject {
        simulation.inject(cell.at(&injection.at)?, None, injection.current.clone())?;
    }
    for (group, synapse) in condition.synapses.iter().enumerate() {
        let seed = seed.child("synapses").index(group);
        let sites = match (&synapse.at, &synapse.region) {
            (Some(at), _) => vec![cell.at(at)?; synapse.count],
            (None, region) => {
                let region = region.as_deref().unwrap_or("all");
                uniform_sample(cell.places(), region, cell.compartments(), synapse.count, &seed.child("sites"))?
            }
        };
        for (k, site) in sites.into_iter().enumerate() {
            let placed = simulation.add_synapse(site, &synapse.receptors)?;
            let times = synapse.input.times_ms(0.0, p.duration_ms, &seed.child("times").index(k))?;
            simulation.send_train(placed, 0, &times, synapse.weight, synapse.plasticity)?;
        }
    }
    for location in p.record.values() {
        simulation.record(Probe::Voltage(cell.at(location)?))?;
    }
    for [synapse, receptor] in p.conductances.values() {
        simulation.record(Probe::SynapticConductance(*synapse, *receptor))?;
    }
    simulation.run_until(p.duration_ms + p.dt_ms)?;
    Ok((0..rows(p).len()).map(|r| simulation.recording(r, 0)).collect())
}

/// Names of all recordings: voltages, then conductances.
fn rows(p: &StimulationParameters) -> Vec<&str> {
    p.record.keys().chain(p.conductances.keys()).map(String::as_str).collect()
}

fn metric_names(p: &StimulationParameters) -> Vec<String> {
    let read_in = |m: &Measure, c: &String| m.conditions.is_empty() || m.conditions.contains(c);
    p.measure
        .iter()
        .flat_map(|m| p.conditions.keys().filter(|c| read_in(m, c)).map(|c| format!("{c}_{}", m.name)))
        .collect()
}

fn program(formula: &str, names: &[String]) -> Result<Program, Error> {
    let variables: Vec<(&str, Dimension)> = names.iter().map(|n| (n.as_str(), Dimension::NONE)).collect();
    Ok(Program::new(&[parse(formula, &variables)?]))
}

fn measure(
    p: &StimulationParameters,
    traces: &BTreeMap<String, Vec<Vec<f64>>>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut values = Vec::new();
    for m in &p.measure {
        let row = rows(p).iter().position(|k| *k == m.of).unwrap_or(0);
        for (condition, recorded) in traces {
            if m.conditions.is_empty() || m.conditions.contains(condition) {
                let estimate = m.read(&recorded[row], p.dt_ms);
                values.push(estimate.value);
                outcome.metric(&format!("{condition}_{}", m.name), estimate);
            }
        }
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
fn figures(
    p: &StimulationParameters,
    traces: &BTreeMap<String, Vec<Vec<f64>>>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
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
            .map(|(condition, recorded)| Series {
                name: condition.replace('_', " "),
                points: points(&recorded[row]),
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
        let caption = format!("{what} in {} conditions, one simulated trial each.", traces.len());
        outcome.figure(&format!("trace_{name}"), &what, &caption, chart.svg().map_err(failed)?);
    }
    Ok(())
}
