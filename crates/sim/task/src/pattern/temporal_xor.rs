//! Temporal exclusive or (Elman 1990): a stream of bits of which every third is the exclusive or of the two before it. The network
//! predicts the next bit; only every third can be predicted.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Loss, Result, Task, Trial};

/// The temporal exclusive-or task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TemporalXor {
    /// Triples of bits in a trial.
    pub triples: usize,
}

impl Default for TemporalXor {
    fn default() -> Self {
        Self { triples: 10 }
    }
}

impl Task for TemporalXor {
    fn check(&self) -> Result<()> {
        require("triples", self.triples as f64, self.triples >= 1, "at least 1")
    }

    fn inputs(&self) -> Vec<String> {
        vec!["bit".into(), "start of a triple".into()]
    }

    fn outputs(&self) -> Vec<String> {
        vec!["next bit".into()]
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn loss(&self) -> Loss {
        Loss::Logistic
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let mut trial = Trial::blank(3 * self.triples, 2, 1);
        let mut bits = Vec::with_capacity(3 * self.triples + 1);
        for _ in 0..self.triples {
            let (a, b) = (stream.random_bool(0.5), stream.random_bool(0.5));
            bits.extend([a, b, a ^ b]);
        }
        bits.push(false);
        for t in 0..3 * self.triples {
            trial.inputs[[t, 0]] = if bits[t] { 1.0 } else { -1.0 };
            trial.inputs[[t, 1]] = f32::from(u8::from(t % 3 == 0));
            trial.targets[[t, 0]] = f32::from(u8::from(bits[t + 1]));
            trial.mask[[t, 0]] = f32::from(u8::from(t + 1 < 3 * self.triples));
        }
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let right = (0..self.triples).filter(|k| {
            let t = 3 * k + 1;
            (outputs[[t, 0]] > 0.0) == (trial.targets[[t, 0]] > 0.5)
        });
        Some(right.count() as f64 / self.triples as f64)
    }
}
