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
//! | fix-subLSTM | c | the same, f = s(b) a constant of its unit that is learnt (Costa et al. 2017) |

use rheobase_core::vectorised::{Kernel, vectorised};
use serde::{Deserialize, Serialize};

use super::nonlinearity::{Nonlinearity, with_nonlinearity};
use crate::scalar::Scalar;

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
    /// LSTM with subtractive gates, and a constant in place of the forget gate.
    FixedForgetSubLstm,
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
            Self::Lstm | Self::SubLstm | Self::FixedForgetSubLstm => 4,
        }
    }

    /// Names of the gates, in order.
    pub fn gate_names(self) -> &'static [&'static str] {
        match self {
            Self::Rate { .. } | Self::Current { .. } => &["unit"],
            Self::Gru => &["reset", "update", "candidate"],
            Self::Lstm => &["input", "forget", "candidate", "output"],
            Self::SubLstm | Self::FixedForgetSubLstm => &["candidate", "input", "forget", "output"],
        }
    }

    /// Whether inhibition subtracts.
    fn is_subtractive(self) -> bool {
        matches!(self, Self::SubLstm | Self::FixedForgetSubLstm)
    }

    /// A gate that is a constant of its unit: it has a bias and no weights.
    pub fn constant_gate(self) -> Option<usize> {
        if self == Self::FixedForgetSubLstm { Some(2) } else { None }
    }

    /// Whether the output is another variable beside the state, so that both are needed to go on.
    pub fn has_separate_output(self) -> bool {
        matches!(self, Self::Lstm) || self.is_subtractive()
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
            Self::Lstm | Self::SubLstm | Self::FixedForgetSubLstm => 5,
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

/// Units of a gated cell that are computed together: their values are copied into arrays, so that the compiler need not prove that
/// a dozen slices do not overlap.
const LANES: usize = 8;

#[inline(always)]
fn load<F: Scalar, const L: usize>(values: &[F], at: usize) -> [F; L] {
    *values[at..].first_chunk::<L>().expect("as many values as lanes")
}

#[inline(always)]
fn store<F: Scalar, const L: usize>(values: &mut [F], at: usize, lanes: [F; L]) {
    *values[at..].first_chunk_mut::<L>().expect("as many values as lanes") = lanes;
}

/// Runs a block function over all units, eight at a time and the rest one by one.
macro_rules! blocks {
    ($self:ident . $function:ident) => {{
        let whole = $self.units / LANES * LANES;
        for at in (0..whole).step_by(LANES) {
            $self.$function::<LANES>(at);
        }
        for at in whole..$self.units {
            $self.$function::<1>(at);
        }
    }};
}

impl<F: Scalar> Step<'_, F> {
    #[inline(always)]
    fn gru<const L: usize>(&mut self, at: usize) {
        let n = self.units;
        let before = load::<F, L>(self.before, at);
        let (dk, rk) = (load::<F, L>(self.drive, at), load::<F, L>(self.recurrent, at));
        let (dz, rz) = (load::<F, L>(self.drive, n + at), load::<F, L>(self.recurrent, n + at));
        let (dc, rc) = (load::<F, L>(self.drive, 2 * n + at), load::<F, L>(self.recurrent, 2 * n + at));
        let (mut k, mut z, mut c, mut after) = ([F::ZERO; L], [F::ZERO; L], [F::ZERO; L], [F::ZERO; L]);
        for l in 0..L {
            k[l] = (dk[l] + rk[l]).logistic();
            z[l] = (dz[l] + rz[l]).logistic();
            c[l] = (dc[l] + k[l] * rc[l]).tanh();
            after[l] = (F::ONE - z[l]) * before[l] + z[l] * c[l];
        }
        store(self.kept, at, k);
        store(self.kept, n + at, z);
        store(self.kept, 2 * n + at, c);
        store(self.kept, 3 * n + at, rc);
        store(self.after, at, after);
        store(self.output, at, after);
    }

    #[inline(always)]
    fn lstm<const L: usize>(&mut self, at: usize) {
        let n = self.units;
        let before = load::<F, L>(self.before, at);
        let mut a = [[F::ZERO; L]; 4];
        for (g, a) in a.iter_mut().enumerate() {
            let (d, r) = (load::<F, L>(self.drive, g * n + at), load::<F, L>(self.recurrent, g * n + at));
            for l in 0..L {
                a[l] = d[l] + r[l];
            }
        }
        let (mut after, mut t, mut output) = ([F::ZERO; L], [F::ZERO; L], [F::ZERO; L]);
        let subtractive = self.cell.is_subtractive();
        if subtractive {
            for l in 0..L {
                for gate in &mut a {
                    gate[l] = gate[l].logistic();
                }
                after[l] = a[2][l] * before[l] + a[0][l] - a[1][l];
                t[l] = after[l].logistic();
                output[l] = t[l] - a[3][l];
            }
        } else {
            for l in 0..L {
                a[0][l] = a[0][l].logistic();
                a[1][l] = a[1][l].logistic();
                a[2][l] = a[2][l].tanh();
                a[3][l] = a[3][l].logistic();
                after[l] = a[1][l] * before[l] + a[0][l] * a[2][l];
                t[l] = after[l].tanh();
                output[l] = a[3][l] * t[l];
            }
        }
        for (g, a) in a.into_iter().enumerate() {
            store(self.kept, g * n + at, a);
        }
        store(self.kept, 4 * n + at, t);
        store(self.after, at, after);
        store(self.output, at, output);
    }
}

impl<F: Scalar> StepBack<'_, F> {
    #[inline(always)]
    fn gru<const L: usize>(&mut self, at: usize) {
        let n = self.units;
        let before = load::<F, L>(self.before, at);
        let (by_output, by_state) = (load::<F, L>(self.by_output, at), load::<F, L>(self.by_state, at));
        let (k, z) = (load::<F, L>(self.kept, at), load::<F, L>(self.kept, n + at));
        let (c, inner) = (load::<F, L>(self.kept, 2 * n + at), load::<F, L>(self.kept, 3 * n + at));
        let (mut by_k, mut by_z, mut by_c) = ([F::ZERO; L], [F::ZERO; L], [F::ZERO; L]);
        let (mut by_inner, mut by_before) = ([F::ZERO; L], [F::ZERO; L]);
        for l in 0..L {
            let d = by_state[l] + by_output[l];
            by_c[l] = d * z[l] * (F::ONE - c[l] * c[l]);
            by_z[l] = d * (c[l] - before[l]) * z[l] * (F::ONE - z[l]);
            by_k[l] = by_c[l] * inner[l] * k[l] * (F::ONE - k[l]);
            by_inner[l] = by_c[l] * k[l];
            by_before[l] = (F::ONE - z[l]) * d;
        }
        store(self.by_drive, at, by_k);
        store(self.by_drive, n + at, by_z);
        store(self.by_drive, 2 * n + at, by_c);
        store(self.by_recurrent, at, by_k);
        store(self.by_recurrent, n + at, by_z);
        store(self.by_recurrent, 2 * n + at, by_inner);
        store(self.by_state, at, by_before);
    }

    #[inline(always)]
    fn lstm<const L: usize>(&mut self, at: usize) {
        let n = self.units;
        let before = load::<F, L>(self.before, at);
        let (by_output, by_state) = (load::<F, L>(self.by_output, at), load::<F, L>(self.by_state, at));
        let mut a = [[F::ZERO; L]; 5];
        for (g, a) in a.iter_mut().enumerate() {
            *a = load(self.kept, g * n + at);
        }
        let t = a[4];
        let mut by = [[F::ZERO; L]; 4];
        let mut by_before = [F::ZERO; L];
        if self.cell.is_subtractive() {
            for l in 0..L {
                let (z, i, f, o) = (a[0][l], a[1][l], a[2][l], a[3][l]);
                let by_c = by_state[l] + by_output[l] * t[l] * (F::ONE - t[l]);
                by[0][l] = by_c * z * (F::ONE - z);
                by[1][l] = -by_c * i * (F::ONE - i);
                by[2][l] = by_c * before[l] * f * (F::ONE - f);
                by[3][l] = -by_output[l] * o * (F::ONE - o);
                by_before[l] = by_c * f;
            }
        } else {
            for l in 0..L {
                let (i, f, g, o) = (a[0][l], a[1][l], a[2][l], a[3][l]);
                let by_c = by_state[l] + by_output[l] * o * (F::ONE - t[l] * t[l]);
                by[0][l] = by_c * g * i * (F::ONE - i);
                by[1][l] = by_c * before[l] * f * (F::ONE - f);
                by[2][l] = by_c * i * (F::ONE - g * g);
                by[3][l] = by_output[l] * t[l] * o * (F::ONE - o);
                by_before[l] = by_c * f;
            }
        }
        for (g, by) in by.into_iter().enumerate() {
            store(self.by_drive, g * n + at, by);
        }
        store(self.by_state, at, by_before);
    }
}

impl<F: Scalar> Kernel for Step<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let n = self.units;
        match self.cell {
            Cell::Rate { nonlinearity, alpha } => {
                let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                let (before, after, output) = (&self.before[..n], &mut self.after[..n], &mut self.output[..n]);
                let (d, r, kept) = (&self.drive[..n], &self.recurrent[..n], &mut self.kept[..n]);
                with_nonlinearity!(nonlinearity, f => {
                    for i in 0..n {
                        let y = f.value(d[i] + r[i]);
                        kept[i] = y;
                        after[i] = keep.mul_add(before[i], alpha * y);
                        output[i] = after[i];
                    }
                });
            }
            Cell::Current { nonlinearity, alpha } => {
                let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                let (before, after, output) = (&self.before[..n], &mut self.after[..n], &mut self.output[..n]);
                let (d, r) = (&self.drive[..n], &self.recurrent[..n]);
                with_nonlinearity!(nonlinearity, f => {
                    for i in 0..n {
                        after[i] = keep.mul_add(before[i], alpha * (d[i] + r[i]));
                        output[i] = f.value(after[i]);
                    }
                });
            }
            Cell::Gru => blocks!(self.gru),
            Cell::Lstm | Cell::SubLstm | Cell::FixedForgetSubLstm => blocks!(self.lstm),
        }
    }
}

impl<F: Scalar> Kernel for StepBack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let n = self.units;
        match self.cell {
            Cell::Rate { nonlinearity, alpha } => {
                let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                let (by_output, by_state) = (&self.by_output[..n], &mut self.by_state[..n]);
                let (kept, by_drive) = (&self.kept[..n], &mut self.by_drive[..n]);
                with_nonlinearity!(nonlinearity, f => {
                    for i in 0..n {
                        let d = by_state[i] + by_output[i];
                        by_drive[i] = alpha * d * f.slope(kept[i]);
                        by_state[i] = keep * d;
                    }
                });
            }
            Cell::Current { nonlinearity, alpha } => {
                let (alpha, keep) = (F::of(alpha), F::of(1.0 - alpha));
                let (by_output, by_state) = (&self.by_output[..n], &mut self.by_state[..n]);
                let (output, by_drive) = (&self.output[..n], &mut self.by_drive[..n]);
                with_nonlinearity!(nonlinearity, f => {
                    for i in 0..n {
                        let d = by_state[i] + by_output[i] * f.slope(output[i]);
                        by_drive[i] = alpha * d;
                        by_state[i] = keep * d;
                    }
                });
            }
            Cell::Gru => blocks!(self.gru),
            Cell::Lstm | Cell::SubLstm | Cell::FixedForgetSubLstm => blocks!(self.lstm),
        }
    }
}
