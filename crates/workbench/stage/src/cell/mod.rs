//! Cells with a shape: what they are made of, and experiments on them.

mod boolean;
mod branches;
mod compartment_plasticity;
mod condition;
mod current_steps;
pub mod defaults;
mod description;
mod impedance;
mod input_tuning;
mod localised_inhibition;
mod measure;
mod morphology;
mod neurite_distances;
mod plateau_plasticity;
mod stimulation;
mod two_layer;
mod work_precision;

pub use boolean::BooleanNeuron;
pub use compartment_plasticity::CompartmentPlasticity;
pub use current_steps::CurrentSteps;
pub use description::CellKind;
pub use impedance::ImpedanceKind;
pub use input_tuning::InputTuning;
pub use localised_inhibition::LocalisedInhibition;
pub use neurite_distances::NeuriteDistances;
pub use plateau_plasticity::PlateauPlasticity;
pub use stimulation::Stimulation;
pub use two_layer::TwoLayer;
pub use work_precision::WorkPrecision;

use rheobase_pipeline::Artifact;

pub use description::{keep_cell, load_cell};

/// A cell.
#[derive(Debug)]
pub struct CellArtifact;

impl Artifact for CellArtifact {
    const ACCEPTS: &'static [&'static str] = &["a cell"];
}
