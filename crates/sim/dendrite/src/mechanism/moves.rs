//! How gates move in a step: with 53 bits, or with 24 bits in vectors of twice as many.
//!
//! x' = (limit - x) rate, solved exactly over a step for a constant voltage.

use rheobase_core::relative_exponential::{NEAR, is_near, polynomial};

use super::bank::{BLOCK, Block, Channel};
use crate::math::exp;
use crate::single::{Single, exp_m1};

/// Numbers of the gates of one block.
pub(super) type OfGates<N, const S: usize> = [[N; BLOCK]; S];

/// How the gates of a block move in a step.
pub(super) trait Moves {
    /// What limits and shares are kept as.
    type Number: Copy + Default;
    /// Whether many blocks are worked on at once, each quantity for all of them before the next.
    ///
    /// What a gate needs is a chain of operations that wait for each other, and a processor finds other work within the few hundred
    /// instructions that it looks ahead only if chains are short.
    const BY_CHUNKS: bool;

    /// Where each gate tends to, and its -dt / time constant. The voltage comes with 53 and with 24 bits.
    fn tend<const S: usize, const P: usize, C: Channel<S, P>>(
        &self,
        v: (&Block, &[f32; BLOCK]),
        calcium: &Block,
        parameters: &[&Block; P],
        dt_ms: f64,
    ) -> (OfGates<Self::Number, S>, OfGates<Self::Number, S>);

    /// Turns these exponents into the share of its way that a gate goes or leaves.
    fn shares(&self, exponents: &mut [Self::Number]);

    /// The state after the step.
    fn moved(&self, state: f64, limit: Self::Number, share: Self::Number) -> f64;
}

/// With 53 bits; the share is what is left of the way, e^(-dt rate).
pub(super) struct InDouble;

impl Moves for InDouble {
    type Number = f64;
    // A block is two vectors of 512 bits here; by chunks it took 5 to 8 % longer.
    const BY_CHUNKS: bool = false;

    #[inline(always)]
    fn tend<const S: usize, const P: usize, C: Channel<S, P>>(
        &self,
        v: (&Block, &[f32; BLOCK]),
        calcium: &Block,
        parameters: &[&Block; P],
        dt_ms: f64,
    ) -> (OfGates<f64, S>, OfGates<f64, S>) {
        let (mut limit, mut exponent) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
        for i in 0..BLOCK {
            let own: [f64; P] = std::array::from_fn(|k| parameters[k][i]);
            let gates = C::gates(v.0[i], calcium[i], &own);
            for k in 0..S {
                limit[k][i] = gates[k].limit;
                exponent[k][i] = gates[k].rate_per_ms * -dt_ms;
            }
        }
        (limit, exponent)
    }

    #[inline(always)]
    fn shares(&self, exponents: &mut [f64]) {
        for x in exponents {
            *x = exp(*x);
        }
    }

    #[inline(always)]
    fn moved(&self, state: f64, limit: f64, kept: f64) -> f64 {
        limit + (state - limit) * kept
    }
}

/// Limits and rates with 24 bits, the sum with 53, so that slow gates lose nothing; the share is what is gone of the way,
/// 1 - e^(-dt rate), which has all its digits where the rate is small.
pub(super) struct InSingle;

impl Moves for InSingle {
    type Number = f32;
    const BY_CHUNKS: bool = true;

    #[inline(always)]
    fn tend<const S: usize, const P: usize, C: Channel<S, P>>(
        &self,
        v: (&Block, &[f32; BLOCK]),
        calcium: &Block,
        parameters: &[&Block; P],
        dt_ms: f64,
    ) -> (OfGates<f32, S>, OfGates<f32, S>) {
        let dt_ms = dt_ms as f32;
        let calcium = narrow(calcium);
        let (mut limit, mut x) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
        for i in 0..BLOCK {
            let own: [f64; P] = std::array::from_fn(|k| parameters[k][i]);
            let gates = C::gates(Single(v.1[i]), Single(calcium[i]), &own);
            for k in 0..S {
                limit[k][i] = gates[k].limit.0;
                x[k][i] = gates[k].rate_per_ms.0 * -dt_ms;
            }
        }
        (limit, x)
    }

    #[inline(always)]
    fn shares(&self, exponents: &mut [f32]) {
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

    #[inline(always)]
    fn moved(&self, state: f64, limit: f32, gone: f32) -> f64 {
        (f64::from(limit) - state).mul_add(f64::from(gone), state)
    }
}

/// Rounded to 24 bits; a loop, because the compiler does not always put the library's maps over arrays into the function whose vectors they
/// should use.
#[inline(always)]
fn narrow(from: &Block) -> [f32; BLOCK] {
    let mut to = [0.0; BLOCK];
    for i in 0..BLOCK {
        to[i] = from[i] as f32;
    }
    to
}
