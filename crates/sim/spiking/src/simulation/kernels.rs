//! The loops over 64 neurons of each model but the leaky ones.

use super::leaky::leaky_block;
use super::part::Part;
use super::receptor::{Sums, block, block_mut};
use crate::Float;
use crate::neuron::{BlockInput, Input, Neuron, PointNeuron, with_point_neuron};
use crate::random::{BLOCK, philox_block};

/// Moves 64 neurons by a step and appends the numbers of those that spike.
#[inline(always)]
pub(super) fn advance_block<F: Float>(
    part: &mut Part<F>,
    from: usize,
    number: u32,
    step: u64,
    sums: &mut Sums<F, BLOCK>,
    fired: &mut Vec<u32>,
) {
    match &part.neuron {
        Neuron::Lif(_) | Neuron::Graded(_) => leaky_block(part, from, number, step, sums, fired),
        Neuron::ThresholdUnit(_) => threshold_units(part, from, number, step, &sums.jumps, fired),
        Neuron::Described(_) => described(part, from, step, sums, fired),
        _ if part.varied.is_some() => different(part, from, sums, fired),
        neuron => with_point_neuron!(*neuron, n => point_neurons(part, &n, from, sums, fired), ()),
    }
}

/// One step less of refractory time, down to 0.
#[inline(always)]
pub(super) fn count_down(timer: &mut [u32; BLOCK]) {
    for t in timer {
        *t = t.saturating_sub(1);
    }
}

/// What fills the last block up is no neuron.
#[inline(always)]
pub(super) fn send(first: usize, len: usize, i: usize, fired: &mut Vec<u32>) {
    if i < len {
        fired.push((first + i) as u32);
    }
}

#[inline(always)]
fn point_neurons<F: Float, N: PointNeuron>(
    part: &mut Part<F>,
    neuron: &N,
    from: usize,
    sums: &Sums<F, BLOCK>,
    fired: &mut Vec<u32>,
) {
    let (peak, clamped, dt) = (F::of(neuron.peak_mv()), neuron.clamped(), F::of(part.dt_ms));
    let mut any = false;
    {
        let [a, b, c] = &mut part.slow[..] else { return };
        let v: &mut [F; BLOCK] = block_mut(&mut part.v, from);
        let (a, b, c): (&mut [F; BLOCK], &mut [F; BLOCK], &mut [F; BLOCK]) =
            (block_mut(a, from), block_mut(b, from), block_mut(c, from));
        let timer: &[u32; BLOCK] = block(&part.timer, from);
        for i in 0..BLOCK {
            let zero = F::default();
            let state = [
                v[i],
                if N::SLOW > 0 { a[i] } else { zero },
                if N::SLOW > 1 { b[i] } else { zero },
                if N::SLOW > 2 { c[i] } else { zero },
            ];
            let input = Input { current: sums.current[i], conductance: sums.conductance[i], pull: sums.pull[i] };
            let next = neuron.advance(state, input, dt);
            let held = timer[i] > 0;
            v[i] = if held && clamped { state[0] } else { next[0] + sums.jumps[i] };
            if N::SLOW > 0 {
                a[i] = next[1];
            }
            if N::SLOW > 1 {
                b[i] = next[2];
            }
            if N::SLOW > 2 {
                c[i] = next[3];
            }
            any |= v[i] >= peak;
        }
    }
    finish(part, from, any, fired);
}

/// The same for neurons that differ, one by one.
fn different<F: Float>(part: &mut Part<F>, from: usize, sums: &Sums<F, BLOCK>, fired: &mut Vec<u32>) {
    let dt = F::of(part.dt_ms);
    let mut any = false;
    for i in 0..BLOCK {
        let at = from + i;
        let state = [part.v[at], part.slow[0][at], part.slow[1][at], part.slow[2][at]];
        let input = Input { current: sums.current[i], conductance: sums.conductance[i], pull: sums.pull[i] };
        let held = part.timer[at] > 0;
        let (next, peak) = with_point_neuron!(part.model(at), n => {
            let mut next = n.advance(state, input, dt);
            next[0] = if held && n.clamped() { state[0] } else { next[0] + sums.jumps[i] };
            (next, n.peak_mv())
        }, (state, f64::MAX));
        part.v[at] = next[0];
        part.slow.iter_mut().zip(&next[1..]).for_each(|(s, x)| s[at] = *x);
        any |= next[0] >= F::of(peak);
    }
    finish(part, from, any, fired);
}

/// Counts refractory times down and resets those that spike.
#[inline(always)]
fn finish<F: Float>(part: &mut Part<F>, from: usize, any: bool, fired: &mut Vec<u32>) {
    for at in (from..from + BLOCK).filter(|_| any) {
        let model = part.model(at);
        if part.v[at] < F::of(model.threshold_mv()) || part.timer[at] > 0 {
            continue;
        }
        let state = [part.v[at], part.slow[0][at], part.slow[1][at], part.slow[2][at]].map(F::value);
        let after = with_point_neuron!(model, n => n.reset(state), state);
        // The time counts from the next step on.
        let wait = (model.refractory_ms() / part.dt_ms).round();
        part.v[at] = F::of(after[0]);
        part.slow.iter_mut().zip(&after[1..]).for_each(|(s, x)| s[at] = F::of(*x));
        part.timer[at] = if wait > 0.0 { (wait + 1.0) as u32 } else { 0 };
        send(part.first, part.len, at, fired);
    }
    count_down(block_mut(&mut part.timer, from));
}

fn threshold_units<F: Float>(
    part: &mut Part<F>,
    from: usize,
    number: u32,
    step: u64,
    jumps: &[F; BLOCK],
    fired: &mut Vec<u32>,
) {
    let uniform = philox_block(part.key, number, step, u32::MAX);
    for i in 0..BLOCK {
        let Neuron::ThresholdUnit(unit) = part.model(from + i) else { continue };
        let mut input = unit.bias + jumps[i].value();
        if unit.temperature > 0.0 {
            // Logistic noise: the sum reaches the threshold with the probability of the stochastic unit.
            let u = (f64::from(uniform[i]) + 0.5) / 4_294_967_296.0;
            input += unit.temperature * rheobase_core::math::ln(u / (1.0 - u));
        }
        let active = input >= unit.threshold;
        part.v[from + i] = F::of(input);
        if active {
            send(part.first, part.len, from + i, fired);
        }
    }
}

#[inline(always)]
fn described<F: Float>(part: &mut Part<F>, from: usize, step: u64, sums: &Sums<F, BLOCK>, fired: &mut Vec<u32>) {
    let (t_ms, wait) = (step as f64 * part.dt_ms, part.neuron.refractory_ms() / part.dt_ms);
    let Part { described, v, slow, timer, first, len, .. } = part;
    let Some(kernel) = described else { return };
    let timer: &mut [u32; BLOCK] = block_mut(timer, from);
    *kernel.variable(None) = *block(v, from);
    for (k, values) in slow.iter().enumerate() {
        *kernel.variable(Some(k)) = *block(values, from);
    }
    let Sums { current, conductance, pull, jumps } = sums;
    let input = BlockInput { current, conductance, pull, jumps, timer };
    let above = kernel.advance(&input, t_ms, part.dt_ms);
    *block_mut(v, from) = *kernel.variable(None);
    for (k, values) in slow.iter_mut().enumerate() {
        *block_mut(values, from) = *kernel.variable(Some(k));
    }
    if above.contains(&true) {
        for i in (0..BLOCK).filter(|i| above[*i]) {
            timer[i] = (wait.round() + 1.0) as u32;
            send(*first, *len, from + i, fired);
        }
    }
    count_down(timer);
}
