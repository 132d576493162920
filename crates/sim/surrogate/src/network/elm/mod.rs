//! The expressive leaky memory neuron (Spieler et al. 2023, arXiv:2306.16922).
//!
//! s_t = k_s s_{t-1} + w_s x_t, b = sums of s over branches, d_t = tanh(W_2 relu(W_1 [b_t, k_m m_{t-1}] + b_1) + b_2),
//! m_t = k_m m_{t-1} + g d_t with g = lambda (1 - k_m) or 1 - k_m^lambda, y_t = W m_t + b; k = exp(-1 ms / tau), w_s >= 0.
//!
//! Decay and projection commute, because all traces decay alike: spikes go through w_s and W_1 first, a sum of a few rows, and
//! what decays are the sums of the hidden units. No trace of a single synapse is ever stored.

mod pass;
mod stream;

use std::borrow::Cow;

use rand_distr::{Distribution, Uniform};
use rheobase_core::{Seed, parallel};
use rheobase_rate::scalar::Scalar;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Shape;
use super::groups::{group, groups, sum_of_parts};
use crate::spikes::SpikeBatch;
use crate::{Error, Result};
use pass::{GroupTape, Prepared, See};

pub(super) use stream::Stream;

/// How strongly a memory takes up what is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Uptake {
    /// lambda (1 - k_m), the first version.
    #[default]
    Linear,
    /// 1 - k_m^lambda, the second version: never above 1.
    Bounded,
}

/// Synapses that are summed before the hidden layer sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Branches {
    /// Number of branches.
    pub count: usize,
    /// Synapses of each: neighbours in the order of inputs, in windows that overlap where they must.
    pub synapses: usize,
    /// In which order inputs come, and where windows begin.
    #[serde(default)]
    pub layout: BranchLayout,
}

/// How inputs lie on branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BranchLayout {
    /// Inputs in their order; windows spread evenly from the first input to the last.
    #[default]
    Even,
    /// As published: the first half of the inputs and the second, excitation and inhibition, in turn; windows begin every inputs / branches,
    /// rounded up, and end where inputs end.
    Interlaced,
}

/// An expressive leaky memory neuron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elm {
    /// Synapses of the neuron it imitates.
    pub inputs: usize,
    /// -1 for inputs that count negatively (with branches, where weights cannot be negative otherwise); empty for none.
    pub signs: Vec<i8>,
    /// Memories.
    pub memories: usize,
    /// Units of the hidden layer.
    pub hidden: usize,
    /// Branches; none for one trace a synapse.
    pub branches: Option<Branches>,
    /// Time constant of the traces in ms.
    pub tau_synapse_ms: f64,
    /// Shortest and longest time constant of memories in ms; the others lie between at equal ratios.
    pub tau_memory_ms: (f64, f64),
    /// lambda.
    pub lambda: f64,
    /// How memories take up.
    pub uptake: Uptake,
    /// Outputs.
    pub heads: usize,
}

/// What a forward pass leaves for the way back, one for each group of rows.
pub struct Tape<F>(Vec<GroupTape<F>>);

impl<F: Scalar> Tape<F> {
    /// Values of a layer, one list (steps, rows, units) for each group of rows.
    pub(super) fn layer(&self, layer: Layer) -> Vec<&[F]> {
        self.0.iter().map(|group| group.layer(layer)).collect()
    }

    /// Memories of each row, (steps, memories).
    pub(super) fn memories(&self, steps: usize, count: usize) -> Vec<Vec<F>> {
        let of_group = |group: &GroupTape<F>| {
            let values = group.layer(Layer::Memories);
            let rows = values.len() / (steps * count);
            let of_row = |row: usize| values.chunks_exact(count).skip(row).step_by(rows).flatten().copied().collect();
            (0..rows).map(of_row).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_group).collect()
    }
}

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Sums of the traces on each branch; there are none without branches.
    Branches,
    /// Hidden units.
    Hidden,
    /// Memories.
    Memories,
}

impl Elm {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        let fail = |message: String| Err(Error::Description(message));
        if self.inputs == 0 || self.memories == 0 || self.hidden == 0 || self.heads == 0 {
            let (i, m, h, o) = (self.inputs, self.memories, self.hidden, self.heads);
            return fail(format!("{i} inputs, {m} memories, {h} hidden units, {o} outputs: each must be at least 1"));
        }
        let (shortest, longest) = self.tau_memory_ms;
        let positive = |v: f64| v > 0.0 && v.is_finite();
        if !positive(self.tau_synapse_ms) || !positive(shortest) || !positive(longest) || longest < shortest {
            let tau = self.tau_synapse_ms;
            return fail(format!(
                "time constants {tau} ms of traces and {shortest} to {longest} ms of memories: above 0, in this order"
            ));
        }
        if !positive(self.lambda) {
            return fail(format!("lambda is {}, it must be above 0", self.lambda));
        }
        if !self.signs.is_empty() && self.signs.len() != self.inputs {
            return fail(format!("{} signs for {} inputs", self.signs.len(), self.inputs));
        }
        if let Some(Branches { count, synapses, layout }) = self.branches
            && layout == BranchLayout::Interlaced
            && (!self.inputs.is_multiple_of(2) || count > 0 && synapses < self.inputs.div_ceil(count))
        {
            return fail(format!(
                "{count} interlaced branches of {synapses} synapses for {} inputs: an even number of inputs, and at least inputs / \
                 branches synapses on each",
                self.inputs
            ));
        }
        if let Some(Branches { count, synapses, .. }) = self.branches
            && (count == 0 || synapses == 0 || synapses > self.inputs || count * synapses < self.inputs)
        {
            return fail(format!(
                "{count} branches of {synapses} synapses do not cover {} inputs: a branch holds at most all of them, all branches \
                 together at least all",
                self.inputs
            ));
        }
        Ok(())
    }

    /// Values that reach the hidden layer: branches, or inputs.
    fn fan_in(&self) -> usize {
        self.branches.map_or(self.inputs, |b| b.count)
    }

    /// First place of a branch in the order of inputs.
    fn window(&self, branch: usize, of: Branches) -> usize {
        let free = self.inputs - of.synapses;
        match of.layout {
            BranchLayout::Interlaced => branch * self.inputs.div_ceil(of.count),
            BranchLayout::Even if of.count == 1 => 0,
            BranchLayout::Even => (branch * free + (of.count - 1) / 2) / (of.count - 1),
        }
    }

    /// Branches that hold an input, as (branch, synapse).
    fn synapses_of(&self) -> Vec<Vec<(usize, usize)>> {
        let mut found = vec![vec![]; self.inputs];
        if let Some(of) = self.branches {
            let input = |place: usize| match of.layout {
                BranchLayout::Even => place,
                BranchLayout::Interlaced => place % 2 * (self.inputs / 2) + place / 2,
            };
            for branch in 0..of.count {
                let first = self.window(branch, of);
                let places = (first..first + of.synapses).zip(0..).take_while(|(place, _)| *place < self.inputs);
                places.for_each(|(place, k)| found[input(place)].push((branch, branch * of.synapses + k)));
            }
        }
        found
    }

    fn sign<F: Scalar>(&self, input: usize) -> F {
        F::of(f64::from(self.signs.get(input).copied().unwrap_or(1)))
    }

    /// Time constants of the memories in ms.
    pub fn taus_ms(&self) -> Vec<f64> {
        let (shortest, longest) = self.tau_memory_ms;
        let share = |k: usize| k as f64 / (self.memories.max(2) - 1) as f64;
        (0..self.memories).map(|k| shortest * (longest / shortest).powf(share(k))).collect()
    }

    /// Names and shapes of the parameters.
    pub fn shapes(&self) -> Vec<Shape> {
        let synapses = self.branches.map_or(self.inputs, |b| b.count * b.synapses);
        vec![
            Shape::new("synapse.weight", &[synapses]),
            Shape::new("input.weight", &[self.fan_in(), self.hidden]),
            Shape::new("memory.weight", &[self.memories, self.hidden]),
            Shape::new("hidden.bias", &[self.hidden]),
            Shape::new("proposal.weight", &[self.hidden, self.memories]),
            Shape::new("proposal.bias", &[self.memories]),
            Shape::new("output.weight", &[self.memories, self.heads]),
            Shape::new("output.bias", &[self.heads]),
        ]
    }

    /// Synaptic weights .5; the others uniform within 1 / sqrt(fan-in).
    pub fn initial(&self, seed: &Seed) -> Vec<Vec<f32>> {
        let fans = [0, self.fan_in() + self.memories, self.fan_in() + self.memories];
        let fans = [fans[0], fans[1], fans[2], fans[1], self.hidden, self.hidden, self.memories, self.memories];
        let draw = |(shape, fan): (Shape, usize)| {
            if fan == 0 {
                return vec![0.5; shape.len()];
            }
            let bound = (1.0 / fan as f64).sqrt();
            let uniform = Uniform::new_inclusive(-bound, bound).expect("the bound is finite");
            let mut stream = seed.child(&shape.name).stream();
            (0..shape.len()).map(|_| uniform.sample(&mut stream) as f32).collect()
        };
        self.shapes().into_iter().zip(fans).map(draw).collect()
    }

    /// Outputs (rows, steps, heads), and what the way back needs.
    pub fn forward<F: Scalar>(&self, weights: &[Vec<F>], batch: &SpikeBatch, threads: usize) -> (Vec<F>, Tape<F>) {
        let prepared = Prepared::new(Cow::Borrowed(self), Cow::Borrowed(weights));
        let groups =
            parallel::map(groups(batch.rows), threads, |k| prepared.forward(batch, group(k, batch.rows), None));
        let (outputs, tapes): (Vec<Vec<F>>, Vec<GroupTape<F>>) = groups.into_iter().unzip();
        (outputs.concat(), Tape(tapes))
    }

    /// Outputs (rows, steps, heads) while hidden units and outputs see of the memories (row, step) what `see` makes of them.
    pub fn outputs_seen<F: Scalar>(
        &self,
        weights: &[Vec<F>],
        batch: &SpikeBatch,
        threads: usize,
        see: &See<'_, F>,
    ) -> Vec<F> {
        let prepared = Prepared::new(Cow::Borrowed(self), Cow::Borrowed(weights));
        let of_group = |k| prepared.forward(batch, group(k, batch.rows), Some(see)).0;
        parallel::map(groups(batch.rows), threads, of_group).concat()
    }

    /// The gradient by the parameters, from the derivative by the outputs (rows, steps, heads).
    pub fn backward<F: Scalar>(
        &self,
        weights: &[Vec<F>],
        batch: &SpikeBatch,
        tape: &Tape<F>,
        by_outputs: &[F],
        threads: usize,
    ) -> Vec<Vec<F>> {
        let prepared = Prepared::new(Cow::Borrowed(self), Cow::Borrowed(weights));
        let block = batch.steps * self.heads;
        sum_of_parts(parallel::map(tape.0.len(), threads, |k| {
            let rows = group(k, batch.rows);
            let by_outputs = &by_outputs[rows.start * block..rows.end * block];
            prepared.backward(batch, rows, &tape.0[k], by_outputs)
        }))
    }
}
