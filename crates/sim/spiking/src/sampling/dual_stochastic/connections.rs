//! Connections of binary synapses, and how those are drawn.

use rand::RngExt;
use rheobase_core::RandomStream;
use rheobase_core::math::logistic;

use super::DualStochastic;

/// Connections from some units to others; the last source is a bias that is always on, where `from` counts one more than the units.
pub(super) struct Connections {
    pub from: usize,
    pub to: usize,
    size: f64,
    /// Row by row of sources.
    pub weights: Vec<f64>,
    /// Synapses of each connection, the excitatory half first.
    pub states: Vec<bool>,
    q: Vec<f64>,
}

impl Connections {
    pub fn new(from: usize, to: usize, synapses: usize, size: f64, stream: &mut RandomStream) -> Self {
        let states: Vec<bool> = (0..from * to * synapses).map(|_| stream.random::<f64>() < 0.5).collect();
        let weights = states.chunks(synapses).map(|own| weight(own, size)).collect();
        Self { from, to, size, weights, states, q: vec![0.0; from * to] }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.weights[i * self.to..(i + 1) * self.to]
    }

    /// Weight of a unit onto itself, where sources and targets are the same.
    pub fn to_itself(&self, i: usize) -> f64 {
        self.weights[i * self.to + i]
    }

    /// Adds the input of all targets; what is missing at the end of `x` is the bias.
    #[inline(always)]
    pub fn add_input(&self, x: &[f64], out: &mut [f64]) {
        for (i, value) in x.iter().copied().chain([1.0]).take(self.from).enumerate() {
            if value != 0.0 {
                add_scaled(value, self.row(i), out);
            }
        }
    }

    /// Adds x_i error_j to a sum over data.
    #[inline(always)]
    pub fn add_product(&self, x: &[f64], error: &[f64], sums: &mut [f64]) {
        for (i, value) in x.iter().copied().chain([1.0]).take(self.from).enumerate() {
            if value != 0.0 {
                add_scaled(value, error, &mut sums[i * self.to..(i + 1) * self.to]);
            }
        }
    }

    /// Adds sum_j error_j w_ij for each source.
    #[inline(always)]
    pub fn add_feedback(&self, error: &[f64], out: &mut [f64]) {
        for (i, o) in out.iter_mut().enumerate() {
            for (w, e) in self.row(i).iter().zip(error) {
                *o = w.mul_add(*e, *o);
            }
        }
    }

    /// Draws a share of the synapses again.
    pub fn draw(&mut self, sums: &[f64], p: &DualStochastic, stream: &mut RandomStream) {
        for (q, sum) in self.q.iter_mut().zip(sums) {
            *q += p.synapse_rate * (sum - *q);
        }
        // Gaps between drawn synapses are geometric.
        let of_unit = (self.from * p.synapses) as f64;
        let share = p.synapses_drawn_per_unit.map_or(p.synapses_drawn, |drawn| (drawn / of_unit).min(1.0));
        let scale = 1.0 / (-share).ln_1p();
        let mut at = 0_usize;
        loop {
            let gap = if share >= 1.0 { 0.0 } else { ((1.0 - stream.random::<f64>()).ln() * scale).floor() };
            at += gap.min(1e15) as usize;
            if at >= self.states.len() {
                break;
            }
            let (connection, k) = (at / p.synapses, at % p.synapses);
            let size = if k < p.synapses / 2 { self.size } else { -self.size };
            let on = stream.random::<f64>() < logistic(size * self.q[connection]);
            if on != self.states[at] {
                self.states[at] = on;
                self.weights[connection] = weight(&self.states[connection * p.synapses..][..p.synapses], self.size);
            }
            at += 1;
        }
    }
}

/// Weight of a connection with these synapses.
fn weight(states: &[bool], size: f64) -> f64 {
    let (exciting, inhibiting) = states.split_at(states.len() / 2);
    let on = |states: &[bool]| states.iter().filter(|on| **on).count() as f64;
    size * (on(exciting) - on(inhibiting))
}

#[inline(always)]
fn add_scaled(factor: f64, from: &[f64], to: &mut [f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = factor.mul_add(*from, *to);
    }
}
