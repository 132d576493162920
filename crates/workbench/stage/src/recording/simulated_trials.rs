//! Trials of neurons whose code is known.

use std::f64::consts::TAU;

use ndarray::Array2;
use rheobase_core::{Estimate, SpikeTrains};
use rheobase_data::Table;
use rheobase_data::recording::{Recording, Signal};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_task::tuned_trials::{Recorded, TunedTrials};

use super::source::describe;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Neurons whose information is given as a metric.
const TOLD: usize = 12;

/// Spikes that are told apart in the count of a whole window, for the truth.
const COUNTED: usize = 200;
/// Trials that the ideal observer is shown.
const OBSERVED: usize = 20_000;

/// Simulated trials.
pub struct SimulatedTrials;

impl Kind for SimulatedTrials {
    type Parameters = TunedTrials;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-trials";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a recording whose truth is known: neurons that tell a stimulus by their rate or by their spike times";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &TunedTrials) -> Vec<Complaint> {
        p.check().err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &TunedTrials, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recorded = p.record(&context.seed).map_err(failed)?;
        let neurons = p.neurons();
        let stops: Vec<f64> = recorded.starts_s.iter().map(|s| s + p.window_s).collect();
        let end = stops.last().copied().unwrap_or(0.0) + p.pause_s;
        let degrees = |s: &usize| format!("{:.0}", p.direction_rad(*s).to_degrees());
        let kind = |n: usize| if n < p.rate_neurons { "rate" } else { "timing" }.to_owned();
        let preferred = |n: usize| p.preferred_rad(n).to_degrees();
        let phase = oscillation(p, &stops, &recorded)?;
        let recording = Recording {
            spikes: SpikeTrains::from_units(recorded.spikes_s, (0.0, end))?,
            units: Table::new()
                .with("id", (0..neurons).collect::<Vec<_>>())?
                .with("code", (0..neurons).map(kind).collect::<Vec<_>>())?
                .with("preferred_deg", (0..neurons).map(preferred).collect::<Vec<_>>())?,
            trials: Table::new()
                .with("start_time", recorded.starts_s)?
                .with("stop_time", stops)?
                .with("stimulus", recorded.stimuli.iter().map(degrees).collect::<Vec<_>>())?,
            signals: phase.into_iter().map(|signal| ("phase".to_owned(), signal)).collect(),
        };
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        let word = if p.oscillation_hz > 0.0 { "phase" } else { "word" };
        for neuron in 0..neurons.min(TOLD) {
            for (code, bins, most) in [("count", 1, COUNTED), (word, p.bins, p.most)] {
                let bits = p.information_bits(neuron, bins, most).map_err(failed)?;
                let what = format!("information of the {code} about the stimulus");
                let estimate =
                    Estimate::new(bits, &what, "enumerated, the truth", p.stimuli, "stimuli").with_unit("bit");
                outcome.metric(&format!("{code}_bits_{neuron}"), estimate.with_constant("most", most as f64));
            }
        }
        if let Some(accuracy) = p.ideal_accuracy(p.bins, OBSERVED, &context.seed.child("ideal observer")) {
            let variant = "likeliest stimulus under the true rates";
            let estimate = Estimate::new(accuracy, "accuracy of the ideal observer", variant, OBSERVED, "fresh trials");
            outcome.metric("ideal_accuracy", estimate.with_constant("bins", p.bins as f64));
        }
        Ok(outcome)
    }
}

/// Phase of the oscillation at the begin and the end of every trial, unwrapped; it turns evenly in between, and goes on through pauses.
fn oscillation(p: &TunedTrials, stops_s: &[f64], recorded: &Recorded) -> Result<Option<Signal>, StageError> {
    let Some(starts) = &recorded.start_cycles else { return Ok(None) };
    let (mut times_s, mut phases_rad) = (vec![], vec![]);
    let mut cycles = 0.0_f64;
    for ((start, stop), in_cycle) in recorded.starts_s.iter().zip(stops_s).zip(starts) {
        let begin = cycles.ceil() + in_cycle;
        cycles = begin + p.window_s * p.oscillation_hz;
        times_s.extend([*start, *stop]);
        phases_rad.extend([TAU * begin, TAU * cycles]);
    }
    let values = Array2::from_shape_vec((phases_rad.len(), 1), phases_rad).map_err(failed)?;
    Ok(Some(Signal { times_s, values, unit: "rad".into() }))
}
