//! States of receptors that differ in their place and largest conductance only, with 53 or 24 bits, and the vectorised step.
//!
//! A conductance is (out_a a + out_b b) g; the two states decay exactly from step to step, a <- aa a + ab b, b <- bb b.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{MagnesiumBlock, Receptor};
use crate::math::exp;
use crate::runs::Run;
use crate::single;
use crate::vectorised::{Kernel, vectorised};

/// How the states move over a stretch of time: a <- aa a + ab b, b <- bb b; and what is gone of each, which has all its digits when it is little.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Propagator {
    pub aa: f64,
    pub ab: f64,
    pub bb: f64,
    pub gone_a: f64,
    pub gone_b: f64,
}

/// Conductance per unit of each state and of largest conductance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs {
    pub a: f64,
    pub b: f64,
}

/// Numbers that states and conductances are kept as.
pub(super) trait Width:
    Copy + Default + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    fn rounded(value: f64) -> Self;
    fn wide(self) -> f64;
    fn mul_add(self, factor: Self, term: Self) -> Self;
    fn exp(self) -> Self;
    /// Nothing for what is as good as nothing: a processor takes many times as long for the smallest numbers, and the rise of a receptor gets to
    /// 1e-308 in 140 ms.
    fn kept(self) -> Self;
    /// What a step leaves of a state, and a term.
    fn decayed(self, left: Self, gone: Self, term: Self) -> Self;
}

impl Width for f64 {
    #[inline(always)]
    fn rounded(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        f64::mul_add(self, factor, term)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        exp(self)
    }
    #[inline(always)]
    fn kept(self) -> Self {
        if self.abs() < 1e-150 { 0.0 } else { self }
    }
    #[inline(always)]
    fn decayed(self, left: Self, _: Self, term: Self) -> Self {
        left.mul_add(self, term)
    }
}

impl Width for f32 {
    #[inline(always)]
    fn rounded(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        f32::mul_add(self, factor, term)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        single::exp(self)
    }
    #[inline(always)]
    fn kept(self) -> Self {
        if self.abs() < 1e-30 { 0.0 } else { self }
    }
    /// From what is gone: of the share that is left, 24 bits would change a time constant of a thousand steps by 1e-4 of it.
    #[inline(always)]
    fn decayed(self, _: Self, gone: Self, term: Self) -> Self {
        (-gone).mul_add(self, self) + term
    }
}

/// Receptors and lanes worked on at once.
const BLOCK: usize = 16;

/// Arrays of shape (receptors, lanes), then padding to whole blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct States<N> {
    /// Slow state.
    pub a: Vec<N>,
    /// Fast state.
    pub b: Vec<N>,
    /// Conductance in uS of the last step, without block.
    pub g_us: Vec<N>,
    /// Largest conductance in uS, in every lane.
    peak_us: Vec<N>,
    slopes: Vec<N>,
    sources: Vec<N>,
}

/// Which receptor is on which node: runs of nodes, and (place, node) of those in no run.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub runs: Vec<Run>,
    pub singles: Vec<(u32, u32)>,
}

impl<N: Width> States<N> {
    pub fn resize(&mut self, size: usize) {
        for values in [&mut self.a, &mut self.b, &mut self.g_us, &mut self.peak_us, &mut self.slopes, &mut self.sources]
        {
            values.resize(size.next_multiple_of(BLOCK), N::default());
        }
    }

    /// Both states and the conductance.
    pub fn kept(&self) -> [&[N]; 3] {
        [&self.a, &self.b, &self.g_us]
    }

    pub fn kept_mut(&mut self) -> [&mut [N]; 3] {
        [&mut self.a, &mut self.b, &mut self.g_us]
    }

    pub fn set_peaks(&mut self, peak_us: &[f64], lanes: usize) {
        for (own, peak) in self.peak_us.chunks_exact_mut(lanes).zip(peak_us) {
            own.fill(N::rounded(*peak));
        }
    }

    pub fn event(&mut self, i: usize, to_a: f64, to_b: f64) {
        self.a[i] = self.a[i] + N::rounded(to_a);
        self.b[i] = self.b[i] + N::rounded(to_b);
    }

    pub fn advance(&mut self, propagator: Propagator) {
        vectorised(Advance { propagator, a: &mut self.a, b: &mut self.b });
    }

    /// Adds conductances and currents at the voltages `v` of the nodes, all of them of shape (nodes, lanes).
    pub fn assemble(&mut self, step: Assemble<'_>, lanes: usize) {
        match lanes {
            1 => vectorised(OfLanes::<1, N>(step, self)),
            2 => vectorised(OfLanes::<2, N>(step, self)),
            4 => vectorised(OfLanes::<4, N>(step, self)),
            8 => vectorised(OfLanes::<8, N>(step, self)),
            _ => vectorised(OfLanes::<16, N>(step, self)),
        }
    }
}

/// Decay of the states over a step.
struct Advance<'a, N> {
    propagator: Propagator,
    a: &'a mut [N],
    b: &'a mut [N],
}

impl<N: Width> Kernel for Advance<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Propagator { aa, ab, bb, gone_a, gone_b } = self.propagator;
        let [aa, ab, bb, gone_a, gone_b] = [aa, ab, bb, gone_a, gone_b].map(N::rounded);
        let n = self.a.len();
        let (a, b) = (&mut self.a[..n], &mut self.b[..n]);
        for i in 0..n {
            a[i] = a[i].decayed(aa, gone_a, ab * b[i]).kept();
            b[i] = b[i].decayed(bb, gone_b, N::default()).kept();
        }
    }
}

/// Linearises the current through blocked receptors around their voltages: slopes and sources of
/// i = slope v - source.
#[inline(always)]
fn linearised<N: Width>(
    block: &MagnesiumBlock,
    e_mv: f64,
    v_mv: &[N; BLOCK],
    g_us: &[N; BLOCK],
) -> ([N; BLOCK], [N; BLOCK]) {
    let (magnesium, steep) = (N::rounded(block.magnesium_mm / block.scale_mm), N::rounded(block.slope_per_mv));
    let (one, e_mv) = (N::rounded(1.0), N::rounded(e_mv));
    let mut open = [N::default(); BLOCK];
    for i in 0..BLOCK {
        open[i] = one / magnesium.mul_add((-steep * v_mv[i]).exp(), one);
    }
    let (mut slopes, mut sources) = ([N::default(); BLOCK], [N::default(); BLOCK]);
    for i in 0..BLOCK {
        let driving = v_mv[i] - e_mv;
        let by_v = steep * open[i] * (one - open[i]);
        slopes[i] = g_us[i] * by_v.mul_add(driving, open[i]);
        sources[i] = slopes[i].mul_add(v_mv[i], -(g_us[i] * open[i] * driving));
    }
    (slopes, sources)
}

/// Adds numbers times a factor to others.
#[inline(always)]
fn add<N: Width>(from: &[N], factor: f64, to: &mut [f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.wide().mul_add(factor, *to);
    }
}

#[inline(always)]
fn narrow<N: Width>(from: &[f64], to: &mut [N]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = N::rounded(*from);
    }
}

/// Conductances and currents at the voltages of the nodes.
pub(super) struct Assemble<'a> {
    pub receptor: &'a Receptor,
    pub outputs: Outputs,
    pub places: &'a Places,
    pub v: &'a [f64],
    pub diagonal: &'a mut [f64],
    pub right: &'a mut [f64],
}

/// Several receptors can be on one node, so the sums over a node come last, in a loop of their own.
struct OfLanes<'a, const L: usize, N>(Assemble<'a>, &'a mut States<N>);

impl<const L: usize, N: Width> Kernel for OfLanes<'_, L, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let OfLanes(Assemble { receptor, outputs, places, v, diagonal, right }, states) = self;
        let v = v.as_chunks::<L>().0;
        let n = states.a.len();
        let (a, b, peak_us, g_us) = (&states.a[..n], &states.b[..n], &states.peak_us[..n], &mut states.g_us[..n]);
        let (out_a, out_b) = (N::rounded(outputs.a), N::rounded(outputs.b));
        for i in 0..n {
            g_us[i] = peak_us[i] * out_a.mul_add(a[i], out_b * b[i]);
        }
        // What goes to the diagonal; what goes to the right-hand side, times a factor.
        let (slopes, sources, factor) = match receptor.block {
            None => (&states.g_us, &states.g_us, receptor.e_mv),
            Some(block) => {
                // Voltages lie where their slopes will.
                let slopes = states.slopes.as_chunks_mut::<L>().0;
                for &(place, node) in &places.singles {
                    narrow(&v[node as usize], &mut slopes[place as usize]);
                }
                for &Run { place, node, len } in &places.runs {
                    narrow(v[node..node + len].as_flattened(), slopes[place..place + len].as_flattened_mut());
                }
                let g_us = states.g_us.as_chunks::<BLOCK>().0;
                let slopes = &mut states.slopes.as_chunks_mut::<BLOCK>().0[..g_us.len()];
                let sources = &mut states.sources.as_chunks_mut::<BLOCK>().0[..g_us.len()];
                for k in 0..g_us.len() {
                    (slopes[k], sources[k]) = linearised(&block, receptor.e_mv, &slopes[k], &g_us[k]);
                }
                (&states.slopes, &states.sources, 1.0)
            }
        };
        let (slopes, sources) = (slopes.as_chunks::<L>().0, sources.as_chunks::<L>().0);
        let (diagonal, right) = (diagonal.as_chunks_mut::<L>().0, right.as_chunks_mut::<L>().0);
        for &(place, node) in &places.singles {
            let (place, node) = (place as usize, node as usize);
            add(&slopes[place], 1.0, &mut diagonal[node]);
            add(&sources[place], factor, &mut right[node]);
        }
        for &Run { place, node, len } in &places.runs {
            let (from, to) = (place..place + len, node..node + len);
            add(slopes[from.clone()].as_flattened(), 1.0, diagonal[to.clone()].as_flattened_mut());
            if factor != 0.0 {
                add(sources[from].as_flattened(), factor, right[to].as_flattened_mut());
            }
        }
    }
}
