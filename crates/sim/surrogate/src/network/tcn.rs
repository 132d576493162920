//! Temporal convolutional network: causal convolutions over the input spikes of the last milliseconds (Beniaguev, Segev &
//! London 2021, Neuron 109:2727).
//!
//! h_1 = phi(W_1 * x + b_1), h_l = phi(W_l * h_{l-1} + b_l), y = W h_L + b, with * a causal convolution over time. One layer of one
//! linear unit is a generalised linear model with a filter for every synapse.

use rand_distr::{Distribution, Normal};
use rheobase_core::Seed;
use rheobase_rate::product::{Packed, Strided};
use rheobase_rate::scalar::Scalar;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Shape;
use super::convolution::{Frames, Taps, add_spikes, by_weights, spikes_by_weights};
use super::kernels::{rectify, rectify_back};
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

/// What a unit does with its sum.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0).
    #[default]
    Relu,
    /// x above zero, 0.3 x below.
    LeakyRelu,
    /// x.
    Linear,
}

impl Activation {
    /// Slope below zero.
    pub(crate) fn slope_below<F: Scalar>(self) -> F {
        match self {
            Self::Relu => F::ZERO,
            Self::LeakyRelu => F::of(0.3),
            Self::Linear => F::ONE,
        }
    }
}

/// A temporal convolutional network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tcn {
    /// Synapses of the neuron it imitates.
    pub inputs: usize,
    /// Units of each layer.
    pub width: usize,
    /// Milliseconds that each layer sees, the first layer's first.
    pub kernels: Vec<usize>,
    /// What units do with their sums.
    pub activation: Activation,
    /// Outputs.
    pub heads: usize,
}

/// What a forward pass leaves for the way back: the output of every layer, padded for the next.
pub struct Tape<F>(Vec<Frames<F>>);

impl<F> Tape<F> {
    /// The output of a layer, counted from 0.
    pub(super) fn layer(&self, layer: usize) -> &Frames<F> {
        &self.0[layer]
    }
}

impl Tcn {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        if self.width == 0 || self.inputs == 0 || self.heads == 0 {
            let (inputs, width, heads) = (self.inputs, self.width, self.heads);
            let message = format!("{inputs} inputs, width {width}, {heads} outputs: each must be at least 1");
            return Err(Error::Description(message));
        }
        if self.kernels.is_empty() || self.kernels.contains(&0) {
            let message = format!("kernels {:?}: one for each layer, each at least 1 ms", self.kernels);
            return Err(Error::Description(message));
        }
        Ok(())
    }

    /// Milliseconds of input that decide an output.
    pub fn reach_ms(&self) -> usize {
        self.kernels.iter().map(|k| k - 1).sum::<usize>() + 1
    }

    /// Names and shapes of the parameters: the first layer's weights are (inputs, lags, units) with lag 0 the present, those of the
    /// others (taps, units before, units) with the oldest tap first.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shapes = vec![];
        for (l, &kernel) in self.kernels.iter().enumerate() {
            let weight = if l == 0 { [self.inputs, kernel, self.width] } else { [kernel, self.width, self.width] };
            shapes.push(Shape::new(format!("layer{}.weight", l + 1), &weight));
            shapes.push(Shape::new(format!("layer{}.bias", l + 1), &[self.width]));
        }
        shapes.push(Shape::new("output.weight", &[self.width, self.heads]));
        shapes.push(Shape::new("output.bias", &[self.heads]));
        shapes
    }

    /// Normal weights of variance 2 / fan-in (He et al. 2015); those of the first layer of 1 / sqrt(inputs x kernel), as if a
    /// spike were a rare event; biases zero.
    pub fn initial(&self, seed: &Seed) -> Vec<Vec<f32>> {
        let gain = if self.activation == Activation::Linear { 1.0 } else { 2.0 };
        let shapes = self.shapes();
        let last = shapes.len() - 2;
        let sd = |k: usize, shape: &Shape| match k {
            0 => (shape.dims[0] as f64 * shape.dims[1] as f64).powf(-0.5),
            k if k == last => (1.0 / shape.dims[0] as f64).sqrt(),
            _ => (gain / (shape.dims[0] * shape.dims[1]) as f64).sqrt(),
        };
        let draw = |(k, shape): (usize, &Shape)| {
            if shape.dims.len() == 1 {
                return vec![0.0; shape.len()];
            }
            let distribution = Normal::new(0.0, sd(k, shape)).expect("the spread is finite");
            let mut stream = seed.child(&shape.name).stream();
            let values = (0..shape.len()).map(|_| distribution.sample(&mut stream) as f32);
            // Of a single unit all heads must grow with its sum: a wrong sign at the start would have to pass through zero.
            if k == last && self.width == 1 { values.map(f32::abs).collect() } else { values.collect() }
        };
        shapes.iter().enumerate().map(draw).collect()
    }

    /// Outputs (rows, steps, heads), and what the way back needs.
    pub fn forward<F: Scalar>(&self, weights: &[Vec<F>], batch: &SpikeBatch, threads: usize) -> (Vec<F>, Tape<F>) {
        self.forward_with(weights, batch, threads, |_, _| {})
    }

    /// The same while `intervene` changes what each layer, counted from 0, says to the next and to the outputs.
    pub fn forward_with<F: Scalar>(
        &self,
        weights: &[Vec<F>],
        batch: &SpikeBatch,
        threads: usize,
        mut intervene: impl FnMut(usize, &mut Frames<F>),
    ) -> (Vec<F>, Tape<F>) {
        let (rows, steps) = (batch.rows, batch.steps);
        let mut layers: Vec<Frames<F>> = Vec::with_capacity(self.kernels.len());
        let below: F = self.activation.slope_below();
        for (l, &kernel) in self.kernels.iter().enumerate() {
            let before = self.kernels.get(l + 1).map_or(0, |k| k - 1);
            let mut frames = Frames::zeros(rows, steps, self.width, before, 0);
            let (weight, bias) = (&weights[2 * l], &weights[2 * l + 1]);
            frames
                .for_each_row(threads, |_, row| row.chunks_exact_mut(self.width).for_each(|f| f.copy_from_slice(bias)));
            if let Some(previous) = layers.last() {
                let taps = Taps::new(weight, self.width, self.width);
                frames.for_each_row(threads, |row, values| taps.add_to(previous.row(row), steps, values));
            } else {
                add_spikes(batch, weight, kernel, &mut frames, threads);
            }
            if self.activation != Activation::Linear {
                frames.for_each_row(threads, |_, row| rectify(row, below));
            }
            intervene(l, &mut frames);
            layers.push(frames);
        }
        let outputs = self.read_out(weights, &layers[layers.len() - 1]);
        (outputs, Tape(layers))
    }

    fn read_out<F: Scalar>(&self, weights: &[Vec<F>], last: &Frames<F>) -> Vec<F> {
        let (weight, bias) = (&weights[weights.len() - 2], &weights[weights.len() - 1]);
        let packed = Packed::new(Strided::rows(weight, self.heads), self.width, self.heads);
        let mut outputs = bias.repeat(last.rows * last.steps);
        for (row, own) in outputs.chunks_exact_mut((last.steps * self.heads).max(1)).enumerate() {
            packed.multiply(Strided::rows(last.inner(row), self.width), last.steps, own, true);
        }
        outputs
    }

    /// The gradient by the parameters, from the derivative by the outputs (rows, steps, heads).
    pub fn backward<F: Scalar>(
        &self,
        weights: &[Vec<F>],
        batch: &SpikeBatch,
        tape: &Tape<F>,
        by_outputs: Vec<F>,
        threads: usize,
    ) -> Vec<Vec<F>> {
        let (rows, steps, depth) = (batch.rows, batch.steps, self.kernels.len());
        let mut gradient = vec![vec![]; weights.len()];
        let by_heads = Frames { values: by_outputs, rows, steps, width: self.heads, before: 0, after: 0 };
        let below: F = self.activation.slope_below();
        let mut weight = &weights[2 * depth];
        let mut errors = by_heads;
        let mut from = self.heads;
        // Downwards: `errors` is the derivative by the sums of the layer above, which `weight` reads from layer l.
        for l in (0..depth).rev() {
            let output = &tape.0[l];
            let taps = if l + 1 == depth { 1 } else { self.kernels[l + 1] };
            gradient[2 * l + 2] = by_weights(output, &errors, taps, threads);
            gradient[2 * l + 3] = errors.column_sums();
            let after = if l == 0 { 0 } else { self.kernels[l] - 1 };
            let mut below_errors = Frames::zeros(rows, steps, self.width, 0, after);
            let reversed = Taps::reversed(weight, self.width, from);
            below_errors.for_each_row(threads, |row, values| {
                reversed.add_to(errors.row(row), steps, values);
                if self.activation != Activation::Linear {
                    rectify_back(values, output.inner(row), below);
                }
            });
            errors = below_errors;
            weight = &weights[2 * l];
            from = self.width;
        }
        gradient[0] = spikes_by_weights(batch, &errors, self.kernels[0], threads);
        gradient[1] = errors.column_sums();
        gradient
    }
}
