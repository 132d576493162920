//! All compartments of one mechanism: states, parameters and the vectorised step.

use super::MechanismInfo;
use crate::math::{Dual, Real, exp};
use crate::vectorised::{Kernel, vectorised};

/// Compartments worked on at once. Arrays of a [`Membrane`] and of its banks are padded to a multiple of it.
pub(crate) const BLOCK: usize = 16;

/// Repeats the last value until the length is a multiple of [`BLOCK`].
pub(crate) fn padded(mut values: Vec<f64>) -> Vec<f64> {
    let last = values.last().copied().unwrap_or(0.0);
    values.resize(values.len().next_multiple_of(BLOCK), last);
    values
}

/// Where a gate tends to, and how fast: x' = (limit - x) rate.
#[derive(Debug, Clone, Copy)]
pub struct Gate<T> {
    /// Steady state.
    pub limit: T,
    /// 1 / time constant, in 1/ms.
    pub rate_per_ms: T,
}

/// A current i = g V - ge in nA, linear around the present voltage.
#[derive(Debug, Clone, Copy)]
pub struct Current<T> {
    /// Slope conductance in uS.
    pub g: T,
    /// Conductance times reversal potential in nA.
    pub ge: T,
}

impl<T: Real> Current<T> {
    /// g (V - e).
    #[inline(always)]
    pub fn ohmic(g: T, e_mv: f64) -> Self {
        Self { g, ge: g * e_mv }
    }
}

/// Kinetics of a mechanism with `S` gates and `P` parameters.
pub trait Channel<const S: usize, const P: usize>: Send + Sync + 'static {
    /// Name, source, parameters.
    const INFO: MechanismInfo;

    /// Gates at a voltage in mV and a calcium concentration in mM. No branches: it runs in vectorised loops.
    fn gates<T: Real>(v: T, calcium: T, parameters: &[f64; P]) -> [Gate<T>; S];

    /// Current for these states; `e_calcium` is the reversal potential of calcium in mV.
    fn current<T: Real>(v: T, e_calcium: T, states: &[T; S], parameters: &[f64; P]) -> Current<T>;
}

/// Voltages, currents and calcium of the compartments that have the same mechanisms; arrays of shape (compartments, lanes),
/// then padding.
#[derive(Debug, Clone, Default)]
pub struct Membrane {
    /// Voltage in mV.
    pub v: Vec<f64>,
    /// Sum of conductances in uS.
    pub g: Vec<f64>,
    /// Sum of g E in nA.
    pub ge: Vec<f64>,
    /// Calcium concentration in mM.
    pub calcium: Vec<f64>,
    /// Reversal potential of calcium in mV.
    pub e_calcium: Vec<f64>,
    /// Part of `g` that calcium carries.
    pub g_calcium: Vec<f64>,
    /// Part of `ge` that calcium carries.
    pub ge_calcium: Vec<f64>,
}

impl Membrane {
    /// For a number of compartments times lanes.
    pub fn new(size: usize, e_calcium_mv: f64) -> Self {
        let size = size.next_multiple_of(BLOCK);
        Self {
            v: vec![0.0; size],
            g: vec![0.0; size],
            ge: vec![0.0; size],
            calcium: vec![5e-5; size],
            e_calcium: vec![e_calcium_mv; size],
            g_calcium: vec![0.0; size],
            ge_calcium: vec![0.0; size],
        }
    }
}

/// What a gradient needs to know of one compartment and step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pullback {
    /// Sensitivity to the voltage.
    pub v: f64,
    /// Sensitivity to the calcium concentration.
    pub calcium: f64,
    /// Sensitivity to the reversal potential of calcium.
    pub e_calcium: f64,
}

/// One step in one compartment, to be reversed.
#[derive(Debug, Clone, Copy)]
pub struct StepRecord<'a> {
    /// Place in the arrays.
    pub index: usize,
    /// Voltage in mV.
    pub v: f64,
    /// Calcium concentration in mM.
    pub calcium: f64,
    /// Reversal potential of calcium in mV.
    pub e_calcium: f64,
    /// By how much the gates moved, in ms.
    pub dt_ms: f64,
    /// States before.
    pub old: &'a [f64],
    /// Sensitivities to g and ge after.
    pub current: (f64, f64),
}

/// The mechanism in all compartments of a [`Membrane`].
pub trait Bank: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Names of its states.
    fn state_names(&self) -> Vec<String>;

    /// Puts every gate at its steady state.
    fn settle(&mut self, membrane: &Membrane);

    /// Moves the gates by `dt_ms` at the membrane's voltage, then adds conductances and currents.
    fn step(&mut self, membrane: &mut Membrane, dt_ms: f64);

    /// States, one list of shape (compartments, lanes) each.
    fn states(&self) -> Vec<&[f64]>;

    /// The same, to be written.
    fn states_mut(&mut self) -> Vec<&mut Vec<f64>>;

    /// Whether its current is part of the calcium current.
    fn carries_calcium(&self) -> bool;

    /// Number of parameters.
    fn parameter_count(&self) -> usize;

    /// Values of a parameter, shape (compartments, lanes); `None` if there is none of this name.
    fn parameter_mut(&mut self, name: &str) -> Option<&mut Vec<f64>>;

    /// Reverse of one [`Bank::step`] in one compartment.
    ///
    /// `states` enters as the sensitivity to the states after the step and leaves as that to those before. Returns the sensitivities to the
    /// membrane, and adds those to the parameters. The default is for mechanisms without a derivative.
    ///
    /// # Errors
    /// If the mechanism has no derivative.
    fn pull_back(&self, step: StepRecord<'_>, states: &mut [f64], parameters: &mut [f64]) -> crate::Result<Pullback> {
        let _ = (step, states, parameters);
        Err(crate::Error::Description(format!("{} has no derivative; gradients need one", self.name())))
    }
}

/// A [`Channel`] in many compartments.
struct ChannelBank<const S: usize, const P: usize, C> {
    states: [Vec<f64>; S],
    parameters: [Vec<f64>; P],
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

    fn step(&mut self, membrane: &mut Membrane, dt_ms: f64) {
        vectorised(Step { bank: self, membrane, dt_ms });
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
pub(crate) fn advance<T: Real>(x: T, gate: Gate<T>, dt_ms: f64) -> T {
    gate.limit + (x - gate.limit) * (gate.rate_per_ms * -dt_ms).exp()
}

struct Step<'a, const S: usize, const P: usize, C> {
    bank: &'a mut ChannelBank<S, P, C>,
    membrane: &'a mut Membrane,
    dt_ms: f64,
}

/// Blocks of a padded array.
#[inline(always)]
pub(crate) fn blocks(values: &[f64]) -> &[[f64; BLOCK]] {
    values.as_chunks::<BLOCK>().0
}

/// Blocks of a padded array, to be written.
#[inline(always)]
pub(crate) fn blocks_mut(values: &mut [f64]) -> &mut [[f64; BLOCK]] {
    values.as_chunks_mut::<BLOCK>().0
}

impl<const S: usize, const P: usize, C: Channel<S, P>> Kernel for Step<'_, S, P, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Step { bank, membrane, dt_ms } = self;
        let v = blocks(&membrane.v);
        let count = v.len();
        let (calcium, e_calcium) = (&blocks(&membrane.calcium)[..count], &blocks(&membrane.e_calcium)[..count]);
        let (g, ge) = (&mut blocks_mut(&mut membrane.g)[..count], &mut blocks_mut(&mut membrane.ge)[..count]);
        let g_calcium = &mut blocks_mut(&mut membrane.g_calcium)[..count];
        let ge_calcium = &mut blocks_mut(&mut membrane.ge_calcium)[..count];
        let parameters: [&[[f64; BLOCK]]; P] = std::array::from_fn(|k| &blocks(&bank.parameters[k])[..count]);
        let mut states = bank.states.iter_mut();
        let states: [&mut [[f64; BLOCK]]; S] =
            std::array::from_fn(|_| &mut blocks_mut(states.next().expect("S states"))[..count]);
        for b in 0..count {
            // Results stay in buffers of their own until the block is done, so that the compiler knows that nothing
            // overlaps.
            let (v, calcium, e_calcium) = (&v[b], &calcium[b], &e_calcium[b]);
            let p: [&[f64; BLOCK]; P] = std::array::from_fn(|k| &parameters[k][b]);
            let mut s: [[f64; BLOCK]; S] = std::array::from_fn(|k| states[k][b]);
            let (mut g_new, mut ge_new) = ([0.0; BLOCK], [0.0; BLOCK]);
            // In three short loops rather than a long one: a processor looks ahead a few hundred instructions, and
            // finds more independent work in short ones.
            let (mut limit, mut kept) = ([[0.0; BLOCK]; S], [[0.0; BLOCK]; S]);
            for i in 0..BLOCK {
                let parameters: [f64; P] = std::array::from_fn(|k| p[k][i]);
                let gates = C::gates(v[i], calcium[i], &parameters);
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
            for i in 0..BLOCK {
                let parameters: [f64; P] = std::array::from_fn(|k| p[k][i]);
                let moved: [f64; S] = std::array::from_fn(|k| limit[k][i] + (s[k][i] - limit[k][i]) * kept[k][i]);
                let current = C::current(v[i], e_calcium[i], &moved, &parameters);
                for k in 0..S {
                    s[k][i] = moved[k];
                }
                g_new[i] = current.g;
                ge_new[i] = current.ge;
            }
            for k in 0..S {
                states[k][b] = s[k];
            }
            for i in 0..BLOCK {
                g[b][i] += g_new[i];
                ge[b][i] += ge_new[i];
            }
            if C::INFO.carries_calcium {
                for i in 0..BLOCK {
                    g_calcium[b][i] += g_new[i];
                    ge_calcium[b][i] += ge_new[i];
                }
            }
        }
    }
}
