//! Digits read row by row: an image comes in from top to bottom, a row of pixels at each step, and is told apart after the last (Le, Jaitly &
//! Hinton 2015; Costa et al. 2017). Every trial draws an image of its own, see [`crate::stroke_digits`].

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::{score, target_choice};
use crate::stroke_digits::StrokeDigits;
use crate::{Loss, Result, Task, Trial};

/// Digits row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DigitRows {
    /// Side of the images in px: inputs, and steps of a trial.
    #[schemars(range(min = 8, max = 512))]
    pub side_px: usize,
    /// Largest shift either way in px.
    pub shift_px: f64,
    /// Largest turn either way in degrees.
    pub turn_deg: f64,
    /// Standard deviation of the noise of each pixel.
    pub noise: f64,
}

impl Default for DigitRows {
    fn default() -> Self {
        let StrokeDigits { side_px, shift_px, turn_deg, noise, .. } = StrokeDigits::standard(28);
        Self { side_px, shift_px, turn_deg, noise }
    }
}

impl DigitRows {
    /// How its images are drawn.
    pub fn digits(&self) -> StrokeDigits {
        StrokeDigits {
            shift_px: self.shift_px,
            turn_deg: self.turn_deg,
            noise: self.noise,
            ..StrokeDigits::standard(self.side_px)
        }
    }
}

impl Task for DigitRows {
    fn check(&self) -> Result<()> {
        self.digits().check()
    }

    fn inputs(&self) -> Vec<String> {
        (1..=self.side_px).map(|k| format!("pixel {k}")).collect()
    }

    fn outputs(&self) -> Vec<String> {
        (0..10).map(|d| format!("digit {d}")).collect()
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn loss(&self) -> Loss {
        Loss::CrossEntropy { groups: vec![10] }
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let side = self.side_px;
        let digit = seed.child("digit").stream().random_range(0..10);
        let image = self.digits().image(digit, &seed.child("image"));
        let mut trial = Trial::in_epochs(&[("image", side - 1), ("decision", 1)], side, 10);
        trial.inputs.iter_mut().zip(image).for_each(|(input, pixel)| *input = pixel);
        trial.mask.slice_mut(ndarray::s![..side - 1, ..]).fill(0.0);
        target_choice(&mut trial, side - 1..side, 0..10, digit, [0.0, 1.0]);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        score(trial, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_an_image_from_top_to_bottom() {
        let task = DigitRows { side_px: 16, ..DigitRows::default() };
        let trial = task.trial(&Seed::root(3));
        let digit = trial.conditions["right_choice"] as usize;
        let image = task.digits().image(digit, &Seed::root(3).child("image"));
        assert_eq!(trial.inputs.row(5).to_vec(), image[5 * 16..6 * 16]);
        assert_eq!(trial.mask.sum(), 10.0);
        let refused = DigitRows { side_px: 4, ..task }.check().unwrap_err().to_string();
        assert!(refused.contains("8 to 512"), "{refused}");
    }
}
