//! Did events come faster than a boundary, seen, heard or both? Multisensory integration (Raposo, Kaufman & Churchland 2014, Nat Neurosci
//! 17:1784) as in Song, Yang & Wang (2016): each sense has an input that rises and one that falls with the rate, with noise of its own.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::{pick, score, target_choice};
use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The multisensory integration task. The trial table has `modality` (0 seen, 1 heard, 2 both) and `rate_hz`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Multisensory {
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
    /// Rates of events in Hz.
    pub rates_hz: Vec<f64>,
    /// Rate above which the answer is `high`, in Hz.
    pub boundary_hz: f64,
    /// Change of an input for a Hz away from the boundary.
    pub gain_per_hz: f64,
    /// Noise of the inputs (stationary standard deviation).
    pub input_sd: f64,
    /// Inputs at rest.
    pub baseline: f64,
}

impl Default for Multisensory {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            tau_ms: 100.0,
            fixation: Timing::fixed(100.0),
            stimulus: Timing::fixed(1000.0),
            decision: Timing::fixed(300.0),
            rates_hz: (9..=16).map(f64::from).collect(),
            boundary_hz: 12.5,
            gain_per_hz: 0.05,
            input_sd: 0.15,
            baseline: 0.2,
        }
    }
}

/// Senses that are shown in each modality.
const SENSES: [&[usize]; 3] = [&[0], &[1], &[0, 1]];

impl Task for Multisensory {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0 && self.dt_ms <= self.tau_ms, "above 0 ms, at most tau_ms")?;
        require("input_sd", self.input_sd, self.input_sd >= 0.0, "0 or more")?;
        require("gain_per_hz", self.gain_per_hz, self.gain_per_hz > 0.0, "above 0 per Hz")?;
        require("rates_hz", 0.0, !self.rates_hz.is_empty(), "at least one rate")?;
        for &rate in &self.rates_hz {
            require("rates_hz", rate, rate > 0.0 && rate != self.boundary_hz, "above 0 Hz and not the boundary")?;
        }
        Timing::check_all(&[("fixation", &self.fixation), ("stimulus", &self.stimulus), ("decision", &self.decision)])
    }

    fn inputs(&self) -> Vec<String> {
        ["seen, rising", "seen, falling", "heard, rising", "heard, falling"].map(String::from).into()
    }

    fn outputs(&self) -> Vec<String> {
        vec!["low".into(), "high".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let parts = [("fixation", &self.fixation), ("stimulus", &self.stimulus), ("decision", &self.decision)];
        let mut trial = Trial::drawn(&parts, self.dt_ms, [4, 2], &mut stream);
        let (stimulus, decision) = (trial.epoch("stimulus"), trial.epoch("decision"));
        let rate_hz = pick(&self.rates_hz, &mut stream);
        let modality = stream.random_range(0..SENSES.len());
        trial.inputs.fill(self.baseline as f32);
        for sense in SENSES[modality] {
            let change = self.gain_per_hz * (rate_hz - self.boundary_hz);
            for t in stimulus.clone() {
                trial.inputs[[t, 2 * sense]] = (self.baseline + 0.5 + change) as f32;
                trial.inputs[[t, 2 * sense + 1]] = (self.baseline + 0.5 - change) as f32;
            }
        }
        trial.targets.fill(0.2);
        let right = usize::from(rate_hz > self.boundary_hz);
        target_choice(&mut trial, decision, 0..2, right, [0.2, 1.0]);
        trial.mask.slice_mut(ndarray::s![stimulus, ..]).fill(0.0);
        trial.conditions.insert("modality", modality as f64);
        trial.conditions.insert("rate_hz", rate_hz);
        trial.add_noise(self.input_sd, self.dt_ms / self.tau_ms, &mut stream);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        score(trial, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sense_that_is_not_asked_stays_at_rest() {
        let task = Multisensory { input_sd: 0.0, ..Multisensory::default() };
        let mut seen = [0; 3];
        for k in 0..60 {
            let trial = task.trial(&Seed::root(2).index(k));
            let modality = trial.conditions["modality"] as usize;
            seen[modality] += 1;
            let change = 0.05 * (trial.conditions["rate_hz"] - 12.5);
            for t in trial.epoch("stimulus") {
                for sense in 0..2 {
                    let shown = SENSES[modality].contains(&sense);
                    let expected = if shown { [0.7 + change, 0.7 - change] } else { [0.2, 0.2] };
                    for (k, value) in expected.into_iter().enumerate() {
                        assert!((f64::from(trial.inputs[[t, 2 * sense + k]]) - value).abs() < 1e-6);
                    }
                }
            }
            assert_eq!(trial.conditions["right_choice"], f64::from(u8::from(change > 0.0)));
        }
        assert!(seen.iter().all(|n| *n > 8), "{seen:?}");
        assert!(Multisensory { rates_hz: vec![12.5], ..Multisensory::default() }.check().is_err());
    }
}
