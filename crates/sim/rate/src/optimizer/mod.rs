//! How a gradient becomes a step: stochastic gradient descent with momentum, Adam, Nadam; on slices, and on tensors of any device.

mod tensors;

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

pub use tensors::TensorMoments;

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
    /// Adam with Nesterov's look ahead (Dozat 2016), the same constants: the present gradient counts once more.
    Nadam,
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

/// Values that one thread takes at once.
const CHUNK: usize = 1 << 16;
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;

impl Optimizer {
    /// Changes `weights` by one step along `gradient`.
    pub fn step(self, weights: &mut [f32], gradient: &[f32], moments: &mut Moments, rate: f64) {
        self.step_on(weights, gradient, moments, rate, 1);
    }

    /// [`Self::step`] on several threads, to the same bytes.
    pub fn step_on(self, weights: &mut [f32], gradient: &[f32], moments: &mut Moments, rate: f64, threads: usize) {
        let n = weights.len();
        moments.first.resize(n, 0.0);
        moments.steps += 1;
        if self.has_second() {
            moments.second.resize(n, 0.0);
        }
        let change = self.change(rate, moments.steps);
        let threads = threads.clamp(1, n.div_ceil(CHUNK).max(1));
        if threads == 1 {
            return change.apply(weights, gradient, &mut moments.first, &mut moments.second);
        }
        let pieces = weights.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK)).zip(moments.first.chunks_mut(CHUNK));
        let mut second = moments.second.chunks_mut(CHUNK);
        let rest = Mutex::new(pieces.map(move |piece| (piece, second.next().unwrap_or_default())));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let next = rest.lock().expect("no piece holds the lock").next();
                        let Some((((w, g), m), v)) = next else { return };
                        change.apply(w, g, m, v);
                    }
                });
            }
        });
    }

    fn has_second(self) -> bool {
        !matches!(self, Self::Sgd { .. })
    }

    /// The numbers of the step after so many, this one included.
    fn change(self, rate: f64, steps: u64) -> Change {
        let t = steps.min(i32::MAX as u64 - 1) as i32;
        let (first, second) = (f64::from(BETA_1), f64::from(BETA_2));
        let root = (1.0 - second.powi(t)).sqrt();
        match self {
            Self::Sgd { momentum } => Change::Sgd { momentum: momentum as f32, rate: rate as f32 },
            Self::Adam => Change::Adam { by_mean: (rate * root / (1.0 - first.powi(t))) as f32, by_gradient: 0.0 },
            Self::Nadam => Change::Adam {
                by_mean: (rate * root * first / (1.0 - first.powi(t + 1))) as f32,
                by_gradient: (rate * root * (1.0 - first) / (1.0 - first.powi(t))) as f32,
            },
        }
    }
}

/// One step, with all factors that are the same for every weight.
#[derive(Debug, Clone, Copy)]
enum Change {
    Sgd { momentum: f32, rate: f32 },
    Adam { by_mean: f32, by_gradient: f32 },
}

impl Change {
    fn apply(self, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        match self {
            Self::Sgd { momentum, rate } => {
                for ((w, g), v) in weights.iter_mut().zip(gradient).zip(first) {
                    *v = momentum * *v + g;
                    *w -= rate * *v;
                }
            }
            Self::Adam { by_mean, by_gradient } => {
                for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                    *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                    *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                    *w -= (by_mean * *m + by_gradient * g) / (v.sqrt() + 1e-8);
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

    #[test]
    fn nadam_looks_ahead() {
        // From rest: (0.9 (0.1 g) / (1 - 0.81) + 0.1 g / 0.1) / |g| = 0.9 / 1.9 + 1.
        let (mut w, mut moments) = ([0.0_f32], Moments::default());
        Optimizer::Nadam.step(&mut w, &[2.0], &mut moments, 0.1);
        assert!((f64::from(w[0]) + 0.1 * (1.0 + 0.9 / 1.9)).abs() < 1e-6, "{w:?}");
    }

    #[test]
    fn threads_change_no_byte() {
        let n = 3 * CHUNK + 17;
        let gradient: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin()).collect();
        for optimizer in [Optimizer::Sgd { momentum: 0.9 }, Optimizer::Adam, Optimizer::Nadam] {
            let run = |threads| {
                let (mut w, mut moments) = (vec![0.5; n], Moments::default());
                (0..3).for_each(|_| optimizer.step_on(&mut w, &gradient, &mut moments, 0.01, threads));
                (w, moments)
            };
            assert!(run(1) == run(2), "{optimizer:?}");
        }
    }
}
