//! The fused loop with its hand-written way back as an operation of burn's CPU backend and of its automatic differentiation.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};
use burn::tensor::TensorData;
use rheobase_core::parallel;

use super::RecurrentLayer;
use crate::recurrent::Weights;
use crate::recurrent::loss::ROWS;
use crate::recurrent::pass::{Chunk, Prepared, Trajectory, exchange};

/// Backends on which the loop is one operation.
#[backend_extension(Flex, Autodiff)]
pub trait FusedLoop: Backend {
    /// Outputs (rows, steps, units) for inputs (rows, steps, inputs); weights, biases and the start are flat.
    fn fused_loop(
        inputs: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        start: FloatTensor<Self>,
        layer: RecurrentLayer,
    ) -> FloatTensor<Self>;
}

impl FusedLoop for Flex {
    fn fused_loop(
        inputs: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        start: FloatTensor<Self>,
        layer: RecurrentLayer,
    ) -> FloatTensor<Self> {
        Tape::record([inputs, weight, bias, start], layer).outputs()
    }
}

impl<C: CheckpointStrategy> FusedLoop for Autodiff<Flex, C> {
    fn fused_loop(
        inputs: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        start: FloatTensor<Self>,
        layer: RecurrentLayer,
    ) -> FloatTensor<Self> {
        let nodes = [inputs.node(), weight.node(), bias.node(), start.node()];
        let tape = Tape::record([inputs, weight, bias, start].map(|tensor| tensor.into_primitive()), layer);
        let outputs = tape.outputs();
        match WayBack.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(Arc::new(tape), outputs),
            OpsKind::UnTracked(prepared) => prepared.finish(outputs),
        }
    }
}

/// The way back of the operation.
#[derive(Debug)]
struct WayBack;

impl Backward<Flex, 4> for WayBack {
    type State = Arc<Tape>;

    fn backward(self, ops: Ops<Self::State, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let by_outputs = numbers(gradients.consume::<Flex>(&ops.node));
        let [inputs, weight, bias, start] = ops.parents;
        let by = ops.state.backward(&by_outputs, inputs.is_some());
        let (layer, [rows, steps]) = (ops.state.layer, ops.state.shape);
        if let Some(node) = inputs {
            gradients.register::<Flex>(node.id, tensor(by.inputs, vec![rows, steps, layer.inputs]));
        }
        for (node, values) in [(weight, by.weight), (bias, by.bias), (start, by.start)] {
            if let Some(node) = node {
                let shape = vec![values.len()];
                gradients.register::<Flex>(node.id, tensor(values, shape));
            }
        }
    }
}

/// What a pass forward leaves: groups of rows that went through the loop together.
#[derive(Debug)]
struct Tape {
    layer: RecurrentLayer,
    /// Rows and steps.
    shape: [usize; 2],
    /// In the order of the network's parameters.
    parameters: Vec<Vec<f32>>,
    groups: Vec<(Chunk<f32>, Trajectory<f32>)>,
}

/// Derivatives of the loss.
struct Derivatives {
    /// By the inputs, (rows, steps, inputs); empty if nobody asked.
    inputs: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    start: Vec<f32>,
}

impl Tape {
    /// Runs the loop on inputs, weights, biases and a start.
    fn record(tensors: [FloatTensor<Flex>; 4], layer: RecurrentLayer) -> Self {
        let dims = tensors[0].layout().shape().to_vec();
        let [inputs, mut weight, mut bias, start] = tensors.map(numbers);
        let [above, columns] = layer.weight_shape();
        let expected = [layer.inputs, above * columns, layer.bias_length(), layer.state_length()];
        let found = [dims[2], weight.len(), bias.len(), start.len()];
        assert_eq!(found, expected, "inputs, weights, biases and start of a recurrent layer");
        let shape = [dims[0], dims[1]];
        let network = layer.network(0);
        let recurrent = weight.split_off(layer.inputs * layer.columns());
        let inner = bias.split_off(layer.columns());
        let mut parameters = vec![weight, recurrent, bias];
        if layer.cell.has_separate_drives() {
            parameters.push(inner);
        }
        parameters.extend([vec![], vec![], start]);
        let prepared = Prepared::new(&network, &parameters);
        let groups = parallel::map(shape[0].div_ceil(ROWS), parallel::available(), |k| {
            let rows = ROWS.min(shape[0] - k * ROWS);
            let block = shape[1] * layer.inputs;
            let own = &inputs[k * ROWS * block..][..rows * block];
            let inputs = exchange(own, rows, shape[1], layer.inputs);
            let chunk = Chunk { steps: shape[1], rows, inputs, initial: vec![], noise: vec![] };
            let trajectory = prepared.forward(&chunk);
            (chunk, trajectory)
        });
        Self { layer, shape, parameters, groups }
    }

    fn outputs(&self) -> FloatTensor<Flex> {
        let ([rows, steps], units) = (self.shape, self.layer.units);
        let of_group = |(chunk, trajectory): &(Chunk<f32>, Trajectory<f32>)| {
            exchange(&trajectory.outputs[chunk.rows * units..], steps, chunk.rows, units)
        };
        tensor(self.groups.iter().flat_map(of_group).collect(), vec![rows, steps, units])
    }

    /// From the derivative by the outputs, (rows, steps, units).
    fn backward(&self, by_outputs: &[f32], by_inputs: bool) -> Derivatives {
        let layer = self.layer;
        let network = layer.network(0);
        let prepared = Prepared::new(&network, &self.parameters);
        let block = self.shape[1] * layer.units;
        let parts = parallel::map(self.groups.len(), parallel::available(), |k| {
            let (chunk, trajectory) = &self.groups[k];
            let own = &by_outputs[k * ROWS * block..][..chunk.rows * block];
            let own = exchange(own, chunk.rows, chunk.steps, layer.units);
            let errors = prepared.errors(chunk, trajectory, &[], own, &[], None);
            let inputs = if by_inputs {
                exchange(&prepared.by_inputs(&errors), chunk.steps, chunk.rows, layer.inputs)
            } else {
                vec![]
            };
            (inputs, prepared.gradient(chunk, trajectory, &[], &[], &errors))
        });
        let mut inputs = Vec::new();
        let mut sum: Option<Weights<f32>> = None;
        for (own, gradient) in parts {
            inputs.extend(own);
            match &mut sum {
                None => sum = Some(gradient),
                Some(sum) => sum.add(&gradient),
            }
        }
        let silent = || self.parameters.iter().map(|values| vec![0.0; values.len()]).collect();
        let by = sum.map_or_else(silent, |sum| network.pull_back(&self.parameters, sum));
        let biases = if layer.cell.has_separate_drives() { 2..4 } else { 2..3 };
        let start = by.last().cloned().unwrap_or_default();
        Derivatives { inputs, weight: by[..2].concat(), bias: by[biases].concat(), start }
    }
}

fn numbers(tensor: FloatTensor<Flex>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("tensors are trained in single precision")
}

fn tensor(values: Vec<f32>, shape: Vec<usize>) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(TensorData::new(values, shape))
}
