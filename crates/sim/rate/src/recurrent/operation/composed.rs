//! The layer composed of tensor products, step after step: for devices whose memory our kernels do not read, and as the check of the
//! fused loop. Its way back is automatic differentiation.

use burn::tensor::activation::{relu, sigmoid, softplus, tanh};
use burn::tensor::{Tensor, TensorData};

use super::RecurrentLayer;
use crate::recurrent::cell::Cell;
use crate::recurrent::nonlinearity::Nonlinearity;

/// One step's drives and state, (rows, gates x units) and (rows, units).
struct Step {
    outer: Tensor<2>,
    recurrent: Tensor<2>,
    state: Tensor<2>,
    rows: usize,
    units: usize,
}

impl Step {
    /// Both drives of a gate.
    fn gate(&self, gate: usize) -> Tensor<2> {
        self.part(&self.outer, gate) + self.part(&self.recurrent, gate)
    }

    fn part(&self, drives: &Tensor<2>, gate: usize) -> Tensor<2> {
        drives.clone().slice([0..self.rows, gate * self.units..(gate + 1) * self.units])
    }

    /// State and output after the step; the equations are those of [`crate::recurrent::cell`].
    fn run(self, cell: Cell) -> [Tensor<2>; 2] {
        match cell {
            Cell::Rate { nonlinearity, alpha } => {
                let drive = value(nonlinearity, self.gate(0));
                let after = self.state * (1.0 - alpha) + drive * alpha;
                [after.clone(), after]
            }
            Cell::Current { nonlinearity, alpha } => {
                let drive = self.gate(0);
                let after = self.state * (1.0 - alpha) + drive * alpha;
                [after.clone(), value(nonlinearity, after)]
            }
            Cell::Gru => {
                let (reset, update) = (sigmoid(self.gate(0)), sigmoid(self.gate(1)));
                let candidate = tanh(self.part(&self.outer, 2) + reset * self.part(&self.recurrent, 2));
                let after = self.state.clone() + update * (candidate - self.state);
                [after.clone(), after]
            }
            Cell::Lstm => {
                let (input, forget) = (sigmoid(self.gate(0)), sigmoid(self.gate(1)));
                let (candidate, open) = (tanh(self.gate(2)), sigmoid(self.gate(3)));
                let after = forget * self.state + input * candidate;
                [after.clone(), open * tanh(after)]
            }
            Cell::SubLstm | Cell::FixedForgetSubLstm => {
                let (candidate, input) = (sigmoid(self.gate(0)), sigmoid(self.gate(1)));
                let (forget, open) = (sigmoid(self.gate(2)), sigmoid(self.gate(3)));
                let after = forget * self.state + candidate - input;
                [after.clone(), sigmoid(after) - open]
            }
        }
    }
}

fn value(nonlinearity: Nonlinearity, x: Tensor<2>) -> Tensor<2> {
    match nonlinearity {
        Nonlinearity::Tanh => tanh(x),
        Nonlinearity::Relu => relu(x),
        Nonlinearity::Sigmoid => sigmoid(x),
        Nonlinearity::Softplus => softplus(x, 1.0),
        Nonlinearity::RectifiedTanh => relu(tanh(x)),
        Nonlinearity::Linear => x,
    }
}

impl RecurrentLayer {
    /// [`RecurrentLayer::outputs`] by a product and an activation for each step and gate.
    pub fn composed(&self, inputs: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>, start: Tensor<1>) -> Tensor<3> {
        let [rows, steps, _] = inputs.dims();
        let (units, columns) = (self.units, self.columns());
        let device = inputs.device();
        let mut weight = weight.reshape(self.weight_shape());
        if let Some(gate) = self.cell.constant_gate() {
            let own = |c: usize| if (gate * units..(gate + 1) * units).contains(&c) { 0.0_f32 } else { 1.0 };
            let listens: Vec<f32> = (0..columns).map(own).collect();
            weight = weight * Tensor::<2>::from_data(TensorData::new(listens, [1, columns]), &device);
        }
        let of_inputs = weight.clone().slice([0..self.inputs, 0..columns]);
        let recurrent = weight.slice([self.inputs..self.inputs + units, 0..columns]);
        let outer = inputs.reshape([rows * steps, self.inputs]).matmul(of_inputs)
            + bias.clone().slice(0..columns).reshape([1, columns]);
        let outer = outer.reshape([rows, steps, columns]);
        let inner = self.cell.has_separate_drives().then(|| {
            let silent = Tensor::<2>::zeros([1, columns - units], &device);
            Tensor::cat(vec![silent, bias.slice(columns..columns + units).reshape([1, units])], 1)
        });
        let length = self.state_length();
        let start = start.reshape([1, length]).repeat_dim(0, rows);
        let mut state = start.clone().slice([0..rows, length - units..length]);
        let mut output = match self.cell {
            Cell::Current { nonlinearity, .. } => value(nonlinearity, state.clone()),
            _ => start.slice([0..rows, 0..units]),
        };
        let mut outputs = Vec::with_capacity(steps);
        for t in 0..steps {
            let mut drives = output.matmul(recurrent.clone());
            if let Some(inner) = &inner {
                drives = drives + inner.clone();
            }
            let outer = outer.clone().slice([0..rows, t..t + 1, 0..columns]).reshape([rows, columns]);
            [state, output] = Step { outer, recurrent: drives, state, rows, units }.run(self.cell);
            outputs.push(output.clone().reshape([rows, 1, units]));
        }
        Tensor::cat(outputs, 1)
    }
}
