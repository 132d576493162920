//! Forward and back through the loop over time, for a few rows at once.

use std::borrow::Cow;

use rheobase_rate::product::{Packed, Strided, add_transposed_product};
use rheobase_rate::recurrent::pass::exchange;
use rheobase_rate::scalar::Scalar;

use super::super::kernels::{add, add_scaled, propose_back, rectify, rectify_back, remember, scale_rows, tanh};
use super::{Elm, Layer, Uptake};
use crate::spikes::SpikeBatch;

/// Order of parameters.
pub(super) const SYNAPSE: usize = 0;
const INPUT: usize = 1;
const MEMORY: usize = 2;
pub(super) const HIDDEN_BIAS: usize = 3;
const SECOND: usize = 4;
pub(super) const SECOND_BIAS: usize = 5;
const OUTPUT: usize = 6;
pub(super) const OUTPUT_BIAS: usize = 7;

/// What a group of rows leaves for the way back.
pub struct GroupTape<F> {
    /// Branch traces (steps, rows, branches); empty without branches.
    traces: Vec<F>,
    /// Hidden units after their nonlinearity (steps, rows, hidden).
    hidden: Vec<F>,
    /// d_t (steps, rows, memories).
    proposed: Vec<F>,
    /// m_t (steps, rows, memories).
    memories: Vec<F>,
}

impl<F: Scalar> GroupTape<F> {
    /// Values of a layer, (steps, rows, units).
    pub(super) fn layer(&self, layer: Layer) -> &[F] {
        match layer {
            Layer::Branches => &self.traces,
            Layer::Hidden => &self.hidden,
            Layer::Memories => &self.memories,
        }
    }
}

/// What others see of the memories of a row in a step.
pub type See<'a, F> = dyn Fn(usize, usize, &mut [F]) + Sync + 'a;

/// Weights packed once for all groups.
pub struct Prepared<'a, F: Scalar> {
    pub(super) elm: Cow<'a, Elm>,
    pub(super) weights: Cow<'a, [Vec<F>]>,
    /// W_1 of the part that spikes reach, times w_s: (inputs, hidden); empty with branches.
    pub(super) effective: Vec<F>,
    /// W_1 of branches, both ways.
    pub(super) branch: Packed<F>,
    branch_back: Packed<F>,
    pub(super) memory: Packed<F>,
    memory_back: Packed<F>,
    pub(super) second: Packed<F>,
    second_back: Packed<F>,
    pub(super) output: Packed<F>,
    output_back: Packed<F>,
    pub(super) synapse_decay: F,
    pub(super) decays: Vec<F>,
    pub(super) gains: Vec<F>,
}

impl<'a, F: Scalar> Prepared<'a, F> {
    /// Packs the weights.
    pub fn new(elm: Cow<'a, Elm>, weights: Cow<'a, [Vec<F>]>) -> Self {
        let (h, m, o) = (elm.hidden, elm.memories, elm.heads);
        let branches = elm.branches.map_or(0, |b| b.count);
        let mut effective = vec![];
        if branches == 0 {
            effective = weights[INPUT].clone();
            for (input, row) in effective.chunks_exact_mut(h).enumerate() {
                let w = weights[SYNAPSE][input].positive() * elm.sign(input);
                row.iter_mut().for_each(|v| *v = *v * w);
            }
        }
        let pack = |k: usize, rows, columns| Packed::new(Strided::rows(&weights[k], columns), rows, columns);
        let turn = |k: usize, rows, columns| Packed::new(Strided::transposed(&weights[k], columns), columns, rows);
        let decays: Vec<f64> = elm.taus_ms().iter().map(|tau| (-1.0 / tau).exp()).collect();
        let gain = |k: &f64| match elm.uptake {
            Uptake::Linear => elm.lambda * (1.0 - k),
            Uptake::Bounded => 1.0 - k.powf(elm.lambda),
        };
        Self {
            effective,
            branch: pack(INPUT, branches, h),
            branch_back: turn(INPUT, branches, h),
            memory: pack(MEMORY, m, h),
            memory_back: turn(MEMORY, m, h),
            second: pack(SECOND, h, m),
            second_back: turn(SECOND, h, m),
            output: pack(OUTPUT, m, o),
            output_back: turn(OUTPUT, m, o),
            synapse_decay: F::of((-1.0 / elm.tau_synapse_ms).exp()),
            gains: decays.iter().map(|k| F::of(gain(k))).collect(),
            decays: decays.into_iter().map(F::of).collect(),
            elm,
            weights,
        }
    }
}

impl<F: Scalar> Prepared<'_, F> {
    /// What spikes give the hidden units in every step (steps, rows, hidden), decayed; and the branch traces.
    fn drive(&self, batch: &SpikeBatch, rows: std::ops::Range<usize>) -> (Vec<F>, Vec<F>) {
        let elm = &*self.elm;
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

    /// Outputs (rows, steps, heads) of some rows; hidden units and outputs see of the memories what `see` makes of them, row and step, while
    /// memories go on by themselves.
    pub fn forward(
        &self,
        batch: &SpikeBatch,
        rows: std::ops::Range<usize>,
        see: Option<&See<'_, F>>,
    ) -> (Vec<F>, GroupTape<F>) {
        let elm = &*self.elm;
        let (first, count, h, m) = (rows.start, rows.len(), elm.hidden, elm.memories);
        let (mut hidden, traces) = self.drive(batch, rows);
        let mut proposed = vec![F::ZERO; batch.steps * count * m];
        let mut memories = vec![F::ZERO; batch.steps * count * m];
        let mut kept = vec![F::ZERO; count * m];
        let (mut seen, mut seen_kept) = if see.is_some() { (memories.clone(), kept.clone()) } else { (vec![], vec![]) };
        for t in 0..batch.steps {
            let now = t * count * m..(t + 1) * count * m;
            let hidden = &mut hidden[t * count * h..(t + 1) * count * h];
            hidden.chunks_exact_mut(h).for_each(|row| add(row, &self.weights[HIDDEN_BIAS]));
            let read = if see.is_some() { &seen_kept } else { &kept };
            self.memory.multiply(Strided::rows(read, m), count, hidden, true);
            rectify(hidden, F::ZERO);
            let d = &mut proposed[now.clone()];
            d.chunks_exact_mut(m).for_each(|row| row.copy_from_slice(&self.weights[SECOND_BIAS]));
            self.second.multiply(Strided::rows(hidden, h), count, d, true);
            tanh(d);
            let after = &mut memories[now.clone()];
            for row in 0..count {
                let place = row * m..(row + 1) * m;
                let (after, kept) = (&mut after[place.clone()], &mut kept[place.clone()]);
                remember(after, kept, &d[place.clone()], &self.gains, &self.decays);
                if let Some(see) = see {
                    let seen = &mut seen[now.clone()][place.clone()];
                    seen.copy_from_slice(after);
                    see(first + row, t, seen);
                    let decayed = seen.iter().zip(&self.decays).map(|(value, decay)| *value * *decay);
                    seen_kept[place].iter_mut().zip(decayed).for_each(|(kept, value)| *kept = value);
                }
            }
        }
        let places = batch.steps * count;
        let mut outputs = self.weights[OUTPUT_BIAS].repeat(places);
        let read = if see.is_some() { &seen } else { &memories };
        self.output.multiply(Strided::rows(read, m), places, &mut outputs, true);
        (exchange(&outputs, batch.steps, count, elm.heads), GroupTape { traces, hidden, proposed, memories })
    }

    /// The gradient by the parameters of some rows.
    pub fn backward(
        &self,
        batch: &SpikeBatch,
        rows: std::ops::Range<usize>,
        tape: &GroupTape<F>,
        by_outputs: &[F],
    ) -> Vec<Vec<F>> {
        let elm = &*self.elm;
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
        let elm = &*self.elm;
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
