//! Gabor-energy model of V1.

use rheobase_rate::code::GaborEnergy;
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::architecture::{ArchitecturePart, Family, Surroundings};

/// Gabor-energy model of V1 (Adelson & Bergen 1985), fixed; layers `simple` and `complex`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaborEnergyParameters {
    /// Rows and columns of the images it sees.
    pub shape_px: [usize; 2],
    /// Number of orientations.
    #[serde(default = "eight")]
    #[schemars(range(min = 1, max = 64))]
    pub orientations: usize,
    /// Spatial frequencies in cycles per px.
    #[serde(default = "frequencies")]
    #[schemars(length(min = 1))]
    pub frequencies_cycles_per_px: Vec<f64>,
    /// Places along each side of the image.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 32))]
    pub places: usize,
    /// Standard deviation of the envelope times the frequency.
    #[serde(default = "half")]
    #[schemars(range(min = 0.05, max = 5.0))]
    pub cycles_per_sigma: f64,
}

fn eight() -> usize {
    8
}

fn four() -> usize {
    4
}

fn half() -> f64 {
    0.5
}

fn frequencies() -> Vec<f64> {
    vec![0.15, 0.3]
}

impl ArchitecturePart for GaborEnergyParameters {
    fn family(&self) -> Family {
        Family::Fixed
    }
    fn build(&self, _: &Surroundings<'_>) -> Result<Model> {
        Ok(Model::GaborEnergy(GaborEnergy {
            shape: self.shape_px,
            orientations: self.orientations,
            frequencies_cycles_per_px: self.frequencies_cycles_per_px.clone(),
            places: self.places,
            cycles_per_sigma: self.cycles_per_sigma,
        }))
    }
}
