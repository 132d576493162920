//! `[analysis.*] kind = "synaptic-potential"`: what one event of each weight does to a neuron at rest.

use rheobase_core::Silent;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::network::{
    ConnectionRule, Distribution, Listed, NetworkDescription, Population, Precision, Projection, Receptor,
};
use rheobase_spiking::neuron::{Neuron, SpikeTimes};
use rheobase_spiking::{Recording, Simulation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `synaptic-potential`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapticPotentialParameters {
    /// The neuron; give it a threshold it does not reach.
    pub neuron: Neuron,
    /// The receptor.
    pub receptor: Receptor,
    /// Weights.
    pub weights: Vec<f64>,
    /// Delay in ms.
    pub delay_ms: f64,
    /// Step in ms.
    #[serde(default = "step")]
    pub dt_ms: f64,
}

fn step() -> f64 {
    0.1
}

/// Synaptic potentials.
pub struct SynapticPotential;

/// When the source spikes, and how long potentials are followed, in ms.
const SPIKE_MS: f64 = 5.0;
const DURATION_MS: f64 = 60.0;

fn network(p: &SynapticPotentialParameters, dt_ms: f64) -> NetworkDescription {
    let source = Neuron::SpikeTimes(SpikeTimes { times_ms: vec![vec![SPIKE_MS]] });
    let target = Population::new(p.weights.len().max(1), p.neuron.clone()).with_receptor("in", p.receptor);
    let synapses = p.weights.iter().enumerate().map(|(to, w)| Listed { from: 0, to, weight: Some(*w), delay_ms: None });
    let rule = ConnectionRule::List { synapses: synapses.collect() };
    let mut projection = Projection::new("source", "target", "in", rule, 0.0, p.delay_ms);
    projection.weight = Distribution::Constant { value: 0.0 };
    NetworkDescription {
        dt_ms,
        precision: Precision::Double,
        populations: [("source".into(), Population::new(1, source)), ("target".into(), target)].into(),
        projections: vec![projection],
    }
}

impl Kind for SynapticPotential {
    type Parameters = SynapticPotentialParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "synaptic-potential";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "the potential that one event of each weight makes, and its charge at half the step";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("synaptic potentials")];

    fn check(p: &SynapticPotentialParameters) -> Vec<Complaint> {
        let problem = network(p, p.dt_ms).check().err().map(|e| e.to_string());
        let empty = p.weights.is_empty().then(|| "there are no weights".to_owned());
        problem
            .or(empty)
            .map(|m| complaint(&["weights"], m, "mend the neuron, the receptor or the delay"))
            .into_iter()
            .collect()
    }

    fn run(p: &SynapticPotentialParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let trace = |dt_ms: f64, variable: &str| -> Result<(Vec<f64>, Vec<Vec<f64>>), StageError> {
            let mut simulation = Simulation::new(&network(p, dt_ms), &context.seed, 1).map_err(failed)?;
            let recording = Recording {
                population: "target".into(),
                variable: variable.into(),
                neurons: p.weights.len(),
                every_ms: dt_ms,
                from_ms: 0.0,
                until_ms: 1e15,
            };
            simulation.record(&recording).map_err(failed)?;
            simulation.run_ms(DURATION_MS, &Silent).map_err(failed)?;
            let (times, values) = simulation.recorded(0);
            Ok((times.to_vec(), values.to_vec()))
        };
        let (times, voltages) = trace(p.dt_ms, "v")?;
        let mut lines = Vec::new();
        for (k, weight) in p.weights.iter().enumerate() {
            let rest = voltages[0][k];
            let points: Vec<(f64, f64)> = times.iter().zip(&voltages).map(|(t, v)| (*t, v[k] - rest)).collect();
            let peak = points.iter().map(|p| p.1).fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            metric(&mut outcome, &format!("peak_{}_mv", k + 1), peak, ("peak of the potential", "mV"), (1, "event"));
            let begin = points.iter().find(|p| p.1 != 0.0).map_or(f64::NAN, |p| p.0);
            // The voltage moves in the step after the arrival.
            let onset = begin - p.dt_ms - SPIKE_MS;
            metric(&mut outcome, &format!("onset_{}_ms", k + 1), onset, ("delay of the potential", "ms"), (1, "event"));
            lines.push(series(&format!("weight {weight}"), points, Marks::Line));
        }
        let charge = |dt_ms: f64| -> Result<f64, StageError> {
            let (_, states) = trace(dt_ms, "in")?;
            let decay = p.receptor.time_course_ms().map_or(1.0, |c| c.1);
            // States are seen after each step; what they carry over it is their mean, which for exponentials is exact.
            let share = decay / dt_ms * (1.0 - (-dt_ms / decay).exp());
            Ok(states.iter().map(|s| s[0]).sum::<f64>() * dt_ms * share)
        };
        if p.receptor.time_course_ms().is_some_and(|c| c.0.is_none()) {
            let ratio = charge(0.5 * p.dt_ms)? / charge(p.dt_ms)?;
            metric(
                &mut outcome,
                "charge_at_half_step",
                ratio,
                ("charge at half the step over charge", ""),
                (2, "steps"),
            );
        }
        let caption = "Potentials of single events, from rest.";
        chart(&mut outcome, ["potentials", "Potentials", caption], ["time (ms)", "voltage from rest (mV)"], lines)?;
        Ok(outcome)
    }
}
