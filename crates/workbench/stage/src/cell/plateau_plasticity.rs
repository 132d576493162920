//! `[analysis.*] kind = "plateau-plasticity"`: rhythmic input to a branch whose synapses learn from the local voltage.

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_dendrite::plasticity::{PlasticSynapse, VoltagePlasticity};
use rheobase_dendrite::simulation::Probe;
use rheobase_dendrite::synapse::{Receptor, SpikeSource};
use rheobase_dendrite::{Settings, Simulation};
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::defaults;
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `plateau-plasticity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlateauPlasticityParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Where the learning synapses are.
    pub at: String,
    /// Number of learning synapses.
    #[schemars(range(min = 1))]
    pub synapses: usize,
    /// Their receptors.
    pub receptors: Vec<Receptor>,
    /// Volleys per second; every synapse takes part in each.
    #[schemars(range(min = 0.0))]
    pub rate_hz: f64,
    /// Standard deviation of an event around its volley in ms.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub jitter_ms: f64,
    /// Duration in s.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_s: f64,
    /// The rule.
    #[serde(default)]
    pub rule: VoltagePlasticity,
    /// What else is done to the cell.
    #[serde(default)]
    pub condition: Condition,
    /// Where spikes are counted.
    #[serde(default = "defaults::soma")]
    pub spikes_at: String,
    /// Threshold of a spike in mV.
    #[serde(default)]
    pub threshold_mv: f64,
    /// Step in ms.
    #[serde(default = "step")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dt_ms: f64,
    /// Voltage at the start in mV.
    #[serde(default = "defaults::start_mv")]
    pub v_init_mv: f64,
}

fn step() -> f64 {
    0.1
}

/// Learning from plateaus.
pub struct PlateauPlasticity;

impl Kind for PlateauPlasticity {
    type Parameters = PlateauPlasticityParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "plateau-plasticity";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "rhythmic input to a branch whose synapses learn from its voltage, not from spikes";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("learned weights")];

    fn run(p: &PlateauPlasticityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let cell = p.condition.prepare(&cell).map_err(failed)?;
        let settings = Settings { dt_ms: p.dt_ms, v_init_mv: p.v_init_mv, ..Settings::default() };
        let mut simulation = Simulation::new(&cell, settings).map_err(failed)?;
        let duration_ms = 1000.0 * p.duration_s;
        p.condition.place(&cell, &mut simulation, duration_ms, 0..1, &context.seed).map_err(failed)?;
        let site = cell.at(&p.at).map_err(failed)?;
        let mut synapses = Vec::new();
        for k in 0..p.synapses {
            let synapse = simulation.add_synapse(site, &p.receptors).map_err(failed)?;
            synapses.push(PlasticSynapse::new(synapse, site, 0, volleys(p, duration_ms, k, context)?, 1.0));
        }
        let soma = cell.at(&p.spikes_at).map_err(failed)?;
        let detector = simulation.detect_spikes(soma, p.threshold_mv).map_err(failed)?;
        let branch = simulation.record(Probe::Voltage(site)).map_err(failed)?;
        let chunks = (duration_ms / 250.0).ceil() as usize;
        let (mut weights, mut times_s, mut above_ms, mut first) = (vec![1.0], vec![0.0], 0.0, vec![]);
        for chunk in 0..chunks {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let end_ms = duration_ms.min(250.0 * (chunk + 1) as f64);
            let steps = ((end_ms - simulation.time_ms()) / p.dt_ms).round() as usize;
            p.rule.run(&mut simulation, &mut synapses, steps).map_err(failed)?;
            let trace = simulation.recording(branch, 0);
            above_ms += p.dt_ms * trace.iter().filter(|v| **v > p.rule.threshold_mv).count() as f64;
            if chunk < 2 {
                first.extend(trace);
            }
            simulation.clear_recordings();
            weights.push(synapses.iter().map(|s| s.weight).sum::<f64>() / p.synapses as f64);
            times_s.push(1e-3 * end_ms);
            context.progress.step("quarters of a second", chunk + 1, chunks);
        }
        report(p, &weights, &times_s, above_ms, simulation.spikes_ms(detector, 0).len(), &first)
    }
}

fn volleys(
    p: &PlateauPlasticityParameters,
    duration_ms: f64,
    synapse: usize,
    context: &Context<'_>,
) -> Result<Vec<f64>, StageError> {
    let count = (p.duration_s * p.rate_hz).floor() as usize;
    let mut times = Vec::with_capacity(count);
    for volley in 0..count {
        let at_ms = 1000.0 * (volley as f64 + 0.5) / p.rate_hz;
        let source = SpikeSource::Volley { at_ms, jitter_ms: p.jitter_ms };
        let seed = context.seed.child("volleys").index(synapse).index(volley);
        times.extend(source.times_ms(0.0, duration_ms, &seed).map_err(failed)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn report(
    p: &PlateauPlasticityParameters,
    weights: &[f64],
    times_s: &[f64],
    above_ms: f64,
    spikes: usize,
    first: &[f64],
) -> Result<Outcome, StageError> {
    let mut outcome = Outcome::default();
    let number = |value: f64, name: &str, unit: &str| {
        Estimate::new(value, name, "one simulated cell", p.synapses, "synapses").with_unit(unit)
    };
    let change = 100.0 * (weights[weights.len() - 1] - 1.0);
    outcome.metric("change_percent", number(change, "mean change of the weights", "%"));
    outcome.metric("plateau_ms", number(above_ms, "time of the branch above the rule's threshold", "ms"));
    outcome.metric("spikes", number(spikes as f64, "somatic spikes", ""));
    let chart = |title: &str, x: &str, y: &str, points| Chart {
        title: title.into(),
        x_label: x.into(),
        y_label: y.into(),
        x_range: None,
        y_range: None,
        series: vec![Series { name: String::new(), points, marks: Marks::Line }],
    };
    let points = times_s.iter().copied().zip(weights.iter().copied()).collect();
    let svg = chart("Weights", "time (s)", "mean weight", points).svg().map_err(failed)?;
    outcome.figure("weights", "Weights", &format!("Mean of {} synapses.", p.synapses), svg);
    let points = first.iter().enumerate().map(|(i, v)| (i as f64 * p.dt_ms, *v)).step_by(5).collect();
    let svg = chart("The branch", "time (ms)", "voltage (mV)", points).svg().map_err(failed)?;
    outcome.figure("branch", "The branch in the first half second", &format!("Voltage at {}.", p.at), svg);
    let table = Table::new().with("time_s", times_s.to_vec())?.with("mean_weight", weights.to_vec())?;
    outcome.table("weights", table);
    Ok(outcome)
}
