//! The expressive leaky memory neuron (Spieler et al. 2023, arXiv:2306.16922).
//!
//! s_t = k_s s_{t-1} + w_s x_t, b = sums of s over branches, d_t = tanh(W_2 relu(W_1 [b_t, k_m m_{t-1}] + b_1) + b_2),
//! m_t = k_m m_{t-1} + g d_t with g = lambda (1 - k_m) or 1 - k_m^lambda, y_t = W m_t + b; k = exp(-1 ms / tau), w_s >= 0.
//!
//! Decay and projection commute, because all traces decay alike: spikes go through w_s and W_1 first, a sum of a few rows, and
//! what decays are the sums of the hidden units. No trace of a single synapse is ever stored.

use rand_distr::{Distribution, Uniform};
use rheobase_core::{Seed, parallel};
use rheobase_rate::product::{Packed, Strided, add_transposed_product};
use rheobase_rate::scalar::Scalar;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Shape;
use super::groups::{exchange, group, groups};
use super::kernels::{add, add_scaled, propose_back, rectify, rectify_back, remember, scale_rows, tanh};
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

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

struct GroupTape<F> {
    /// Branch traces (steps, rows, branches); empty without branches.
    traces: Vec<F>,
    /// Hidden units after their nonlinearity (steps, rows, hidden).
    hidden: Vec<F>,
    /// d_t (steps, rows, memories).
    proposed: Vec<F>,
    /// m_t (steps, rows, memories).
    memories: Vec<F>,
}

/// Weights packed once for all groups.
struct Prepared<'a, F> {
    elm: &'a Elm,
    weights: &'a [Vec<F>],
    /// W_1 of the part that spikes reach, times w_s: (inputs, hidden); empty with branches.
    effective: Vec<F>,
    /// W_1 of branches, both ways.
    branch: Packed<F>,
    branch_back: Packed<F>,
    memory: Packed<F>,
    memory_back: Packed<F>,
    second: Packed<F>,
    second_back: Packed<F>,
    output: Packed<F>,
    output_back: Packed<F>,
    synapse_decay: F,
    decays: Vec<F>,
    gains: Vec<F>,
}

/// Order of parameters.
const SYNAPSE: usize = 0;
const INPUT: usize = 1;
const MEMORY: usize = 2;
const HIDDEN_BIAS: usize = 3;
const SECOND: usize = 4;
const SECOND_BIAS: usize = 5;
const OUTPUT: usize = 6;
const OUTPUT_BIAS: usize = 7;

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
        if let Some(Branches { count, synapses }) = self.branches
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

    /// First input of a branch.
    fn window(&self, branch: usize, of: Branches) -> usize {
        let free = self.inputs - of.synapses;
        if of.count == 1 { 0 } else { (branch * free + (of.count - 1) / 2) / (of.count - 1) }
    }

    /// Branches that hold an input, as (branch, synapse).
    fn synapses_of(&self) -> Vec<Vec<(usize, usize)>> {
        let mut found = vec![vec![]; self.inputs];
        if let Some(of) = self.branches {
            for branch in 0..of.count {
                let first = self.window(branch, of);
                (0..of.synapses).for_each(|k| found[first + k].push((branch, branch * of.synapses + k)));
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

    fn prepare<'a, F: Scalar>(&'a self, weights: &'a [Vec<F>]) -> Prepared<'a, F> {
        let (h, m, o) = (self.hidden, self.memories, self.heads);
        let branches = self.branches.map_or(0, |b| b.count);
        let mut effective = vec![];
        if branches == 0 {
            effective = weights[INPUT].clone();
            for (input, row) in effective.chunks_exact_mut(h).enumerate() {
                let w = weights[SYNAPSE][input].positive() * self.sign(input);
                row.iter_mut().for_each(|v| *v = *v * w);
            }
        }
        let pack = |k: usize, rows, columns| Packed::new(Strided::rows(&weights[k], columns), rows, columns);
        let turn = |k: usize, rows, columns| Packed::new(Strided::transposed(&weights[k], columns), columns, rows);
        let decays: Vec<f64> = self.taus_ms().iter().map(|tau| (-1.0 / tau).exp()).collect();
        let gain = |k: &f64| match self.uptake {
            Uptake::Linear => self.lambda * (1.0 - k),
            Uptake::Bounded => 1.0 - k.powf(self.lambda),
        };
        Prepared {
            elm: self,
            weights,
            effective,
            branch: pack(INPUT, branches, h),
            branch_back: turn(INPUT, branches, h),
            memory: pack(MEMORY, m, h),
            memory_back: turn(MEMORY, m, h),
            second: pack(SECOND, h, m),
            second_back: turn(SECOND, h, m),
            output: pack(OUTPUT, m, o),
            output_back: turn(OUTPUT, m, o),
            synapse_decay: F::of((-1.0 / self.tau_synapse_ms).exp()),
            gains: decays.iter().map(|k| F::of(gain(k))).collect(),
            decays: decays.into_iter().map(F::of).collect(),
        }
    }

    /// Outputs (rows, steps, heads), and what the way back needs.
    pub fn forward<F: Scalar>(&self, weights: &[Vec<F>], batch: &SpikeBatch, threads: usize) -> (Vec<F>, Tape<F>) {
        let prepared = self.prepare(weights);
        let groups = parallel::map(groups(batch.rows), threads, |k| prepared.forward(batch, group(k, batch.rows)));
        let (outputs, tapes): (Vec<Vec<F>>, Vec<GroupTape<F>>) = groups.into_iter().unzip();
        (outputs.concat(), Tape(tapes))
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
        let prepared = self.prepare(weights);
        let block = batch.steps * self.heads;
        let mut parts = parallel::map(tape.0.len(), threads, |k| {
            let rows = group(k, batch.rows);
            let by_outputs = &by_outputs[rows.start * block..rows.end * block];
            prepared.backward(batch, rows, &tape.0[k], by_outputs)
        })
        .into_iter();
        let mut sum = parts.next().unwrap_or_default();
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(s, p)| add(s, &p));
        }
        sum
    }
}

impl<F: Scalar> Prepared<'_, F> {
    /// What spikes give the hidden units in every step (steps, rows, hidden), decayed; and the branch traces.
    fn drive(&self, batch: &SpikeBatch, rows: std::ops::Range<usize>) -> (Vec<F>, Vec<F>) {
        let elm = self.elm;
        let (count, h) = (rows.len(), elm.hidden);
        let place = |row: u32, step: u32, width: usize| (step as usize * count + row as usize - rows.start) * width;
        let width = elm.branches.map_or(h, |b| b.count);
        let mut traces = vec![F::ZERO; batch.steps * count * width];
        let synapses = elm.synapses_of();
        for input in 0..batch.inputs {
            let events = batch.of_rows(input, rows.clone());
            if elm.branches.is_some() {
                let sign: F = elm.sign(input);
                for &(branch, synapse) in &synapses[input] {
                    let w = self.weights[SYNAPSE][synapse].positive() * sign;
                    events.iter().for_each(|&(row, step)| traces[place(row, step, width) + branch] += w);
                }
            } else {
                let own = &self.effective[input * h..(input + 1) * h];
                events.iter().for_each(|&(row, step)| add(&mut traces[place(row, step, h)..][..h], own));
            }
        }
        for t in 1..batch.steps {
            let (before, now) = traces.split_at_mut(t * count * width);
            let before = &before[(t - 1) * count * width..];
            add_scaled(&mut now[..count * width], self.synapse_decay, &before[..count * width]);
        }
        if elm.branches.is_none() {
            return (traces, vec![]);
        }
        let places = batch.steps * count;
        let mut drive = vec![F::ZERO; places * h];
        self.branch.multiply(Strided::rows(&traces, width), places, &mut drive, false);
        (drive, traces)
    }

    fn forward(&self, batch: &SpikeBatch, rows: std::ops::Range<usize>) -> (Vec<F>, GroupTape<F>) {
        let elm = self.elm;
        let (count, h, m) = (rows.len(), elm.hidden, elm.memories);
        let (mut hidden, traces) = self.drive(batch, rows);
        let mut proposed = vec![F::ZERO; batch.steps * count * m];
        let mut memories = vec![F::ZERO; batch.steps * count * m];
        let mut kept = vec![F::ZERO; count * m];
        for t in 0..batch.steps {
            let now = t * count * m..(t + 1) * count * m;
            let hidden = &mut hidden[t * count * h..(t + 1) * count * h];
            hidden.chunks_exact_mut(h).for_each(|row| add(row, &self.weights[HIDDEN_BIAS]));
            self.memory.multiply(Strided::rows(&kept, m), count, hidden, true);
            rectify(hidden, F::ZERO);
            let d = &mut proposed[now.clone()];
            d.chunks_exact_mut(m).for_each(|row| row.copy_from_slice(&self.weights[SECOND_BIAS]));
            self.second.multiply(Strided::rows(hidden, h), count, d, true);
            tanh(d);
            let after = &mut memories[now];
            for row in 0..count {
                let place = row * m..(row + 1) * m;
                let (after, kept) = (&mut after[place.clone()], &mut kept[place.clone()]);
                remember(after, kept, &d[place], &self.gains, &self.decays);
            }
        }
        let places = batch.steps * count;
        let mut outputs = self.weights[OUTPUT_BIAS].repeat(places);
        self.output.multiply(Strided::rows(&memories, m), places, &mut outputs, true);
        (exchange(&outputs, batch.steps, count, elm.heads), GroupTape { traces, hidden, proposed, memories })
    }

    fn backward(
        &self,
        batch: &SpikeBatch,
        rows: std::ops::Range<usize>,
        tape: &GroupTape<F>,
        by_outputs: &[F],
    ) -> Vec<Vec<F>> {
        let elm = self.elm;
        let (count, h, m, steps) = (rows.len(), elm.hidden, elm.memories, batch.steps);
        let by_outputs = exchange(by_outputs, count, steps, elm.heads);
        let mut by_memories = vec![F::ZERO; steps * count * m];
        self.output_back.multiply(Strided::rows(&by_outputs, elm.heads), steps * count, &mut by_memories, false);
        let mut by_proposal = vec![F::ZERO; steps * count * m];
        let mut by_hidden = vec![F::ZERO; steps * count * h];
        let mut carried = vec![F::ZERO; count * m];
        for t in (0..steps).rev() {
            let now = t * count * m..(t + 1) * count * m;
            let (d, e) = (&tape.proposed[now.clone()], &mut by_proposal[now.clone()]);
            let by_memory = &mut by_memories[now];
            add(by_memory, &carried);
            for row in 0..count {
                let place = row * m..(row + 1) * m;
                propose_back(&mut e[place.clone()], &by_memory[place.clone()], &d[place], &self.gains);
            }
            let own = t * count * h..(t + 1) * count * h;
            let errors = &mut by_hidden[own.clone()];
            self.second_back.multiply(Strided::rows(e, m), count, errors, false);
            rectify_back(errors, &tape.hidden[own], F::ZERO);
            carried.copy_from_slice(by_memory);
            self.memory_back.multiply(Strided::rows(errors, h), count, &mut carried, true);
            scale_rows(&mut carried, &self.decays);
        }
        let mut gradient = vec![vec![]; 8];
        gradient[OUTPUT] = self.product(&tape.memories, m, &by_outputs, elm.heads);
        gradient[OUTPUT_BIAS] = column_sums(&by_outputs, elm.heads);
        gradient[SECOND] = self.product(&tape.hidden, h, &by_proposal, m);
        gradient[SECOND_BIAS] = column_sums(&by_proposal, m);
        gradient[HIDDEN_BIAS] = column_sums(&by_hidden, h);
        // What the hidden layer saw of the memories: those of the step before, decayed.
        let last = (steps - 1) * count;
        gradient[MEMORY] = self.product(&tape.memories[..last * m], m, &by_hidden[count * h..], h);
        for (row, decay) in gradient[MEMORY].chunks_exact_mut(h).zip(&self.decays) {
            row.iter_mut().for_each(|g| *g = *g * *decay);
        }
        self.by_synapses(batch, rows, tape, by_hidden, &mut gradient);
        gradient
    }

    fn product(&self, a: &[F], m: usize, b: &[F], n: usize) -> Vec<F> {
        let mut c = vec![F::ZERO; m * n];
        add_transposed_product(a, m, b, n, &mut c, &mut Packed::new(Strided::rows(&[], 1), 0, 0));
        c
    }

    /// Gradients of what spikes go through: errors decay backwards in time as traces do forwards.
    fn by_synapses(
        &self,
        batch: &SpikeBatch,
        rows: std::ops::Range<usize>,
        tape: &GroupTape<F>,
        by_hidden: Vec<F>,
        gradient: &mut [Vec<F>],
    ) {
        let elm = self.elm;
        let (count, h) = (rows.len(), elm.hidden);
        let width = elm.branches.map_or(h, |b| b.count);
        let mut errors = by_hidden;
        if elm.branches.is_some() {
            gradient[INPUT] = self.product(&tape.traces, width, &errors, h);
            let mut by_trace = vec![F::ZERO; batch.steps * count * width];
            self.branch_back.multiply(Strided::rows(&errors, h), batch.steps * count, &mut by_trace, false);
            errors = by_trace;
        } else {
            gradient[INPUT] = vec![F::ZERO; elm.inputs * h];
        }
        for t in (0..batch.steps - 1).rev() {
            let (now, after) = errors.split_at_mut((t + 1) * count * width);
            let now = &mut now[t * count * width..];
            add_scaled(now, self.synapse_decay, &after[..count * width]);
        }
        let place = |row: u32, step: u32| (step as usize * count + row as usize - rows.start) * width;
        let weights = &self.weights[SYNAPSE];
        let mut by_weight = vec![F::ZERO; weights.len()];
        let synapses = elm.synapses_of();
        for input in 0..batch.inputs {
            let events = batch.of_rows(input, rows.clone());
            let sign: F = elm.sign(input);
            if elm.branches.is_some() {
                for &(branch, synapse) in synapses[input].iter().filter(|(_, s)| weights[*s] > F::ZERO) {
                    let sum = events.iter().fold(F::ZERO, |sum, &(row, step)| sum + errors[place(row, step) + branch]);
                    by_weight[synapse] = sign * sum;
                }
                continue;
            }
            let own = &mut gradient[INPUT][input * h..(input + 1) * h];
            events.iter().for_each(|&(row, step)| add(own, &errors[place(row, step)..][..h]));
            if weights[input] > F::ZERO {
                let first = &self.weights[INPUT][input * h..(input + 1) * h];
                by_weight[input] = sign * own.iter().zip(first).fold(F::ZERO, |sum, (g, w)| g.mul_add(*w, sum));
            }
            let w = weights[input].positive() * sign;
            own.iter_mut().for_each(|g| *g = *g * w);
        }
        gradient[SYNAPSE] = by_weight;
    }
}

/// Sums of the columns of rows of this length.
fn column_sums<F: Scalar>(values: &[F], columns: usize) -> Vec<F> {
    let mut sums = vec![F::ZERO; columns];
    values.chunks_exact(columns).for_each(|row| add(&mut sums, row));
    sums
}
