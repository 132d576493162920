//! Copy: a sequence of symbols, a delay, and then the sequence again (Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016). The end of
//! the delay is marked.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::chosen;
use crate::error::require;
use crate::{Loss, Result, Task, Trial};

/// The copy task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Copy {
    /// Different symbols.
    pub symbols: usize,
    /// Symbols of a sequence.
    pub length: usize,
    /// Steps between the sequence and its recall.
    pub delay: usize,
}

impl Default for Copy {
    fn default() -> Self {
        Self { symbols: 4, length: 2, delay: 10 }
    }
}

impl Task for Copy {
    fn check(&self) -> Result<()> {
        require("symbols", self.symbols as f64, self.symbols >= 2, "at least 2")?;
        require("length", self.length as f64, self.length >= 1, "at least 1")?;
        require("delay", self.delay as f64, self.delay >= 1, "at least 1 step")
    }

    fn inputs(&self) -> Vec<String> {
        (1..=self.symbols).map(|s| format!("symbol {s}")).chain(["recall".into()]).collect()
    }

    fn outputs(&self) -> Vec<String> {
        (1..=self.symbols).map(|s| format!("symbol {s}")).collect()
    }

    fn dt_ms(&self) -> f64 {
        1.0
    }

    fn loss(&self) -> Loss {
        Loss::CrossEntropy { groups: vec![self.symbols] }
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let recall = self.length + self.delay;
        let mut trial = Trial::blank(recall + self.length, self.symbols + 1, self.symbols);
        trial.mask.slice_mut(ndarray::s![..recall, ..]).fill(0.0);
        for t in 0..self.length {
            let symbol = stream.random_range(0..self.symbols);
            trial.inputs[[t, symbol]] = 1.0;
            trial.inputs[[recall + t, self.symbols]] = 1.0;
            trial.targets[[recall + t, symbol]] = 1.0;
        }
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let recall = self.length + self.delay;
        let right = (recall..recall + self.length)
            .filter(|&t| trial.targets[[t, chosen(outputs, t..t + 1, 0..self.symbols)]] > 0.5)
            .count();
        Some(right as f64 / self.length as f64)
    }
}
