//! LSTM and GRU, one millisecond at a time, in double precision.

use ndarray::{Array1, ArrayView1};
use rheobase_core::Dynamics;
use rheobase_rate::recurrent::FrozenNetwork;

use super::super::recurrent::Recurrent;
use super::Past;

/// The network of copies.
pub struct Stream {
    frozen: FrozenNetwork,
    inputs: usize,
}

impl Stream {
    pub fn new(recurrent: &Recurrent, weights: &[Vec<f32>]) -> Self {
        Self { frozen: FrozenNetwork::new(&recurrent.network(), weights), inputs: recurrent.inputs }
    }

    /// States (copies, dimension).
    pub fn start(&self, copies: usize) -> Vec<f64> {
        self.frozen.initial_state().to_vec().repeat(copies)
    }

    pub fn advance(&self, past: &mut Past, active: &[Vec<u32>], outputs: &mut [f32]) {
        let heads = outputs.len() / active.len().max(1);
        let states = past.wide.chunks_exact_mut(self.frozen.dimension());
        for ((state, inputs), own) in states.zip(active).zip(outputs.chunks_exact_mut(heads.max(1))) {
            let mut input = Array1::zeros(self.inputs);
            inputs.iter().for_each(|i| input[*i as usize] += 1.0);
            let next = self.frozen.step(ArrayView1::from(&*state), input.view());
            let said = self.frozen.read_out(next.view());
            own.iter_mut().zip(said).for_each(|(o, y)| *o = y as f32);
            state.iter_mut().zip(next).for_each(|(s, x)| *s = x);
        }
    }
}
