//! Cells with a shape: what they are made of, and experiments on them.

mod current_steps;
mod description;
mod impedance;
mod measure;
mod morphology;
mod stimulation;
mod work_precision;

pub use current_steps::CurrentSteps;
pub use description::CellKind;
pub use impedance::ImpedanceKind;
pub use stimulation::Stimulation;
pub use work_precision::WorkPrecision;

use rheobase_dendrite::Cell;
use rheobase_pipeline::{Artifact, InputHandle, StageError};

use crate::kind::failed;
use description::CellDescription;

/// A cell.
#[derive(Debug)]
pub struct CellArtifact;

impl Artifact for CellArtifact {
    const ACCEPTS: &'static [&'static str] = &["a cell"];
}

/// Builds the cell of a result.
pub fn load_cell(input: &InputHandle) -> Result<Cell, StageError> {
    let description: CellDescription = serde_json::from_slice(&input.file("cell.json")?).map_err(failed)?;
    description.build().map_err(failed)
}
