//! Surrogates of single neurons: what they learn from, and how they are trained and judged.

mod architecture;
mod curves;
mod imitation;
mod input_map;
mod quality;
mod trials;

pub use curves::SurrogateCurves;
pub use imitation::Imitation;
pub use input_map::SurrogateMap;
pub use trials::NeuronTrials;

use rheobase_pipeline::{Artifact, InputHandle, Outcome, StageError};
use rheobase_surrogate::Error;
use rheobase_surrogate::data::Dataset;
use rheobase_surrogate::data::encoding::{decode, encode};

use crate::kind::failed;

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

/// Writes trials into an outcome.
fn store(data: &Dataset, outcome: &mut Outcome) -> Result<(), StageError> {
    outcome.files.insert(TRIALS.into(), encode(&data.trials));
    outcome.files.insert(INPUTS.into(), serde_json::to_vec(&data.input_names).map_err(failed)?);
    Ok(())
}

/// Reads the trials of a result.
fn load(input: &InputHandle) -> Result<Dataset, StageError> {
    let damaged = || StageError::Failed(format!("the trials of {} are damaged", input.address));
    Ok(Dataset {
        input_names: serde_json::from_slice(&input.file(INPUTS)?).map_err(failed)?,
        trials: decode(&input.file(TRIALS)?).ok_or_else(damaged)?,
    })
}

/// An error of the library, or that the user stopped the work.
fn stopped(error: Error) -> StageError {
    match error {
        Error::Core(rheobase_core::Error::Interrupted) => StageError::Interrupted,
        other => failed(other),
    }
}
