//! From the place of an image on the retina and the position of the eye to the place relative to the head (Zipser & Andersen
//! 1988, Nature 331:679): the task in which hidden units grow the gain fields of area 7a. A trial is one step.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Trial};

/// How the place relative to the head is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeadCentredOutput {
    /// 8 x 8 units with Gaussian fields.
    Map,
    /// Four groups of eight units that rise with one direction.
    Monotone,
}

/// The head-centred localisation task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadCentred {
    /// Format of the output.
    pub output: HeadCentredOutput,
    /// Largest eye position in degrees, to each side.
    pub eye_deg: f64,
    /// Largest place relative to the head in degrees, to each side.
    pub head_deg: f64,
    /// Largest error of a right answer in degrees.
    pub tolerance_deg: f64,
}

impl Default for HeadCentred {
    fn default() -> Self {
        Self { output: HeadCentredOutput::Map, eye_deg: 30.0, head_deg: 40.0, tolerance_deg: 10.0 }
    }
}

/// Units along one side of the retina and of the map.
const SIDE: usize = 8;
const RETINA_SPACING_DEG: f64 = 10.0;
const WIDTH_DEG: f64 = 15.0;
const RETINA_EDGE_DEG: f64 = RETINA_SPACING_DEG * (SIDE as f64 - 1.0) / 2.0;

/// Activity of 8 x 8 Gaussian units with centres `spacing` apart; the width is where activity has fallen to 1/e.
fn map(place: [f64; 2], spacing: f64) -> impl Iterator<Item = f64> {
    (0..SIDE * SIDE).map(move |k| {
        let centre = |i: usize| (i as f64 - (SIDE as f64 - 1.0) / 2.0) * spacing;
        let squared = (place[0] - centre(k % SIDE)).powi(2) + (place[1] - centre(k / SIDE)).powi(2);
        (-squared / (WIDTH_DEG * WIDTH_DEG)).exp()
    })
}

/// Activity of four groups of eight units, rising with x, falling with x, rising with y, falling with y, each from its own intercept.
fn monotone(place: [f64; 2], reach: f64) -> impl Iterator<Item = f64> {
    (0..4 * SIDE).map(move |k| {
        let (group, step) = (k / SIDE, k % SIDE);
        let along = if group % 2 == 0 { place[group / 2] } else { -place[group / 2] };
        let intercept = (step as f64 / (SIDE as f64 - 1.0) - 0.5) * 0.5;
        (0.5 + along / (2.0 * reach) * 0.5 + intercept).clamp(0.0, 1.0)
    })
}

impl HeadCentred {
    fn spacing_deg(&self) -> f64 {
        2.0 * self.head_deg / (SIDE as f64 - 1.0)
    }

    /// Output for a place relative to the head.
    fn wanted(&self, head: [f64; 2]) -> Vec<f64> {
        match self.output {
            HeadCentredOutput::Map => map(head, self.spacing_deg()).collect(),
            HeadCentredOutput::Monotone => monotone(head, self.head_deg).collect(),
        }
    }

    /// The trial of a stimulus at `retina` with the eye at `eye`, both in degrees.
    pub fn of(&self, retina: [f64; 2], eye: [f64; 2]) -> Trial {
        let head = [retina[0] + eye[0], retina[1] + eye[1]];
        let wanted = self.wanted(head);
        let mut trial = Trial::blank(1, SIDE * SIDE + 4 * SIDE, wanted.len());
        for (k, v) in map(retina, RETINA_SPACING_DEG).chain(monotone(eye, self.eye_deg)).enumerate() {
            trial.inputs[[0, k]] = v as f32;
        }
        for (k, v) in wanted.into_iter().enumerate() {
            trial.targets[[0, k]] = v as f32;
        }
        let names = [["retina_x_deg", "retina_y_deg"], ["eye_x_deg", "eye_y_deg"], ["head_x_deg", "head_y_deg"]];
        for (name, value) in names.iter().zip([retina, eye, head]) {
            trial.conditions.insert(name[0], value[0]);
            trial.conditions.insert(name[1], value[1]);
        }
        trial
    }

    /// The place relative to the head whose code is nearest to the outputs, in degrees: the best of a grid of 4 degrees, then of ever
    /// finer ones around it.
    pub fn decode(&self, outputs: &[f32]) -> [f64; 2] {
        let miss = |place: [f64; 2]| {
            self.wanted(place).iter().zip(outputs).map(|(w, y)| (w - f64::from(*y)).powi(2)).sum::<f64>()
        };
        let mut best = ([0.0, 0.0], miss([0.0, 0.0]));
        let (mut step, mut reach) = (4.0, (self.head_deg / 4.0).ceil() as i32 + 2);
        while step > 0.05 {
            let centre = best.0;
            for i in -reach..=reach {
                for j in -reach..=reach {
                    let place = [centre[0] + step * f64::from(i), centre[1] + step * f64::from(j)];
                    let value = miss(place);
                    if value < best.1 {
                        best = (place, value);
                    }
                }
            }
            step /= 4.0;
            reach = 4;
        }
        best.0
    }
}

impl Task for HeadCentred {
    fn check(&self) -> Result<()> {
        require("eye_deg", self.eye_deg, self.eye_deg > 0.0 && self.eye_deg <= 45.0, "above 0, at most 45 degrees")?;
        let most = self.eye_deg + RETINA_EDGE_DEG;
        require(
            "head_deg",
            self.head_deg,
            self.head_deg > 0.0 && self.head_deg <= most,
            "within eye_deg + 35 degrees",
        )?;
        require("tolerance_deg", self.tolerance_deg, self.tolerance_deg > 0.0, "above 0 degrees")
    }

    fn inputs(&self) -> Vec<String> {
        let retina = (1..=SIDE * SIDE).map(|k| format!("retina {k}"));
        let eye = ["right", "left", "up", "down"].iter().flat_map(|d| (1..=SIDE).map(move |k| format!("eye {d} {k}")));
        retina.chain(eye).collect()
    }

    fn outputs(&self) -> Vec<String> {
        (1..=self.wanted([0.0; 2]).len()).map(|k| format!("head {k}")).collect()
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let mut axis = || loop {
            let eye = self.eye_deg * (2.0 * stream.random::<f64>() - 1.0);
            let head = self.head_deg * (2.0 * stream.random::<f64>() - 1.0);
            if (head - eye).abs() <= RETINA_EDGE_DEG {
                return (head - eye, eye);
            }
        };
        let ((rx, ex), (ry, ey)) = (axis(), axis());
        self.of([rx, ry], [ex, ey])
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        Some(f64::from(u8::from(self.error(trial, outputs)? <= self.tolerance_deg)))
    }

    fn error(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let found = self.decode(&outputs.row(0).to_vec());
        let (x, y) = (*trial.conditions.get("head_x_deg")?, *trial.conditions.get("head_y_deg")?);
        Some((found[0] - x).hypot(found[1] - y))
    }

    fn error_unit(&self) -> &'static str {
        "deg"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_output_decodes_to_the_place_in_both_formats() {
        for output in [HeadCentredOutput::Map, HeadCentredOutput::Monotone] {
            let task = HeadCentred { output, ..HeadCentred::default() };
            for k in 0..10 {
                let trial = task.trial(&Seed::root(9).index(k));
                let error = task.error(&trial, trial.targets.view()).unwrap();
                // The finest grid has steps of 1/16 degree.
                assert!(error < 0.1, "{output:?} {error}");
            }
        }
    }
}
