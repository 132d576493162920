//! How gates move in a step: with 53 bits, or with 24 bits in vectors of twice as many.
//!
//! x' = (limit - x) rate, solved exactly over a step for a constant voltage.

use rheobase_core::relative_exponential::{NEAR, is_near, polynomial};

use super::bank::{BLOCK, Block, Channel};
use crate::math::exp;
use crate::single::{Single, exp_m1};

/// Beyond this voltage kinetics with 24 bits stay as they are here.
const KINETIC_LIMIT_MV: f32 = 150.0;

/// How the gates of a block move in a step.
pub(super) trait Moves {
    /// For each gate where it tends to, and the share of its way that it goes or leaves.
    fn limits_and_shares<const S: usize, const P: usize, C: Channel<S, P>>(
        &self,
        v: &Block,
        calcium: &Block,
        parameters: &[&Block; P],
        dt_ms: f64,
    ) -> ([Block; S], [Block; S]);

    /// The state after the step.
    fn moved(&self, state: f64, limit: f64, share: f64) -> f64;
}

/// With 53 bits; the share is what is left of the way, e^(-dt rate).
pub(super) struct InDouble;

impl Moves for InDouble {
    #[inline(always)]
    fn limits_and_shares<const S: usize, const P: usize, C: Channel<S, P>>(
        &self,
        v: &Block,
        calcium: &Block,
        parameters: &[&Block; P],
        dt_ms: f64,
    ) -> ([Block; S], [Block; S]) {
        let (mut limit, mut kept) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
        for i in 0..BLOCK {
            let own: [f64; P] = std::array::from_fn(|k| parameters[k][i]);
            let gates = C::gates(v[i], calcium[i], &own);
            for k in 0..S {
                limit[k][i] = gates[k].limit;
                kept[k][i] = gates[k].rate_per_ms * -dt_ms;
            }
        }
        for kept in &mut kept {
            for x in kept.iter_mut() {
                *x = exp(*x);
            }
        }
        (limit, kept)
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
    #[inline(always)]
    fn limits_and_shares<const S: usize, const P: usize, C: Channel<S, P>>(
        &self,
        v: &Block,
        calcium: &Block,
        parameters: &[&Block; P],
        dt_ms: f64,
    ) -> ([Block; S], [Block; S]) {
        let dt_ms = dt_ms as f32;
        // Products of two exponentials stay finite within these bounds, and every gate has long come to its end there.
        let (mut v, calcium) = (narrow(v), narrow(calcium));
        for v in &mut v {
            *v = if *v > KINETIC_LIMIT_MV { KINETIC_LIMIT_MV } else { *v };
            *v = if *v < -KINETIC_LIMIT_MV { -KINETIC_LIMIT_MV } else { *v };
        }
        let (mut limit, mut gone, mut x) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
        // Signs of distances to the ends of the polynomial, as comparisons of a single vector are made one by one.
        let mut outside = [0_u32; BLOCK];
        for i in 0..BLOCK {
            let own: [f64; P] = std::array::from_fn(|k| parameters[k][i]);
            let gates = C::gates(Single(v[i]), Single(calcium[i]), &own);
            for k in 0..S {
                limit[k][i] = gates[k].limit.0;
                x[k][i] = gates[k].rate_per_ms.0 * -dt_ms;
                gone[k][i] = -x[k][i] * polynomial(x[k][i]);
                outside[i] |= (x[k][i] - NEAR[0] as f32).to_bits() | (NEAR[1] as f32 - x[k][i]).to_bits();
            }
        }
        if outside.iter().fold(0, |all, bits| all | bits) >> 31 == 1 {
            for (gone, x) in gone.iter_mut().zip(&x) {
                for i in 0..BLOCK {
                    gone[i] = if is_near(x[i]) { gone[i] } else { -exp_m1(x[i]) };
                }
            }
        }
        (std::array::from_fn(|k| widen(&limit[k])), std::array::from_fn(|k| widen(&gone[k])))
    }

    #[inline(always)]
    fn moved(&self, state: f64, limit: f64, gone: f64) -> f64 {
        (limit - state).mul_add(gone, state)
    }
}

// Loops, because the compiler does not always put the library's maps over arrays into the function whose vectors they should use.

/// Rounded to 24 bits.
#[inline(always)]
fn narrow(from: &Block) -> [f32; BLOCK] {
    let mut to = [0.0; BLOCK];
    for i in 0..BLOCK {
        to[i] = from[i] as f32;
    }
    to
}

/// With 53 bits again.
#[inline(always)]
fn widen(from: &[f32; BLOCK]) -> Block {
    let mut to = [0.0; BLOCK];
    for i in 0..BLOCK {
        to[i] = f64::from(from[i]);
    }
    to
}
