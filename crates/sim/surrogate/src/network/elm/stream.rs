//! The expressive leaky memory neuron, one millisecond at a time.

use std::borrow::Cow;

use rheobase_rate::product::Strided;

use super::super::kernels::{add, rectify, remember, tanh};
use super::super::stream::Past;
use super::Elm;
use super::pass::{HIDDEN_BIAS, OUTPUT_BIAS, Prepared, SECOND_BIAS, SYNAPSE};

/// The network of copies.
pub struct Stream {
    prepared: Prepared<'static, f32>,
    /// Branches that hold an input, as (branch, synapse).
    synapses: Vec<Vec<(usize, usize)>>,
}

/// Place of the traces among the values that copies remember, and of the decayed memories.
const TRACES: usize = 0;
const KEPT: usize = 1;

impl Stream {
    pub fn new(elm: &Elm, weights: &[Vec<f32>]) -> Self {
        let prepared = Prepared::new(Cow::Owned(elm.clone()), Cow::Owned(weights.to_vec()));
        Self { prepared, synapses: elm.synapses_of() }
    }

    /// Traces of branches or of the drive of hidden units (copies, width), and decayed memories (copies, memories).
    pub fn start(&self, copies: usize) -> Vec<Vec<f32>> {
        let elm = &self.prepared.elm;
        let width = elm.branches.map_or(elm.hidden, |b| b.count);
        vec![vec![0.0; copies * width], vec![0.0; copies * elm.memories]]
    }

    pub fn advance(&self, past: &mut Past, active: &[Vec<u32>], outputs: &mut [f32]) {
        let prepared = &self.prepared;
        let elm = &*prepared.elm;
        let (copies, h, m) = (active.len(), elm.hidden, elm.memories);
        let mut hidden = self.drive(&mut past.values[TRACES], active);
        hidden.chunks_exact_mut(h).for_each(|row| add(row, &prepared.weights[HIDDEN_BIAS]));
        let kept = &mut past.values[KEPT];
        prepared.memory.multiply(Strided::rows(kept, m), copies, &mut hidden, true);
        rectify(&mut hidden, 0.0);
        let mut proposed = prepared.weights[SECOND_BIAS].repeat(copies);
        prepared.second.multiply(Strided::rows(&hidden, h), copies, &mut proposed, true);
        tanh(&mut proposed);
        let mut memories = vec![0.0; copies * m];
        for row in 0..copies {
            let place = row * m..(row + 1) * m;
            let (after, kept) = (&mut memories[place.clone()], &mut kept[place.clone()]);
            remember(after, kept, &proposed[place], &prepared.gains, &prepared.decays);
        }
        outputs.chunks_exact_mut(elm.heads).for_each(|o| o.copy_from_slice(&prepared.weights[OUTPUT_BIAS]));
        prepared.output.multiply(Strided::rows(&memories, m), copies, outputs, true);
    }

    /// What spikes give the hidden units now.
    fn drive(&self, traces: &mut [f32], active: &[Vec<u32>]) -> Vec<f32> {
        let prepared = &self.prepared;
        let elm = &*prepared.elm;
        let width = traces.len() / active.len().max(1);
        traces.iter_mut().for_each(|s| *s *= prepared.synapse_decay);
        for (own, inputs) in traces.chunks_exact_mut(width.max(1)).zip(active) {
            for &input in inputs {
                let input = input as usize;
                if elm.branches.is_none() {
                    add(own, &prepared.effective[input * width..(input + 1) * width]);
                }
                for &(branch, synapse) in &self.synapses[input] {
                    own[branch] += prepared.weights[SYNAPSE][synapse].max(0.0) * elm.sign::<f32>(input);
                }
            }
        }
        if elm.branches.is_none() {
            return traces.to_vec();
        }
        let mut drive = vec![0.0; active.len() * elm.hidden];
        prepared.branch.multiply(Strided::rows(traces, width), active.len(), &mut drive, false);
        drive
    }
}
