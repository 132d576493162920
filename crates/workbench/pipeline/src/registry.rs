//! What a stage is, what it gets and what it gives; the registry of all stages of a program.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use rheobase_core::{Estimate, Progress, Seed};
use rheobase_data::library::Library;
use rheobase_data::npy::{Array, read_npz};
use rheobase_data::{Column, Table};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::schema::ACCEPTS;
use crate::store::Record;

/// The place of a stage in the sentence of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Where data come from.
    Data,
    /// Architecture, objective and learning rule.
    Model,
    /// What is measured.
    Analysis,
    /// What it is compared with.
    Compare,
}

impl Role {
    /// All roles, in the order of the sentence.
    pub const ALL: [Self; 4] = [Self::Data, Self::Model, Self::Analysis, Self::Compare];

    /// Name of the role's table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Model => "model",
            Self::Analysis => "analysis",
            Self::Compare => "compare",
        }
    }
}

/// One output of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputInfo {
    /// Name after `role.name.`; empty for the main output.
    pub name: &'static str,
    /// Sort of artifact.
    pub artifact: &'static str,
}

/// A mistake that only the stage can see, at a path inside its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Path inside the node's table.
    pub path: Vec<String>,
    /// One sentence.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Why a stage failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The stage's own words.
    #[error("{0}")]
    Failed(String),
}

impl StageError {
    /// A failure in the words of another error.
    pub fn from_error(error: &dyn std::error::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<rheobase_data::Error> for StageError {
    fn from(error: rheobase_data::Error) -> Self {
        Self::from_error(&error)
    }
}

impl From<rheobase_core::Error> for StageError {
    fn from(error: rheobase_core::Error) -> Self {
        if error == rheobase_core::Error::Interrupted { Self::Interrupted } else { Self::from_error(&error) }
    }
}

/// A figure of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureFile {
    /// File name without extension.
    pub name: String,
    /// Title.
    pub title: String,
    /// What is shown, with n.
    pub caption: String,
    /// The drawing.
    #[serde(skip)]
    pub svg: String,
}

/// Everything a stage gives.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Arrays, written to `arrays.npz`.
    pub arrays: BTreeMap<String, Array>,
    /// Tables, each written to `<name>.parquet`.
    pub tables: BTreeMap<String, Table>,
    /// Scalar metrics.
    pub metrics: BTreeMap<String, Estimate>,
    /// Figures, each written to `<name>.svg`.
    pub figures: Vec<FigureFile>,
    /// Other files by name (weights, structure).
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Outcome {
    /// Adds a table.
    pub fn table(&mut self, name: &str, table: Table) -> &mut Self {
        self.tables.insert(name.to_owned(), table);
        self
    }

    /// Adds a metric.
    pub fn metric(&mut self, name: &str, estimate: Estimate) -> &mut Self {
        self.metrics.insert(name.to_owned(), estimate);
        self
    }

    /// Adds an array.
    pub fn array(&mut self, name: &str, array: Array) -> &mut Self {
        self.arrays.insert(name.to_owned(), array);
        self
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &str, title: &str, caption: &str, svg: String) -> &mut Self {
        self.figures.push(FigureFile { name: name.into(), title: title.into(), caption: caption.into(), svg });
        self
    }
}

/// What a stage gets beside its parameters.
pub struct Context<'a> {
    /// Results of the nodes that the parameters refer to, by the text of the reference.
    pub inputs: BTreeMap<String, InputHandle>,
    /// Random streams of this node.
    pub seed: Seed,
    /// The integer seed, for cards.
    pub seed_number: u64,
    /// A folder that survives a kill, for checkpoints.
    pub scratch: PathBuf,
    /// Device for training.
    pub device: String,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Where data sets are.
    pub library: &'a Library,
}

impl Context<'_> {
    /// The result a parameter refers to.
    ///
    /// # Errors
    /// If the plan did not provide it (a defect of the planner).
    pub fn input<A: Artifact>(&self, input: &Input<A>) -> Result<&InputHandle, StageError> {
        self.inputs.get(&input.0).ok_or_else(|| StageError::Failed(format!("the plan has no input `{}`", input.0)))
    }
}

/// A stored result, as a later stage sees it.
#[derive(Debug, Clone)]
pub struct InputHandle {
    /// Folder of the object.
    pub folder: PathBuf,
    /// Which output was referred to; empty for the main one.
    pub output: String,
    /// Address of the node, for labels.
    pub address: String,
    /// What the object holds.
    pub record: Record,
}

impl InputHandle {
    /// All arrays.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn arrays(&self) -> Result<BTreeMap<String, ArrayD<f64>>, StageError> {
        Ok(read_npz("arrays.npz", &self.file("arrays.npz")?)?)
    }

    /// A table by name.
    ///
    /// # Errors
    /// If there is none or it cannot be read.
    pub fn table(&self, name: &str) -> Result<Table, StageError> {
        Ok(Table::from_parquet(name, &self.file(&format!("{name}.parquet"))?)?)
    }

    /// The numbers of one column of a table.
    ///
    /// # Errors
    /// If there is no such table or column, or it is text.
    pub fn column(&self, table: &str, column: &str) -> Result<Vec<f64>, StageError> {
        let table = self.table(table)?;
        Ok(table.column(column).map(Column::numbers)?.unwrap_or_default())
    }

    /// Whether the result has a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(&self, name: &str) -> Result<Vec<u8>, StageError> {
        let path: &Path = &self.folder.join(name);
        std::fs::read(path).map_err(|e| StageError::Failed(format!("cannot read {name} of {}: {e}", self.address)))
    }
}

/// A sort of artifact that references can ask for.
pub trait Artifact {
    /// Names of the sorts that fit.
    const ACCEPTS: &'static [&'static str];
}

/// A parameter that refers to another node: `"role.name"` or `"role.name.output"`.
#[derive(Debug)]
pub struct Input<A>(pub String, PhantomData<A>);

impl<A> Clone for Input<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<A> PartialEq for Input<A> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<A> Serialize for Input<A> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, A> Deserialize<'de> for Input<A> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?, PhantomData))
    }
}

impl<A: Artifact> JsonSchema for Input<A> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Reference to {}", A::ACCEPTS.join(" or ")).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = Schema::default();
        schema.insert("type".into(), "string".into());
        schema.insert("pattern".into(), r"^(data|model|analysis|compare)\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?$".into());
        schema.insert(ACCEPTS.into(), A::ACCEPTS.to_vec().into());
        schema
    }
}

/// One kind of node.
pub trait Stage: Send + Sync {
    /// Its role.
    fn role(&self) -> Role;
    /// Its kind; empty for the only stage of a role, whose nodes carry no `kind`.
    fn kind(&self) -> &'static str;
    /// Version of its code; a change of results is a change of version.
    fn version(&self) -> u32;
    /// What it does, in a sentence.
    fn about(&self) -> &'static str;
    /// Its outputs, the main one first.
    fn outputs(&self) -> &'static [OutputInfo];
    /// JSON schema of its parameters.
    fn schema(&self) -> Json;
    /// Fills in defaults, and refuses parts that do not work together.
    ///
    /// # Errors
    /// All complaints at once.
    fn resolve(&self, parameters: &Json) -> Result<Json, Vec<Complaint>>;
    /// Hash of outside bytes that the parameters name (files); empty if there are none.
    ///
    /// # Errors
    /// If such a file cannot be read.
    fn fingerprint(&self, parameters: &Json, library: &Library) -> Result<String, StageError>;

    /// Files of data sets that the node reads: data set and file.
    fn data_files(&self, parameters: &Json) -> Vec<(String, String)>;
    /// Whether results depend on the device.
    fn uses_device(&self) -> bool {
        false
    }
    /// Memory it needs at most, roughly, in MiB.
    fn memory_mib(&self, parameters: &Json) -> u64;
    /// Does the work.
    ///
    /// # Errors
    /// If it failed or was interrupted.
    fn run(&self, parameters: &Json, context: &Context<'_>) -> Result<Outcome, StageError>;
}

/// All stages of a program.
#[derive(Clone, Copy)]
pub struct Registry {
    stages: &'static [&'static dyn Stage],
}

impl Registry {
    /// A registry of these stages.
    pub const fn new(stages: &'static [&'static dyn Stage]) -> Self {
        Self { stages }
    }

    /// All stages.
    pub fn stages(&self) -> &'static [&'static dyn Stage] {
        self.stages
    }

    /// Stages of a role.
    pub fn of_role(&self, role: Role) -> impl Iterator<Item = &'static dyn Stage> {
        self.stages.iter().copied().filter(move |stage| stage.role() == role)
    }

    /// A stage by role and kind.
    pub fn find(&self, role: Role, kind: &str) -> Option<&'static dyn Stage> {
        self.of_role(role).find(|stage| stage.kind() == kind)
    }
}
