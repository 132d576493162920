//! Produce the muscle activity of many reaches from what was prepared (Sussillo, Churchland, Kaufman & Shenoy 2015, Nat Neurosci
//! 18:1025), with a stand-in for motor cortex whose dynamics are known: three planes that rotate at fixed frequencies, started by
//! the preparatory state, mixed into the rates of cells, and read out by rectified muscles.

use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Trial};

/// The muscle-pattern task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MusclePattern {
    /// Step in ms.
    pub dt_ms: f64,
    /// Reaches, each with its own preparatory state.
    pub conditions: usize,
    /// Muscles.
    pub muscles: usize,
    /// Cells of the stand-in for motor cortex.
    pub cells: usize,
    /// Frequencies of the rotating planes in Hz.
    pub frequencies_hz: Vec<f64>,
    /// Preparation in ms.
    pub preparation_ms: f64,
    /// Movement in ms.
    pub movement_ms: f64,
    /// Number that fixes preparatory states and mixing.
    pub design: u64,
}

impl Default for MusclePattern {
    fn default() -> Self {
        Self {
            dt_ms: 10.0,
            conditions: 27,
            muscles: 5,
            cells: 100,
            frequencies_hz: vec![1.0, 1.75, 2.5],
            preparation_ms: 300.0,
            movement_ms: 600.0,
            design: 1,
        }
    }
}

fn normals(seed: &Seed, rows: usize, columns: usize) -> Array2<f64> {
    let mut stream = seed.stream();
    Array2::from_shape_simple_fn((rows, columns), || StandardNormal.sample(&mut stream))
}

impl MusclePattern {
    fn steps(&self) -> [usize; 2] {
        [self.preparation_ms, self.movement_ms].map(|ms| (ms / self.dt_ms).round() as usize)
    }

    /// Preparatory state of every reach, (conditions, two for each plane).
    pub fn preparatory_states(&self) -> Array2<f64> {
        normals(&Seed::root(self.design).child("preparation"), self.conditions, 2 * self.frequencies_hz.len())
    }

    /// The rotating state of a reach, (steps of preparation and movement, two for each plane): still until the go, then turning under
    /// an envelope that rises and falls over the movement.
    fn planes(&self, condition: usize) -> Array2<f64> {
        let [preparation, movement] = self.steps();
        let start = self.preparatory_states();
        let mut state = Array2::zeros((preparation + movement, 2 * self.frequencies_hz.len()));
        for t in preparation..preparation + movement {
            let s = (t - preparation) as f64;
            let envelope = (std::f64::consts::PI * (s + 0.5) / movement as f64).sin();
            for (plane, hz) in self.frequencies_hz.iter().enumerate() {
                let (sine, cosine) = (std::f64::consts::TAU * hz * s * self.dt_ms / 1e3).sin_cos();
                let (x, y) = (start[[condition, 2 * plane]], start[[condition, 2 * plane + 1]]);
                state[[t, 2 * plane]] = envelope * (cosine * x - sine * y);
                state[[t, 2 * plane + 1]] = envelope * (sine * x + cosine * y);
            }
        }
        state
    }

    /// Rates of the stand-in for motor cortex in a reach, (steps, cells).
    pub fn motor_cortex(&self, condition: usize) -> Array2<f64> {
        let [preparation, _] = self.steps();
        let mut planes = self.planes(condition);
        let start = self.preparatory_states();
        for t in 0..preparation {
            let rise = (t as f64 + 1.0) / preparation as f64;
            planes.row_mut(t).assign(&(&start.row(condition) * (0.5 * rise)));
        }
        let mixing = normals(&Seed::root(self.design).child("cells"), 2 * self.frequencies_hz.len(), self.cells);
        planes.dot(&mixing)
    }

    /// Muscle activity of a reach, (steps, muscles): nothing before the go.
    pub fn muscle_activity(&self, condition: usize) -> Array2<f64> {
        let mixing = normals(&Seed::root(self.design).child("muscles"), 2 * self.frequencies_hz.len(), self.muscles);
        self.planes(condition).dot(&mixing).mapv(|v| 0.4 * v.max(0.0))
    }

    /// The trial of a condition.
    pub fn of_condition(&self, condition: usize) -> Trial {
        let [preparation, movement] = self.steps();
        let planes = 2 * self.frequencies_hz.len();
        let mut trial =
            Trial::in_epochs(&[("preparation", preparation), ("movement", movement)], planes + 1, self.muscles);
        let start = self.preparatory_states();
        for t in 0..preparation {
            for k in 0..planes {
                trial.inputs[[t, k]] = start[[condition, k]] as f32;
            }
            trial.inputs[[t, planes]] = 1.0;
        }
        trial.targets = self.muscle_activity(condition).mapv(|v| v as f32);
        trial.conditions.insert("condition", condition as f64);
        trial
    }
}

impl Task for MusclePattern {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("conditions", self.conditions as f64, self.conditions >= 1, "at least 1")?;
        require("muscles", self.muscles as f64, self.muscles >= 1, "at least 1")?;
        require("cells", self.cells as f64, self.cells >= 1, "at least 1")?;
        require("frequencies_hz", 0.0, !self.frequencies_hz.is_empty(), "at least one plane")?;
        for &f in &self.frequencies_hz {
            require("frequencies_hz", f, f > 0.0 && f < 250.0 / self.dt_ms, "above 0, with at least 4 steps a period")?;
        }
        require("preparation_ms", self.preparation_ms, self.preparation_ms >= self.dt_ms, "at least one step")?;
        require("movement_ms", self.movement_ms, self.movement_ms >= 2.0 * self.dt_ms, "at least two steps")
    }

    fn inputs(&self) -> Vec<String> {
        (1..=2 * self.frequencies_hz.len()).map(|k| format!("preparation {k}")).chain(["hold".into()]).collect()
    }

    fn outputs(&self) -> Vec<String> {
        (1..=self.muscles).map(|k| format!("muscle {k}")).collect()
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        self.of_condition(seed.stream().random_range(0..self.conditions))
    }

    fn score(&self, _trial: &Trial, _outputs: ArrayView2<'_, f32>) -> Option<f64> {
        None
    }

    fn error(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let power: f64 = trial.targets.iter().map(|v| f64::from(v * v)).sum();
        let miss: f64 = trial.targets.iter().zip(outputs).map(|(t, y)| f64::from((t - y) * (t - y))).sum();
        (power > 0.0).then(|| miss / power)
    }

    fn error_unit(&self) -> &'static str {
        "of the targets' power"
    }
}
