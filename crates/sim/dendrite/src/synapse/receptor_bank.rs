//! All receptors of one kind in a simulation: states, their propagators and the vectorised step.
//!
//! The conductance of a receptor is (out_a a + out_b b) g; the two states decay exactly from step to step. Receptors of a kind
//! differ in their place and in g only, so that everything else is a constant of the loops.

use std::collections::BTreeMap;

use super::{MagnesiumBlock, Receptor, Shape};
use crate::math::exp;
use crate::mechanism::Kinetics;
use crate::single;
use crate::vectorised::{Kernel, vectorised};

/// Propagator of the two states over a stretch of time: a <- aa a + ab b, b <- bb b.
#[derive(Debug, Clone, Copy, Default)]
struct Propagator {
    aa: f64,
    ab: f64,
    bb: f64,
}

/// Constants of one receptor: conductance = out_a a + out_b b; an event adds its weight to the states in `start`.
#[derive(Debug, Clone, Copy)]
struct Constants {
    tau_a_ms: f64,
    tau_b_ms: f64,
    alpha: bool,
    start_a: f64,
    start_b: f64,
    out_a: f64,
    out_b: f64,
}

impl Constants {
    fn new(shape: Shape) -> Self {
        let plain =
            Self { tau_a_ms: 1.0, tau_b_ms: 1.0, alpha: false, start_a: 1.0, start_b: 0.0, out_a: 1.0, out_b: 0.0 };
        match shape {
            Shape::Exponential { tau_ms } => Self { tau_a_ms: tau_ms, tau_b_ms: tau_ms, ..plain },
            Shape::DoubleExponential { rise_ms, decay_ms } => {
                let peak = shape.peak_ms();
                let f = 1.0 / ((-peak / decay_ms).exp() - (-peak / rise_ms).exp());
                Self { tau_a_ms: decay_ms, tau_b_ms: rise_ms, start_b: 1.0, out_a: f, out_b: -f, ..plain }
            }
            // a' = -a / tau + (e / tau) b, b' = -b / tau.
            Shape::Alpha { tau_ms } => {
                Self { tau_a_ms: tau_ms, tau_b_ms: tau_ms, alpha: true, start_a: 0.0, start_b: 1.0, ..plain }
            }
        }
    }

    fn propagator(&self, ms: f64) -> Propagator {
        let aa = (-ms / self.tau_a_ms).exp();
        let ab = if self.alpha { std::f64::consts::E * ms / self.tau_a_ms * aa } else { 0.0 };
        Propagator { aa, ab, bb: (-ms / self.tau_b_ms).exp() }
    }
}

/// All receptors of a simulation that are alike but for their largest conductance. Arrays of states have shape (receptors, lanes),
/// then padding to whole blocks; receptors lie in the order of their nodes.
#[derive(Debug, Clone)]
pub(crate) struct ReceptorBank {
    lanes: usize,
    kinetics: Kinetics,
    /// What they have in common; its conductance is that of the first.
    receptor: Receptor,
    constants: Constants,
    /// Place of each receptor, in the order in which they were added.
    places: Vec<u32>,
    /// Node of the receptor at each place.
    nodes: Vec<u32>,
    /// Places on nodes that follow each other, and those on nodes that do not.
    runs: Vec<Run>,
    singles: Vec<(u32, u32)>,
    is_arranged: bool,
    /// Largest conductance of each in uS.
    peak_us: Vec<f64>,
    propagator: Propagator,
    propagator_ms: f64,
    slopes: Vec<f64>,
    sources: Vec<f64>,
    /// Slow state.
    a: Vec<f64>,
    /// Fast state.
    b: Vec<f64>,
    /// Conductance in uS of the last step, without block.
    g_us: Vec<f64>,
}

/// Receptors on nodes that follow each other.
#[derive(Debug, Clone, Copy)]
struct Run {
    place: usize,
    node: usize,
    len: usize,
}

impl ReceptorBank {
    pub fn new(lanes: usize, kinetics: Kinetics, receptor: Receptor) -> Self {
        Self {
            lanes,
            kinetics,
            receptor,
            constants: Constants::new(receptor.shape),
            places: vec![],
            nodes: vec![],
            runs: vec![],
            singles: vec![],
            is_arranged: true,
            peak_us: vec![],
            propagator: Propagator::default(),
            propagator_ms: -1.0,
            slopes: vec![],
            sources: vec![],
            a: vec![],
            b: vec![],
            g_us: vec![],
        }
    }

    /// Whether a receptor is of this kind.
    pub fn holds(&self, receptor: &Receptor) -> bool {
        Receptor { g_ns: self.receptor.g_ns, ..*receptor } == self.receptor
    }

    pub fn add(&mut self, node: u32, g_ns: f64) -> usize {
        let k = self.nodes.len();
        self.places.push(k as u32);
        self.nodes.push(node);
        self.peak_us.push(g_ns * 1e-3);
        for states in [&mut self.a, &mut self.b, &mut self.g_us, &mut self.slopes, &mut self.sources] {
            states.resize(((k + 1) * self.lanes).next_multiple_of(BLOCK), 0.0);
        }
        self.is_arranged = false;
        k
    }

    /// Orders the receptors by their nodes; further ones on a node follow after all first ones.
    fn arrange(&mut self) {
        self.is_arranged = true;
        let states = self.states();
        let mut seen = BTreeMap::new();
        let mut order: Vec<(u32, u32, usize)> = Vec::with_capacity(self.nodes.len());
        for (k, &place) in self.places.iter().enumerate() {
            let node = self.nodes[place as usize];
            let round = seen.entry(node).or_insert(0_u32);
            order.push((*round, node, k));
            *round += 1;
        }
        order.sort_unstable();
        let peak_us: Vec<f64> = order.iter().map(|o| self.peak_us[self.places[o.2] as usize]).collect();
        self.peak_us = peak_us;
        self.nodes = order.iter().map(|o| o.1).collect();
        order.iter().enumerate().for_each(|(place, o)| self.places[o.2] = place as u32);
        self.set_states(&states);
        (self.runs, self.singles) = (vec![], vec![]);
        let follows = |a: &u32, b: &u32| *b == a + 1;
        let mut place = 0;
        for run in self.nodes.chunk_by(follows) {
            if run.len() < 4 {
                self.singles.extend(run.iter().zip(place..).map(|(node, place)| (place as u32, *node)));
            } else {
                self.runs.push(Run { place, node: run[0] as usize, len: run.len() });
            }
            place += run.len();
        }
    }

    /// Both states and the conductance of each receptor and lane, in the order in which they were added.
    pub fn states(&self) -> [Vec<f64>; 3] {
        let of = |values: &Vec<f64>| {
            let lanes = |place: &u32| values[*place as usize * self.lanes..][..self.lanes].iter().copied();
            self.places.iter().flat_map(lanes).collect()
        };
        [of(&self.a), of(&self.b), of(&self.g_us)]
    }

    /// Takes states as [`ReceptorBank::states`] gives them.
    pub fn set_states(&mut self, states: &[Vec<f64>]) {
        for (values, own) in states.iter().zip([&mut self.a, &mut self.b, &mut self.g_us]) {
            for (&place, lanes) in self.places.iter().zip(values.chunks_exact(self.lanes)) {
                own[place as usize * self.lanes..][..self.lanes].copy_from_slice(lanes);
            }
        }
    }

    /// Conductance in uS of the last step, without block.
    pub fn g_us(&self, k: usize, lane: usize) -> f64 {
        self.g_us[self.at(k, lane)]
    }

    fn at(&self, k: usize, lane: usize) -> usize {
        self.places[k] as usize * self.lanes + lane
    }

    /// What an event of weight 1 adds to the two states, `ms` before their time.
    pub fn kick(&self, ms: f64) -> (f64, f64) {
        let (c, p) = (&self.constants, self.constants.propagator(ms));
        (c.start_a * p.aa + c.start_b * p.ab, c.start_b * p.bb)
    }

    /// Conductance in uS per unit of each state.
    pub fn outputs_us(&self, k: usize) -> (f64, f64) {
        let peak_us = self.peak_us[self.places[k] as usize];
        (self.constants.out_a * peak_us, self.constants.out_b * peak_us)
    }

    /// How the states move in `ms`: a <- aa a + ab b, b <- bb b.
    pub fn propagator(&self, ms: f64) -> (f64, f64, f64) {
        let p = self.constants.propagator(ms);
        (p.aa, p.ab, p.bb)
    }

    /// Adds an event that happened `ms` before the time of the present states.
    pub fn event(&mut self, receptor: usize, lane: usize, weight: f64, ms: f64) {
        let (a, b) = self.kick(ms);
        let i = self.at(receptor, lane);
        self.a[i] += weight * a;
        self.b[i] += weight * b;
    }

    /// Moves the states by `ms`.
    pub fn advance(&mut self, ms: f64) {
        if !self.is_arranged {
            self.arrange();
        }
        if ms == 0.0 {
            return;
        }
        if ms != self.propagator_ms {
            self.propagator = self.constants.propagator(ms);
            self.propagator_ms = ms;
        }
        vectorised(Advance { propagator: self.propagator, a: &mut self.a, b: &mut self.b });
    }

    /// Adds conductances and currents at the voltages `v` of the nodes.
    pub fn assemble(&mut self, v: &[f64], diagonal: &mut [f64], right: &mut [f64]) {
        if !self.is_arranged {
            self.arrange();
        }
        match self.lanes {
            1 => vectorised(Assemble::<1>(self, v, diagonal, right)),
            2 => vectorised(Assemble::<2>(self, v, diagonal, right)),
            4 => vectorised(Assemble::<4>(self, v, diagonal, right)),
            8 => vectorised(Assemble::<8>(self, v, diagonal, right)),
            _ => vectorised(Assemble::<16>(self, v, diagonal, right)),
        }
    }

    /// Current in nA that flowed at a voltage, with the conductance of the last step.
    pub fn current_na(&self, k: usize, lane: usize, v: f64) -> f64 {
        let open = self.receptor.block.map_or(1.0, |block| block.open(v));
        self.g_us(k, lane) * open * (v - self.receptor.e_mv)
    }

    /// Number of receptors.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Node of a receptor.
    pub fn node(&self, k: usize) -> usize {
        self.nodes[self.places[k] as usize] as usize
    }

    /// Sensitivities for gradients: with s_d and s_r those to the node's diagonal and right-hand side, the sensitivity to
    /// the conductance without block, and to the voltage.
    pub fn pull_back(&self, g: f64, v: f64, s_d: f64, s_r: f64) -> (f64, f64) {
        let e = self.receptor.e_mv;
        let Some(block) = self.receptor.block else { return (s_d + s_r * e, 0.0) };
        let open = block.open(v);
        let first = block.slope_per_mv * open * (1.0 - open);
        let second = block.slope_per_mv * first * (1.0 - 2.0 * open);
        // diagonal G = g (B + B' (v - e)); right R = G v - g B (v - e)
        let slope = open + first * (v - e);
        let by_g = s_d * slope + s_r * (slope * v - open * (v - e));
        let slope_by_v = 2.0 * first + second * (v - e);
        let by_v = g * (s_d * slope_by_v + s_r * (slope_by_v * v + slope - (first * (v - e) + open)));
        (by_g, by_v)
    }
}

/// What is as good as nothing becomes nothing: a processor takes many times as long for numbers below 1e-308, and
/// the rise of a receptor gets there in 140 ms.
#[inline(always)]
fn kept(state: f64) -> f64 {
    if state.abs() < 1e-150 { 0.0 } else { state }
}

/// Decay of the states over a step.
struct Advance<'a> {
    propagator: Propagator,
    a: &'a mut [f64],
    b: &'a mut [f64],
}

impl Kernel for Advance<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Propagator { aa, ab, bb } = self.propagator;
        let n = self.a.len();
        let (a, b) = (&mut self.a[..n], &mut self.b[..n]);
        for i in 0..n {
            a[i] = kept(aa.mul_add(a[i], ab * b[i]));
            b[i] = kept(bb * b[i]);
        }
    }
}

/// Receptors and lanes worked on at once.
const BLOCK: usize = 16;
type Block = [f64; BLOCK];

/// Shares that a magnesium block leaves open.
#[inline(always)]
fn open(block: &MagnesiumBlock, v_mv: &Block) -> Block {
    let magnesium = block.magnesium_mm / block.scale_mm;
    let mut open = [0.0; BLOCK];
    for i in 0..BLOCK {
        open[i] = 1.0 / magnesium.mul_add(exp(-block.slope_per_mv * v_mv[i]), 1.0);
    }
    open
}

/// The same with 24 bits; widths change between loops only, so that each has numbers of one width.
#[inline(always)]
fn open_in_single(block: &MagnesiumBlock, v_mv: &Block) -> Block {
    let (magnesium, steep) = ((block.magnesium_mm / block.scale_mm) as f32, block.slope_per_mv as f32);
    let v_mv = v_mv.map(|v| v as f32);
    let mut open = [0.0; BLOCK];
    for i in 0..BLOCK {
        open[i] = 1.0 / magnesium.mul_add(single::exp(-steep * v_mv[i]), 1.0);
    }
    open.map(f64::from)
}

/// Linearises the current through blocked receptors around their voltages: slopes and sources of
/// i = slope v - source.
#[inline(always)]
fn linearised(block: &MagnesiumBlock, e_mv: f64, kinetics: Kinetics, v_mv: &Block, g_us: &Block) -> (Block, Block) {
    let open = match kinetics {
        Kinetics::Double => open(block, v_mv),
        Kinetics::Single => open_in_single(block, v_mv),
    };
    let (mut slopes, mut sources) = ([0.0; BLOCK], [0.0; BLOCK]);
    for i in 0..BLOCK {
        let driving = v_mv[i] - e_mv;
        let by_v = block.slope_per_mv * open[i] * (1.0 - open[i]);
        slopes[i] = g_us[i] * by_v.mul_add(driving, open[i]);
        sources[i] = slopes[i].mul_add(v_mv[i], -(g_us[i] * open[i] * driving));
    }
    (slopes, sources)
}

/// Adds numbers times a factor to others.
#[inline(always)]
fn add(from: &[f64], factor: f64, to: &mut [f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.mul_add(factor, *to);
    }
}

/// Conductances and currents at the voltages of the nodes. Several receptors can be on one node, so the sums over a node come last, in
/// a loop of their own.
struct Assemble<'a, const L: usize>(&'a mut ReceptorBank, &'a [f64], &'a mut [f64], &'a mut [f64]);

impl<const L: usize> Kernel for Assemble<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Assemble(bank, v, diagonal, right) = self;
        let v = v.as_chunks::<L>().0;
        let (out_a, out_b, e_mv) = (bank.constants.out_a, bank.constants.out_b, bank.receptor.e_mv);
        let n = bank.nodes.len();
        let peak_us = &bank.peak_us[..n];
        let (a, b) = (&bank.a.as_chunks::<L>().0[..n], &bank.b.as_chunks::<L>().0[..n]);
        let g = &mut bank.g_us.as_chunks_mut::<L>().0[..n];
        for k in 0..n {
            for l in 0..L {
                g[k][l] = peak_us[k] * out_a.mul_add(a[k][l], out_b * b[k][l]);
            }
        }
        // What goes to the diagonal; what goes to the right-hand side, times a factor.
        let (slopes, sources, factor) = match bank.receptor.block {
            None => (&bank.g_us, &bank.g_us, e_mv),
            Some(block) => {
                let slopes = bank.slopes.as_chunks_mut::<L>().0;
                for &(place, node) in &bank.singles {
                    slopes[place as usize] = v[node as usize];
                }
                for &Run { place, node, len } in &bank.runs {
                    slopes[place..place + len].copy_from_slice(&v[node..node + len]);
                }
                // Voltages lie where their slopes will.
                let (kinetics, (g, _)) = (bank.kinetics, bank.g_us.as_chunks::<BLOCK>());
                let slopes = bank.slopes.as_chunks_mut::<BLOCK>().0;
                let sources = bank.sources.as_chunks_mut::<BLOCK>().0;
                for k in 0..slopes.len() {
                    (slopes[k], sources[k]) = linearised(&block, e_mv, kinetics, &slopes[k], &g[k]);
                }
                (&bank.slopes, &bank.sources, 1.0)
            }
        };
        let (slopes, sources) = (slopes.as_chunks::<L>().0, sources.as_chunks::<L>().0);
        let (diagonal, right) = (diagonal.as_chunks_mut::<L>().0, right.as_chunks_mut::<L>().0);
        for &(place, node) in &bank.singles {
            let (place, node) = (place as usize, node as usize);
            add(&slopes[place], 1.0, &mut diagonal[node]);
            add(&sources[place], factor, &mut right[node]);
        }
        for &Run { place, node, len } in &bank.runs {
            let (from, to) = (place..place + len, node..node + len);
            add(slopes[from.clone()].as_flattened(), 1.0, diagonal[to.clone()].as_flattened_mut());
            if factor != 0.0 {
                add(sources[from].as_flattened(), factor, right[to].as_flattened_mut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_a_silent_receptor_end_at_nothing() {
        let mut bank = ReceptorBank::new(1, Kinetics::Double, Receptor::gaba_a(1.0));
        bank.add(0, 1.0);
        bank.event(0, 0, 1.0, 0.0);
        // The rise of .2 ms reaches 1e-150 after 69 ms, and what a processor is slow with from 142 ms on.
        (0..2000).for_each(|_| bank.advance(0.05));
        let [a, b, _] = bank.states();
        assert!(a[0] > 1e-6 && b[0] == 0.0, "{a:?} {b:?}");
    }
}
