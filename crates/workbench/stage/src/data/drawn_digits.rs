//! Drawn digits.

use ndarray::concatenate;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_task::stroke_digits::{Contrast, StrokeDigits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{DATASET_OUTPUTS, Images};
use crate::data::describe;
use crate::kind::{Kind, complaint, failed};

/// Parameters of `drawn-digits`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DrawnDigitsParameters {
    /// Side of the images in px.
    #[schemars(range(min = 8, max = 512))]
    pub side_px: usize,
    /// The digits, each as often as the others.
    #[schemars(length(min = 1))]
    pub digits: Vec<usize>,
    /// Images to train on.
    #[schemars(range(min = 1))]
    pub train: usize,
    /// Images to test on.
    #[schemars(range(min = 1))]
    pub test: usize,
    /// Largest shift either way in px.
    #[schemars(range(min = 0.0))]
    pub shift_px: f64,
    /// Largest turn either way in degrees.
    #[schemars(range(min = 0.0))]
    pub turn_deg: f64,
    /// Thinnest and thickest stroke in px.
    pub stroke_px: [f64; 2],
    /// Standard deviation of the noise in each pixel of the images to train on.
    #[schemars(range(min = 0.0))]
    pub noise: f64,
    /// That of the images to test on, if another.
    #[schemars(range(min = 0.0))]
    pub test_noise: Option<f64>,
    /// Whether strokes are brighter than what is behind them.
    pub contrast: Contrast,
}

impl Default for DrawnDigitsParameters {
    fn default() -> Self {
        let StrokeDigits { side_px, digits, shift_px, turn_deg, stroke_px, noise, contrast } =
            StrokeDigits::standard(28);
        let (train, test, test_noise) = (5000, 1000, None);
        Self { side_px, digits, train, test, shift_px, turn_deg, stroke_px, noise, test_noise, contrast }
    }
}

impl DrawnDigitsParameters {
    fn drawn(&self, noise: f64) -> StrokeDigits {
        StrokeDigits {
            side_px: self.side_px,
            digits: self.digits.clone(),
            shift_px: self.shift_px,
            turn_deg: self.turn_deg,
            stroke_px: self.stroke_px,
            noise,
            contrast: self.contrast,
        }
    }
}

/// Digits drawn by the program.
pub struct DrawnDigits;

impl Kind for DrawnDigits {
    type Parameters = DrawnDigitsParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "drawn-digits";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "digits of strokes, shifted, turned and in noise, drawn by the program";
    const OUTPUTS: &'static [OutputInfo] = DATASET_OUTPUTS;

    fn check(p: &DrawnDigitsParameters) -> Vec<Complaint> {
        let found = p.drawn(p.noise).check().and(p.drawn(p.test_noise.unwrap_or(p.noise)).check());
        found.err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &DrawnDigitsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let draw = |noise: f64, count: usize, name: &str| {
            p.drawn(noise).draw(count, &context.seed.child(name)).map_err(failed)
        };
        let (train, mut labels) = draw(p.noise, p.train, "train")?;
        let (test, more) = draw(p.test_noise.unwrap_or(p.noise), p.test, "test")?;
        labels.extend(more);
        let images = Images {
            pixels: concatenate(ndarray::Axis(0), &[train.view(), test.view()]).map_err(failed)?,
            shape: [1, p.side_px, p.side_px],
            is_test: (0..p.train + p.test).map(|k| k >= p.train).collect(),
            labels,
            class_names: p.digits.iter().map(ToString::to_string).collect(),
        };
        let mut outcome = Outcome::default();
        images.store(&mut outcome);
        describe(&images, &mut outcome)?;
        Ok(outcome)
    }
}
