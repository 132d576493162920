//! A step of a [`Channel`] with 24 bits, in vectors of twice as many numbers.
//!
//! Beside each state lies what rounding has left of it, which enters the next step (compensated summation, Kahan 1965), so that gates that
//! move by less than the last digit in a step lose nothing. The share of its way that a gate goes is 1 - e^(-dt rate), which has all its digits
//! where the rate is small.

use rheobase_core::relative_exponential::{NEAR, is_near, polynomial};

use super::bank::{BLOCK, Channel, Membrane, Stretch};
use super::channel_bank::Uniform;
use crate::single::{Single, exp_m1};
use crate::vectorised::Kernel;

/// Blocks of a chunk, each quantity of all of them before the next; what is known of their gates stays in the first cache.
///
/// What a gate needs is a chain of operations that wait for each other, and a processor finds other work within the few hundred instructions
/// that it looks ahead only if chains are short.
const CHUNK: usize = 8;

type Block = [f32; BLOCK];

/// A state that was rounded, and what is to be added to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Compensated {
    pub value: Vec<f32>,
    pub rest: Vec<f32>,
}

impl Compensated {
    pub fn set(&mut self, i: usize, state: f64) {
        self.value[i] = state as f32;
        self.rest[i] = (state - f64::from(self.value[i])) as f32;
    }

    pub fn get(&self, i: usize) -> f64 {
        f64::from(self.value[i]) + f64::from(self.rest[i])
    }
}

/// Moves the gates of a stretch and adds conductances and currents to the sums with 24 bits.
pub(super) struct StepInSingle<'a, const S: usize, const P: usize, C> {
    pub states: &'a mut [Compensated; S],
    pub parameters: &'a [Vec<f32>; P],
    pub is_uniform: Uniform<P>,
    pub membrane: &'a mut Membrane,
    pub stretch: &'a Stretch,
    pub channel: std::marker::PhantomData<fn() -> C>,
}

impl<const S: usize, const P: usize, C: Channel<S, P>> Kernel for StepInSingle<'_, S, P, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { states, parameters, is_uniform, membrane, stretch, .. } = self;
        let v = membrane.v_single.as_chunks::<BLOCK>().0;
        let count = v.len();
        let mut own = states.iter_mut();
        let mut arrays = Arrays::<S, P> {
            v,
            calcium: &membrane.calcium.as_chunks().0[..count],
            e_calcium: &membrane.e_calcium.as_chunks().0[..count],
            sums: [&mut membrane.g_single, &mut membrane.ge_single].map(|a| &mut a.as_chunks_mut().0[..count]),
            of_calcium: [&mut membrane.g_calcium, &mut membrane.ge_calcium].map(|a| &mut a.as_chunks_mut().0[..count]),
            states: std::array::from_fn(|_| {
                let Compensated { value, rest } = own.next().expect("S states");
                [value, rest].map(|a| &mut a.as_chunks_mut().0[..count])
            }),
            parameters: std::array::from_fn(|k| &parameters[k].as_chunks().0[..count]),
            is_uniform,
        };
        let zeros = [[[0.0; BLOCK]; S]; CHUNK];
        let (mut limits, mut shares) = (zeros, zeros);
        let (start, end) = (stretch.blocks.start, stretch.blocks.end.min(count));
        for first in (start..end).step_by(CHUNK) {
            let last = (first + CHUNK).min(end);
            for b in first..last {
                (limits[b - first], shares[b - first]) = arrays.tend::<C>(b, stretch.dt_ms as f32);
            }
            // Of the whole chunk, what is left of the one before included: a number of blocks that the compiler knows.
            to_shares(shares.as_flattened_mut().as_flattened_mut());
            for b in first..last {
                arrays.flow::<C>(b, &limits[b - first], &shares[b - first]);
            }
        }
    }
}

/// The arrays that a step reads and writes, in blocks.
struct Arrays<'a, const S: usize, const P: usize> {
    v: &'a [Block],
    calcium: &'a [[f64; BLOCK]],
    e_calcium: &'a [[f64; BLOCK]],
    sums: [&'a mut [Block]; 2],
    of_calcium: [&'a mut [[f64; BLOCK]]; 2],
    states: [[&'a mut [Block]; 2]; S],
    parameters: [&'a [Block]; P],
    is_uniform: Uniform<P>,
}

impl<const S: usize, const P: usize> Arrays<'_, S, P> {
    /// The parameters in a block.
    #[inline(always)]
    fn parameters(&self, b: usize) -> [&Block; P] {
        std::array::from_fn(|k| &self.parameters[k][self.is_uniform.block(k, b)])
    }

    /// Where each gate tends to, and its -dt / time constant.
    #[inline(always)]
    fn tend<C: Channel<S, P>>(&self, b: usize, dt_ms: f32) -> ([Block; S], [Block; S]) {
        let (v, calcium, p) = (&self.v[b], narrow(&self.calcium[b]), self.parameters(b));
        let (mut limit, mut exponent) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
        for i in 0..BLOCK {
            let own: [f64; P] = std::array::from_fn(|k| f64::from(p[k][i]));
            let gates = C::gates(Single(v[i]), Single(calcium[i]), &own);
            for k in 0..S {
                limit[k][i] = gates[k].limit.0;
                exponent[k][i] = gates[k].rate_per_ms.0 * -dt_ms;
            }
        }
        (limit, exponent)
    }

    /// Moves the states of a block and adds its conductances and currents.
    #[inline(always)]
    fn flow<C: Channel<S, P>>(&mut self, b: usize, limit: &[Block; S], share: &[Block; S]) {
        // Results stay in buffers of their own until the block is done, so that the compiler knows that nothing overlaps.
        let (v, e_calcium, p) = (&self.v[b], narrow(&self.e_calcium[b]), self.parameters(b));
        let mut values: [Block; S] = std::array::from_fn(|k| self.states[k][0][b]);
        let mut rests: [Block; S] = std::array::from_fn(|k| self.states[k][1][b]);
        let (mut g, mut ge) = ([0.0; BLOCK], [0.0; BLOCK]);
        for i in 0..BLOCK {
            let own: [f64; P] = std::array::from_fn(|k| f64::from(p[k][i]));
            let moved: [Single; S] = std::array::from_fn(|k| {
                let before = values[k][i];
                let way = (limit[k][i] - before).mul_add(share[k][i], rests[k][i]);
                let after = before + way;
                rests[k][i] = way - (after - before);
                Single(after)
            });
            let current = C::current(Single(v[i]), Single(e_calcium[i]), &moved, &own);
            for k in 0..S {
                values[k][i] = moved[k].0;
            }
            g[i] = current.g.0;
            ge[i] = current.ge.0;
        }
        for k in 0..S {
            self.states[k][0][b] = values[k];
            self.states[k][1][b] = rests[k];
        }
        for (sums, own) in self.sums.iter_mut().zip([&g, &ge]) {
            let mut block = sums[b];
            for i in 0..BLOCK {
                block[i] += own[i];
            }
            sums[b] = block;
        }
        if C::INFO.carries_calcium {
            for (sums, own) in self.of_calcium.iter_mut().zip([&g, &ge]) {
                let mut block = sums[b];
                for i in 0..BLOCK {
                    block[i] += f64::from(own[i]);
                }
                sums[b] = block;
            }
        }
    }
}

/// Turns -dt / time constant into the share of its way that a gate goes.
#[inline(always)]
fn to_shares(exponents: &mut [f32]) {
    // Signs of distances to the ends of the polynomial, as comparisons of a single vector are made one by one.
    let mut outside = 0_u32;
    for x in exponents.iter() {
        outside |= (x - NEAR[0] as f32).to_bits() | (NEAR[1] as f32 - x).to_bits();
    }
    if outside >> 31 == 1 {
        for x in exponents {
            *x = if is_near(*x) { -*x * polynomial(*x) } else { -exp_m1(*x) };
        }
    } else {
        for x in exponents {
            *x = -*x * polynomial(*x);
        }
    }
}

/// Rounded to 24 bits; a loop, because the compiler does not always put the library's maps over arrays into the function whose vectors they
/// should use.
#[inline(always)]
fn narrow(from: &[f64; BLOCK]) -> Block {
    let mut to = [0.0; BLOCK];
    for i in 0..BLOCK {
        to[i] = from[i] as f32;
    }
    to
}
