//! All receptors of a simulation that have, or have not, a magnesium block: states, their propagators and the vectorised step.
//!
//! The conductance of a receptor is out_a a + out_b b; the two states decay exactly from step to step.

use super::{Receptor, Shape};
use crate::math::exp;
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

/// All receptors of a simulation with, or without, magnesium block. Arrays of states have shape (receptors, lanes).
#[derive(Debug, Clone)]
pub(crate) struct ReceptorBank {
    lanes: usize,
    blocked: bool,
    nodes: Vec<u32>,
    constants: Vec<Constants>,
    receptors: Vec<Receptor>,
    membrane: MembraneConstants,
    propagators: Propagators,
    propagator_ms: f64,
    slopes: Vec<f64>,
    sources: Vec<f64>,
    /// Slow state.
    pub a: Vec<f64>,
    /// Fast state.
    pub b: Vec<f64>,
    /// Conductance in uS of the last step, without block.
    pub g_us: Vec<f64>,
}

/// What the step needs of each receptor.
#[derive(Debug, Clone, Default)]
struct MembraneConstants {
    out_a_us: Vec<f64>,
    out_b_us: Vec<f64>,
    e_mv: Vec<f64>,
    magnesium: Vec<f64>,
    slope_per_mv: Vec<f64>,
}

/// Propagators of each receptor over one step.
#[derive(Debug, Clone, Default)]
struct Propagators {
    aa: Vec<f64>,
    ab: Vec<f64>,
    bb: Vec<f64>,
}

impl ReceptorBank {
    pub fn new(lanes: usize, blocked: bool) -> Self {
        Self {
            lanes,
            blocked,
            nodes: vec![],
            constants: vec![],
            receptors: vec![],
            membrane: MembraneConstants::default(),
            propagators: Propagators::default(),
            propagator_ms: -1.0,
            slopes: vec![],
            sources: vec![],
            a: vec![],
            b: vec![],
            g_us: vec![],
        }
    }

    pub fn add(&mut self, node: u32, receptor: Receptor) -> usize {
        let constants = Constants::new(receptor.shape);
        let (membrane, scale) = (&mut self.membrane, receptor.g_ns * 1e-3);
        membrane.out_a_us.push(constants.out_a * scale);
        membrane.out_b_us.push(constants.out_b * scale);
        membrane.e_mv.push(receptor.e_mv);
        membrane.magnesium.push(receptor.block.map_or(0.0, |b| b.magnesium_mm / b.scale_mm));
        membrane.slope_per_mv.push(receptor.block.map_or(0.0, |b| b.slope_per_mv));
        self.nodes.push(node);
        self.constants.push(constants);
        self.receptors.push(receptor);
        self.propagator_ms = -1.0;
        let size = self.nodes.len() * self.lanes;
        for states in [&mut self.a, &mut self.b, &mut self.g_us, &mut self.slopes, &mut self.sources] {
            states.resize(size, 0.0);
        }
        self.nodes.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What an event of weight 1 adds to the two states, `ms` before their time.
    pub fn kick(&self, receptor: usize, ms: f64) -> (f64, f64) {
        let c = &self.constants[receptor];
        let p = c.propagator(ms);
        (c.start_a * p.aa + c.start_b * p.ab, c.start_b * p.bb)
    }

    /// Conductance in uS per unit of each state.
    pub fn outputs_us(&self, receptor: usize) -> (f64, f64) {
        (self.membrane.out_a_us[receptor], self.membrane.out_b_us[receptor])
    }

    /// How the states move in `ms`: a <- aa a + ab b, b <- bb b.
    pub fn propagator(&self, receptor: usize, ms: f64) -> (f64, f64, f64) {
        let p = self.constants[receptor].propagator(ms);
        (p.aa, p.ab, p.bb)
    }

    /// Adds an event that happened `ms` before the time of the present states.
    pub fn event(&mut self, receptor: usize, lane: usize, weight: f64, ms: f64) {
        let (a, b) = self.kick(receptor, ms);
        let i = receptor * self.lanes + lane;
        self.a[i] += weight * a;
        self.b[i] += weight * b;
    }

    /// Moves the states by `ms`.
    pub fn advance(&mut self, ms: f64) {
        if ms == 0.0 || self.is_empty() {
            return;
        }
        if ms != self.propagator_ms {
            let all = || self.constants.iter().map(|c| c.propagator(ms));
            let (aa, ab, bb) =
                (all().map(|p| p.aa).collect(), all().map(|p| p.ab).collect(), all().map(|p| p.bb).collect());
            self.propagators = Propagators { aa, ab, bb };
            self.propagator_ms = ms;
        }
        match self.lanes {
            1 => vectorised(Advance::<1>(self)),
            2 => vectorised(Advance::<2>(self)),
            4 => vectorised(Advance::<4>(self)),
            8 => vectorised(Advance::<8>(self)),
            _ => vectorised(Advance::<16>(self)),
        }
    }

    /// Adds conductances and currents at the voltages `v` of the nodes.
    pub fn assemble(&mut self, v: &[f64], diagonal: &mut [f64], right: &mut [f64]) {
        if self.is_empty() {
            return;
        }
        match self.lanes {
            1 => vectorised(Assemble::<1>(self, v, diagonal, right)),
            2 => vectorised(Assemble::<2>(self, v, diagonal, right)),
            4 => vectorised(Assemble::<4>(self, v, diagonal, right)),
            8 => vectorised(Assemble::<8>(self, v, diagonal, right)),
            _ => vectorised(Assemble::<16>(self, v, diagonal, right)),
        }
    }

    fn open_and_slope(&self, k: usize, v: f64) -> (f64, f64) {
        let Some(block) = self.receptors[k].block else { return (1.0, 0.0) };
        let open = block.open(v);
        (open, block.slope_per_mv * open * (1.0 - open))
    }

    /// Current in nA that flowed at a voltage, with the conductance of the last step.
    pub fn current_na(&self, k: usize, lane: usize, v: f64) -> f64 {
        self.g_us[k * self.lanes + lane] * self.open_and_slope(k, v).0 * (v - self.receptors[k].e_mv)
    }

    /// Node of a receptor.
    pub fn node(&self, k: usize) -> usize {
        self.nodes[k] as usize
    }

    /// Sensitivities for gradients: with s_d and s_r those to the node's diagonal and right-hand side, the sensitivity to
    /// the conductance without block, and to the voltage.
    pub fn pull_back(&self, k: usize, g: f64, v: f64, s_d: f64, s_r: f64) -> (f64, f64) {
        let e = self.receptors[k].e_mv;
        let Some(block) = self.receptors[k].block else { return (s_d + s_r * e, 0.0) };
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

/// Decay of the states over a step.
struct Advance<'a, const L: usize>(&'a mut ReceptorBank);

impl<const L: usize> Kernel for Advance<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let bank = self.0;
        let n = bank.nodes.len();
        let Propagators { aa, ab, bb } = &bank.propagators;
        let (aa, ab, bb) = (&aa[..n], &ab[..n], &bb[..n]);
        let (a, b) = (&mut bank.a.as_chunks_mut::<L>().0[..n], &mut bank.b.as_chunks_mut::<L>().0[..n]);
        for k in 0..n {
            for l in 0..L {
                a[k][l] = aa[k].mul_add(a[k][l], ab[k] * b[k][l]);
                b[k][l] *= bb[k];
            }
        }
    }
}

/// Conductances and currents at the voltages of the nodes. Several receptors can be on one node, so the sums over a node come last, in a
/// loop of their own.
struct Assemble<'a, const L: usize>(&'a mut ReceptorBank, &'a [f64], &'a mut [f64], &'a mut [f64]);

impl<const L: usize> Kernel for Assemble<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Assemble(bank, v, diagonal, right) = self;
        let n = bank.nodes.len();
        let nodes = &bank.nodes[..n];
        let MembraneConstants { out_a_us, out_b_us, e_mv, magnesium, slope_per_mv } = &bank.membrane;
        let (out_a, out_b, e) = (&out_a_us[..n], &out_b_us[..n], &e_mv[..n]);
        let (a, b) = (&bank.a.as_chunks::<L>().0[..n], &bank.b.as_chunks::<L>().0[..n]);
        let g = &mut bank.g_us.as_chunks_mut::<L>().0[..n];
        let slopes = &mut bank.slopes.as_chunks_mut::<L>().0[..n];
        let sources = &mut bank.sources.as_chunks_mut::<L>().0[..n];
        if bank.blocked {
            let v = v.as_chunks::<L>().0;
            for (at, &node) in slopes.iter_mut().zip(nodes) {
                *at = v[node as usize];
            }
            let (magnesium, steep) = (&magnesium[..n], &slope_per_mv[..n]);
            for k in 0..n {
                for l in 0..L {
                    let (v, driving) = (slopes[k][l], slopes[k][l] - e[k]);
                    g[k][l] = out_a[k].mul_add(a[k][l], out_b[k] * b[k][l]);
                    let open = 1.0 / magnesium[k].mul_add(exp(-steep[k] * v), 1.0);
                    let by_v = steep[k] * open * (1.0 - open);
                    slopes[k][l] = g[k][l] * by_v.mul_add(driving, open);
                    sources[k][l] = slopes[k][l].mul_add(v, -(g[k][l] * open * driving));
                }
            }
        } else {
            for k in 0..n {
                for l in 0..L {
                    g[k][l] = out_a[k].mul_add(a[k][l], out_b[k] * b[k][l]);
                    slopes[k][l] = g[k][l];
                    sources[k][l] = g[k][l] * e[k];
                }
            }
        }
        let (diagonal, right) = (diagonal.as_chunks_mut::<L>().0, right.as_chunks_mut::<L>().0);
        for (k, &node) in nodes.iter().enumerate() {
            let (diagonal, right) = (&mut diagonal[node as usize], &mut right[node as usize]);
            for l in 0..L {
                diagonal[l] += slopes[k][l];
                right[l] += sources[k][l];
            }
        }
    }
}
