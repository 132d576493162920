//! A step of a [`Channel`] with 53 bits.
//!
//! x' = (limit - x) rate, solved exactly over a step for a constant voltage.

use super::bank::{BLOCK, Block, Channel, Membrane, Stretch, blocks, blocks_mut, sum};
use super::channel_bank::Uniform;
use crate::math::exp;
use crate::vectorised::Kernel;

/// Moves the gates of a stretch and adds conductances and currents.
pub(super) struct StepInDouble<'a, const S: usize, const P: usize, C> {
    pub states: &'a mut [Vec<f64>; S],
    pub parameters: &'a [Vec<f64>; P],
    pub is_uniform: Uniform<P>,
    pub membrane: &'a mut Membrane,
    pub stretch: &'a Stretch,
    pub channel: std::marker::PhantomData<fn() -> C>,
}

impl<const S: usize, const P: usize, C: Channel<S, P>> Kernel for StepInDouble<'_, S, P, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { states, parameters, is_uniform, membrane, stretch, .. } = self;
        let v = blocks(&membrane.v);
        let count = v.len();
        let (calcium, e_calcium) = (&blocks(&membrane.calcium)[..count], &blocks(&membrane.e_calcium)[..count]);
        let (g, ge) = (&mut blocks_mut(&mut membrane.g)[..count], &mut blocks_mut(&mut membrane.ge)[..count]);
        let g_calcium = &mut blocks_mut(&mut membrane.g_calcium)[..count];
        let ge_calcium = &mut blocks_mut(&mut membrane.ge_calcium)[..count];
        let mut own = states.iter_mut();
        let states: [&mut [Block]; S] =
            std::array::from_fn(|_| &mut blocks_mut(own.next().expect("S states"))[..count]);
        let parameters: [&[Block]; P] = std::array::from_fn(|k| &blocks(&parameters[k])[..count]);
        for b in stretch.blocks.start..stretch.blocks.end.min(count) {
            let (v, calcium, e_calcium) = (&v[b], &calcium[b], &e_calcium[b]);
            let p: [&Block; P] = std::array::from_fn(|k| &parameters[k][is_uniform.block(k, b)]);
            let (mut limit, mut left) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
            for i in 0..BLOCK {
                let own: [f64; P] = std::array::from_fn(|k| p[k][i]);
                let gates = C::gates(v[i], calcium[i], &own);
                for k in 0..S {
                    limit[k][i] = gates[k].limit;
                    left[k][i] = gates[k].rate_per_ms * -stretch.dt_ms;
                }
            }
            for x in &mut left {
                for x in x {
                    *x = exp(*x);
                }
            }
            // Results stay in buffers of their own until the block is done, so that the compiler knows that nothing overlaps.
            let mut s: [Block; S] = std::array::from_fn(|k| states[k][b]);
            let (mut g_new, mut ge_new) = ([0.0; BLOCK], [0.0; BLOCK]);
            for i in 0..BLOCK {
                let own: [f64; P] = std::array::from_fn(|k| p[k][i]);
                let moved: [f64; S] = std::array::from_fn(|k| limit[k][i] + (s[k][i] - limit[k][i]) * left[k][i]);
                let current = C::current(v[i], e_calcium[i], &moved, &own);
                for k in 0..S {
                    s[k][i] = moved[k];
                }
                g_new[i] = current.g;
                ge_new[i] = current.ge;
            }
            for k in 0..S {
                states[k][b] = s[k];
            }
            g[b] = sum(&g[b], &g_new);
            ge[b] = sum(&ge[b], &ge_new);
            if C::INFO.carries_calcium {
                g_calcium[b] = sum(&g_calcium[b], &g_new);
                ge_calcium[b] = sum(&ge_calcium[b], &ge_new);
            }
        }
    }
}
