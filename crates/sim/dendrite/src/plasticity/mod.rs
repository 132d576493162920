//! Learning at synapses on dendrites: by local voltage (plateaus), and by rules that differ between compartments.

mod compartment_specific;
mod voltage;

pub use compartment_specific::{CompartmentRules, Learned, TwoCompartmentUnit};
pub use voltage::{PlasticSynapse, VoltagePlasticity};
