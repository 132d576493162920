//! Plasticity by calcium thresholds (Graupner & Brunel 2012 PNAS 109:3991), without noise and without bistability.
//!
//! Calcium c jumps at pre- and postsynaptic spikes and decays; the efficacy rho (0 to 1, the weight in units of the largest) follows
//! tau rho' = gamma_p (1 - rho) [c > theta_p] - gamma_d rho [c > theta_d]. Between spikes both are known in closed form. At
//! physiological calcium the classic window of spike timing disappears (Inglebert et al. 2020 PNAS 117:33639), which lower jumps
//! reproduce.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// Parameters; the defaults are those of the fit to hippocampal slices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Calcium {
    /// Time constant of calcium in ms.
    pub tau_calcium_ms: f64,
    /// Jump at a presynaptic spike.
    pub pre_jump: f64,
    /// Jump at a postsynaptic spike.
    pub post_jump: f64,
    /// Threshold of depression.
    pub depression_threshold: f64,
    /// Threshold of potentiation.
    pub potentiation_threshold: f64,
    /// Rate of depression.
    pub gamma_depression: f64,
    /// Rate of potentiation.
    pub gamma_potentiation: f64,
    /// Time constant of the efficacy in ms.
    pub tau_ms: f64,
}

impl Default for Calcium {
    fn default() -> Self {
        Self {
            tau_calcium_ms: 20.0,
            pre_jump: 1.0,
            post_jump: 2.0,
            depression_threshold: 1.0,
            potentiation_threshold: 1.3,
            gamma_depression: 200.0,
            gamma_potentiation: 321.808,
            tau_ms: 150_000.0,
        }
    }
}

/// Calcium of one synapse at a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalciumState {
    pub calcium: f64,
    pub step: u64,
}

impl Calcium {
    /// Time in ms for which calcium, starting at `from`, stays above a threshold within `span_ms`.
    fn above_ms(&self, from: f64, threshold: f64, span_ms: f64) -> f64 {
        if from <= threshold { 0.0 } else { (self.tau_calcium_ms * (from / threshold).ln()).min(span_ms) }
    }

    /// Efficacy after a time in which no spike came, and the calcium left.
    pub fn relax(&self, mut rho: f64, calcium: f64, span_ms: f64) -> (f64, f64) {
        let (high, low) = (self.potentiation_threshold, self.depression_threshold);
        let potentiated_ms = self.above_ms(calcium, high, span_ms);
        let depressed_ms = self.above_ms(calcium, low, span_ms);
        let both_ms = potentiated_ms.min(depressed_ms);
        let sum = self.gamma_potentiation + self.gamma_depression;
        let target = self.gamma_potentiation / sum;
        rho = target + (rho - target) * (-both_ms * sum / self.tau_ms).exp();
        rho *= (-(depressed_ms - both_ms) * self.gamma_depression / self.tau_ms).exp();
        rho = 1.0 - (1.0 - rho) * (-(potentiated_ms - both_ms) * self.gamma_potentiation / self.tau_ms).exp();
        (rho, calcium * (-span_ms / self.tau_calcium_ms).exp())
    }

    /// Brings a synapse to a step and lets calcium jump.
    pub(crate) fn spike(&self, state: &mut CalciumState, rho: f64, step: u64, dt_ms: f64, jump: f64) -> f64 {
        let (rho, left) = self.relax(rho, state.calcium, (step - state.step) as f64 * dt_ms);
        *state = CalciumState { calcium: left + jump, step };
        rho
    }

    /// Refuses time constants and thresholds that are not positive.
    ///
    /// # Errors
    /// Naming the projection.
    pub fn check(&self, what: &str) -> Result<()> {
        for (name, value) in [
            ("tau_calcium_ms", self.tau_calcium_ms),
            ("tau_ms", self.tau_ms),
            ("depression_threshold", self.depression_threshold),
            ("potentiation_threshold", self.potentiation_threshold),
            ("gamma_depression", self.gamma_depression),
            ("gamma_potentiation", self.gamma_potentiation),
        ] {
            require_range(format!("{name} of {what}"), value, POSITIVE, 1e12)?;
        }
        require_range(format!("pre_jump of {what}"), self.pre_jump, 0.0, 1e6)?;
        require_range(format!("post_jump of {what}"), self.post_jump, 0.0, 1e6).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_what_small_steps_find() {
        let rule = Calcium { tau_ms: 3000.0, ..Calcium::default() };
        for (rho, calcium) in [(0.2, 3.0), (0.8, 1.2), (0.5, 0.4)] {
            let (mut r, mut c, h) = (rho, calcium, 1e-4);
            for _ in 0..400_000 {
                let up = if c > rule.potentiation_threshold { rule.gamma_potentiation * (1.0 - r) } else { 0.0 };
                let down = if c > rule.depression_threshold { rule.gamma_depression * r } else { 0.0 };
                r += h * (up - down) / rule.tau_ms;
                c -= h * c / rule.tau_calcium_ms;
            }
            let exact = rule.relax(rho, calcium, 40.0);
            // Euler's error: half a step times rates of at most .2 per ms.
            assert!((exact.0 - r).abs() < 2e-5 && (exact.1 - c).abs() < 2e-5, "{exact:?} {r} {c}");
        }
    }
}
