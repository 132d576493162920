//! k-bit flip-flop (Sussillo & Barak 2013, Neural Comput 25:626): each input sends rare pulses of either sign, and its output
//! should hold the sign of the last one.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Trial};

/// The flip-flop task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlipFlop {
    /// Bits.
    pub bits: usize,
    /// Steps of a trial.
    pub steps: usize,
    /// Chance of a pulse in a step; every bit is set in the first.
    pub pulse_probability: f64,
}

impl Default for FlipFlop {
    fn default() -> Self {
        Self { bits: 3, steps: 64, pulse_probability: 0.1 }
    }
}

impl Task for FlipFlop {
    fn check(&self) -> Result<()> {
        require("bits", self.bits as f64, (1..=16).contains(&self.bits), "1 to 16 bits")?;
        require("steps", self.steps as f64, self.steps > 0, "at least one step")?;
        let p = self.pulse_probability;
        require("pulse_probability", p, (0.0..=1.0).contains(&p), "between 0 and 1")
    }

    fn inputs(&self) -> Vec<String> {
        (1..=self.bits).map(|bit| format!("pulse {bit}")).collect()
    }

    fn outputs(&self) -> Vec<String> {
        (1..=self.bits).map(|bit| format!("bit {bit}")).collect()
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let mut trial = Trial::blank(self.steps, self.bits, self.bits);
        for bit in 0..self.bits {
            let mut held = 0.0;
            for t in 0..self.steps {
                if t == 0 || stream.random::<f64>() < self.pulse_probability {
                    held = if stream.random_bool(0.5) { 1.0 } else { -1.0 };
                    trial.inputs[[t, bit]] = held;
                }
                trial.targets[[t, bit]] = held;
            }
        }
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let right = trial.targets.iter().zip(outputs).filter(|(target, y)| **target * **y > 0.0).count();
        Some(right as f64 / trial.targets.len() as f64)
    }
}
