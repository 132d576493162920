//! The recurrent loop as one differentiable operation on tensors: a recurrent layer between layers of other kinds.
//!
//! On the CPU the operation is the fused loop of [`pass`](super::pass) with its hand-written way back, registered with burn's automatic
//! differentiation (`fused`). On other devices, and for checks, the same layer is composed of tensor products step by step (`composed`).

mod composed;
mod fused;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{Device, Tensor};
use rheobase_core::Seed;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::initial::{Initial, initial_parameters};
use super::network::{RecurrentNetwork, Wiring};
use crate::{Error, Result};
use fused::FusedLoop;

/// Recurrent units without a read-out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecurrentLayer {
    /// Kind of unit.
    pub cell: Cell,
    /// Inputs of a step.
    pub inputs: usize,
    /// Units.
    pub units: usize,
}

impl RecurrentLayer {
    fn columns(&self) -> usize {
        self.cell.gates() * self.units
    }

    /// Shape of the weights: those of the inputs above those of the recurrent connections, (inputs + units, gates x units).
    pub fn weight_shape(&self) -> [usize; 2] {
        [self.inputs + self.units, self.columns()]
    }

    /// Number of biases: one for each gate of a unit, and after them those inside the reset product of GRUs.
    pub fn bias_length(&self) -> usize {
        self.columns() + if self.cell.has_separate_drives() { self.units } else { 0 }
    }

    /// Variables that decide the future: the units' states, after their outputs where these are other variables.
    pub fn state_length(&self) -> usize {
        self.network(0).state_length()
    }

    /// The layer as a network with so many linear outputs.
    pub fn network(&self, outputs: usize) -> RecurrentNetwork {
        RecurrentNetwork {
            cell: self.cell,
            inputs: self.inputs,
            units: self.units,
            outputs,
            bottleneck: 0,
            encoder: 0,
            wiring: Wiring::Free,
            masked: false,
            noise_sd: 0.0,
        }
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With what is wrong and what would be right.
    pub fn check(&self) -> Result<()> {
        if self.units == 0 {
            return Err(Error::Architecture("a recurrent layer needs at least one unit, found 0".into()));
        }
        self.network(1).check()
    }

    /// Weights and biases before training, as those of any recurrent network.
    ///
    /// # Panics
    /// If the layer does not pass [`Self::check`].
    pub fn initial(&self, seed: &Seed) -> (Vec<f32>, Vec<f32>) {
        let drawn = initial_parameters(&self.network(1), &Initial::Uniform {}, 1.0, None, None, seed);
        let mut drawn = drawn.expect("a layer that was checked").into_iter();
        let mut next = || drawn.next().unwrap_or_default();
        let weight = [next(), next()].concat();
        let mut bias = next();
        if self.cell.has_separate_drives() {
            bias.extend(next());
        }
        (weight, bias)
    }

    /// Outputs of the units (rows, steps, units) for inputs (rows, steps, inputs), differentiable by all four. Every row starts from
    /// `start`, outputs and then states where these differ; from zero without.
    ///
    /// # Panics
    /// If the shapes are not those of the layer.
    pub fn outputs(
        &self,
        inputs: Tensor<3>,
        weight: Tensor<1>,
        bias: Tensor<1>,
        start: Option<Tensor<1>>,
    ) -> Tensor<3> {
        let start = start.unwrap_or_else(|| Tensor::zeros([self.state_length()], &inputs.device()));
        if !runs_fused(&inputs.device()) {
            return self.composed(inputs, weight, bias, start);
        }
        let (inputs, weight) = (inputs.into_dispatch(), weight.into_dispatch());
        let (bias, start) = (bias.into_dispatch(), start.into_dispatch());
        Tensor::from_dispatch(<Dispatch as FusedLoop>::fused_loop(inputs, weight, bias, start, *self))
    }
}

/// Whether tensors of a device are in the memory that our own kernels read.
fn runs_fused(device: &Device) -> bool {
    matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}
