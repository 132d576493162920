//! Was the first frequency higher than the second? Parametric working memory (Romo, Brody, Hernandez & Lemus 1999, Nature 399:470):
//! two stimuli apart in time, coded by a rising and a falling input.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::{pick, score, target_choice};
use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The parametric comparison task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParametricComparison {
    /// Step in ms.
    pub dt_ms: f64,
    /// Before the first stimulus.
    pub fixation: Timing,
    /// Each stimulus.
    pub stimulus: Timing,
    /// Between them.
    pub delay: Timing,
    /// When the choice counts.
    pub decision: Timing,
    /// Frequencies of the first stimulus in Hz, within 10 to 34.
    pub first_hz: Vec<f64>,
    /// How far the second is off, in Hz.
    pub difference_hz: f64,
    /// Noise of the inputs in each step.
    pub input_sd: f64,
}

impl Default for ParametricComparison {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            fixation: Timing::fixed(100.0),
            stimulus: Timing::fixed(500.0),
            delay: Timing::Uniform { from_ms: 500.0, to_ms: 1500.0 },
            decision: Timing::fixed(300.0),
            first_hz: vec![14.0, 18.0, 22.0, 26.0, 30.0],
            difference_hz: 6.0,
            input_sd: 0.01,
        }
    }
}

impl Task for ParametricComparison {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("input_sd", self.input_sd, self.input_sd >= 0.0, "0 or more")?;
        require("first_hz", 0.0, !self.first_hz.is_empty(), "at least one frequency")?;
        for &f in &self.first_hz {
            require("first_hz", f, (10.0..=34.0).contains(&f), "between 10 and 34 Hz")?;
        }
        require("difference_hz", self.difference_hz, self.difference_hz > 0.0, "above 0 Hz")?;
        Timing::check_all(&[
            ("fixation", &self.fixation),
            ("stimulus", &self.stimulus),
            ("delay", &self.delay),
            ("decision", &self.decision),
        ])
    }

    fn inputs(&self) -> Vec<String> {
        vec!["rising with frequency".into(), "falling with frequency".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["first higher".into(), "second higher".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let parts = [
            ("fixation", &self.fixation),
            ("first", &self.stimulus),
            ("delay", &self.delay),
            ("second", &self.stimulus),
            ("decision", &self.decision),
        ];
        let mut trial = Trial::drawn(&parts, self.dt_ms, [2, 2], &mut stream);
        let first = pick(&self.first_hz, &mut stream);
        let second = first + self.difference_hz * if stream.random_bool(0.5) { 1.0 } else { -1.0 };
        for (epoch, hz) in [("first", first), ("second", second)] {
            let level = (hz - 10.0) / 24.0;
            for t in trial.epoch(epoch) {
                trial.inputs[[t, 0]] = (0.4 + 0.8 * level) as f32;
                trial.inputs[[t, 1]] = (1.2 - 0.8 * level) as f32;
            }
        }
        let right = usize::from(second > first);
        trial.mask.fill(0.0);
        let fixation = trial.epoch("fixation");
        trial.mask.slice_mut(ndarray::s![fixation, ..]).fill(1.0);
        let decision = trial.epoch("decision");
        trial.mask.slice_mut(ndarray::s![decision.clone(), ..]).fill(1.0);
        trial.targets.fill(0.2);
        target_choice(&mut trial, decision, 0..2, right, [0.2, 1.0]);
        trial.conditions.insert("first_hz", first);
        trial.conditions.insert("second_hz", second);
        trial.add_noise(self.input_sd, 2.0, &mut stream);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        score(trial, outputs)
    }
}
