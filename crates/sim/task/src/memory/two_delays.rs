//! Two cues at once, one asked for soon and one late: units that carry the late one need long time constants.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Trial};

/// The two-delay task. The fast cue changes at random and is asked for `short` steps after it was shown, again and again; the
/// slow cue is shown once in the first step and asked for at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwoDelays {
    /// Delay of the fast cue in steps.
    pub short: usize,
    /// Delay of the slow cue in steps.
    pub long: usize,
}

impl Default for TwoDelays {
    fn default() -> Self {
        Self { short: 5, long: 50 }
    }
}

impl Task for TwoDelays {
    fn check(&self) -> Result<()> {
        require("short", self.short as f64, self.short >= 1, "at least 1 step")?;
        require("long", self.long as f64, self.long > self.short, "more steps than short")
    }

    fn inputs(&self) -> Vec<String> {
        vec!["fast cue".into(), "slow cue".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["fast cue, delayed".into(), "slow cue".into()]
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let steps = self.long + 1;
        let mut trial = Trial::blank(steps, 2, 2);
        trial.mask.fill(0.0);
        let mut sign = || if stream.random_bool(0.5) { 1.0_f32 } else { -1.0 };
        for t in 0..steps {
            trial.inputs[[t, 0]] = sign();
            if t >= self.short {
                trial.targets[[t, 0]] = trial.inputs[[t - self.short, 0]];
                trial.mask[[t, 0]] = 1.0 / (steps - self.short) as f32;
            }
        }
        let slow = sign();
        trial.inputs[[0, 1]] = slow;
        trial.targets[[steps - 1, 1]] = slow;
        trial.mask[[steps - 1, 1]] = 1.0;
        trial.conditions.insert("slow_cue", f64::from(slow));
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let weighted = trial.mask.indexed_iter().map(|(place, m)| {
            let right = trial.targets[place] * outputs[place] > 0.0;
            f64::from(*m) * f64::from(u8::from(right))
        });
        Some(weighted.sum::<f64>() / trial.mask.iter().map(|m| f64::from(*m)).sum::<f64>())
    }
}
