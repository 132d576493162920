//! `[model.*] kind = "imported-surrogate"`: a surrogate whose weights others trained, judged on the neuron that it is said to imitate.

use std::path::{Path, PathBuf};

use rheobase_data::library::Library;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::published::{Array, Convention, pytorch, weights};
use rheobase_surrogate::surrogate::{VoltageScale, check_testable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::ArchitecturePart;
use super::imitation::{keep, report_filters, report_quality, report_trial};
use super::quality::Quality;
use super::{TrialsArtifact, load};
use crate::artifact::from_safetensors;
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `imported-surrogate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportedParameters {
    /// Trials of the neuron; the network's inputs are its, in their order.
    pub of: Input<TrialsArtifact>,
    /// The network.
    pub architecture: ArchitecturePart,
    /// A .safetensors file, or a .pt or .pth checkpoint of PyTorch; the path is relative to the folder the program is started in.
    pub weights: PathBuf,
    /// How the file names and lays out its weights.
    #[serde(default)]
    pub convention: Convention,
    /// How the network writes voltages; by default as one that was trained on the trials that are not kept for testing.
    #[serde(default)]
    pub voltage: Option<VoltageScale>,
    /// Trials at the end that it is tested on.
    #[schemars(range(min = 1))]
    pub test_trials: usize,
}

/// A surrogate that others trained.
pub struct ImportedSurrogate;

const KNOWN: [&str; 3] = ["safetensors", "pt", "pth"];

fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

impl Kind for ImportedSurrogate {
    type Parameters = ImportedParameters;
    const ROLE: Role = Role::Model;
    const KIND: &'static str = "imported-surrogate";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "a surrogate with weights from a safetensors or PyTorch file, judged on a neuron";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a surrogate")];
    const READS_OUTSIDE: bool = true;

    fn check(p: &ImportedParameters) -> Vec<Complaint> {
        let mut all = p.architecture.complaints();
        let found = extension(&p.weights);
        if !KNOWN.contains(&found.as_str()) {
            let message = format!("weights in a .{found} file");
            all.push(complaint(&["weights"], message, "give a .safetensors, .pt or .pth file"));
        }
        all
    }

    fn fingerprint(p: &ImportedParameters, _: &Library) -> Result<String, StageError> {
        Ok(blake3::hash(&bytes(&p.weights)?).to_hex().to_string())
    }

    fn run(p: &ImportedParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let data = load(context.input(&p.of)?)?;
        let first_test = data.trials.len().saturating_sub(p.test_trials);
        check_testable(&data.trials[first_test..]).map_err(failed)?;
        let network = p.architecture.network(&data.input_names);
        network.check().map_err(failed)?;
        let named = |e: rheobase_surrogate::Error| StageError::Failed(format!("{}: {e}", p.weights.display()));
        let weights = weights(&network, &arrays(&p.weights)?, &p.convention).map_err(named)?;
        // All trials are tested on: none are left to learn how voltage varies.
        let known = if first_test == 0 { &data.trials[..] } else { &data.trials[..first_test] };
        let voltage = match p.voltage {
            Some(scale) => scale,
            None => VoltageScale::fitted(known, -55.0).map_err(failed)?,
        };
        let input_names = data.input_names.clone();
        let mut surrogate = Surrogate { network, weights, input_names, voltage, dendrites: None, matched_chance: 0.5 };
        surrogate.match_spikes(known, threads()).map_err(failed)?;
        let evaluation = surrogate.evaluate(&data, first_test..data.trials.len(), threads()).map_err(failed)?;
        let mut outcome = Outcome::default();
        keep(&surrogate, &mut outcome)?;
        Quality::new(&surrogate, &evaluation, 0.0).store(&mut outcome)?;
        report_quality(&evaluation, p.test_trials, &mut outcome)?;
        report_trial(&surrogate, &data, first_test, &mut outcome)?;
        report_filters(&surrogate, None, &mut outcome)?;
        Ok(outcome)
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, StageError> {
    std::fs::read(path).map_err(|e| StageError::Failed(format!("cannot read {}: {e}", path.display())))
}

fn arrays(path: &Path) -> Result<Vec<Array>, StageError> {
    if extension(path) != "safetensors" {
        return pytorch::read(path).map_err(failed);
    }
    let arrays = from_safetensors(&bytes(path)?)?;
    Ok(arrays.into_iter().map(|a| Array { name: a.name, dims: a.shape, values: a.values }).collect())
}
