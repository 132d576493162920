//! Surrogates of single neurons: what they learn from, and how they are trained and judged.

mod architecture;
mod classifier;
mod complexity;
mod covariance;
mod curves;
mod imitation;
mod imported;
mod input_map;
mod lesions;
mod quality;
mod spoken_digits;
mod trees;
mod trials;
mod windows;

pub use classifier::SpikeClassifierKind;
pub use complexity::ComplexityIndex;
pub use curves::SurrogateCurves;
pub use imitation::Imitation;
pub use imported::ImportedSurrogate;
pub use input_map::SurrogateMap;
pub use spoken_digits::SpokenDigitsKind;
pub use trials::NeuronTrials;
pub use windows::SpikeWindows;

pub(crate) use imitation::load_surrogate;
pub(crate) use trials::load_neuron;

use rheobase_pipeline::{Artifact, Complaint, Context, InputHandle, Outcome, StageError};
use rheobase_rate::device;
use rheobase_surrogate::data::encoding::{decode, encode};
use rheobase_surrogate::data::{Dataset, Teacher};
use rheobase_surrogate::training::Device;
use rheobase_surrogate::{Error, Surrogate};

use crate::kind::{complaint, failed};

/// Input spikes of a neuron and what it did with them.
#[derive(Debug)]
pub struct TrialsArtifact;

impl Artifact for TrialsArtifact {
    const ACCEPTS: &'static [&'static str] = &["trials of a neuron"];
}

/// A network trained to imitate a neuron.
#[derive(Debug)]
pub struct SurrogateArtifact;

impl Artifact for SurrogateArtifact {
    const ACCEPTS: &'static [&'static str] = &["a surrogate"];
}

const TRIALS: &str = "trials.bin";
const INPUTS: &str = "inputs.json";
const DENDRITES: &str = "dendrites.json";

/// Writes trials into an outcome.
fn store(data: &Dataset, outcome: &mut Outcome) -> Result<(), StageError> {
    outcome.files.insert(TRIALS.into(), encode(&data.trials));
    outcome.files.insert(INPUTS.into(), serde_json::to_vec(&data.input_names).map_err(failed)?);
    outcome.files.insert(DENDRITES.into(), serde_json::to_vec(&data.dendrite_names).map_err(failed)?);
    Ok(())
}

/// A neuron that surrogates learnt from, or one of them.
pub(crate) enum NeuronOrSurrogate {
    /// The neuron.
    Neuron(Box<dyn Teacher>),
    /// A surrogate.
    Surrogate(Box<Surrogate>),
}

impl NeuronOrSurrogate {
    /// What each input is.
    pub fn input_names(&self) -> Vec<String> {
        match self {
            Self::Neuron(neuron) => neuron.input_names(),
            Self::Surrogate(surrogate) => surrogate.input_names.clone(),
        }
    }
}

/// Reads the neuron of trials, or a surrogate, whichever the result is.
pub(crate) fn load_neuron_or_surrogate(input: &InputHandle) -> Result<NeuronOrSurrogate, StageError> {
    if input.has(TRIALS) {
        Ok(NeuronOrSurrogate::Neuron(load_neuron(input)?))
    } else {
        Ok(NeuronOrSurrogate::Surrogate(Box::new(load_surrogate(input)?)))
    }
}

/// The same; none where the result is neither.
pub(crate) fn load_neuron_or_surrogate_if_any(input: &InputHandle) -> Result<Option<NeuronOrSurrogate>, StageError> {
    let either = [TRIALS, imitation::SURROGATE].iter().any(|file| input.has(file));
    either.then(|| load_neuron_or_surrogate(input)).transpose()
}

/// Reads the trials of a result.
fn load(input: &InputHandle) -> Result<Dataset, StageError> {
    let damaged = || StageError::Failed(format!("the trials of {} are damaged", input.address));
    Ok(Dataset {
        input_names: serde_json::from_slice(&input.file(INPUTS)?).map_err(failed)?,
        dendrite_names: serde_json::from_slice(&input.file(DENDRITES)?).map_err(failed)?,
        trials: decode(&input.file(TRIALS)?).ok_or_else(damaged)?,
    })
}

/// The accelerator that a node trains on; none for the cpu.
fn device_of(context: &Context<'_>) -> Result<Option<Device>, StageError> {
    match context.device.as_str() {
        "cpu" => Ok(None),
        name => device::by_name(name).map(Some).map_err(failed),
    }
}

/// Refuses names that cannot begin the name of a metric; they stand under `key`.
fn require_plain<'a>(key: &str, names: impl Iterator<Item = &'a String>) -> Vec<Complaint> {
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let wrong = names.filter(|name| !plain(name));
    let of = |name: &String| {
        complaint(&[key], format!("`{name}` cannot begin the name of a metric"), "use letters, digits and _")
    };
    wrong.map(of).collect()
}

/// An error of the library, or that the user stopped the work.
fn stopped(error: Error) -> StageError {
    match error {
        Error::Core(rheobase_core::Error::Interrupted) => StageError::Interrupted,
        other => failed(other),
    }
}
