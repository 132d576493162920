//! Delayed match to sample (Miller, Erickson & Desimone 1996, J Neurosci 16:5154): a sample, a delay, a test; is it the same?

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::{score, target_choice};
use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The delayed match task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DelayedMatch {
    /// Step in ms.
    pub dt_ms: f64,
    /// Different stimuli.
    pub stimuli: usize,
    /// Before the sample.
    pub fixation: Timing,
    /// Sample and test, each.
    pub stimulus: Timing,
    /// Between them.
    pub delay: Timing,
    /// When the choice counts.
    pub decision: Timing,
    /// Noise of the inputs in each step.
    pub input_sd: f64,
}

impl Default for DelayedMatch {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            stimuli: 2,
            fixation: Timing::fixed(100.0),
            stimulus: Timing::fixed(200.0),
            delay: Timing::Uniform { from_ms: 200.0, to_ms: 600.0 },
            decision: Timing::fixed(200.0),
            input_sd: 0.05,
        }
    }
}

impl Task for DelayedMatch {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("stimuli", self.stimuli as f64, self.stimuli >= 2, "at least 2")?;
        require("input_sd", self.input_sd, self.input_sd >= 0.0, "0 or more")?;
        Timing::check_all(&[
            ("fixation", &self.fixation),
            ("stimulus", &self.stimulus),
            ("delay", &self.delay),
            ("decision", &self.decision),
        ])
    }

    fn inputs(&self) -> Vec<String> {
        (1..=self.stimuli).map(|s| format!("stimulus {s}")).chain(["fixation".into()]).collect()
    }

    fn outputs(&self) -> Vec<String> {
        vec!["match".into(), "no match".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let parts = [
            ("fixation", &self.fixation),
            ("sample", &self.stimulus),
            ("delay", &self.delay),
            ("test", &self.stimulus),
            ("decision", &self.decision),
        ];
        let mut trial = Trial::drawn(&parts, self.dt_ms, [self.stimuli + 1, 2], &mut stream);
        let sample = stream.random_range(0..self.stimuli);
        let same = stream.random_bool(0.5);
        let other = (sample + stream.random_range(1..self.stimuli)) % self.stimuli;
        let test = if same { sample } else { other };
        for (epoch, stimulus) in [("sample", sample), ("test", test)] {
            for t in trial.epoch(epoch) {
                trial.inputs[[t, stimulus]] = 1.0;
            }
        }
        let decision = trial.epoch("decision");
        trial.inputs.slice_mut(ndarray::s![..decision.start, self.stimuli]).fill(1.0);
        let right = usize::from(!same);
        target_choice(&mut trial, decision, 0..2, right, [0.0, 1.0]);
        trial.conditions.insert("sample", sample as f64);
        trial.conditions.insert("test", test as f64);
        trial.add_noise(self.input_sd, 2.0, &mut stream);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        score(trial, outputs)
    }
}
