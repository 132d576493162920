//! A [`Channel`] in many compartments: states, parameters, the vectorised step and its reverse.

use super::Kinetics;
use super::bank::{
    BLOCK, Bank, Block, Channel, Current, Gate, Membrane, Pullback, StepRecord, Stretch, blocks, blocks_mut, padded,
};
use super::moves::{InDouble, InSingle, Moves, OfGates};
use crate::math::{Dual, Real};
use crate::vectorised::{Kernel, vectorised};

/// Blocks of a chunk: what is known of their gates stays in the first cache.
const CHUNK: usize = 8;

/// A [`Channel`] in many compartments.
struct ChannelBank<const S: usize, const P: usize, C> {
    states: [Vec<f64>; S],
    parameters: [Vec<f64>; P],
    /// Which parameters are the same everywhere, so that their first block does for all; `None` after they may have changed.
    is_uniform: Option<[bool; P]>,
    channel: std::marker::PhantomData<fn() -> C>,
}

/// Makes the bank of a channel; `parameters` has one value per compartment, spread over the lanes here.
pub(super) fn make<const S: usize, const P: usize, C: Channel<S, P>>(
    parameters: Vec<Vec<f64>>,
    lanes: usize,
) -> Box<dyn Bank> {
    let spread = |values: &Vec<f64>| padded(values.iter().flat_map(|&v| std::iter::repeat_n(v, lanes)).collect());
    let mut spread = parameters.iter().map(spread);
    let parameters: [Vec<f64>; P] = std::array::from_fn(|_| spread.next().expect("as many parameters as declared"));
    let size = parameters.first().map_or(0, Vec::len);
    Box::new(ChannelBank::<S, P, C> {
        states: std::array::from_fn(|_| vec![0.0; size]),
        parameters,
        is_uniform: None,
        channel: std::marker::PhantomData,
    })
}

impl<const S: usize, const P: usize, C: Channel<S, P>> ChannelBank<S, P, C> {
    fn parameters_at(&self, i: usize) -> [f64; P] {
        std::array::from_fn(|k| self.parameters[k][i])
    }
}

impl<const S: usize, const P: usize, C: Channel<S, P>> Bank for ChannelBank<S, P, C> {
    fn name(&self) -> &str {
        C::INFO.name
    }

    fn state_names(&self) -> Vec<String> {
        C::INFO.states.iter().map(|s| (*s).to_owned()).collect()
    }

    fn settle(&mut self, membrane: &Membrane) {
        for i in 0..membrane.v.len() {
            let gates = C::gates(membrane.v[i], membrane.calcium[i], &self.parameters_at(i));
            for (state, gate) in self.states.iter_mut().zip(gates) {
                state[i] = gate.limit;
            }
        }
    }

    fn step(&mut self, membrane: &mut Membrane, stretch: &Stretch) {
        if self.is_uniform.is_none() {
            self.is_uniform =
                Some(std::array::from_fn(|k| self.parameters[k].iter().all(|p| *p == self.parameters[k][0])));
        }
        match stretch.kinetics {
            Kinetics::Double => vectorised(Step { bank: self, membrane, stretch, moves: InDouble }),
            Kinetics::Single => vectorised(Step { bank: self, membrane, stretch, moves: InSingle }),
        }
    }

    fn states(&self) -> Vec<&[f64]> {
        self.states.iter().map(Vec::as_slice).collect()
    }

    fn states_mut(&mut self) -> Vec<&mut Vec<f64>> {
        self.states.iter_mut().collect()
    }

    fn carries_calcium(&self) -> bool {
        C::INFO.carries_calcium
    }

    fn parameter_count(&self) -> usize {
        P
    }

    fn parameter_mut(&mut self, name: &str) -> Option<&mut Vec<f64>> {
        let place = C::INFO.parameters.iter().position(|p| p.name == name)?;
        self.is_uniform = None;
        Some(&mut self.parameters[place])
    }

    fn pull_back(&self, step: StepRecord<'_>, states: &mut [f64], parameters: &mut [f64]) -> crate::Result<Pullback> {
        let StepRecord { index, v, calcium, e_calcium, dt_ms, old, current } = step;
        let p = self.parameters_at(index);
        let old: [f64; S] = std::array::from_fn(|k| old[k]);
        let constant = Dual::constant;
        let advanced = |v: Dual, calcium: Dual| -> [Dual; S] {
            let gates = C::gates(v, calcium, &p);
            std::array::from_fn(|k| advance(constant(old[k]), gates[k], dt_ms))
        };
        let by_v = advanced(Dual::variable(v), constant(calcium));
        let by_calcium = advanced(constant(v), Dual::variable(calcium));
        let new: [f64; S] = std::array::from_fn(|k| by_v[k].value);
        let flows = |c: Current<Dual>| current.0 * c.g.slope + current.1 * c.ge.slope;
        let mut pulled = Pullback::default();
        // What the current says about the states after the step.
        for k in 0..S {
            let mut seeded = new.map(constant);
            seeded[k].slope = 1.0;
            states[k] += flows(C::current(constant(v), constant(e_calcium), &seeded, &p));
        }
        let still = new.map(constant);
        pulled.v += flows(C::current(Dual::variable(v), constant(e_calcium), &still, &p));
        pulled.e_calcium += flows(C::current(constant(v), Dual::variable(e_calcium), &still, &p));
        // Central differences with 1e-6 of a parameter's size: parameters enter linearly or nearly so.
        for (k, sensitivity) in parameters.iter_mut().enumerate().take(P) {
            let h = 1e-6 * p[k].abs().max(1e-6);
            let shifted = |sign: f64| {
                let mut q = p;
                q[k] += sign * h;
                let gates = C::gates(v, calcium, &q);
                let later: f64 = (0..S).map(|j| states[j] * advance(old[j], gates[j], dt_ms)).sum();
                let c = C::current(v, e_calcium, &new, &q);
                current.0 * c.g + current.1 * c.ge + later
            };
            *sensitivity += (shifted(1.0) - shifted(-1.0)) / (2.0 * h);
        }
        for k in 0..S {
            pulled.v += states[k] * by_v[k].slope;
            pulled.calcium += states[k] * by_calcium[k].slope;
            let gate = C::gates(v, calcium, &p)[k];
            states[k] *= f64::exp(-dt_ms * gate.rate_per_ms);
        }
        Ok(pulled)
    }
}

/// Exact solution of x' = (limit - x) rate over a step.
#[inline(always)]
fn advance<T: Real>(x: T, gate: Gate<T>, dt_ms: f64) -> T {
    gate.limit + (x - gate.limit) * (gate.rate_per_ms * -dt_ms).exp()
}

#[inline(always)]
fn sum(a: &Block, b: &Block) -> Block {
    std::array::from_fn(|i| a[i] + b[i])
}

struct Step<'a, const S: usize, const P: usize, C, M> {
    bank: &'a mut ChannelBank<S, P, C>,
    membrane: &'a mut Membrane,
    stretch: &'a Stretch,
    moves: M,
}

/// The arrays that a step reads and writes, in blocks.
struct Arrays<'a, const S: usize, const P: usize> {
    v: &'a [Block],
    v_single: &'a [[f32; BLOCK]],
    calcium: &'a [Block],
    e_calcium: &'a [Block],
    g: &'a mut [Block],
    ge: &'a mut [Block],
    g_calcium: &'a mut [Block],
    ge_calcium: &'a mut [Block],
    states: [&'a mut [Block]; S],
    parameters: [&'a [Block]; P],
    is_uniform: [bool; P],
}

impl<const S: usize, const P: usize> Arrays<'_, S, P> {
    /// The parameters in a block.
    #[inline(always)]
    fn parameters(&self, b: usize) -> [&Block; P] {
        std::array::from_fn(|k| &self.parameters[k][if self.is_uniform[k] { 0 } else { b }])
    }

    #[inline(always)]
    fn tend<C: Channel<S, P>, M: Moves>(
        &self,
        moves: &M,
        b: usize,
        dt_ms: f64,
    ) -> (OfGates<M::Number, S>, OfGates<M::Number, S>) {
        moves.tend::<S, P, C>((&self.v[b], &self.v_single[b]), &self.calcium[b], &self.parameters(b), dt_ms)
    }

    /// Moves the states of a block and adds its conductances and currents.
    #[inline(always)]
    fn flow<C: Channel<S, P>, M: Moves>(
        &mut self,
        moves: &M,
        b: usize,
        limit: &OfGates<M::Number, S>,
        share: &OfGates<M::Number, S>,
    ) {
        // Results stay in buffers of their own until the block is done, so that the compiler knows that nothing overlaps.
        let (v, e_calcium, p) = (&self.v[b], &self.e_calcium[b], self.parameters(b));
        let mut s: [Block; S] = std::array::from_fn(|k| self.states[k][b]);
        let (mut g_new, mut ge_new) = ([0.0; BLOCK], [0.0; BLOCK]);
        for i in 0..BLOCK {
            let parameters: [f64; P] = std::array::from_fn(|k| p[k][i]);
            let moved: [f64; S] = std::array::from_fn(|k| moves.moved(s[k][i], limit[k][i], share[k][i]));
            let current = C::current(v[i], e_calcium[i], &moved, &parameters);
            for k in 0..S {
                s[k][i] = moved[k];
            }
            g_new[i] = current.g;
            ge_new[i] = current.ge;
        }
        for k in 0..S {
            self.states[k][b] = s[k];
        }
        self.g[b] = sum(&self.g[b], &g_new);
        self.ge[b] = sum(&self.ge[b], &ge_new);
        if C::INFO.carries_calcium {
            self.g_calcium[b] = sum(&self.g_calcium[b], &g_new);
            self.ge_calcium[b] = sum(&self.ge_calcium[b], &ge_new);
        }
    }
}

impl<const S: usize, const P: usize, C: Channel<S, P>, M: Moves> Kernel for Step<'_, S, P, C, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Step { bank, membrane, stretch, moves } = self;
        let v = blocks(&membrane.v);
        let count = v.len();
        let mut states = bank.states.iter_mut();
        let mut arrays: Arrays<'_, S, P> = Arrays {
            v,
            v_single: &membrane.v_single.as_chunks::<BLOCK>().0[..count],
            calcium: &blocks(&membrane.calcium)[..count],
            e_calcium: &blocks(&membrane.e_calcium)[..count],
            g: &mut blocks_mut(&mut membrane.g)[..count],
            ge: &mut blocks_mut(&mut membrane.ge)[..count],
            g_calcium: &mut blocks_mut(&mut membrane.g_calcium)[..count],
            ge_calcium: &mut blocks_mut(&mut membrane.ge_calcium)[..count],
            states: std::array::from_fn(|_| &mut blocks_mut(states.next().expect("S states"))[..count]),
            parameters: std::array::from_fn(|k| &blocks(&bank.parameters[k])[..count]),
            is_uniform: bank.is_uniform.unwrap_or([false; P]),
        };
        let (start, end, dt_ms) = (stretch.blocks.start, stretch.blocks.end.min(count), stretch.dt_ms);
        if !M::BY_CHUNKS {
            for b in start..end {
                let (limit, mut share) = arrays.tend::<C, M>(&moves, b, dt_ms);
                for x in &mut share {
                    moves.shares(x);
                }
                arrays.flow::<C, M>(&moves, b, &limit, &share);
            }
            return;
        }
        let zeros = [[[M::Number::default(); BLOCK]; S]; CHUNK];
        let (mut limits, mut shares) = (zeros, zeros);
        for first in (start..end).step_by(CHUNK) {
            let last = (first + CHUNK).min(end);
            for b in first..last {
                (limits[b - first], shares[b - first]) = arrays.tend::<C, M>(&moves, b, dt_ms);
            }
            // Of the whole chunk, what is left of the one before included: a number of blocks that the compiler knows.
            moves.shares(shares.as_flattened_mut().as_flattened_mut());
            for b in first..last {
                arrays.flow::<C, M>(&moves, b, &limits[b - first], &shares[b - first]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MECHANISMS, MechanismEntry};
    use super::*;

    /// States after a step of .025 ms from half of every limit, at voltages from -110 to 100 mV and
    /// calcium from 5e-5 to 2e-3 mM. (A published time constant of `bahl-kslow` crosses zero at -116 mV.)
    fn after_a_step(entry: &MechanismEntry, kinetics: Kinetics) -> Vec<Vec<f64>> {
        const COUNT: usize = 4192;
        let values = entry.info.parameters.iter().map(|p| vec![p.default; COUNT]).collect();
        let mut bank = (entry.make)(values, 1);
        let mut membrane = Membrane::new(COUNT, 132.0);
        for i in 0..COUNT {
            membrane.v[i] = -110.0 + 0.05 * i as f64;
            membrane.calcium[i] = 5e-5 * (1.0 + (i % 40) as f64);
        }
        bank.settle(&membrane);
        bank.states_mut().into_iter().flatten().for_each(|state| *state *= 0.5);
        let stretch = Stretch { blocks: 0..COUNT / BLOCK, dt_ms: 0.025, kinetics };
        membrane.prepare(&stretch);
        bank.step(&mut membrane, &stretch);
        bank.states().iter().map(|s| s.to_vec()).collect()
    }

    #[test]
    fn single_kinetics_of_every_mechanism_are_those_of_double_to_six_digits() {
        for entry in MECHANISMS {
            let (double, single) = (after_a_step(entry, Kinetics::Double), after_a_step(entry, Kinetics::Single));
            for (k, (double, single)) in double.iter().zip(&single).enumerate() {
                let scale = double.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                for (i, (a, b)) in double.iter().zip(single).enumerate() {
                    // Limit and share are rounded to 6e-8, as are a few numbers before them.
                    let close = (a - b).abs() <= 1e-6 * a.abs() + 1e-7 * scale;
                    assert!(close, "{}, state {k}, at {} mV: {a} {b}", entry.info.name, -110.0 + 0.05 * i as f64);
                }
            }
        }
    }

    #[test]
    fn a_parameter_that_is_no_longer_uniform_is_read_everywhere() {
        let entry = super::super::find("hay-ih").unwrap();
        let mut bank = (entry.make)(vec![vec![1e-3; 40], vec![-45.0; 40]], 1);
        let conductances = |bank: &mut Box<dyn Bank>| {
            let mut membrane = Membrane::new(40, 132.0);
            membrane.v.fill(-90.0);
            bank.settle(&membrane);
            bank.step(&mut membrane, &Stretch { blocks: 0..3, dt_ms: 0.025, kinetics: Kinetics::Double });
            membrane.g
        };
        let before = conductances(&mut bank);
        bank.parameter_mut("g_s_per_cm2").unwrap()[39] *= 2.0;
        let after = conductances(&mut bank);
        assert_eq!(before[..39], after[..39]);
        assert!(before[39] > 0.0 && after[39] == 2.0 * before[39]);
    }
}
