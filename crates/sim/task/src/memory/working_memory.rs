//! Hold a direction over a delay: the oculomotor delayed response (Funahashi, Bruce & Goldman-Rakic 1989, J Neurophysiol 61:331). The
//! direction comes in through a ring of tuned inputs and should come out as its cosine and sine.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::{Seed, circular};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The working memory task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkingMemory {
    /// Step in ms.
    pub dt_ms: f64,
    /// Inputs around the ring.
    pub ring: usize,
    /// Before the cue.
    pub fixation: Timing,
    /// The cue.
    pub cue: Timing,
    /// How long it is to be held.
    pub delay: Timing,
    /// When the answer counts.
    pub response: Timing,
    /// Largest error of a right answer, in degrees.
    pub tolerance_deg: f64,
    /// Noise of the inputs in each step.
    pub input_sd: f64,
}

impl Default for WorkingMemory {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            ring: 16,
            fixation: Timing::fixed(100.0),
            cue: Timing::fixed(200.0),
            delay: Timing::Uniform { from_ms: 300.0, to_ms: 900.0 },
            response: Timing::fixed(200.0),
            tolerance_deg: 18.0,
            input_sd: 0.05,
        }
    }
}

impl Task for WorkingMemory {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("ring", self.ring as f64, self.ring >= 3, "at least 3")?;
        let tolerance = self.tolerance_deg;
        require("tolerance_deg", tolerance, tolerance > 0.0 && tolerance < 180.0, "between 0 and 180 degrees")?;
        require("input_sd", self.input_sd, self.input_sd >= 0.0, "0 or more")?;
        Timing::check_all(&[
            ("fixation", &self.fixation),
            ("cue", &self.cue),
            ("delay", &self.delay),
            ("response", &self.response),
        ])
    }

    fn inputs(&self) -> Vec<String> {
        (0..self.ring)
            .map(|k| format!("{:.0} deg", 360.0 * k as f64 / self.ring as f64))
            .chain(["fixation".into()])
            .collect()
    }

    fn outputs(&self) -> Vec<String> {
        vec!["cosine".into(), "sine".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let mut steps = |timing: &Timing| timing.steps(self.dt_ms, &mut stream);
        let mut trial = Trial::in_epochs(
            &[
                ("fixation", steps(&self.fixation)),
                ("cue", steps(&self.cue)),
                ("delay", steps(&self.delay)),
                ("response", steps(&self.response).max(1)),
            ],
            self.ring + 1,
            2,
        );
        let direction = stream.random::<f64>() * std::f64::consts::TAU;
        for t in trial.epoch("cue") {
            for k in 0..self.ring {
                let preferred = std::f64::consts::TAU * k as f64 / self.ring as f64;
                trial.inputs[[t, k]] = (2.0 * ((direction - preferred).cos() - 1.0)).exp() as f32;
            }
        }
        let response = trial.epoch("response");
        trial.inputs.slice_mut(ndarray::s![..response.start, self.ring]).fill(1.0);
        for t in response {
            trial.targets[[t, 0]] = direction.cos() as f32;
            trial.targets[[t, 1]] = direction.sin() as f32;
        }
        trial.conditions.insert("direction_rad", direction);
        trial.add_noise(self.input_sd, 2.0, &mut stream);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let direction = *trial.conditions.get("direction_rad")?;
        let sum = |k: usize| trial.epoch("response").map(|t| f64::from(outputs[[t, k]])).sum::<f64>();
        let error = circular::difference_rad(sum(1).atan2(sum(0)), direction).abs();
        Some(f64::from(u8::from(error <= self.tolerance_deg.to_radians())))
    }
}
