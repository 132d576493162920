//! Synapses that fail: a number for each source, target and step decides, wherever the synapse is stored.
//!
//! The numbers of 64 synapses are drawn at once, whatever their delays, so that short runs of equal delay cost no more than long ones.

use rheobase_core::vectorised::{Kernel, vectorised};

use super::delivery::Event;
use crate::Float;
use crate::network::Failure;
use crate::random::{BLOCK, philox_each};

/// Which synapses fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failing {
    pub failure: Failure,
    pub key: [u32; 2],
}

/// Synapses that wait for their numbers, and where their events go if they do not fail.
pub(super) struct Batch<'a, F> {
    buffer: &'a mut [F],
    failing: Failing,
    event: Event,
    /// Number of the shard's first neuron.
    first: u32,
    counters: [[u32; BLOCK]; 2],
    places: [usize; BLOCK],
    weights: [f32; BLOCK],
    len: usize,
}

impl<'a, F: Float> Batch<'a, F> {
    /// For the synapses of one source onto a shard; `buffer` takes their events.
    pub fn new(buffer: &'a mut [F], failing: Failing, event: Event, first: u32) -> Self {
        let (counters, places, weights) = ([[0; BLOCK]; 2], [0; BLOCK], [0.0; BLOCK]);
        Self { buffer, failing, event, first, counters, places, weights, len: 0 }
    }

    /// Adds a synapse onto a neuron of the shard; `slot` is where the events of its delay begin, and `repeat` counts synapses between the same
    /// neurons with the same delay before this one.
    #[inline(always)]
    pub fn push(&mut self, slot: usize, target: usize, [delay, repeat]: [u32; 2], weight: f32) {
        let at = self.len;
        self.counters[0][at] = self.first + target as u32;
        self.counters[1][at] = delay << 16 | repeat;
        self.places[at] = slot + target;
        self.weights[at] = weight;
        self.len += 1;
        if self.len == BLOCK {
            self.send();
        }
    }

    /// Decides on all that wait.
    pub fn send(&mut self) {
        let others = [self.event.source, self.event.step as u32];
        let uniform = vectorised(Uniform { key: self.failing.key, counters: &self.counters, others });
        for i in 0..self.len {
            let w = f64::from(self.weights[i]);
            let u = (f64::from(uniform[i]) + 0.5) / 4_294_967_296.0;
            if u >= self.failing.failure.probability(w) {
                self.buffer[self.places[i]] += F::of(f64::from(self.event.amount) * w);
            }
        }
        self.len = 0;
    }
}

struct Uniform<'a> {
    key: [u32; 2],
    counters: &'a [[u32; BLOCK]; 2],
    others: [u32; 2],
}

impl Kernel for Uniform<'_> {
    type Output = [u32; BLOCK];

    #[inline(always)]
    fn run(self) -> [u32; BLOCK] {
        philox_each(self.key, self.counters, self.others)
    }
}
