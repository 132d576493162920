//! The loops over 64 leaky neurons in every case; the usual ones go through `fused`.

use rheobase_core::relative_exponential::relative_exponentials;

use super::kernels::{count_down, send};
use super::part::{Leak, Part};
use super::receptor::{Action, Sums, block, block_mut};
use crate::Float;
use crate::random::{BLOCK, normal_block};

/// Moves 64 leaky neurons by a step and appends the numbers of those that spike.
#[inline(always)]
pub(super) fn leaky_block<F: Float>(
    part: &mut Part<F>,
    from: usize,
    number: u32,
    step: u64,
    sums: &mut Sums<F, BLOCK>,
    fired: &mut Vec<u32>,
) {
    let conductances = part.receptors.iter().any(|r| matches!(r.action, Action::Conductance { .. }));
    if part.noise > 0.0 {
        let normal = normal_block(part.key, number, step);
        for i in 0..BLOCK {
            sums.jumps[i] += F::of(part.noise * normal[i]);
        }
    }
    for i in 0..BLOCK {
        sums.jumps[i] += sums.current[i];
    }
    if move_block(part, from, sums, conductances) {
        let Part { first, len, v, timer, leaks, leak, .. } = part;
        let leak = |i| leaks.get(from + i).copied().unwrap_or(*leak);
        reset(block_mut(v, from), block_mut(timer, from), leak, [*first, *len, from], fired);
    }
}

/// Moves a block and says whether any neuron is at its threshold.
#[inline(always)]
fn move_block<F: Float>(part: &mut Part<F>, from: usize, sums: &Sums<F, BLOCK>, conductances: bool) -> bool {
    let leak = part.leak;
    let v: &mut [F; BLOCK] = block_mut(&mut part.v, from);
    let timer: &mut [u32; BLOCK] = block_mut(&mut part.timer, from);
    let mut above = 0_u32;
    if !part.leaks.is_empty() {
        let leaks: &[Leak<F>; BLOCK] = block(&part.leaks, from);
        let moved = driven(v, |i| &leaks[i], sums);
        for i in 0..BLOCK {
            let next = moved[i] + sums.jumps[i];
            v[i] = if timer[i] > 0 { v[i] } else { next };
            above += u32::from(v[i] >= leaks[i].threshold);
        }
    } else if conductances {
        let moved = driven(v, |_| &leak, sums);
        for i in 0..BLOCK {
            let next = moved[i] + sums.jumps[i];
            v[i] = if timer[i] > 0 { v[i] } else { next };
            above += u32::from(v[i] >= leak.threshold);
        }
    } else {
        for i in 0..BLOCK {
            let moved = (v[i] - leak.steady).mul_add(leak.keep, leak.steady) + sums.jumps[i];
            v[i] = if timer[i] > 0 { v[i] } else { moved };
            above += u32::from(v[i] >= leak.threshold);
        }
    }
    count_down(timer);
    above > 0
}

/// Voltages after a step; exact for conductances that stay at their mean over it.
#[inline(always)]
fn driven<'a, F: Float, const N: usize>(v: &[F; N], leak: impl Fn(usize) -> &'a Leak<F>, sums: &Sums<F, N>) -> [F; N] {
    let total = |i: usize| F::of(1.0) + sums.conductance[i];
    let growth: [F; N] = relative_exponentials(&std::array::from_fn(|i| leak(i).rate * total(i)));
    std::array::from_fn(|i| {
        let leak = leak(i);
        let distance = (-v[i]).mul_add(total(i), leak.steady + sums.pull[i]);
        (-leak.rate * distance).mul_add(growth[i], v[i])
    })
}

/// Resets those of a block that are at their threshold and appends their numbers; the block is that from `from` on of neurons
/// `first..first + len`.
#[inline(always)]
pub(super) fn reset<F: Float>(
    v: &mut [F; BLOCK],
    timer: &mut [u32; BLOCK],
    leak: impl Fn(usize) -> Leak<F>,
    [first, len, from]: [usize; 3],
    fired: &mut Vec<u32>,
) {
    let mut above = 0_u64;
    for i in 0..BLOCK {
        above |= u64::from(v[i] >= leak(i).threshold) << i;
    }
    while above > 0 {
        let i = above.trailing_zeros() as usize;
        above &= above - 1;
        (v[i], timer[i]) = (leak(i).reset, leak(i).refractory);
        send(first, len, from + i, fired);
    }
}
