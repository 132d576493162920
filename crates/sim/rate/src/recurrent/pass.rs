//! Forward through time and back: the fused recurrent loop of one group of trials.
//!
//! Forward, each step is one product of the outputs with packed weights, in place on top of the drive from outside, and one
//! loop over units. Back, each step is one product with the transposed weights; the gradient of every weight is a single product over
//! all steps and trials at the end (Werbos 1990, Proc IEEE 78:1550). No graph is recorded and nothing is allocated within a step.

use std::borrow::Cow;

use super::cell::{Step, StepBack};
use super::network::{RecurrentNetwork, Weights};
use super::readout::ReadOut;
use crate::product::{Packed, Strided, add_transposed_product};
use crate::scalar::Scalar;

/// Weights packed for both directions.
pub struct Prepared<'a, F> {
    pub(super) network: &'a RecurrentNetwork,
    pub(super) weights: Weights<F>,
    input: Packed<F>,
    recurrent: Packed<F>,
    recurrent_back: Packed<F>,
    pub(super) readout: ReadOut<F>,
}

/// Trials of equal length that go through the network together, step after step: (steps, rows, values).
#[derive(Debug, Clone)]
pub struct Chunk<F> {
    /// Steps.
    pub steps: usize,
    /// Trials.
    pub rows: usize,
    /// Inputs.
    pub inputs: Vec<F>,
    /// Codes of the initial state, (rows, encoder); empty without.
    pub initial: Vec<F>,
    /// What is added to the drive of rate units, scaled; empty without noise.
    pub noise: Vec<F>,
}

/// What a forward pass leaves.
#[derive(Debug, Clone)]
pub struct Trajectory<F> {
    /// States, (steps + 1, rows, units); the first is the initial one.
    pub states: Vec<F>,
    /// Outputs of the units, the same shape.
    pub outputs: Vec<F>,
    /// What cells keep for the way back, (steps, rows, kept).
    kept: Vec<F>,
}

/// Derivatives of the loss, step after step.
#[derive(Debug, Clone)]
pub(super) struct Errors<F> {
    /// By the drives, (steps, rows, gates x units).
    pub by_drive: Vec<F>,
    /// By the recurrent drives of cells that keep them apart, the same shape; empty otherwise.
    by_recurrent: Vec<F>,
    /// By the initial states, (rows, units).
    by_state: Vec<F>,
    /// By the initial outputs, (rows, units).
    by_first_output: Vec<F>,
    /// By the bottleneck, (steps, rows, bottleneck); empty without.
    by_bottleneck: Vec<F>,
}

impl<'a, F: Scalar> Prepared<'a, F> {
    /// Packs the weights of parameters.
    pub fn new(network: &'a RecurrentNetwork, parameters: &[Vec<F>]) -> Self {
        let weights = network.weights(parameters);
        let (n, columns) = (network.units, network.columns());
        Self {
            network,
            input: Packed::new(Strided::rows(&weights.input, columns), network.inputs, columns),
            recurrent: Packed::new(Strided::rows(&weights.recurrent, columns), n, columns),
            recurrent_back: Packed::new(Strided::transposed(&weights.recurrent, columns), columns, n),
            readout: ReadOut::new(network, &weights),
            weights,
        }
    }

    /// Runs the trials.
    pub fn forward(&self, chunk: &Chunk<F>) -> Trajectory<F> {
        self.forward_with(chunk, |_, _, _| {})
    }

    /// Runs the trials; after each step `intervene` (row, step, outputs of the units) may change what the units and the read-out see of
    /// them from then on. The states that gated and leaky units keep for themselves are not touched.
    pub fn forward_with(&self, chunk: &Chunk<F>, intervene: impl Fn(usize, usize, &mut [F])) -> Trajectory<F> {
        let network = self.network;
        let (n, columns, rows) = (network.units, network.columns(), chunk.rows);
        let width = network.cell.kept() * n;
        let mut trajectory = Trajectory {
            states: vec![F::ZERO; (chunk.steps + 1) * rows * n],
            outputs: vec![F::ZERO; (chunk.steps + 1) * rows * n],
            kept: vec![F::ZERO; chunk.steps * rows * width],
        };
        self.start(chunk, &mut trajectory);
        let separate = network.cell.has_separate_drives();
        let mut drive = vec![F::ZERO; rows * columns];
        let mut recurrent = vec![F::ZERO; if separate { rows * columns } else { columns }];
        for t in 0..chunk.steps {
            for row in drive.chunks_exact_mut(columns) {
                row.copy_from_slice(&self.weights.bias);
            }
            if !chunk.noise.is_empty() {
                add(&mut drive, &chunk.noise[t * rows * n..(t + 1) * rows * n]);
            }
            let x = &chunk.inputs[t * rows * network.inputs..(t + 1) * rows * network.inputs];
            self.input.multiply(Strided::rows(x, network.inputs), rows, &mut drive, true);
            let (past, future) = trajectory.outputs.split_at_mut((t + 1) * rows * n);
            let outputs = Strided::rows(&past[t * rows * n..], n);
            if separate {
                for row in recurrent.chunks_exact_mut(columns) {
                    row[..columns - n].fill(F::ZERO);
                    row[columns - n..].copy_from_slice(&self.weights.inner_bias);
                }
                self.recurrent.multiply(outputs, rows, &mut recurrent, true);
            } else {
                self.recurrent.multiply(outputs, rows, &mut drive, true);
            }
            let (before, after) = trajectory.states.split_at_mut((t + 1) * rows * n);
            for row in 0..rows {
                let units = row * n..(row + 1) * n;
                let own = if separate { row * columns..(row + 1) * columns } else { 0..columns };
                let kept = (t * rows + row) * width;
                Step {
                    cell: network.cell,
                    units: n,
                    before: &before[t * rows * n..][units.clone()],
                    drive: &drive[row * columns..(row + 1) * columns],
                    recurrent: &recurrent[own],
                    kept: &mut trajectory.kept[kept..kept + width],
                    after: &mut after[units.clone()],
                    output: &mut future[units.clone()],
                }
                .run();
                intervene(row, t, &mut future[units]);
            }
        }
        trajectory
    }

    /// Writes the initial states.
    fn start(&self, chunk: &Chunk<F>, trajectory: &mut Trajectory<F>) {
        let network = self.network;
        let (n, length) = (network.units, network.state_length());
        let initial = if network.encoder > 0 {
            let mut initial = vec![F::ZERO; chunk.rows * length];
            Packed::new(Strided::rows(&self.weights.initial, length), network.encoder, length).multiply(
                Strided::rows(&chunk.initial, network.encoder),
                chunk.rows,
                &mut initial,
                false,
            );
            initial
        } else {
            self.weights.initial.repeat(chunk.rows)
        };
        for (row, own) in initial.chunks_exact(length).enumerate() {
            let place = row * n..(row + 1) * n;
            let (output, state) = (&own[..n], &own[length - n..]);
            trajectory.states[place.clone()].copy_from_slice(state);
            for (o, x) in trajectory.outputs[place].iter_mut().zip(output) {
                *o = network.cell.output_of(*x);
            }
        }
    }

    /// What the output weights read in every step, (steps, rows, width): outputs of the units or of the bottleneck. `kept` multiplies it,
    /// the same shape: dropout; empty without.
    pub(super) fn read<'t>(&self, chunk: &Chunk<F>, trajectory: &'t Trajectory<F>, kept: &[F]) -> Cow<'t, [F]> {
        self.readout.read(&trajectory.outputs[chunk.rows * self.network.units..], kept)
    }

    /// The linear read-out of every step, (steps, rows, outputs); `kept` as for dropout, (steps, rows, units or bottleneck), empty without.
    pub fn read_out(&self, chunk: &Chunk<F>, trajectory: &Trajectory<F>, kept: &[F]) -> Vec<F> {
        self.readout.outputs(&self.read(chunk, trajectory, kept), &self.weights.output_bias)
    }

    /// The gradient by the weights, from the derivative by the read-out (steps, rows, outputs) and `by_output`, that by the
    /// units' outputs (steps, rows, units) from elsewhere; `kept` as for the read-out. With `truncation` the error is cut after every so many steps.
    pub fn backward(
        &self,
        chunk: &Chunk<F>,
        trajectory: &Trajectory<F>,
        by_read_out: &[F],
        by_output: Vec<F>,
        kept: &[F],
        truncation: Option<usize>,
    ) -> Weights<F> {
        let errors = self.errors(chunk, trajectory, by_read_out, by_output, kept, truncation);
        self.gradient(chunk, trajectory, by_read_out, kept, &errors)
    }

    /// The errors of every step, the first half of [`Self::backward`].
    pub(super) fn errors(
        &self,
        chunk: &Chunk<F>,
        trajectory: &Trajectory<F>,
        by_read_out: &[F],
        mut by_output: Vec<F>,
        kept: &[F],
        truncation: Option<usize>,
    ) -> Errors<F> {
        let network = self.network;
        let (n, columns, rows) = (network.units, network.columns(), chunk.rows);
        let (block, width) = (rows * n, network.cell.kept() * n);
        let separate = network.cell.has_separate_drives();
        let by_bottleneck = self.readout.back(by_read_out, kept, &mut by_output);
        let mut by_drive = vec![F::ZERO; chunk.steps * rows * columns];
        let mut by_recurrent = vec![F::ZERO; if separate { by_drive.len() } else { 0 }];
        let mut by_state = vec![F::ZERO; block];
        let mut by_first_output = vec![F::ZERO; block];
        for t in (0..chunk.steps).rev() {
            let step = t * rows * columns..(t + 1) * rows * columns;
            for row in 0..rows {
                let own = row * columns..(row + 1) * columns;
                let unit = row * n..(row + 1) * n;
                let kept = (t * rows + row) * width;
                StepBack {
                    cell: network.cell,
                    units: n,
                    before: &trajectory.states[t * block..][unit.clone()],
                    kept: &trajectory.kept[kept..kept + width],
                    output: &trajectory.outputs[(t + 1) * block..][unit.clone()],
                    by_output: &by_output[t * block..][unit.clone()],
                    by_state: &mut by_state[unit],
                    by_drive: &mut by_drive[step.clone()][own.clone()],
                    by_recurrent: if separate { &mut by_recurrent[step.clone()][own] } else { &mut [] },
                }
                .run();
            }
            let cut = truncation.is_some_and(|length| length > 0 && t > 0 && t % length == 0);
            if cut {
                by_state.fill(F::ZERO);
                continue;
            }
            let errors = if separate { &by_recurrent[step] } else { &by_drive[step] };
            let target = if t > 0 { &mut by_output[(t - 1) * block..t * block] } else { &mut by_first_output[..] };
            self.recurrent_back.multiply(Strided::rows(errors, columns), rows, target, true);
        }
        Errors { by_drive, by_recurrent, by_state, by_first_output, by_bottleneck }
    }

    /// The gradient by the weights from the errors.
    pub(super) fn gradient(
        &self,
        chunk: &Chunk<F>,
        trajectory: &Trajectory<F>,
        by_read_out: &[F],
        kept: &[F],
        errors: &Errors<F>,
    ) -> Weights<F> {
        let network = self.network;
        let (n, columns, o) = (network.units, network.columns(), network.outputs);
        let separate = network.cell.has_separate_drives();
        let Errors { by_drive, by_recurrent, by_state, by_first_output, by_bottleneck } = errors;
        let mut packed = Packed::new(Strided::rows(&[], 1), 0, 0);
        let mut product = |a: &[F], m: usize, b: &[F], columns: usize| {
            let mut c = vec![F::ZERO; m * columns];
            add_transposed_product(a, m, b, columns, &mut c, &mut packed);
            c
        };
        let before = &trajectory.outputs[..chunk.steps * chunk.rows * n];
        let after = &trajectory.outputs[chunk.rows * n..];
        let [bottleneck, output] = self.readout.gradients(after, kept, by_bottleneck, by_read_out);
        let recurrent_errors = if separate { by_recurrent } else { by_drive };
        Weights {
            input: product(&chunk.inputs, network.inputs, by_drive, columns),
            recurrent: product(before, n, recurrent_errors, columns),
            bias: column_sums(by_drive, columns, 0),
            inner_bias: if separate { column_sums(by_recurrent, columns, columns - n) } else { vec![] },
            bottleneck,
            output,
            output_bias: column_sums(by_read_out, o, 0),
            initial: self.initial_gradient(chunk, trajectory, by_state, by_first_output),
        }
    }

    /// What the errors of drives are by the outputs that these drives came from: W by_drive, (steps, rows, units).
    pub(super) fn through_weights(&self, by_drive: &[F]) -> Vec<F> {
        let (n, columns) = (self.network.units, self.network.columns());
        let places = by_drive.len() / columns;
        let mut by_output = vec![F::ZERO; places * n];
        self.recurrent_back.multiply(Strided::rows(by_drive, columns), places, &mut by_output, false);
        by_output
    }

    /// Derivative of the loss by the inputs, (steps, rows, inputs).
    pub(super) fn by_inputs(&self, errors: &Errors<F>) -> Vec<F> {
        let (inputs, columns) = (self.network.inputs, self.network.columns());
        let back = Packed::new(Strided::transposed(&self.weights.input, columns), columns, inputs);
        let places = errors.by_drive.len() / columns;
        let mut by_inputs = vec![F::ZERO; places * inputs];
        back.multiply(Strided::rows(&errors.by_drive, columns), places, &mut by_inputs, false);
        by_inputs
    }

    fn initial_gradient(
        &self,
        chunk: &Chunk<F>,
        trajectory: &Trajectory<F>,
        by_state: &[F],
        by_output: &[F],
    ) -> Vec<F> {
        let network = self.network;
        let (n, length) = (network.units, network.state_length());
        let mut by_initial = vec![F::ZERO; chunk.rows * length];
        for (row, own) in by_initial.chunks_exact_mut(length).enumerate() {
            for i in 0..n {
                let place = row * n + i;
                let slope = match network.cell {
                    super::cell::Cell::Current { nonlinearity, .. } => nonlinearity.slope(trajectory.outputs[place]),
                    _ => F::ONE,
                };
                own[i] += slope * by_output[place];
                own[length - n + i] += by_state[place];
            }
        }
        if network.encoder == 0 {
            return column_sums(&by_initial, length, 0);
        }
        let mut gradient = vec![F::ZERO; network.encoder * length];
        let mut packed = Packed::new(Strided::rows(&[], 1), 0, 0);
        add_transposed_product(&chunk.initial, network.encoder, &by_initial, length, &mut gradient, &mut packed);
        gradient
    }
}

/// Turns (outer, inner, width) into (inner, outer, width): from rows first to steps first and back.
pub fn exchange<F: Scalar>(values: &[F], outer: usize, inner: usize, width: usize) -> Vec<F> {
    let mut turned = vec![F::ZERO; values.len()];
    for o in 0..outer {
        for i in 0..inner {
            let (from, to) = ((o * inner + i) * width, (i * outer + o) * width);
            turned[to..to + width].copy_from_slice(&values[from..from + width]);
        }
    }
    turned
}

fn add<F: Scalar>(target: &mut [F], other: &[F]) {
    target.iter_mut().zip(other).for_each(|(a, b)| *a += *b);
}

/// Sums of the columns of rows of this length, from column `first` on.
fn column_sums<F: Scalar>(values: &[F], columns: usize, first: usize) -> Vec<F> {
    let mut sums = vec![F::ZERO; columns - first];
    for row in values.chunks_exact(columns.max(1)) {
        add(&mut sums, &row[first..]);
    }
    sums
}
