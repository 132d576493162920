//! The structure of a recurrent network, its parameters, and the weights that these stand for.
//!
//! Weights are kept from source to target: W (sources, gates x targets). What is trained may be other numbers than the weights
//! used: under Dale's law each row is a rectified free weight with the sign of its source (Song, Yang & Wang 2016, eq. 9), and
//! a low-rank network has W = left right / units (Mastrogiuseppe & Ostojic 2018). [`RecurrentNetwork::weights`] goes from parameters
//! to weights and [`RecurrentNetwork::pull_back`] takes the gradient the other way.

use serde::{Deserialize, Serialize};

use super::cell::Cell;
use crate::product::{Packed, Strided, add_transposed_product};
use crate::scalar::Scalar;
use crate::{Error, Result};

/// How recurrent weights are made of parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Wiring {
    /// Every weight is free.
    Free,
    /// The first units excite, the others inhibit; inputs excite, and outputs read excitatory units with positive weights.
    Dale {
        /// Number of excitatory units.
        excitatory: usize,
    },
    /// A product of two thin matrices.
    LowRank {
        /// Rank.
        rank: usize,
    },
}

/// The structure of a recurrent network with a linear read-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecurrentNetwork {
    /// Kind of unit.
    pub cell: Cell,
    /// Inputs.
    pub inputs: usize,
    /// Recurrent units.
    pub units: usize,
    /// Outputs.
    pub outputs: usize,
    /// Units of a linear layer between the recurrent units and the outputs; 0 for none.
    #[serde(default)]
    pub bottleneck: usize,
    /// Length of the code from which the initial state is read linearly; 0 for a state of its own.
    pub encoder: usize,
    /// How recurrent weights are made.
    pub wiring: Wiring,
    /// Whether a fixed mask multiplies the recurrent weights.
    pub masked: bool,
    /// Standard deviation of the private noise of a rate unit, in the stationary sense: each step adds sqrt(2 / alpha) sd times a
    /// normal number to its drive (Song, Yang & Wang 2016, eq. 5).
    pub noise_sd: f64,
}

/// One parameter: its name, shape and whether training may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Whether training may change it.
    pub trained: bool,
}

/// Weights as the equations use them.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights<F> {
    /// (inputs, gates x units).
    pub input: Vec<F>,
    /// (units, gates x units).
    pub recurrent: Vec<F>,
    /// (gates x units).
    pub bias: Vec<F>,
    /// Bias inside the reset product of a GRU's candidate, (units); empty otherwise.
    pub inner_bias: Vec<F>,
    /// (units, bottleneck); empty without a bottleneck.
    pub bottleneck: Vec<F>,
    /// (units or bottleneck, outputs).
    pub output: Vec<F>,
    /// (outputs).
    pub output_bias: Vec<F>,
    /// Initial state, or its weights from a code: (encoder or 1, state length).
    pub initial: Vec<F>,
}

impl<F: Scalar> Weights<F> {
    /// Adds another set of the same shape.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.input, &other.input),
            (&mut self.recurrent, &other.recurrent),
            (&mut self.bias, &other.bias),
            (&mut self.inner_bias, &other.inner_bias),
            (&mut self.bottleneck, &other.bottleneck),
            (&mut self.output, &other.output),
            (&mut self.output_bias, &other.output_bias),
            (&mut self.initial, &other.initial),
        ];
        for (own, other) in pairs {
            own.iter_mut().zip(other).for_each(|(a, b)| *a += *b);
        }
    }
}

impl RecurrentNetwork {
    /// Refuses structures that cannot be.
    ///
    /// # Errors
    /// With what is wrong and what would be right.
    pub fn check(&self) -> Result<()> {
        let fail = |message: String| Err(Error::Architecture(message));
        if self.units == 0 || self.outputs == 0 {
            return fail(format!(
                "a recurrent network needs units and outputs, found {} and {}",
                self.units, self.outputs
            ));
        }
        if let Some((_, alpha)) = self.cell.rate_equation()
            && !(alpha > 0.0 && alpha <= 1.0)
        {
            return fail(format!("dt / tau is {alpha}, it must lie in (0, 1]"));
        }
        if !(self.noise_sd >= 0.0 && self.noise_sd.is_finite()) {
            return fail(format!("the noise has standard deviation {}, it must be 0 or more", self.noise_sd));
        }
        if self.noise_sd > 0.0 && self.cell.rate_equation().is_none() {
            return fail("private noise is defined for rate units, not for gated ones; set noise_sd = 0".into());
        }
        match self.wiring {
            Wiring::Dale { excitatory } if excitatory == 0 || excitatory > self.units => {
                fail(format!("{excitatory} excitatory units of {}: at least one, at most all", self.units))
            }
            Wiring::Dale { .. } if self.bottleneck > 0 => fail(
                "under Dale's law outputs read excitatory units with positive weights: leave the bottleneck out".into(),
            ),
            Wiring::Dale { .. } if self.cell.rate_equation().is_none() => fail(
                "Dale's law needs units whose output is a firing rate, a gated unit has none; use a rate cell".into(),
            ),
            Wiring::LowRank { rank } if rank == 0 || rank > self.units => {
                fail(format!("rank {rank} of {} units: at least 1, at most all", self.units))
            }
            _ => Ok(()),
        }
    }

    /// Columns of the input and recurrent weights.
    pub fn columns(&self) -> usize {
        self.cell.gates() * self.units
    }

    /// What the output weights read: units of the bottleneck, or of the recurrent layer.
    pub fn read_width(&self) -> usize {
        if self.bottleneck > 0 { self.bottleneck } else { self.units }
    }

    /// Variables that decide the future: units, twice as many for cells whose output is not their state.
    pub fn state_length(&self) -> usize {
        if self.cell.has_separate_output() { 2 * self.units } else { self.units }
    }

    /// Parameters in order.
    pub fn parameters(&self) -> Vec<ParameterInfo> {
        let (n, columns) = (self.units, self.columns());
        let mut all = vec![("input.weight", vec![self.inputs, columns], true)];
        match self.wiring {
            Wiring::LowRank { rank } => {
                all.push(("recurrent.left", vec![n, rank], true));
                all.push(("recurrent.right", vec![rank, columns], true));
            }
            _ => all.push(("recurrent.weight", vec![n, columns], true)),
        }
        all.push(("bias", vec![columns], true));
        if self.cell.has_separate_drives() {
            all.push(("inner.bias", vec![n], true));
        }
        if self.bottleneck > 0 {
            all.push(("bottleneck.weight", vec![n, self.bottleneck], true));
        }
        all.push(("output.weight", vec![self.read_width(), self.outputs], true));
        all.push(("output.bias", vec![self.outputs], true));
        if self.encoder > 0 {
            all.push(("encoder.weight", vec![self.encoder, self.state_length()], true));
        } else {
            all.push(("initial.state", vec![self.state_length()], true));
        }
        if self.masked {
            all.push(("recurrent.mask", vec![n, columns], false));
        }
        all.into_iter().map(|(name, shape, trained)| ParameterInfo { name: name.into(), shape, trained }).collect()
    }

    /// Index of a parameter.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.parameters().iter().position(|p| p.name == name)
    }

    fn signs(&self) -> Option<usize> {
        match self.wiring {
            Wiring::Dale { excitatory } => Some(excitatory),
            _ => None,
        }
    }

    /// The weights that parameters stand for.
    pub fn weights<F: Scalar>(&self, parameters: &[Vec<F>]) -> Weights<F> {
        let mut next = parameters.iter();
        let mut take = || next.next().cloned().unwrap_or_default();
        let mut input = take();
        let mut recurrent = match self.wiring {
            Wiring::LowRank { rank } => {
                let (left, right) = (take(), take());
                let mut product = vec![F::ZERO; self.units * self.columns()];
                let packed = Packed::new(Strided::rows(&right, self.columns()), rank, self.columns());
                packed.multiply(Strided::rows(&left, rank), self.units, &mut product, false);
                let scale = F::of(1.0 / self.units as f64);
                product.iter_mut().for_each(|w| *w = *w * scale);
                product
            }
            _ => take(),
        };
        let bias = take();
        let inner_bias = if self.cell.has_separate_drives() { take() } else { vec![] };
        let bottleneck = if self.bottleneck > 0 { take() } else { vec![] };
        let (mut output, output_bias, initial) = (take(), take(), take());
        if let Some(excitatory) = self.signs() {
            input.iter_mut().for_each(|w| *w = w.positive());
            for (source, row) in recurrent.chunks_exact_mut(self.columns()).enumerate() {
                let sign = if source < excitatory { F::ONE } else { -F::ONE };
                row.iter_mut().for_each(|w| *w = sign * w.positive());
            }
            let (read, silent) = output.split_at_mut(excitatory * self.outputs);
            read.iter_mut().for_each(|w| *w = w.positive());
            silent.fill(F::ZERO);
        }
        if self.masked {
            let mask = take();
            recurrent.iter_mut().zip(mask).for_each(|(w, m)| *w = *w * m);
        }
        self.without_constant_gate(&mut input);
        self.without_constant_gate(&mut recurrent);
        Weights { input, recurrent, bias, inner_bias, bottleneck, output, output_bias, initial }
    }

    /// Takes away the weights of a gate that listens to nothing.
    pub(super) fn without_constant_gate<F: Scalar>(&self, weights: &mut [F]) {
        let Some(gate) = self.cell.constant_gate() else { return };
        for row in weights.chunks_exact_mut(self.columns()) {
            row[gate * self.units..(gate + 1) * self.units].fill(F::ZERO);
        }
    }

    /// The gradient by the parameters from that by the weights, in the order of the parameters.
    pub fn pull_back<F: Scalar>(&self, parameters: &[Vec<F>], by: Weights<F>) -> Vec<Vec<F>> {
        let Weights { mut input, mut recurrent, bias, inner_bias, bottleneck, mut output, output_bias, initial } = by;
        let open = |gradient: &mut F, free: F, sign: F| {
            *gradient = if free > F::ZERO { sign * *gradient } else { F::ZERO };
        };
        self.without_constant_gate(&mut input);
        self.without_constant_gate(&mut recurrent);
        if self.masked
            && let Some(mask) = parameters.last()
        {
            recurrent.iter_mut().zip(mask).for_each(|(g, m)| *g = *g * *m);
        }
        if let Some(excitatory) = self.signs() {
            input.iter_mut().zip(&parameters[0]).for_each(|(g, w)| open(g, *w, F::ONE));
            let rows = recurrent.chunks_exact_mut(self.columns()).zip(parameters[1].chunks_exact(self.columns()));
            for (source, (row, free)) in rows.enumerate() {
                let sign = if source < excitatory { F::ONE } else { -F::ONE };
                row.iter_mut().zip(free).for_each(|(g, w)| open(g, *w, sign));
            }
            let read = excitatory * self.outputs;
            if let Some(index) = self.index_of("output.weight") {
                output.iter_mut().zip(&parameters[index]).take(read).for_each(|(g, w)| open(g, *w, F::ONE));
            }
            output[read..].fill(F::ZERO);
        }
        let mut all = vec![input];
        match self.wiring {
            Wiring::LowRank { rank } => {
                let (n, columns) = (self.units, self.columns());
                let scale = F::of(1.0 / n as f64);
                recurrent.iter_mut().for_each(|g| *g = *g * scale);
                let (left, right) = (&parameters[1], &parameters[2]);
                let mut by_left = vec![F::ZERO; n * rank];
                let turned = Packed::new(Strided::transposed(right, columns), columns, rank);
                turned.multiply(Strided::rows(&recurrent, columns), n, &mut by_left, false);
                let mut by_right = vec![F::ZERO; rank * columns];
                let mut packed = Packed::new(Strided::rows(&[], 1), 0, 0);
                add_transposed_product(left, rank, &recurrent, columns, &mut by_right, &mut packed);
                all.extend([by_left, by_right]);
            }
            _ => all.push(recurrent),
        }
        all.push(bias);
        if self.cell.has_separate_drives() {
            all.push(inner_bias);
        }
        if self.bottleneck > 0 {
            all.push(bottleneck);
        }
        all.extend([output, output_bias, initial]);
        if self.masked {
            all.push(vec![F::ZERO; self.units * self.columns()]);
        }
        all
    }
}
