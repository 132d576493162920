//! The embedded handwritten digits.

use rand::seq::SliceRandom;
use rheobase_data::digits::load_uci;
use rheobase_pipeline::{Context, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{DATASET_OUTPUTS, Images};
use crate::data::{describe, split};
use crate::kind::Kind;

/// Parameters of `digits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DigitsParameters {
    /// Share of the images of each class that is kept for testing.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub test_fraction: f64,
    /// Whether classes are shuffled over images: what a network learns then, it has memorised.
    pub shuffle_labels: bool,
}

impl Default for DigitsParameters {
    fn default() -> Self {
        Self { test_fraction: 0.2, shuffle_labels: false }
    }
}

/// The 1,797 UCI digits.
pub struct Digits;

impl Kind for Digits {
    type Parameters = DigitsParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "digits";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "1,797 handwritten digits of 8 x 8 pixels (UCI, Alpaydin & Kaynak 1998), carried by the program";
    const OUTPUTS: &'static [OutputInfo] = DATASET_OUTPUTS;

    fn run(parameters: &DigitsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut digits = load_uci(context.library)?;
        if parameters.shuffle_labels {
            digits.labels.shuffle(&mut context.seed.child("shuffle").stream());
        }
        let count = digits.labels.len();
        let images = Images {
            pixels: digits.images.mapv(|v| v as f32),
            shape: [1, digits.shape[0], digits.shape[1]],
            is_test: split(&digits.labels, count, parameters.test_fraction, &context.seed),
            labels: digits.labels,
            class_names: (0..10).map(|d| d.to_string()).collect(),
        };
        let mut outcome = Outcome::default();
        images.store(&mut outcome);
        describe(&images, &mut outcome)?;
        Ok(outcome)
    }
}
