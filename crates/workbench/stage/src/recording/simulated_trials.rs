//! Trials of neurons whose code is known.

use std::collections::BTreeMap;

use rheobase_core::{Estimate, SpikeTrains};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_task::tuned_trials::TunedTrials;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::describe;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Parameters of `simulated-trials`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatedTrialsParameters {
    /// Stimuli: directions around the circle.
    #[schemars(range(min = 2, max = 64))]
    pub stimuli: usize,
    /// Trials of each.
    #[schemars(range(min = 2, max = 100_000))]
    pub repeats: usize,
    /// Neurons whose rate tells the stimulus.
    pub rate_neurons: usize,
    /// Neurons whose spike times tell it.
    pub timing_neurons: usize,
    /// Rate far from the preferred stimulus in Hz.
    pub base_hz: f64,
    /// What the preferred stimulus adds in Hz.
    pub peak_hz: f64,
    /// Concentration of the tuning.
    pub kappa: f64,
    /// Length of a stimulus in s.
    pub window_s: f64,
    /// Pause between stimuli in s.
    pub pause_s: f64,
    /// Standard deviation of the logarithm of a gain that all neurons of a trial share.
    pub gain_sd: f64,
    /// Rate in Hz of events at which neurons 0 and 1, 2 and 3, ... fire together.
    pub shared_hz: f64,
    /// Parts of the window of the words whose information is given as the truth.
    #[schemars(range(min = 1, max = 16))]
    pub bins: usize,
    /// Spikes that are told apart in each part.
    #[schemars(range(min = 1, max = 50))]
    pub most: usize,
}

impl Default for SimulatedTrialsParameters {
    fn default() -> Self {
        Self {
            stimuli: 8,
            repeats: 40,
            rate_neurons: 4,
            timing_neurons: 4,
            base_hz: 2.0,
            peak_hz: 30.0,
            kappa: 2.0,
            window_s: 0.2,
            pause_s: 0.1,
            gain_sd: 0.0,
            shared_hz: 0.0,
            bins: 4,
            most: 2,
        }
    }
}

impl SimulatedTrialsParameters {
    fn trials(&self) -> TunedTrials {
        TunedTrials {
            stimuli: self.stimuli,
            repeats: self.repeats,
            rate_neurons: self.rate_neurons,
            timing_neurons: self.timing_neurons,
            base_hz: self.base_hz,
            peak_hz: self.peak_hz,
            kappa: self.kappa,
            window_s: self.window_s,
            pause_s: self.pause_s,
            gain_sd: self.gain_sd,
            shared_hz: self.shared_hz,
        }
    }
}

/// Neurons whose information is given as a metric.
const TOLD: usize = 12;

/// Spikes that are told apart in the count of a whole window, for the truth.
const COUNTED: usize = 200;
/// Trials that the ideal observer is shown.
const OBSERVED: usize = 20_000;

/// Simulated trials.
pub struct SimulatedTrials;

impl Kind for SimulatedTrials {
    type Parameters = SimulatedTrialsParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-trials";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a recording whose truth is known: neurons that tell a stimulus by their rate or by their spike times";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &SimulatedTrialsParameters) -> Vec<Complaint> {
        let trials = p.trials();
        let found = trials.check().and_then(|()| trials.information_bits(0, p.bins, p.most).map(|_| ()));
        found.err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &SimulatedTrialsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trials = p.trials();
        let recorded = trials.record(&context.seed).map_err(failed)?;
        let neurons = trials.neurons();
        let stops: Vec<f64> = recorded.starts_s.iter().map(|s| s + p.window_s).collect();
        let end = stops.last().copied().unwrap_or(0.0) + p.pause_s;
        let degrees = |s: &usize| format!("{:.0}", trials.direction_rad(*s).to_degrees());
        let kind = |n: usize| if n < p.rate_neurons { "rate" } else { "timing" }.to_owned();
        let preferred = |n: usize| trials.preferred_rad(n).to_degrees();
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
            signals: BTreeMap::new(),
        };
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        for neuron in 0..neurons.min(TOLD) {
            for (code, bins, most) in [("count", 1, COUNTED), ("word", p.bins, p.most)] {
                let bits = trials.information_bits(neuron, bins, most).map_err(failed)?;
                let what = format!("information of the {code} about the stimulus");
                let estimate =
                    Estimate::new(bits, &what, "enumerated, the truth", p.stimuli, "stimuli").with_unit("bit");
                outcome.metric(&format!("{code}_bits_{neuron}"), estimate.with_constant("most", most as f64));
            }
        }
        if let Some(accuracy) = trials.ideal_accuracy(p.bins, OBSERVED, &context.seed.child("ideal observer")) {
            let variant = "likeliest stimulus under the true rates";
            let estimate = Estimate::new(accuracy, "accuracy of the ideal observer", variant, OBSERVED, "fresh trials");
            outcome.metric("ideal_accuracy", estimate.with_constant("bins", p.bins as f64));
        }
        Ok(outcome)
    }
}
