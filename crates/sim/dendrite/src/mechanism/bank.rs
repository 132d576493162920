//! What a mechanism is to a simulation: gates and currents of a [`Channel`], the [`Membrane`] that it is in, and the [`Bank`]
//! of its states and parameters in all compartments.

use std::ops::Range;

use super::{Kinetics, MechanismInfo};
use crate::math::Real;
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
    /// The voltage for kinetics with 24 bits, see [`Membrane::prepare`].
    pub v_single: Vec<f32>,
    /// Sum of conductances in uS.
    pub g: Vec<f64>,
    /// Sum of g E in nA.
    pub ge: Vec<f64>,
    /// What kinetics with 24 bits add to `g`.
    pub g_single: Vec<f32>,
    /// What kinetics with 24 bits add to `ge`.
    pub ge_single: Vec<f32>,
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
            v_single: vec![0.0; size],
            g: vec![0.0; size],
            ge: vec![0.0; size],
            g_single: vec![0.0; size],
            ge_single: vec![0.0; size],
            calcium: vec![5e-5; size],
            e_calcium: vec![e_calcium_mv; size],
            g_calcium: vec![0.0; size],
            ge_calcium: vec![0.0; size],
        }
    }
}

/// Beyond this voltage kinetics with 24 bits stay as they are here.
const KINETIC_LIMIT_MV: f64 = 150.0;

impl Membrane {
    /// Makes a stretch ready for kinetics with 24 bits, once for all mechanisms before their steps: rounded voltages, empty sums.
    ///
    /// Products of two exponentials stay finite within +-150 mV, and every gate has long come to its end there.
    pub fn prepare(&mut self, stretch: &Stretch) {
        if stretch.kinetics == Kinetics::Single {
            let part = stretch.blocks.start * BLOCK..stretch.blocks.end * BLOCK;
            vectorised(Prepare {
                v: &self.v[part.clone()],
                v_single: &mut self.v_single[part.clone()],
                g_single: &mut self.g_single[part.clone()],
                ge_single: &mut self.ge_single[part],
            });
        }
    }
}

struct Prepare<'a> {
    v: &'a [f64],
    v_single: &'a mut [f32],
    g_single: &'a mut [f32],
    ge_single: &'a mut [f32],
}

impl Kernel for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.v.len();
        let (v_single, g, ge) = (&mut self.v_single[..n], &mut self.g_single[..n], &mut self.ge_single[..n]);
        for i in 0..n {
            let v = if self.v[i] > KINETIC_LIMIT_MV { KINETIC_LIMIT_MV } else { self.v[i] };
            let v = if v < -KINETIC_LIMIT_MV { -KINETIC_LIMIT_MV } else { v };
            v_single[i] = v as f32;
            g[i] = 0.0;
            ge[i] = 0.0;
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

/// A step of a part of a [`Membrane`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Which blocks of 16 places in the arrays.
    pub blocks: Range<usize>,
    /// By how much the gates move, in ms.
    pub dt_ms: f64,
    /// Bits of the kinetics.
    pub kinetics: Kinetics,
}

/// The mechanism in all compartments of a [`Membrane`].
pub trait Bank: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Names of its states.
    fn state_names(&self) -> Vec<String>;

    /// Puts every gate at its steady state.
    fn settle(&mut self, membrane: &Membrane);

    /// Moves the gates at the membrane's voltage, then adds conductances and currents, to the sums with 53 or with 24 bits. A bank may take
    /// [`Kinetics::Single`] for a permission and compute with 53 bits.
    fn step(&mut self, membrane: &mut Membrane, stretch: &Stretch);

    /// A state at a place in the arrays, shape (compartments, lanes).
    fn state(&self, which: usize, index: usize) -> f64;

    /// All that a bank remembers from step to step: its states, one list of shape (compartments, lanes) each; with kinetics of 24 bits what
    /// rounding has left follows each.
    fn memory(&self) -> Vec<Vec<f64>>;

    /// Takes what [`Bank::memory`] gave.
    fn remember(&mut self, memory: &[Vec<f64>]);

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

/// One number for each compartment of a block.
pub(crate) type Block = [f64; BLOCK];

/// Blocks of a padded array.
#[inline(always)]
pub(crate) fn blocks(values: &[f64]) -> &[Block] {
    values.as_chunks::<BLOCK>().0
}

/// Blocks of a padded array, to be written.
#[inline(always)]
pub(crate) fn blocks_mut(values: &mut [f64]) -> &mut [Block] {
    values.as_chunks_mut::<BLOCK>().0
}

#[inline(always)]
pub(crate) fn sum(a: &Block, b: &Block) -> Block {
    std::array::from_fn(|i| a[i] + b[i])
}
