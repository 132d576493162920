//! What a surrogate is trained for: spikes and voltage of the neuron, millisecond by millisecond.
//!
//! L = spike weight x (binary cross-entropy of the spike head, or focal) + voltage weight x (squared error of the voltage head) +
//! dendrite weight x (mean squared error of further heads), each a mean over rows and counted steps (Beniaguev et al. 2021). Focal loss (Lin
//! et al. 2017) is -alpha_t (1 - p_t)^gamma log p_t with p_t the probability of what happened: rare spikes weigh more.

use rheobase_rate::scalar::Scalar;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The loss of the spike head.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SpikeLoss {
    /// Binary cross-entropy.
    #[default]
    CrossEntropy,
    /// Focal loss.
    Focal {
        /// Weight of spikes; that of silence is 1 - alpha.
        alpha: f64,
        /// How much less what is predicted well counts.
        gamma: f64,
    },
}

/// The parts of the loss and their weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Loss {
    /// Loss of the spike head.
    pub spike: SpikeLoss,
    /// Its weight.
    pub spike_weight: f64,
    /// Weight of the voltage head's squared error; 0 for spikes alone.
    pub voltage_weight: f64,
    /// Weight of the dendritic heads' mean squared error, in units of the first component's variance.
    pub dendrite_weight: f64,
    /// First steps of a window that do not count: the network does not know what came before them.
    pub burn_in: usize,
}

impl Default for Loss {
    fn default() -> Self {
        Self { spike: SpikeLoss::default(), spike_weight: 1.0, voltage_weight: 0.02, dendrite_weight: 0.02, burn_in: 0 }
    }
}

/// What the heads should say, (rows, steps, heads): spikes 0 or 1 first, then voltage, then dendritic components.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets<F> {
    /// Values.
    pub values: Vec<F>,
    /// Steps of a row.
    pub steps: usize,
    /// Heads.
    pub heads: usize,
}

impl Loss {
    /// The loss, and its derivative by the outputs (rows, steps, heads).
    pub fn value<F: Scalar>(&self, outputs: &[F], targets: &Targets<F>) -> (f64, Vec<F>) {
        let heads = targets.heads;
        let counted = targets.steps.saturating_sub(self.burn_in);
        let rows = outputs.len() / (targets.steps * heads).max(1);
        let scale = 1.0 / ((rows * counted).max(1) as f64);
        let mut by_outputs = vec![F::ZERO; outputs.len()];
        let mut sum = 0.0;
        for (place, own) in by_outputs.chunks_exact_mut(heads).enumerate() {
            if place % targets.steps < self.burn_in {
                continue;
            }
            let (y, wanted) = (&outputs[place * heads..], &targets.values[place * heads..]);
            let (value, slope) = self.spike.at(y[0].value(), wanted[0].value());
            sum += self.spike_weight * value;
            own[0] = F::of(self.spike_weight * scale * slope);
            for head in 1..heads {
                let weight = if head == 1 { self.voltage_weight } else { self.dendrite_weight / (heads - 2) as f64 };
                let error = y[head].value() - wanted[head].value();
                sum += weight * error * error;
                own[head] = F::of(2.0 * weight * scale * error);
            }
        }
        (sum * scale, by_outputs)
    }
}

impl SpikeLoss {
    /// Loss and slope at a logit, for a spike (1) or none (0).
    fn at(self, logit: f64, spike: f64) -> (f64, f64) {
        let signed = if spike > 0.5 { logit } else { -logit };
        let sign = if spike > 0.5 { 1.0 } else { -1.0 };
        // p_t = 1 / (1 + e^-s); log p_t without overflow.
        let log_p = -((-signed.abs()).exp().ln_1p() + (-signed).max(0.0));
        let q = if signed > 0.0 { (-signed).exp() / (1.0 + (-signed).exp()) } else { 1.0 / (1.0 + signed.exp()) };
        match self {
            Self::CrossEntropy => (-log_p, -sign * q),
            Self::Focal { alpha, gamma } => {
                let weight = if spike > 0.5 { alpha } else { 1.0 - alpha };
                let p = 1.0 - q;
                let slope = q.powf(gamma) * (gamma * p * log_p - q);
                (-weight * q.powf(gamma) * log_p, sign * weight * slope)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_differences_of_values() {
        let losses = [SpikeLoss::CrossEntropy, SpikeLoss::Focal { alpha: 0.25, gamma: 1.0 }];
        for loss in losses.into_iter().chain([SpikeLoss::Focal { alpha: 0.7, gamma: 2.0 }]) {
            for spike in [0.0, 1.0] {
                for logit in [-30.0, -3.0, -0.1, 0.0, 0.4, 5.0, 30.0] {
                    let h = 1e-5;
                    let numeric = (loss.at(logit + h, spike).0 - loss.at(logit - h, spike).0) / (2.0 * h);
                    assert!((numeric - loss.at(logit, spike).1).abs() < 1e-8, "{loss:?} {spike} {logit}");
                }
            }
        }
        // At chance the cross-entropy is log 2, far off it grows with the logit.
        assert!((SpikeLoss::CrossEntropy.at(0.0, 1.0).0 - 2.0_f64.ln()).abs() < 1e-15);
        assert!((SpikeLoss::CrossEntropy.at(-800.0, 1.0).0 - 800.0).abs() < 1e-12);
    }

    #[test]
    fn burnt_in_steps_count_neither_in_the_value_nor_in_the_slope() {
        let targets = Targets { values: vec![1.0, 0.0, 1.0, 2.0, 0.0, 0.0_f64], steps: 3, heads: 2 };
        let outputs = [9.0, 9.0, 0.0, 1.0, 0.0, 0.0];
        let loss = Loss { voltage_weight: 0.5, burn_in: 1, ..Loss::default() };
        let (value, slope) = loss.value(&outputs, &targets);
        assert!((value - (2.0 * 2.0_f64.ln() + 0.5) / 2.0).abs() < 1e-15);
        assert_eq!(slope, [0.0, 0.0, -0.25, -0.5, 0.25, 0.0]);
    }
}
