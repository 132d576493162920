//! `[analysis.*] kind = "point-neuron"`: spikes of neurons without shape under pulses of current.

use std::collections::BTreeMap;

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use rheobase_spiking::neuron::Neuron;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};

/// A neuron under a current.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The neuron.
    pub neuron: Neuron,
    /// Current during each pulse, in the unit of the model.
    pub currents: Vec<f64>,
}

/// Parameters of `point-neuron`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointNeuronParameters {
    /// Neurons and currents by name.
    pub trials: BTreeMap<String, Trial>,
    /// Beginnings and ends of the pulses in ms.
    pub pulses_ms: Vec<[f64; 2]>,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Step in ms.
    #[serde(default = "step")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dt_ms: f64,
}

fn step() -> f64 {
    0.01
}

/// Responses of point neurons.
pub struct PointNeuronKind;

impl Kind for PointNeuronKind {
    type Parameters = PointNeuronParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "point-neuron";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "spikes of point neurons (LIF, Izhikevich, AdEx, QIF) under pulses of current";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("spikes of point neurons")];

    fn check(p: &PointNeuronParameters) -> Vec<Complaint> {
        let check = |(name, trial): (&String, &Trial)| {
            if trial.currents.len() != p.pulses_ms.len() {
                let message = format!("{} currents for {} pulses", trial.currents.len(), p.pulses_ms.len());
                return Some(complaint(&["trials", name, "currents"], message, "give one for each pulse"));
            }
            let error = trial.neuron.check(&format!("trial {name}"), p.dt_ms).err()?;
            Some(complaint(&["trials", name, "neuron"], error.to_string(), "mend this parameter"))
        };
        p.trials.iter().filter_map(check).collect()
    }

    fn run(p: &PointNeuronParameters, _: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let (mut names, mut times, mut series) = (vec![], vec![], vec![]);
        for (row, (name, trial)) in p.trials.iter().enumerate() {
            let current = |t: f64| {
                let pulses = p.pulses_ms.iter().zip(&trial.currents);
                pulses.filter(|([from, to], _)| (*from..*to).contains(&t)).map(|(_, current)| current).sum()
            };
            let spikes = trial.neuron.respond(p.dt_ms, p.duration_ms, current);
            measure(p, name, trial, &spikes, &mut outcome);
            series.push(Series {
                name: name.replace('_', " "),
                points: spikes.iter().map(|t| (*t, row as f64 + 1.0)).collect(),
                marks: Marks::Points,
            });
            names.extend(spikes.iter().map(|_| name.clone()));
            times.extend(spikes);
        }
        outcome.table("spikes", Table::new().with("trial", names)?.with("time_ms", times)?);
        let chart = Chart {
            title: "spikes".into(),
            x_label: "time (ms)".into(),
            y_label: "trial".into(),
            x_range: Some((0.0, p.duration_ms)),
            y_range: Some((0.0, p.trials.len() as f64 + 1.0)),
            series,
        };
        let caption = format!("Spikes of {} neurons under the same pulses.", p.trials.len());
        outcome.figure("raster", "Spikes", &caption, chart.svg().map_err(failed)?);
        Ok(outcome)
    }
}

fn measure(p: &PointNeuronParameters, name: &str, trial: &Trial, spikes: &[f64], outcome: &mut Outcome) {
    let number = |value: f64, what: &str, unit: &str| {
        Estimate::new(value, what, "Euler steps; exact for the leaky neuron", spikes.len(), "spikes").with_unit(unit)
    };
    for (k, [from, to]) in p.pulses_ms.iter().enumerate() {
        // A spike that a pulse started may come a little after it.
        let until = p.pulses_ms.get(k + 1).map_or(p.duration_ms, |next| next[0]);
        let within: Vec<f64> = spikes.iter().copied().filter(|t| (*from..until).contains(t)).collect();
        let suffix = if k == 0 { String::new() } else { format!("_{}", k + 1) };
        outcome.metric(&format!("{name}_spikes{suffix}"), number(within.len() as f64, "spikes of the pulse", ""));
        let train: Vec<f64> = within.iter().copied().filter(|t| t <= to).collect();
        let rate = match train.len() {
            0 | 1 => 0.0,
            n => 1000.0 * (n - 1) as f64 / (train[n - 1] - train[0]),
        };
        outcome.metric(&format!("{name}_rate_hz{suffix}"), number(rate, "rate of the intervals in the pulse", "Hz"));
        for (i, w) in within.windows(2).take(3).enumerate() {
            outcome.metric(&format!("{name}_interval_{}{suffix}", i + 1), number(w[1] - w[0], "interval", "ms"));
        }
    }
    let gaps: Vec<f64> = spikes.windows(2).map(|w| w[1] - w[0]).collect();
    if let (Some(first), Some(last)) = (gaps.first(), gaps.last()) {
        outcome.metric(&format!("{name}_adaptation"), number((last - first) / (last + first), "adaptation index", ""));
    }
    if let Neuron::Lif(lif) = &trial.neuron {
        for (k, current) in trial.currents.iter().enumerate() {
            let suffix = if k == 0 { String::new() } else { format!("_{}", k + 1) };
            let theory = number(lif.rate_hz(*current), "rate in closed form", "Hz");
            outcome.metric(&format!("{name}_theory_hz{suffix}"), theory);
        }
    }
}
