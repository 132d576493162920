//! Integrate one of two streams, as a context input says (Mante, Sussillo, Shenoy & Newsome 2013, Nature 503:78): the output should
//! be +1 or -1, the sign of the mean of the relevant stream, once the evidence has been shown.

use ndarray::ArrayView2;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::pick;
use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The context-dependent integration task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContextIntegration {
    /// Step in ms.
    pub dt_ms: f64,
    /// Before the evidence; the context is on.
    pub fixation: Timing,
    /// The evidence.
    pub stimulus: Timing,
    /// When the choice counts; the context stays on.
    pub decision: Timing,
    /// Sizes of the mean of a stream; its sign is drawn.
    pub coherences: Vec<f64>,
    /// Standard deviation of the evidence in each step.
    pub evidence_sd: f64,
}

impl Default for ContextIntegration {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            fixation: Timing::fixed(100.0),
            stimulus: Timing::fixed(600.0),
            decision: Timing::fixed(200.0),
            coherences: vec![0.05, 0.15, 0.5],
            evidence_sd: 0.3,
        }
    }
}

impl Task for ContextIntegration {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("evidence_sd", self.evidence_sd, self.evidence_sd >= 0.0, "0 or more")?;
        require("coherences", 0.0, !self.coherences.is_empty(), "at least one coherence")?;
        for &c in &self.coherences {
            require("coherences", c, c > 0.0 && c <= 1.0, "in (0, 1]")?;
        }
        Timing::check_all(&[("fixation", &self.fixation), ("stimulus", &self.stimulus), ("decision", &self.decision)])
    }

    fn inputs(&self) -> Vec<String> {
        ["motion", "colour", "attend motion", "attend colour"].map(String::from).to_vec()
    }

    fn outputs(&self) -> Vec<String> {
        vec!["choice".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let parts = [("fixation", &self.fixation), ("stimulus", &self.stimulus), ("decision", &self.decision)];
        let mut trial = Trial::drawn(&parts, self.dt_ms, [4, 1], &mut stream);
        let (stimulus, decision) = (trial.epoch("stimulus"), trial.epoch("decision"));
        let context = stream.random_range(0..2_usize);
        let mut means = [0.0; 2];
        for mean in &mut means {
            *mean = pick(&self.coherences, &mut stream) * if stream.random_bool(0.5) { 1.0 } else { -1.0 };
        }
        trial.inputs.column_mut(2 + context).fill(1.0);
        for t in stimulus.clone() {
            for (k, mean) in means.iter().enumerate() {
                let noise: f64 = StandardNormal.sample(&mut stream);
                trial.inputs[[t, k]] = (mean + self.evidence_sd * noise) as f32;
            }
        }
        let answer = means[context].signum() as f32;
        trial.mask.fill(0.0);
        trial.mask.slice_mut(ndarray::s![..stimulus.start, ..]).fill(1.0);
        for t in decision {
            trial.targets[[t, 0]] = answer;
            trial.mask[[t, 0]] = 1.0;
        }
        trial.conditions.insert("context", context as f64);
        trial.conditions.insert("motion", means[0]);
        trial.conditions.insert("colour", means[1]);
        trial.conditions.insert("right_choice", f64::from(answer));
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let answer = *trial.conditions.get("right_choice")?;
        let mean: f64 = trial.epoch("decision").map(|t| f64::from(outputs[[t, 0]])).sum();
        Some(f64::from(u8::from(mean * answer > 0.0)))
    }
}
