//! Sine generator (Sussillo & Barak 2013): a constant input says which frequency should come out, after a cue that sets the phase.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use rheobase_core::statistics::pearson;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Trial};

/// The sine generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SineGenerator {
    /// Step in ms.
    pub dt_ms: f64,
    /// Steps of a trial.
    pub steps: usize,
    /// Frequencies in Hz; the input is 0.25 and more, evenly up to 1.25.
    pub frequencies_hz: Vec<f64>,
}

impl Default for SineGenerator {
    fn default() -> Self {
        Self { dt_ms: 10.0, steps: 120, frequencies_hz: vec![1.0, 1.5, 2.0, 2.5, 3.0] }
    }
}

impl SineGenerator {
    /// Level of the input that asks for a frequency.
    pub fn level(&self, index: usize) -> f64 {
        0.25 + index as f64 / (self.frequencies_hz.len() - 1).max(1) as f64
    }
}

impl Task for SineGenerator {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("steps", self.steps as f64, self.steps >= 10, "at least 10")?;
        require("frequencies_hz", 0.0, !self.frequencies_hz.is_empty(), "at least one frequency")?;
        for &f in &self.frequencies_hz {
            require("frequencies_hz", f, f > 0.0 && f < 250.0 / self.dt_ms, "above 0, with at least 4 steps a period")?;
        }
        Ok(())
    }

    fn inputs(&self) -> Vec<String> {
        vec!["frequency".into(), "start".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["sine".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let index = stream.random_range(0..self.frequencies_hz.len());
        let hz = self.frequencies_hz[index];
        let mut trial = Trial::blank(self.steps, 2, 1);
        trial.inputs.column_mut(0).fill(self.level(index) as f32);
        trial.inputs[[0, 1]] = 1.0;
        for t in 0..self.steps {
            trial.targets[[t, 0]] = (std::f64::consts::TAU * hz * t as f64 * self.dt_ms / 1e3).sin() as f32;
        }
        trial.conditions.insert("frequency_hz", hz);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let column = |a: ArrayView2<'_, f32>| a.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        let r = pearson(&column(trial.targets.view()), &column(outputs)).unwrap_or(0.0);
        Some(f64::from(u8::from(r > 0.95)))
    }
}
