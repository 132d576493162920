//! How a gradient becomes a step: stochastic gradient descent with momentum, Adam.

use serde::{Deserialize, Serialize};

/// An optimiser and its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// v = momentum v + g; w = w - rate v (Polyak 1964).
    Sgd {
        /// Share of the previous step that is kept.
        momentum: f64,
    },
    /// Adam (Kingma & Ba 2015) with beta1 0.9, beta2 0.999, epsilon 1e-8.
    Adam,
}

/// The memory of an optimiser for one parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Running mean of the gradient (or velocity).
    pub first: Vec<f32>,
    /// Running mean of its square (Adam only).
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

impl Optimizer {
    /// Changes `weights` by one step along `gradient`.
    pub fn step(self, weights: &mut [f32], gradient: &[f32], moments: &mut Moments, rate: f64) {
        let n = weights.len();
        moments.first.resize(n, 0.0);
        moments.steps += 1;
        match self {
            Self::Sgd { momentum } => {
                let (momentum, rate) = (momentum as f32, rate as f32);
                for ((w, g), v) in weights.iter_mut().zip(gradient).zip(&mut moments.first) {
                    *v = momentum * *v + g;
                    *w -= rate * *v;
                }
            }
            Self::Adam => {
                const BETA_1: f32 = 0.9;
                const BETA_2: f32 = 0.999;
                moments.second.resize(n, 0.0);
                let steps = moments.steps.min(i32::MAX as u64) as i32;
                let rate = rate * (1.0 - f64::from(BETA_2).powi(steps)).sqrt() / (1.0 - f64::from(BETA_1).powi(steps));
                let rate = rate as f32;
                for (((w, g), m), v) in
                    weights.iter_mut().zip(gradient).zip(&mut moments.first).zip(&mut moments.second)
                {
                    *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                    *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                    *w -= rate * *m / (v.sqrt() + 1e-8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn momentum_accumulates_and_adam_takes_unit_steps_first() {
        let (mut w, mut moments) = ([1.0_f32], Moments::default());
        let sgd = Optimizer::Sgd { momentum: 0.5 };
        sgd.step(&mut w, &[1.0], &mut moments, 0.1);
        sgd.step(&mut w, &[1.0], &mut moments, 0.1);
        assert!((w[0] - (1.0 - 0.1 - 0.15)).abs() < 1e-6);
        let (mut w, mut moments) = ([1.0_f32, 1.0], Moments::default());
        Optimizer::Adam.step(&mut w, &[1e-3, -50.0], &mut moments, 0.1);
        // The first Adam step is the rate times the sign of the gradient, whatever its size.
        assert!((w[0] - 0.9).abs() < 1e-4 && (w[1] - 1.1).abs() < 1e-4, "{w:?}");
    }
}
