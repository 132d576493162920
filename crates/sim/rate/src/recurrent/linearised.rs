//! The network as a dynamical system in double precision: its step, its exact Jacobian, and the sensitivities that real-time
//! recurrent learning carries forward (Williams & Zipser 1989, Neural Comput 1:270).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rheobase_core::Dynamics;
use rheobase_task::{Loss, Trial};

use super::cell::{Cell, Step, StepBack};
use super::network::{RecurrentNetwork, Weights};
use crate::product::{Packed, Strided};
use crate::{Error, Result};

/// A trained network in double precision, without its noise.
#[derive(Debug, Clone)]
pub struct FrozenNetwork {
    /// Structure.
    pub network: RecurrentNetwork,
    /// Weights.
    pub weights: Weights<f64>,
    packed: Packed<f64>,
    packed_back: Packed<f64>,
}

/// Derivatives of the state after a step of each unit: by its own state before, and by each gate's outer and recurrent drive.
struct Local {
    before: Vec<f64>,
    drive: Vec<f64>,
    recurrent: Vec<f64>,
}

/// One step of the whole network.
struct Stepped {
    after: Vec<f64>,
    output: Vec<f64>,
    kept: Vec<f64>,
}

impl FrozenNetwork {
    /// The f64 copy of a network with these parameters.
    pub fn new(network: &RecurrentNetwork, parameters: &[Vec<f32>]) -> Self {
        let wide: Vec<Vec<f64>> = parameters.iter().map(|p| p.iter().map(|v| f64::from(*v)).collect()).collect();
        Self::from_wide(network, &wide)
    }

    /// The network with parameters in double precision.
    pub fn from_wide(network: &RecurrentNetwork, parameters: &[Vec<f64>]) -> Self {
        let mut weights = network.weights(parameters);
        if network.bottleneck > 0 {
            // Both layers are linear: one matrix does for states.
            let (n, o, width) = (network.units, network.outputs, network.bottleneck);
            let mut whole = vec![0.0; n * o];
            let output = Packed::new(Strided::rows(&weights.output, o), width, o);
            output.multiply(Strided::rows(&weights.bottleneck, width), n, &mut whole, false);
            weights.output = whole;
        }
        let (n, columns) = (network.units, network.columns());
        let packed = Packed::new(Strided::rows(&weights.recurrent, columns), n, columns);
        let packed_back = Packed::new(Strided::transposed(&weights.recurrent, columns), columns, n);
        Self { network: network.clone(), weights, packed, packed_back }
    }

    /// The state that a trial begins in, of networks that learn one state for all trials.
    pub fn initial_state(&self) -> Array1<f64> {
        Array1::from(self.weights.initial[..self.network.state_length()].to_vec())
    }

    /// Refuses inputs of another length.
    ///
    /// # Errors
    /// With both lengths.
    pub fn check_input(&self, input: &[f64]) -> Result<()> {
        if input.len() == self.network.inputs {
            Ok(())
        } else {
            Err(Error::Data(format!("{} input values, the network has {} inputs", input.len(), self.network.inputs)))
        }
    }

    /// The linear read-out of a state.
    pub fn read_out(&self, state: ArrayView1<'_, f64>) -> Array1<f64> {
        let network = &self.network;
        let mut y = self.weights.output_bias.clone();
        for i in 0..network.units {
            let r = network.cell.output_of(state[i]);
            for (y, w) in y.iter_mut().zip(&self.weights.output[i * network.outputs..]) {
                *y += r * w;
            }
        }
        Array1::from(y)
    }

    /// Update gates of a GRU in a state: how much of each unit is new after the step, dt over its time constant. `None` for other
    /// cells.
    pub fn update_gate(&self, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Option<Array1<f64>> {
        let n = self.network.units;
        (self.network.cell == Cell::Gru).then(|| {
            let (outer, recurrent) = (self.outer(input), self.recurrent(&state.to_vec(), 1));
            Array1::from_shape_fn(n, |i| 1.0 / (1.0 + (-(outer[n + i] + recurrent[n + i])).exp()))
        })
    }

    /// Drive from outside of every gate, with biases.
    fn outer(&self, input: ArrayView1<'_, f64>) -> Vec<f64> {
        let mut drive = self.weights.bias.clone();
        for (x, row) in input.iter().zip(self.weights.input.chunks_exact(self.network.columns())) {
            for (d, w) in drive.iter_mut().zip(row) {
                *d += x * w;
            }
        }
        drive
    }

    /// Outputs of the units in a state.
    fn outputs(&self, state: &[f64]) -> Vec<f64> {
        let n = self.network.units;
        state[..n].iter().map(|x| self.network.cell.output_of(*x)).collect()
    }

    /// Recurrent drives of many states, (rows, gates x units).
    fn recurrent(&self, outputs: &[f64], rows: usize) -> Vec<f64> {
        let (n, columns) = (self.network.units, self.network.columns());
        let mut drive = vec![0.0; rows * columns];
        if self.network.cell.has_separate_drives() {
            for row in drive.chunks_exact_mut(columns) {
                row[columns - n..].copy_from_slice(&self.weights.inner_bias);
            }
        }
        self.packed.multiply(Strided::rows(outputs, n), rows, &mut drive, true);
        drive
    }

    /// State of each unit (the last `units` of the full state).
    fn own<'a>(&self, state: &'a [f64]) -> &'a [f64] {
        &state[state.len() - self.network.units..]
    }

    fn advance(&self, state: &[f64], outer: &[f64], recurrent: &[f64]) -> Stepped {
        let n = self.network.units;
        let mut stepped =
            Stepped { after: vec![0.0; n], output: vec![0.0; n], kept: vec![0.0; self.network.cell.kept() * n] };
        Step {
            cell: self.network.cell,
            units: n,
            before: self.own(state),
            drive: outer,
            recurrent,
            kept: &mut stepped.kept,
            after: &mut stepped.after,
            output: &mut stepped.output,
        }
        .run();
        stepped
    }

    fn joined(&self, stepped: &Stepped) -> Vec<f64> {
        if self.network.cell.has_separate_output() {
            stepped.output.iter().chain(&stepped.after).copied().collect()
        } else {
            stepped.after.clone()
        }
    }

    /// Derivatives of the output (`of_output`) or of the state after a step: units do not mix within a step, so one vector of ones
    /// sent back gives those of all units at once.
    fn local(&self, state: &[f64], stepped: &Stepped, of_output: bool) -> Local {
        let (n, columns) = (self.network.units, self.network.columns());
        let (ones, zeros) = (vec![1.0; n], vec![0.0; n]);
        let separate = self.network.cell.has_separate_drives();
        let mut local = Local {
            before: if of_output { zeros.clone() } else { ones.clone() },
            drive: vec![0.0; columns],
            recurrent: vec![0.0; if separate { columns } else { 0 }],
        };
        StepBack {
            cell: self.network.cell,
            units: n,
            before: self.own(state),
            kept: &stepped.kept,
            output: &stepped.output,
            by_output: if of_output { &ones } else { &zeros },
            by_state: &mut local.before,
            by_drive: &mut local.drive,
            by_recurrent: &mut local.recurrent,
        }
        .run();
        if !separate {
            local.recurrent.clone_from(&local.drive);
        }
        local
    }

    /// d output / d state of the units before the step.
    fn output_slopes(&self, outputs: &[f64]) -> Vec<f64> {
        match self.network.cell {
            Cell::Current { nonlinearity, .. } => outputs.iter().map(|r| nonlinearity.slope(*r)).collect(),
            _ => vec![1.0; outputs.len()],
        }
    }
}

impl Dynamics for FrozenNetwork {
    fn dimension(&self) -> usize {
        self.network.state_length()
    }

    fn step(&self, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Array1<f64> {
        let state = state.to_vec();
        let stepped = self.advance(&state, &self.outer(input), &self.recurrent(&self.outputs(&state), 1));
        Array1::from(self.joined(&stepped))
    }

    fn steps(&self, states: ArrayView2<'_, f64>, input: ArrayView1<'_, f64>) -> Array2<f64> {
        let (rows, columns) = (states.nrows(), self.network.columns());
        let states: Vec<Vec<f64>> = states.rows().into_iter().map(|r| r.to_vec()).collect();
        let outer = self.outer(input);
        let outputs: Vec<f64> = states.iter().flat_map(|s| self.outputs(s)).collect();
        let recurrent = self.recurrent(&outputs, rows);
        let mut next = Array2::zeros((rows, self.dimension()));
        for ((mut row, state), own) in next.rows_mut().into_iter().zip(&states).zip(recurrent.chunks_exact(columns)) {
            row.assign(&Array1::from(self.joined(&self.advance(state, &outer, own))));
        }
        next
    }

    fn pull_back(
        &self,
        states: ArrayView2<'_, f64>,
        input: ArrayView1<'_, f64>,
        covectors: ArrayView2<'_, f64>,
    ) -> Array2<f64> {
        let (n, columns, d) = (self.network.units, self.network.columns(), self.dimension());
        let rows = states.nrows();
        let outer = self.outer(input);
        let states: Vec<Vec<f64>> = states.rows().into_iter().map(|r| r.to_vec()).collect();
        let outputs: Vec<f64> = states.iter().flat_map(|s| self.outputs(s)).collect();
        let recurrent = self.recurrent(&outputs, rows);
        let separate = self.network.cell.has_separate_drives();
        let mut by_state = vec![0.0; rows * n];
        let (mut by_drive, mut by_recurrent) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
        let zeros = vec![0.0; n];
        for (row, state) in states.iter().enumerate() {
            let own = row * columns..(row + 1) * columns;
            let stepped = self.advance(state, &outer, &recurrent[own.clone()]);
            let covector = covectors.row(row).to_vec();
            let by_after = &mut by_state[row * n..(row + 1) * n];
            by_after.copy_from_slice(&covector[d - n..]);
            StepBack {
                cell: self.network.cell,
                units: n,
                before: self.own(state),
                kept: &stepped.kept,
                output: &stepped.output,
                by_output: if self.network.cell.has_separate_output() { &covector[..n] } else { &zeros },
                by_state: by_after,
                by_drive: &mut by_drive[own.clone()],
                by_recurrent: if separate { &mut by_recurrent[own] } else { &mut [] },
            }
            .run();
        }
        let errors = if separate { &by_recurrent } else { &by_drive };
        let mut by_output = vec![0.0; rows * n];
        self.packed_back.multiply(Strided::rows(errors, columns), rows, &mut by_output, false);
        let mut back = Array2::zeros((rows, d));
        for (row, mut values) in back.rows_mut().into_iter().enumerate() {
            let place = row * n..(row + 1) * n;
            let slopes = self.output_slopes(&outputs[place.clone()]);
            for i in 0..n {
                values[i] += slopes[i] * by_output[place.start + i];
                values[d - n + i] += by_state[place.start + i];
            }
        }
        back
    }

    fn jacobian(&self, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Array2<f64> {
        let (n, columns) = (self.network.units, self.network.columns());
        let state = state.to_vec();
        let outputs = self.outputs(&state);
        let stepped = self.advance(&state, &self.outer(input), &self.recurrent(&outputs, 1));
        let slopes = self.output_slopes(&outputs);
        let d = self.dimension();
        let mut jacobian = Array2::zeros((d, d));
        let mut block = |first: usize, local: &Local| {
            for i in 0..n {
                // Own state before the step lies in the last `n` variables.
                jacobian[[first + i, d - n + i]] += local.before[i];
            }
            for (j, row) in self.weights.recurrent.chunks_exact(columns).enumerate() {
                for (c, w) in row.iter().enumerate() {
                    jacobian[[first + c % n, j]] += local.recurrent[c] * w * slopes[j];
                }
            }
        };
        if self.network.cell.has_separate_output() {
            block(0, &self.local(&state, &stepped, true));
            block(n, &self.local(&state, &stepped, false));
        } else {
            block(0, &self.local(&state, &stepped, false));
        }
        jacobian
    }
}

/// The gradient of a trial's loss by input weights, recurrent weights and biases, carried forward in time with the state: exact,
/// like backpropagation through time, at the cost of the cube of the units. For checking.
///
/// # Errors
/// For losses other than the squared error, and for networks that start from a code.
pub fn real_time_gradient(frozen: &FrozenNetwork, trial: &Trial, loss: &Loss) -> Result<[Vec<f64>; 3]> {
    let network = &frozen.network;
    if *loss != Loss::SquaredError || network.encoder > 0 {
        return Err(Error::Data("real-time recurrent learning is here for the squared error and a fixed start".into()));
    }
    let (n, columns, k) = (network.units, network.columns(), network.inputs);
    // Parameters in a row: input weights, recurrent weights, biases; each touches one gate of one unit.
    let count = (k + n + 1) * columns;
    let separate_output = network.cell.has_separate_output();
    let mut by_output = Array2::<f64>::zeros((n, count));
    let mut by_state = Array2::<f64>::zeros((n, count));
    let mut state = frozen.weights.initial.clone();
    let mut gradient = vec![0.0; count];
    let weight: f64 = trial.mask.iter().map(|m| f64::from(*m)).sum();
    for t in 0..trial.steps() {
        let input: Array1<f64> = trial.inputs.row(t).mapv(f64::from);
        let outputs = frozen.outputs(&state);
        let stepped = frozen.advance(&state, &frozen.outer(input.view()), &frozen.recurrent(&outputs, 1));
        // Sensitivity of every recurrent drive: W' dO/dtheta.
        let recurrent = Array2::from_shape_fn((columns, n), |(c, j)| frozen.weights.recurrent[j * columns + c]);
        let through = recurrent.dot(&by_output);
        let carried = |local: &Local, by_state: &Array2<f64>| {
            let mut next = Array2::<f64>::zeros((n, count));
            for i in 0..n {
                for theta in 0..count {
                    let gates = (0..columns / n).map(|g| local.recurrent[g * n + i] * through[[g * n + i, theta]]);
                    next[[i, theta]] = local.before[i] * by_state[[i, theta]] + gates.sum::<f64>();
                }
                for g in 0..columns / n {
                    let c = g * n + i;
                    for (source, x) in input.iter().enumerate() {
                        next[[i, source * columns + c]] += local.drive[c] * x;
                    }
                    for (source, r) in outputs.iter().enumerate() {
                        next[[i, (k + source) * columns + c]] += local.recurrent[c] * r;
                    }
                    next[[i, (k + n) * columns + c]] += local.drive[c];
                }
            }
            next
        };
        let next_state = carried(&frozen.local(&state, &stepped, false), &by_state);
        by_output = if separate_output {
            carried(&frozen.local(&state, &stepped, true), &by_state)
        } else {
            let slopes = frozen.output_slopes(&stepped.output);
            Array2::from_shape_fn((n, count), |(i, theta)| slopes[i] * next_state[[i, theta]])
        };
        by_state = next_state;
        state = frozen.joined(&stepped);
        let y = frozen.read_out(ArrayView1::from(&state));
        for (o, y) in y.iter().enumerate() {
            let by_y = 2.0 * f64::from(trial.mask[[t, o]]) / weight * (y - f64::from(trial.targets[[t, o]]));
            for i in 0..n {
                let factor = by_y * frozen.weights.output[i * network.outputs + o];
                for theta in 0..count {
                    gradient[theta] += factor * by_output[[i, theta]];
                }
            }
        }
    }
    let biases = gradient.split_off((k + n) * columns);
    let mut recurrent = gradient.split_off(k * columns);
    network.without_constant_gate(&mut gradient);
    network.without_constant_gate(&mut recurrent);
    Ok([gradient, recurrent, biases])
}
