//! Noise watched by neurons whose filters in space and time are known.

use std::collections::BTreeMap;

use rheobase_core::{Estimate, SpikeTrains};
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_data::recording::{Recording, Signal};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_task::noise_responses::NoiseResponses;

use super::source::describe;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Simulated responses to noise.
pub struct SimulatedReceptiveFields;

impl Kind for SimulatedReceptiveFields {
    type Parameters = NoiseResponses;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-receptive-fields";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a recording whose truth is known: neurons that watch noise through separable, moving, squaring and opposing filters";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &NoiseResponses) -> Vec<Complaint> {
        p.check().err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &NoiseResponses, context: &Context<'_>) -> Result<Outcome, StageError> {
        let watched = p.record(&context.seed).map_err(failed)?;
        let times_s = (0..p.frames).map(|k| k as f64 / p.frame_rate_hz).collect();
        let noise = Signal { times_s, values: watched.noise, unit: "sd".into() };
        let neurons = 0..p.neurons();
        let recording = Recording {
            spikes: SpikeTrains::from_units(watched.spikes_s, (0.0, p.frames as f64 / p.frame_rate_hz))?,
            units: Table::new()
                .with("id", neurons.clone().collect::<Vec<_>>())?
                .with("kind", neurons.clone().map(|n| p.kind(n).name().to_owned()).collect::<Vec<_>>())?,
            trials: Table::new(),
            signals: BTreeMap::from([("noise".to_owned(), noise)]),
        };
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        for neuron in neurons {
            if let Some((raised, lowered)) = p.variances(neuron) {
                for (name, value) in [("raised_variance", raised), ("lowered_variance", lowered)] {
                    let what = "variance of the noise along a filter before spikes";
                    let estimate = Estimate::new(value, what, "quadrature, the truth", 1, "neurons");
                    outcome.metric(&format!("{name}_{neuron}"), estimate);
                }
            }
            for (k, filter) in p.filters(neuron).into_iter().enumerate() {
                outcome.array(&format!("filter_{neuron}_{k}"), Array::F64(filter.into_dyn()));
            }
        }
        Ok(outcome)
    }
}
