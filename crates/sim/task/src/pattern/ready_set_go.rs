//! Ready, set, go (Jazayeri & Shadlen 2010, Nat Neurosci 13:1020; Remington et al. 2018, Neuron 98:1005): two pulses mark an interval,
//! and the output should ramp up to 1 so that it gets there after the same interval, times a gain, again.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::pick;
use crate::error::require;
use crate::{Result, Task, Trial};

/// The ready-set-go task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReadySetGo {
    /// Step in ms.
    pub dt_ms: f64,
    /// Longest wait before the first pulse in ms; it is drawn evenly from 0 on.
    pub wait_ms: f64,
    /// Intervals in ms.
    pub intervals_ms: Vec<f64>,
    /// Produced interval over the interval shown.
    pub gains: Vec<f64>,
    /// Largest relative error of a right answer.
    pub tolerance: f64,
}

impl Default for ReadySetGo {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            wait_ms: 200.0,
            intervals_ms: vec![400.0, 500.0, 600.0, 700.0, 800.0],
            gains: vec![1.0],
            tolerance: 0.15,
        }
    }
}

/// Steps that the output stays up after the go.
const HOLD: usize = 5;

impl Task for ReadySetGo {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("wait_ms", self.wait_ms, self.wait_ms >= 0.0, "0 ms or more")?;
        require("intervals_ms", 0.0, !self.intervals_ms.is_empty(), "at least one interval")?;
        for &ms in &self.intervals_ms {
            require("intervals_ms", ms, ms >= 2.0 * self.dt_ms, "at least two steps")?;
        }
        require("gains", 0.0, !self.gains.is_empty(), "at least one gain")?;
        for &gain in &self.gains {
            require("gains", gain, gain > 0.0, "above 0")?;
        }
        require("tolerance", self.tolerance, self.tolerance > 0.0 && self.tolerance < 1.0, "between 0 and 1")
    }

    fn inputs(&self) -> Vec<String> {
        vec!["ready and set".into(), "gain".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["ramp".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let in_steps = |ms: f64| (ms / self.dt_ms).round() as usize;
        let wait = stream.random_range(0..=in_steps(self.wait_ms));
        let interval = pick(&self.intervals_ms, &mut stream);
        let gain = pick(&self.gains, &mut stream);
        let (shown, produced) = (in_steps(interval), in_steps(interval * gain).max(2));
        let parts = [("wait", wait), ("measure", shown), ("produce", produced), ("hold", HOLD)];
        let mut trial = Trial::in_epochs(&parts, 2, 1);
        trial.inputs[[wait, 0]] = 1.0;
        trial.inputs[[wait + shown, 0]] = 1.0;
        trial.inputs.column_mut(1).fill((gain - 1.0) as f32);
        for (k, t) in trial.epoch("produce").enumerate() {
            trial.targets[[t, 0]] = (k as f64 / produced as f64) as f32;
        }
        for t in trial.epoch("hold") {
            trial.targets[[t, 0]] = 1.0;
        }
        trial.conditions.insert("interval_ms", interval);
        trial.conditions.insert("gain", gain);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let produce = trial.epoch("produce");
        let wanted = produce.len() as f64;
        // The go is where the ramp passes 0.9, a tenth before its end.
        let go = (produce.start..trial.steps()).find(|&t| outputs[[t, 0]] > 0.9);
        let error = go.map_or(1.0, |t| (((t - produce.start) as f64 / 0.9 - wanted) / wanted).abs());
        Some(f64::from(u8::from(error <= self.tolerance)))
    }
}
