//! From a typed kind to the pipeline's stage: parameters are a struct, and everything else follows from it.

use std::marker::PhantomData;

use rheobase_data::library::Library;
use rheobase_pipeline::declaration::schema_of;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, Stage, StageError};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A kind of node with typed parameters.
pub trait Kind: 'static {
    /// Parameters; their docs, defaults and ranges become schema and help.
    type Parameters: Serialize + DeserializeOwned + JsonSchema;
    /// Role.
    const ROLE: Role;
    /// Kind; empty for the only one of its role.
    const KIND: &'static str;
    /// Version of the code; raise it when results change.
    const VERSION: u32;
    /// What it does, in a sentence.
    const ABOUT: &'static str;
    /// Outputs, the main one first.
    const OUTPUTS: &'static [OutputInfo];
    /// Whether results depend on the device.
    const USES_DEVICE: bool = false;

    /// Whether parameters name outside bytes, which [`Kind::fingerprint`] then hashes.
    const READS_OUTSIDE: bool = false;

    /// Mistakes that only show when parameters meet.
    fn check(_parameters: &Self::Parameters) -> Vec<Complaint> {
        vec![]
    }

    /// Hash of outside files that the parameters name.
    fn fingerprint(_parameters: &Self::Parameters, _library: &Library) -> Result<String, StageError> {
        Ok(String::new())
    }

    /// Files of data sets that the parameters name: data set and file.
    fn data_files(_parameters: &Self::Parameters) -> Vec<(String, String)> {
        vec![]
    }

    /// Most memory needed, in MiB.
    fn memory_mib(_parameters: &Self::Parameters) -> u64 {
        256
    }

    /// Does the work.
    fn run(parameters: &Self::Parameters, context: &Context<'_>) -> Result<Outcome, StageError>;
}

/// One output without a name.
pub const fn main_output(artifact: &'static str) -> OutputInfo {
    OutputInfo { name: "", artifact }
}

/// A complaint at a path.
pub fn complaint(path: &[&str], message: String, help: &str) -> Complaint {
    Complaint { path: path.iter().map(|p| (*p).to_owned()).collect(), message, help: Some(help.to_owned()) }
}

/// A failure in the words of a library's error.
pub fn failed<E: std::error::Error>(error: E) -> StageError {
    StageError::Failed(error.to_string())
}

/// Threads for work inside a node whose result does not depend on them.
pub fn threads() -> usize {
    rheobase_core::parallel::available()
}

/// Makes a [`Kind`] a [`Stage`].
pub struct Adapter<K>(PhantomData<fn() -> K>);

impl<K> Adapter<K> {
    /// The adapter.
    pub const NEW: Self = Self(PhantomData);
}

fn parse<K: Kind>(parameters: &Json) -> Result<K::Parameters, serde_json::Error> {
    serde_json::from_value(parameters.clone())
}

impl<K: Kind> Stage for Adapter<K> {
    fn role(&self) -> Role {
        K::ROLE
    }
    fn kind(&self) -> &'static str {
        K::KIND
    }
    fn version(&self) -> u32 {
        K::VERSION
    }
    fn about(&self) -> &'static str {
        K::ABOUT
    }
    fn outputs(&self) -> &'static [OutputInfo] {
        K::OUTPUTS
    }
    fn schema(&self) -> Json {
        schema_of::<K::Parameters>()
    }
    fn uses_device(&self) -> bool {
        K::USES_DEVICE
    }

    fn resolve(&self, parameters: &Json) -> Result<Json, Vec<Complaint>> {
        let complain = |error: serde_json::Error| {
            vec![Complaint { path: vec![], message: format!("{}: {error}", K::KIND), help: None }]
        };
        let typed = parse::<K>(parameters).map_err(complain)?;
        let complaints = K::check(&typed);
        if complaints.is_empty() { serde_json::to_value(&typed).map_err(complain) } else { Err(complaints) }
    }

    fn fingerprint(&self, parameters: &Json, library: &Library) -> Result<String, StageError> {
        if K::READS_OUTSIDE {
            K::fingerprint(&parse::<K>(parameters).map_err(failed)?, library)
        } else {
            Ok(String::new())
        }
    }

    fn data_files(&self, parameters: &Json) -> Vec<(String, String)> {
        parse::<K>(parameters).map_or(vec![], |typed| K::data_files(&typed))
    }

    fn memory_mib(&self, parameters: &Json) -> u64 {
        parse::<K>(parameters).map_or(0, |typed| K::memory_mib(&typed))
    }

    fn run(&self, parameters: &Json, context: &Context<'_>) -> Result<Outcome, StageError> {
        K::run(&parse::<K>(parameters).map_err(failed)?, context)
    }
}
