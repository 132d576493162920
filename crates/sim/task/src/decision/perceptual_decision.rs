//! Which of two noisy inputs is larger? The random-dot task of Song, Yang & Wang (2016, PLoS Comput Biol 12:e1004792): after
//! fixation two inputs (1 +- 3.2 coherence / 100) / 2 are shown, and the output of the stronger one should be high.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::{pick, score, target_choice};
use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The perceptual decision task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PerceptualDecision {
    /// Step in ms.
    pub dt_ms: f64,
    /// Time constant of the units that the noise is scaled for, in ms.
    pub tau_ms: f64,
    /// Before the stimulus.
    pub fixation: Timing,
    /// The stimulus.
    pub stimulus: Timing,
    /// When the choice counts.
    pub decision: Timing,
    /// Coherences in percent.
    pub coherences_percent: Vec<f64>,
    /// Noise of the inputs (stationary standard deviation).
    pub input_sd: f64,
    /// Inputs at rest.
    pub baseline: f64,
    /// Share of trials without stimulus, in which both outputs stay low.
    pub catch_fraction: f64,
}

impl Default for PerceptualDecision {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            tau_ms: 100.0,
            fixation: Timing::fixed(100.0),
            stimulus: Timing::fixed(800.0),
            decision: Timing::fixed(300.0),
            coherences_percent: vec![1.0, 2.0, 4.0, 8.0, 16.0],
            input_sd: 0.01,
            baseline: 0.2,
            catch_fraction: 0.0,
        }
    }
}

const LEVELS: [f32; 2] = [0.2, 1.0];

impl Task for PerceptualDecision {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0 && self.dt_ms <= self.tau_ms, "above 0 ms, at most tau_ms")?;
        require("input_sd", self.input_sd, self.input_sd >= 0.0, "0 or more")?;
        require("catch_fraction", self.catch_fraction, (0.0..1.0).contains(&self.catch_fraction), "in [0, 1)")?;
        require("coherences_percent", 0.0, !self.coherences_percent.is_empty(), "at least one coherence")?;
        for &c in &self.coherences_percent {
            require("coherences_percent", c, (0.0..=100.0 / 3.2).contains(&c), "between 0 and 31.25 percent")?;
        }
        Timing::check_all(&[("fixation", &self.fixation), ("stimulus", &self.stimulus), ("decision", &self.decision)])
    }

    fn inputs(&self) -> Vec<String> {
        vec!["left".into(), "right".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["choose left".into(), "choose right".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let parts = [("fixation", &self.fixation), ("stimulus", &self.stimulus), ("decision", &self.decision)];
        let mut trial = Trial::drawn(&parts, self.dt_ms, [2, 2], &mut stream);
        let (stimulus, decision) = (trial.epoch("stimulus"), trial.epoch("decision"));
        let coherence = pick(&self.coherences_percent, &mut stream);
        let right = stream.random_range(0..2_usize);
        let is_catch = self.catch_fraction > 0.0 && stream.random::<f64>() < self.catch_fraction;
        trial.inputs.fill(self.baseline as f32);
        if !is_catch {
            for t in stimulus.clone() {
                for k in 0..2 {
                    let sign = if k == right { 1.0 } else { -1.0 };
                    trial.inputs[[t, k]] = (self.baseline + (1.0 + sign * 3.2 * coherence / 100.0) / 2.0) as f32;
                }
            }
        }
        trial.targets.fill(LEVELS[0]);
        if is_catch {
            trial.conditions.insert("coherence_percent", 0.0);
            trial.conditions.insert("right_choice", -1.0);
        } else {
            target_choice(&mut trial, decision, 0..2, right, LEVELS);
            // While the evidence comes in, nothing is asked.
            trial.mask.slice_mut(ndarray::s![stimulus, ..]).fill(0.0);
            trial.conditions.insert("coherence_percent", coherence);
        }
        trial.add_noise(self.input_sd, self.dt_ms / self.tau_ms, &mut stream);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        score(trial, outputs)
    }
}
