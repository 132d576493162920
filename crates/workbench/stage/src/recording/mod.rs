//! Recordings of neurons: where they come from, and what is measured in them.

mod events;
mod feature_encoding;
mod firing_statistics;
mod gain_modulation;
mod glm;
mod head_direction;
mod modulation_transfer;
mod pair_synchrony;
mod phase_of_firing;
mod phase_precession;
mod phases;
mod place;
mod representation_over_time;
mod reverse_correlation;
mod simulated_features;
mod simulated_modulation;
mod simulated_receptive_fields;
mod simulated_session;
mod simulated_trials;
mod source;
mod trial_decoding;
mod trial_dynamics;
mod trial_information;
mod trial_tuning;
mod trials;

pub use events::EventResponse;
pub use feature_encoding::FeatureEncoding;
pub use firing_statistics::FiringStatistics;
pub use gain_modulation::GainModulation;
pub use glm::SpikeGlm;
pub use head_direction::HeadDirection;
pub use modulation_transfer::ModulationTransfer;
pub use pair_synchrony::PairSynchrony;
pub use phase_of_firing::PhaseOfFiring;
pub use phase_precession::PhasePrecession;
pub use place::PlaceField;
pub use representation_over_time::RepresentationOverTime;
pub use reverse_correlation::ReverseCorrelation;
pub use simulated_features::SimulatedFeatures;
pub use simulated_modulation::SimulatedModulation;
pub use simulated_receptive_fields::SimulatedReceptiveFields;
pub use simulated_session::SimulatedSession;
pub use simulated_trials::SimulatedTrials;
pub use source::RecordingKind;
pub use trial_decoding::TrialDecoding;
pub use trial_dynamics::TrialDynamics;
pub use trial_information::TrialInformation;
pub use trial_tuning::TrialTuning;

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayD, Ix2, IxDyn};
use rheobase_core::SpikeTrains;
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_data::recording::{Recording, Signal};
use rheobase_pipeline::{Artifact, InputHandle, Outcome, StageError};
use serde::{Deserialize, Serialize};

use crate::kind::failed;

/// A recording.
#[derive(Debug)]
pub struct Recorded;

impl Artifact for Recorded {
    const ACCEPTS: &'static [&'static str] = &["a recording"];
}

#[derive(Serialize, Deserialize)]
struct Header {
    span_s: (f64, f64),
    /// Unit of each signal, by name.
    signals: BTreeMap<String, String>,
    has_trials: bool,
}

/// Writes a recording into an outcome.
pub fn store(recording: &Recording, outcome: &mut Outcome) {
    let vector =
        |values: Vec<f64>| Array::F64(ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).expect("one axis"));
    let spikes = &recording.spikes;
    let times: Vec<f64> = (0..spikes.units()).flat_map(|u| spikes.unit(u).to_vec()).collect();
    let mut end = 0;
    let ends: Vec<f64> = (0..spikes.units())
        .map(|u| {
            end += spikes.unit(u).len();
            end as f64
        })
        .collect();
    outcome.array("spike_times_s", vector(times));
    outcome.array("spike_ends", vector(ends));
    for (name, signal) in &recording.signals {
        outcome.array(&format!("signal_{name}_times_s"), vector(signal.times_s.clone()));
        outcome.array(&format!("signal_{name}"), Array::F64(signal.values.clone().into_dyn()));
    }
    outcome.table("units", recording.units.clone());
    if recording.trials.rows() > 0 {
        outcome.table("trials", recording.trials.clone());
    }
    let header = Header {
        span_s: spikes.span_s(),
        signals: recording.signals.iter().map(|(n, s)| (n.clone(), s.unit.clone())).collect(),
        has_trials: recording.trials.rows() > 0,
    };
    outcome.files.insert("recording.json".into(), serde_json::to_vec(&header).expect("plain data"));
}

/// Reads the recording of a result.
pub fn load(input: &InputHandle) -> Result<Recording, StageError> {
    let header: Header = serde_json::from_slice(&input.file("recording.json")?).map_err(failed)?;
    let mut arrays = input.arrays()?;
    let mut take = |name: &str| {
        arrays.remove(name).ok_or_else(|| StageError::Failed(format!("{} has no array `{name}`", input.address)))
    };
    let times: Vec<f64> = take("spike_times_s")?.into_iter().collect();
    let mut start = 0;
    let mut units = Vec::new();
    for end in take("spike_ends")? {
        units.push(times[start..end as usize].to_vec());
        start = end as usize;
    }
    let mut signals = BTreeMap::new();
    for (name, unit) in header.signals {
        let times_s = take(&format!("signal_{name}_times_s"))?.into_iter().collect();
        let values: Array2<f64> = take(&format!("signal_{name}"))?.into_dimensionality::<Ix2>().map_err(failed)?;
        signals.insert(name, Signal { times_s, values, unit });
    }
    let trials = if header.has_trials { input.table("trials")? } else { Table::new() };
    let spikes = SpikeTrains::from_units(units, header.span_s)?;
    Ok(Recording { spikes, units: input.table("units")?, trials, signals })
}

/// A signal by name.
pub fn signal<'a>(recording: &'a Recording, name: &str) -> Result<&'a Signal, StageError> {
    recording.signals.get(name).ok_or_else(|| {
        let known = recording.signals.keys().cloned().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none (ask for it in the data node's `signals`)".to_owned() } else { known };
        StageError::Failed(format!("the recording has no signal `{name}`; it has: {known}"))
    })
}

/// A unit by index, checked.
pub fn unit(recording: &Recording, unit: usize) -> Result<&[f64], StageError> {
    let units = recording.spikes.units();
    if unit < units {
        Ok(recording.spikes.unit(unit))
    } else {
        Err(StageError::Failed(format!("there is no unit {unit}; the recording has {units}, counted from 0")))
    }
}
