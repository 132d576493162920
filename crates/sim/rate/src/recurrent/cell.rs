//! One step of a recurrent unit and its derivative, for every kind of cell.
//!
//! A cell gets two drives for each of its gates: D = W_in u + b from outside and R = W' o(t-1) from the recurrent outputs. With
//! f the nonlinearity and s the logistic function:
//!
//! | cell | state | step |
//! |---|---|---|
//! | rate | r | r = (1 - a) r + a f(D + R); a = dt / tau; a = 1 is Elman's network (Elman 1990) |
//! | current | x | x = (1 - a) x + a (D + R), output f(x) (Song, Yang & Wang 2016; Sussillo & Abbott 2009) |
//! | GRU | h | z, k = s(D + R); c = tanh(D + k R); h = (1 - z) h + z c (Cho et al. 2014): z is dt / tau of its unit |
//! | LSTM | c | i, f, o = s(.), g = tanh(.); c = f c + i g; output o tanh(c) (Hochreiter & Schmidhuber 1997; Gers et al. 2000) |
//! | subLSTM | c | z, i, f, o = s(.); c = f c + z - i; output s(c) - o: inhibition subtracts (Costa et al. 2017) |

use rheobase_core::vectorised::{Kernel, vectorised};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::Scalar;

/// F-I curve of a rate unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nonlinearity {
    /// Hyperbolic tangent.
    Tanh,
    /// max(0, x).
    Relu,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// ln(1 + e^x).
    Softplus,
    /// max(0, tanh x).
    RectifiedTanh,
    /// x itself.
    Linear,
}

impl Nonlinearity {
    /// f(x).
    #[inline(always)]
    pub fn value<F: Scalar>(self, x: F) -> F {
        match self {
            Self::Tanh => x.tanh(),
            Self::Relu => x.positive(),
            Self::Sigmoid => x.logistic(),
            // max(x, 0) + ln(1 + e^-|x|) neither overflows nor cancels.
            Self::Softplus => x.positive() + (-x.abs()).exp().ln_1p(),
            Self::RectifiedTanh => x.tanh().positive(),
            Self::Linear => x,
        }
    }

    /// f'(x) from y = f(x).
    #[inline(always)]
    pub fn slope<F: Scalar>(self, y: F) -> F {
        let on = if y > F::ZERO { F::ONE } else { F::ZERO };
        match self {
            Self::Tanh => F::ONE - y * y,
            Self::Relu => on,
            Self::Sigmoid => y * (F::ONE - y),
            Self::Softplus => F::ONE - (-y).exp(),
            Self::RectifiedTanh => on * (F::ONE - y * y),
            Self::Linear => F::ONE,
        }
    }

    /// f''(x) from y = f(x).
    #[inline(always)]
    pub fn curvature<F: Scalar>(self, y: F) -> F {
        let two = F::ONE + F::ONE;
        let slope = self.slope(y);
        match self {
            Self::Tanh | Self::RectifiedTanh => -two * y * slope,
            Self::Sigmoid => slope * (F::ONE - two * y),
            Self::Softplus => slope * (F::ONE - slope),
            Self::Relu | Self::Linear => F::ZERO,
        }
    }
}

/// A kind of recurrent unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Cell {
    /// The rate equation with the leak outside the nonlinearity.
    Rate {
        /// F-I curve.
        nonlinearity: Nonlinearity,
        /// dt / tau, in (0, 1].
        alpha: f64,
    },
    /// The rate equation for currents: the nonlinearity is the output.
    Current {
        /// F-I curve.
        nonlinearity: Nonlinearity,
        /// dt / tau, in (0, 1].
        alpha: f64,
    },
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
    /// LSTM with subtractive gates.
    SubLstm,
}

/// Slices of one unit row during a step; each gate has `units` values, gate after gate.
pub(super) struct Step<'a, F> {
    pub cell: Cell,
    pub units: usize,
    /// State before.
    pub before: &'a [F],
    /// Drive from outside, with biases.
    pub drive: &'a [F],
    /// Recurrent drive.
    pub recurrent: &'a [F],
    /// What the derivative needs again.
    pub kept: &'a mut [F],
    /// State after.
    pub after: &'a mut [F],
    /// Output after.
    pub output: &'a mut [F],
}

/// Slices of one unit row during the step back.
pub(super) struct StepBack<'a, F> {
    pub cell: Cell,
    pub units: usize,
    pub before: &'a [F],
    pub kept: &'a [F],
    pub output: &'a [F],
    /// Derivative of the loss by the output after.
    pub by_output: &'a [F],
    /// Derivative by the state after; becomes that by the state before.
    pub by_state: &'a mut [F],
    /// Derivative by the drive.
    pub by_drive: &'a mut [F],
    /// Derivative by the recurrent drive (GRU only; otherwise equal to `by_drive` and empty here).
    pub by_recurrent: &'a mut [F],
}

impl Cell {
    /// Gates: drives of each unit.
    pub fn gates(self) -> usize {
        match self {
            Self::Rate { .. } | Self::Current { .. } => 1,
            Self::Gru => 3,
            Self::Lstm | Self::SubLstm => 4,
        }
    }

    /// Names of the gates, in order.
    pub fn gate_names(self) -> &'static [&'static str] {
        match self {
            Self::Rate { .. } | Self::Current { .. } => &["unit"],
            Self::Gru => &["reset", "update", "candidate"],
            Self::Lstm => &["input", "forget", "candidate", "output"],
            Self::SubLstm => &["candidate", "input", "forget", "output"],
        }
    }

    /// Whether the output is another variable beside the state, so that both are needed to go on.
    pub fn has_separate_output(self) -> bool {
        matches!(self, Self::Lstm | Self::SubLstm)
    }

    /// Whether the recurrent drive of a gate enters otherwise than the outer one.
    pub fn has_separate_drives(self) -> bool {
        self == Self::Gru
    }

    /// Values kept of each unit for the derivative.
    pub(super) fn kept(self) -> usize {
        match self {
            Self::Rate { .. } => 1,
            Self::Current { .. } => 0,
            Self::Gru => 4,
            Self::Lstm | Self::SubLstm => 5,
        }
    }

    /// The nonlinearity and dt / tau of a rate equation.
    pub fn rate_equation(self) -> Option<(Nonlinearity, f64)> {
        match self {
            Self::Rate { nonlinearity, alpha } | Self::Current { nonlinearity, alpha } => Some((nonlinearity, alpha)),
            _ => None,
        }
    }

    /// Output of a state where the state alone decides it.
    pub(super) fn output_of<F: Scalar>(self, state: F) -> F {
        match self {
            Self::Current { nonlinearity, .. } => nonlinearity.value(state),
            _ => state,
        }
    }
}

impl<F: Scalar> Step<'_, F> {
    pub fn run(self) {
        vectorised(self);
    }
}

impl<F: Scalar> StepBack<'_, F> {
    pub fn run(self) {
        vectorised(self);
    }
}

/// The gates of a row as slices of equal length.
#[inline(always)]
fn split<F, const G: usize>(values: &[F], units: usize) -> [&[F]; G] {
    // Cut to `units` in a second step: the compiler then knows the length and drops its checks.
    std::array::from_fn(|g| &values[g * units..][..units])
}

#[inline(always)]
fn split_mut<F, const G: usize>(values: &mut [F], units: usize) -> [&mut [F]; G] {
    let mut parts = values.chunks_exact_mut(units);
    std::array::from_fn(|_| &mut parts.next().expect("a slice for every gate")[..units])
}

impl<F: Scalar> Kernel for Step<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.units;
        let (before, after, output) = (&self.before[..n], &mut self.after[..n], &mut self.output[..n]);
        match self.cell {
            Cell::Rate { nonlinearity, alpha } => {
                // Each nonlinearity its own loop, so that each vectorises.
                macro_rules! rate {
                    ($($kind:ident),*) => { match nonlinearity {
                        $(Nonlinearity::$kind => {
                            let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                            let (d, r, kept) = (&self.drive[..n], &self.recurrent[..n], &mut self.kept[..n]);
                            for i in 0..n {
                                let y = Nonlinearity::$kind.value(d[i] + r[i]);
                                kept[i] = y;
                                after[i] = keep.fused(before[i], alpha * y);
                                output[i] = after[i];
                            }
                        })*
                    } };
                }
                rate!(Tanh, Relu, Sigmoid, Softplus, RectifiedTanh, Linear);
            }
            Cell::Current { nonlinearity, alpha } => {
                macro_rules! current {
                    ($($kind:ident),*) => { match nonlinearity {
                        $(Nonlinearity::$kind => {
                            let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                            let (d, r) = (&self.drive[..n], &self.recurrent[..n]);
                            for i in 0..n {
                                after[i] = keep.fused(before[i], alpha * (d[i] + r[i]));
                                output[i] = Nonlinearity::$kind.value(after[i]);
                            }
                        })*
                    } };
                }
                current!(Tanh, Relu, Sigmoid, Softplus, RectifiedTanh, Linear);
            }
            Cell::Gru => {
                let (d, r): ([&[F]; 3], [&[F]; 3]) = (split(self.drive, n), split(self.recurrent, n));
                let [reset, update, candidate, inner] = split_mut(self.kept, n);
                for i in 0..n {
                    let k = (d[0][i] + r[0][i]).logistic();
                    let z = (d[1][i] + r[1][i]).logistic();
                    let c = (d[2][i] + k * r[2][i]).tanh();
                    (reset[i], update[i], candidate[i], inner[i]) = (k, z, c, r[2][i]);
                    after[i] = (F::ONE - z) * before[i] + z * c;
                    output[i] = after[i];
                }
            }
            Cell::Lstm => {
                let (d, r): ([&[F]; 4], [&[F]; 4]) = (split(self.drive, n), split(self.recurrent, n));
                let [input, forget, candidate, gate, squashed] = split_mut(self.kept, n);
                for j in 0..n {
                    let i = (d[0][j] + r[0][j]).logistic();
                    let f = (d[1][j] + r[1][j]).logistic();
                    let g = (d[2][j] + r[2][j]).tanh();
                    let o = (d[3][j] + r[3][j]).logistic();
                    after[j] = f * before[j] + i * g;
                    let t = after[j].tanh();
                    output[j] = o * t;
                    (input[j], forget[j], candidate[j], gate[j], squashed[j]) = (i, f, g, o, t);
                }
            }
            Cell::SubLstm => {
                let (d, r): ([&[F]; 4], [&[F]; 4]) = (split(self.drive, n), split(self.recurrent, n));
                let [candidate, input, forget, gate, squashed] = split_mut(self.kept, n);
                for j in 0..n {
                    let z = (d[0][j] + r[0][j]).logistic();
                    let i = (d[1][j] + r[1][j]).logistic();
                    let f = (d[2][j] + r[2][j]).logistic();
                    let o = (d[3][j] + r[3][j]).logistic();
                    after[j] = f * before[j] + z - i;
                    let t = after[j].logistic();
                    output[j] = t - o;
                    (candidate[j], input[j], forget[j], gate[j], squashed[j]) = (z, i, f, o, t);
                }
            }
        }
    }
}

impl<F: Scalar> Kernel for StepBack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.units;
        let (before, output) = (&self.before[..n], &self.output[..n]);
        let (by_output, by_state) = (&self.by_output[..n], &mut self.by_state[..n]);
        match self.cell {
            Cell::Rate { nonlinearity, alpha } => {
                macro_rules! rate {
                    ($($kind:ident),*) => { match nonlinearity {
                        $(Nonlinearity::$kind => {
                            let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                            let (kept, by_drive) = (&self.kept[..n], &mut self.by_drive[..n]);
                            for i in 0..n {
                                let d = by_state[i] + by_output[i];
                                by_drive[i] = alpha * d * Nonlinearity::$kind.slope(kept[i]);
                                by_state[i] = keep * d;
                            }
                        })*
                    } };
                }
                rate!(Tanh, Relu, Sigmoid, Softplus, RectifiedTanh, Linear);
            }
            Cell::Current { nonlinearity, alpha } => {
                macro_rules! current {
                    ($($kind:ident),*) => { match nonlinearity {
                        $(Nonlinearity::$kind => {
                            let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                            let by_drive = &mut self.by_drive[..n];
                            for i in 0..n {
                                let d = by_state[i] + by_output[i] * Nonlinearity::$kind.slope(output[i]);
                                by_drive[i] = alpha * d;
                                by_state[i] = keep * d;
                            }
                        })*
                    } };
                }
                current!(Tanh, Relu, Sigmoid, Softplus, RectifiedTanh, Linear);
            }
            Cell::Gru => {
                let [reset, update, candidate, inner] = split(self.kept, n);
                let by_drive: [&mut [F]; 3] = split_mut(self.by_drive, n);
                let by_recurrent: [&mut [F]; 3] = split_mut(self.by_recurrent, n);
                for i in 0..n {
                    let d = by_state[i] + by_output[i];
                    let (k, z, c) = (reset[i], update[i], candidate[i]);
                    let by_c = d * z * (F::ONE - c * c);
                    let by_z = d * (c - before[i]) * z * (F::ONE - z);
                    let by_k = by_c * inner[i] * k * (F::ONE - k);
                    (by_drive[0][i], by_drive[1][i], by_drive[2][i]) = (by_k, by_z, by_c);
                    (by_recurrent[0][i], by_recurrent[1][i], by_recurrent[2][i]) = (by_k, by_z, by_c * k);
                    by_state[i] = (F::ONE - z) * d;
                }
            }
            Cell::Lstm => {
                let [input, forget, candidate, gate, squashed] = split(self.kept, n);
                let by_drive: [&mut [F]; 4] = split_mut(self.by_drive, n);
                for j in 0..n {
                    let (i, f, g, o, t) = (input[j], forget[j], candidate[j], gate[j], squashed[j]);
                    let by_c = by_state[j] + by_output[j] * o * (F::ONE - t * t);
                    by_drive[0][j] = by_c * g * i * (F::ONE - i);
                    by_drive[1][j] = by_c * before[j] * f * (F::ONE - f);
                    by_drive[2][j] = by_c * i * (F::ONE - g * g);
                    by_drive[3][j] = by_output[j] * t * o * (F::ONE - o);
                    by_state[j] = by_c * f;
                }
            }
            Cell::SubLstm => {
                let [candidate, input, forget, gate, squashed] = split(self.kept, n);
                let by_drive: [&mut [F]; 4] = split_mut(self.by_drive, n);
                for j in 0..n {
                    let (z, i, f, o, t) = (candidate[j], input[j], forget[j], gate[j], squashed[j]);
                    let by_c = by_state[j] + by_output[j] * t * (F::ONE - t);
                    by_drive[0][j] = by_c * z * (F::ONE - z);
                    by_drive[1][j] = -by_c * i * (F::ONE - i);
                    by_drive[2][j] = by_c * before[j] * f * (F::ONE - f);
                    by_drive[3][j] = -by_output[j] * o * (F::ONE - o);
                    by_state[j] = by_c * f;
                }
            }
        }
    }
}
