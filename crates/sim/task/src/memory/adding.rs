//! Adding: two of many numbers are marked, and at the end their sum is asked for (Hochreiter & Schmidhuber 1997). Always answering
//! 1 gives a mean squared error of 1/6.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Trial};

/// The adding problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adding {
    /// Steps of a trial; one mark lies in each half.
    pub steps: usize,
}

impl Default for Adding {
    fn default() -> Self {
        Self { steps: 50 }
    }
}

impl Task for Adding {
    fn check(&self) -> Result<()> {
        require("steps", self.steps as f64, self.steps >= 2, "at least 2")
    }

    fn inputs(&self) -> Vec<String> {
        vec!["number".into(), "mark".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["sum".into()]
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let mut trial = Trial::blank(self.steps, 2, 1);
        for t in 0..self.steps {
            trial.inputs[[t, 0]] = stream.random::<f32>();
        }
        let half = self.steps / 2;
        let marks = [stream.random_range(0..half), stream.random_range(half..self.steps)];
        let mut sum = 0.0;
        for t in marks {
            trial.inputs[[t, 1]] = 1.0;
            sum += trial.inputs[[t, 0]];
        }
        trial.mask.fill(0.0);
        trial.mask[[self.steps - 1, 0]] = 1.0;
        trial.targets[[self.steps - 1, 0]] = sum;
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let last = self.steps - 1;
        Some(f64::from(u8::from((outputs[[last, 0]] - trial.targets[[last, 0]]).abs() < 0.1)))
    }
}
