//! Causal convolutions over time, forward and back.
//!
//! `y[t] = b + sum_j W_j x[t - (taps - 1) + j]`, with zeros before the beginning (left padding). Frames lie one after the other with
//! the padding in front, so that the taps of one output are a single contiguous row: a convolution is a matrix product whose left
//! operand has overlapping rows, and nothing is copied. The way back by the input is the same product over errors that are padded
//! at the end, with the taps in reverse.
//!
//! The first layer reads spikes: each adds its input's kernel to the frames that follow, one contiguous sum.

use rheobase_core::parallel::for_each_chunk;
use rheobase_rate::product::{Packed, Strided};
use rheobase_rate::scalar::Scalar;

use super::kernels::add;
use crate::spikes::SpikeBatch;

/// Values (rows, before + steps + after, width); what lies before and after the steps stays zero.
#[derive(Debug, Clone)]
pub struct Frames<F> {
    /// All values.
    pub values: Vec<F>,
    /// Trials.
    pub rows: usize,
    /// Steps.
    pub steps: usize,
    /// Values of a step.
    pub width: usize,
    /// Frames of zeros in front of each row.
    pub before: usize,
    /// Frames of zeros behind each row.
    pub after: usize,
}

impl<F: Scalar> Frames<F> {
    /// Zeros.
    pub fn zeros(rows: usize, steps: usize, width: usize, before: usize, after: usize) -> Self {
        Self { values: vec![F::ZERO; rows * (before + steps + after) * width], rows, steps, width, before, after }
    }

    /// Values of a row, padding included.
    pub fn stride(&self) -> usize {
        (self.before + self.steps + self.after) * self.width
    }

    /// A row with its padding.
    pub fn row(&self, row: usize) -> &[F] {
        &self.values[row * self.stride()..(row + 1) * self.stride()]
    }

    /// A row without its padding.
    pub fn inner(&self, row: usize) -> &[F] {
        &self.row(row)[self.before * self.width..][..self.steps * self.width]
    }

    /// Works on every row without its padding, on several threads.
    pub fn for_each_row(&mut self, threads: usize, f: impl Fn(usize, &mut [F]) + Sync) {
        let (stride, first, length) = (self.stride(), self.before * self.width, self.steps * self.width);
        if stride > 0 {
            for_each_chunk(&mut self.values, stride, threads, |row, values| f(row, &mut values[first..first + length]));
        }
    }

    /// Sums over rows and steps.
    pub fn column_sums(&self) -> Vec<F> {
        let mut sums = vec![F::ZERO; self.width];
        for row in 0..self.rows {
            for frame in self.inner(row).chunks_exact(self.width) {
                sums.iter_mut().zip(frame).for_each(|(s, v)| *s += *v);
            }
        }
        sums
    }
}

/// Rows of a packed block of taps: its panels stay in the first cache.
const BLOCK_ROWS: usize = 256;

/// The weights of a convolution, (taps, from, to) with the oldest tap first, packed for products.
pub struct Taps<F> {
    blocks: Vec<Packed<F>>,
    per_block: usize,
    from: usize,
}

impl<F: Scalar> Taps<F> {
    /// Packs weights.
    pub fn new(weights: &[F], from: usize, to: usize) -> Self {
        let per_block = (BLOCK_ROWS / from).max(1);
        let blocks = weights
            .chunks(per_block * from * to)
            .map(|block| Packed::new(Strided::rows(block, to), block.len() / to, to))
            .collect();
        Self { blocks, per_block, from }
    }

    /// The same convolution seen from its output: taps in reverse, (taps, to, from).
    pub fn reversed(weights: &[F], from: usize, to: usize) -> Self {
        let mut turned = Vec::with_capacity(weights.len());
        for tap in weights.chunks_exact(from * to).rev() {
            turned.extend((0..to).flat_map(|o| (0..from).map(move |c| tap[c * to + o])));
        }
        Self::new(&turned, to, from)
    }

    /// Adds the convolution of a padded row to `steps` frames of output.
    pub fn add_to(&self, padded: &[F], steps: usize, output: &mut [F]) {
        self.add_windows(padded, self.from, steps, output);
    }

    /// Adds what the taps make of windows that begin every `stride` values, one frame of output each.
    pub fn add_windows(&self, values: &[F], stride: usize, windows: usize, output: &mut [F]) {
        for (k, block) in self.blocks.iter().enumerate() {
            let values = &values[k * self.per_block * self.from..];
            block.multiply(Strided { values, row: stride, column: 1 }, windows, output, true);
        }
    }
}

/// dL/dW of a convolution, (taps, from, to), from its padded input and the derivative by its output.
pub fn by_weights<F: Scalar>(input: &Frames<F>, by_output: &Frames<F>, taps: usize, threads: usize) -> Vec<F> {
    let (from, to) = (input.width, by_output.width);
    let errors: Vec<Packed<F>> = (0..by_output.rows)
        .map(|row| Packed::new(Strided::rows(by_output.inner(row), to), by_output.steps, to))
        .collect();
    let mut gradient = vec![F::ZERO; taps * from * to];
    let per_block = (BLOCK_ROWS / from).max(1);
    for_each_chunk(&mut gradient, per_block * from * to, threads, |k, gradient| {
        let first = k * per_block * from;
        for (row, errors) in errors.iter().enumerate() {
            let values = &input.row(row)[first..];
            errors.multiply(Strided { values, row: 1, column: from }, gradient.len() / to, gradient, true);
        }
    });
    gradient
}

/// Rows of spikes that one thread takes through the first layer at once: their frames stay in the second cache while the
/// weights stream by once.
const SPIKE_ROWS: usize = 2;

/// Adds the kernels of all spikes: `weights` are (inputs, lags, width), lag 0 is the step of the spike itself.
pub fn add_spikes<F: Scalar>(batch: &SpikeBatch, weights: &[F], lags: usize, frames: &mut Frames<F>, threads: usize) {
    let (stride, width, steps) = (frames.stride(), frames.width, frames.steps);
    let before = frames.before * width;
    let kernel = lags * width;
    for_each_chunk(&mut frames.values, SPIKE_ROWS * stride, threads, |block, values| {
        let rows = block * SPIKE_ROWS..(block * SPIKE_ROWS + SPIKE_ROWS).min(batch.rows);
        for input in 0..batch.inputs {
            for &(row, step) in batch.of_rows(input, rows.clone()) {
                let place = (row as usize - rows.start) * stride + before + step as usize * width;
                let length = kernel.min((steps - step as usize) * width);
                add(&mut values[place..place + length], &weights[input * kernel..][..length]);
            }
        }
    });
}

/// dL/dW of [`add_spikes`].
pub fn spikes_by_weights<F: Scalar>(batch: &SpikeBatch, by_output: &Frames<F>, lags: usize, threads: usize) -> Vec<F> {
    let (width, steps) = (by_output.width, by_output.steps);
    let kernel = lags * width;
    let mut gradient = vec![F::ZERO; batch.inputs * kernel];
    for_each_chunk(&mut gradient, INPUTS_A_PIECE * kernel, threads, |block, values| {
        for (k, values) in values.chunks_exact_mut(kernel).enumerate() {
            for &(row, step) in batch.of_input(block * INPUTS_A_PIECE + k) {
                let length = kernel.min((steps - step as usize) * width);
                add(&mut values[..length], &by_output.inner(row as usize)[step as usize * width..][..length]);
            }
        }
    });
    gradient
}

/// Inputs whose gradients one thread takes at once.
const INPUTS_A_PIECE: usize = 16;
