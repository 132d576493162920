//! Convolutional and recurrent networks on tensors, for devices whose kernels are not our own: the same weights, the same outputs,
//! and a way back by automatic differentiation.

use burn::tensor::activation::{leaky_relu, log_sigmoid, relu, sigmoid};
use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use rheobase_rate::tensors::flat;

use super::Network;
use super::recurrent::Recurrent;
use super::tcn::{Activation, Tcn};
use crate::loss::{Loss, SpikeLoss, Targets};
use crate::spikes::SpikeBatch;

/// Counts of input spikes (rows, inputs, silent steps before + steps) of a batch.
pub fn dense(batch: &SpikeBatch, before: usize, device: &Device) -> Tensor<3> {
    let length = before + batch.steps;
    let mut counts = vec![0.0_f32; batch.rows * batch.inputs * length];
    for input in 0..batch.inputs {
        for &(row, step) in batch.of_input(input) {
            counts[(row as usize * batch.inputs + input) * length + before + step as usize] += 1.0;
        }
    }
    Tensor::from_data(TensorData::new(counts, [batch.rows, batch.inputs, length]), device)
}

impl Tcn {
    /// Outputs (rows, steps, heads) for counts of input spikes of [`dense`] with the first kernel's length less one silent steps before.
    pub fn forward_tensors(&self, weights: &[Tensor<1>], counts: Tensor<3>) -> Tensor<3> {
        let [rows, _, length] = counts.dims();
        let steps = length + 1 - self.kernels[0];
        let mut values = counts;
        for (l, &kernel) in self.kernels.iter().enumerate() {
            let stored = weights[2 * l].clone();
            // Convolutions of tensors want (units, units before, taps), the oldest tap first.
            let weight = match l {
                0 => stored.reshape([self.inputs, kernel, self.width]).flip([1]).permute([2, 0, 1]),
                _ => stored.reshape([kernel, self.width, self.width]).permute([2, 1, 0]),
            };
            let before = if l == 0 { 0 } else { kernel - 1 };
            let causal = ConvOptions::new_with_padding([1], [(before, 0)], [1], 1);
            let sums = conv1d(values, weight, Some(weights[2 * l + 1].clone()), causal);
            values = match self.activation {
                Activation::Relu => relu(sums),
                Activation::LeakyRelu => leaky_relu(sums, self.activation.slope_below::<f64>()),
                Activation::Linear => sums,
            };
        }
        let depth = self.kernels.len();
        let weight = weights[2 * depth].clone().reshape([self.width, self.heads]);
        let bias = weights[2 * depth + 1].clone().reshape([1, self.heads]);
        let last = values.permute([0, 2, 1]).reshape([rows * steps, self.width]);
        (last.matmul(weight) + bias).reshape([rows, steps, self.heads])
    }
}

impl Recurrent {
    /// Outputs (rows, steps, heads) for counts of input spikes of [`dense`] without silent steps before.
    pub fn forward_tensors(&self, weights: &[Tensor<1>], counts: Tensor<3>) -> Tensor<3> {
        let [rows, _, steps] = counts.dims();
        // In the order of the network's parameters: weights of inputs and units, one or two biases, the read-out, the start.
        let biases = weights.len() - 5;
        let bias = Tensor::cat(weights[2..2 + biases].to_vec(), 0);
        let [weight, bias_out, start] = [2, 3, 4].map(|k| weights[biases + k].clone());
        let units =
            self.layer().outputs(counts.permute([0, 2, 1]), Tensor::cat(weights[..2].to_vec(), 0), bias, Some(start));
        let read = units.reshape([rows * steps, self.units]);
        let outputs = read.matmul(weight.reshape([self.units, self.heads]));
        (outputs + bias_out.reshape([1, self.heads])).reshape([rows, steps, self.heads])
    }
}

impl Network {
    /// Whether the network has a form on tensors.
    pub fn has_tensor_form(&self) -> bool {
        !matches!(self, Self::Elm(_))
    }

    /// Outputs (rows, steps, heads) of the network on tensors; none if it has no such form.
    pub fn forward_tensors(&self, weights: &[Tensor<1>], batch: &SpikeBatch, device: &Device) -> Option<Tensor<3>> {
        match self {
            Self::Tcn(network) => Some(network.forward_tensors(weights, dense(batch, network.kernels[0] - 1, device))),
            Self::Recurrent(network) => Some(network.forward_tensors(weights, dense(batch, 0, device))),
            Self::Elm(_) => None,
        }
    }
}

impl Loss {
    /// [`Loss::value`] of outputs on a device, to be differentiated.
    pub fn tensor(&self, outputs: Tensor<3>, targets: &Targets<f32>) -> Tensor<1> {
        let [rows, steps, heads] = outputs.dims();
        let device = outputs.device();
        let wanted = flat(targets.values.clone(), &device).reshape([rows, steps, heads]);
        let counted = |t: Tensor<3>, from: usize, to: usize| t.slice([0..rows, self.burn_in..steps, from..to]);
        let scale = 1.0 / ((rows * steps.saturating_sub(self.burn_in)).max(1) as f64);
        let spike = counted(wanted.clone(), 0, 1);
        // The logit of what happened.
        let logit = counted(outputs.clone(), 0, 1) * (spike.clone().mul_scalar(2.0) - 1.0);
        let mut sum = self.spike.tensor(logit, spike).sum().mul_scalar(self.spike_weight);
        let squared = |from: usize, to: usize| {
            let error = counted(outputs.clone(), from, to) - counted(wanted.clone(), from, to);
            (error.clone() * error).sum()
        };
        if heads > 1 {
            sum = sum + squared(1, 2).mul_scalar(self.voltage_weight);
        }
        if heads > 2 {
            sum = sum + squared(2, heads).mul_scalar(self.dendrite_weight / (heads - 2) as f64);
        }
        sum.mul_scalar(scale)
    }
}

impl SpikeLoss {
    /// The loss at the logits of what happened.
    fn tensor(self, logit: Tensor<3>, spike: Tensor<3>) -> Tensor<3> {
        let surprise = -log_sigmoid(logit.clone());
        match self {
            Self::CrossEntropy => surprise,
            Self::Focal { alpha, gamma } => {
                let weight = spike.mul_scalar(2.0 * alpha - 1.0).add_scalar(1.0 - alpha);
                weight * sigmoid(-logit).powf_scalar(gamma) * surprise
            }
        }
    }
}
