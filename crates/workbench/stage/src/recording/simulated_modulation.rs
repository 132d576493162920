//! Amplitude-modulated sounds heard by neurons whose tuning is known.

use std::collections::BTreeMap;

use rheobase_core::{Estimate, SpikeTrains};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_task::modulated_trials::ModulatedTrials;

use super::source::describe;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Neurons whose truth is given as a metric.
const TOLD: usize = 12;
/// Vector strength at which the true cut-off is given.
const CRITERION: f64 = 0.1;

/// Simulated responses to modulated sounds.
pub struct SimulatedModulation;

impl Kind for SimulatedModulation {
    type Parameters = ModulatedTrials;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-modulation";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a recording whose truth is known: neurons that lock to modulated sounds, their rates scaled by a state or added to";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &ModulatedTrials) -> Vec<Complaint> {
        p.check().err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &ModulatedTrials, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recorded = p.record(&context.seed).map_err(failed)?;
        let stops: Vec<f64> = recorded.starts_s.iter().map(|s| s + p.window_s).collect();
        let end = stops.last().copied().unwrap_or(0.0) + p.pause_s;
        let kind = |n: usize| if p.multiplies(n) { "multiplicative" } else { "additive" }.to_owned();
        let neurons = 0..p.neurons;
        let recording = Recording {
            spikes: SpikeTrains::from_units(recorded.spikes_s, (0.0, end))?,
            units: Table::new()
                .with("id", neurons.clone().collect::<Vec<_>>())?
                .with("gain", neurons.clone().map(kind).collect::<Vec<_>>())?
                .with("best_hz", neurons.clone().map(|n| p.best_hz(n)).collect::<Vec<_>>())?,
            trials: Table::new()
                .with("start_time", recorded.starts_s)?
                .with("stop_time", stops)?
                .with("modulation_hz", recorded.frequencies.iter().map(|f| p.frequencies_hz[*f]).collect::<Vec<_>>())?
                .with("state", recorded.states.iter().map(|s| p.gains[*s]).collect::<Vec<_>>())?,
            signals: BTreeMap::new(),
        };
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        for neuron in neurons.take(TOLD) {
            let mut put = |name: &str, value: f64, what: &str| {
                let estimate = Estimate::new(value, what, "put in, the truth", 1, "neurons").with_unit("Hz");
                outcome.metric(&format!("{name}_{neuron}"), estimate);
            };
            put("best_hz", p.best_hz(neuron), "modulation frequency of the highest rate");
            if let Some(cutoff) = p.cutoff_hz(neuron, CRITERION) {
                put("cutoff_hz", cutoff, "modulation frequency above which the vector strength is below .1");
            }
        }
        Ok(outcome)
    }
}
