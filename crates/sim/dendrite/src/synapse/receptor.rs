//! Receptors whose conductance is a sum of decaying exponentials, with or without magnesium block.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::{POSITIVE, require_range};
use crate::math::exp;

/// Time course of the conductance after one event, with a peak of 1 (a jump to 1 for the exponential).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// e^(-t / tau).
    Exponential {
        /// Time constant in ms.
        tau_ms: f64,
    },
    /// f (e^(-t / decay) - e^(-t / rise)), f such that the peak is 1.
    DoubleExponential {
        /// Time constant of the rise in ms.
        rise_ms: f64,
        /// Time constant of the decay in ms, larger than that of the rise.
        decay_ms: f64,
    },
    /// (t / tau) e^(1 - t / tau).
    Alpha {
        /// Time constant and time of the peak in ms.
        tau_ms: f64,
    },
}

impl Shape {
    /// Time of the peak in ms.
    pub fn peak_ms(&self) -> f64 {
        match *self {
            Self::Exponential { .. } => 0.0,
            Self::DoubleExponential { rise_ms, decay_ms } => {
                (decay_ms / rise_ms).ln() * rise_ms * decay_ms / (decay_ms - rise_ms)
            }
            Self::Alpha { tau_ms } => tau_ms,
        }
    }

    fn check(&self) -> Result<()> {
        match *self {
            Self::Exponential { tau_ms } | Self::Alpha { tau_ms } => {
                require_range("tau_ms of a receptor", tau_ms, POSITIVE, 1e9)?;
            }
            Self::DoubleExponential { rise_ms, decay_ms } => {
                require_range("rise_ms of a receptor", rise_ms, POSITIVE, 1e9)?;
                require_range("decay_ms of a receptor", decay_ms, rise_ms * 1.000_001, 1e9)?;
            }
        }
        Ok(())
    }
}

/// Voltage-dependent block by magnesium: open share 1 / (1 + Mg / scale e^(-slope V)) (Jahr & Stevens 1990).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MagnesiumBlock {
    /// Magnesium concentration in mM.
    pub magnesium_mm: f64,
    /// Slope in 1/mV: .062 (Jahr & Stevens 1990), .08 (Beniaguev et al. 2021).
    pub slope_per_mv: f64,
    /// Scale in mM, 3.57 in both.
    #[serde(default = "scale")]
    pub scale_mm: f64,
}

fn scale() -> f64 {
    3.57
}

impl MagnesiumBlock {
    /// Open share at a voltage.
    pub fn open(&self, v_mv: f64) -> f64 {
        1.0 / (1.0 + self.magnesium_mm / self.scale_mm * exp(-self.slope_per_mv * v_mv))
    }
}

/// A receptor of a synapse; an event of weight 1 opens `g_ns` at the peak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receptor {
    /// Time course.
    pub shape: Shape,
    /// Largest conductance in nS.
    pub g_ns: f64,
    /// Reversal potential in mV.
    pub e_mv: f64,
    /// Magnesium block, for NMDA receptors.
    #[serde(default)]
    pub block: Option<MagnesiumBlock>,
}

impl Receptor {
    /// AMPA with .3 / 3 ms (Beniaguev et al. 2021).
    pub fn ampa(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 0.3, decay_ms: 3.0 };
        Self { shape, g_ns, e_mv: 0.0, block: None }
    }

    /// NMDA with 2 / 70 ms and a slope of .08 per mV (Beniaguev et al. 2021).
    pub fn nmda(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 2.0, decay_ms: 70.0 };
        let block = Some(MagnesiumBlock { magnesium_mm: 1.0, slope_per_mv: 0.08, scale_mm: 3.57 });
        Self { shape, g_ns, e_mv: 0.0, block }
    }

    /// GABA-A with .2 / 8 ms at -80 mV.
    pub fn gaba_a(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 0.2, decay_ms: 8.0 };
        Self { shape, g_ns, e_mv: -80.0, block: None }
    }

    /// GABA-B with 3.5 / 260.9 ms at -97 mV.
    pub fn gaba_b(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 3.5, decay_ms: 260.9 };
        Self { shape, g_ns, e_mv: -97.0, block: None }
    }

    /// Refuses time constants that are not positive, negative conductances and what is not finite.
    ///
    /// # Errors
    /// Naming the field.
    pub fn check(&self) -> Result<()> {
        self.shape.check()?;
        require_range("g_ns of a receptor", self.g_ns, 0.0, 1e9)?;
        require_range("e_mv of a receptor", self.e_mv, -500.0, 500.0)?;
        if let Some(block) = self.block {
            require_range("magnesium_mm of a receptor", block.magnesium_mm, 0.0, 1e3)?;
            require_range("slope_per_mv of a receptor", block.slope_per_mv, 0.0, 1.0)?;
            require_range("scale_mm of a receptor", block.scale_mm, POSITIVE, 1e6)?;
        }
        Ok(())
    }
}

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

/// All receptors of a simulation with, or without, magnesium block.
#[derive(Debug, Clone)]
pub(crate) struct ReceptorBank {
    lanes: usize,
    blocked: bool,
    nodes: Vec<u32>,
    constants: Vec<Constants>,
    receptors: Vec<Receptor>,
    propagators: Vec<Propagator>,
    propagator_ms: f64,
    /// States of shape (receptors, lanes).
    pub a: Vec<f64>,
    pub b: Vec<f64>,
    /// Conductance in uS of the last step, without block.
    pub g_us: Vec<f64>,
}

impl ReceptorBank {
    pub fn new(lanes: usize, blocked: bool) -> Self {
        Self {
            lanes,
            blocked,
            nodes: vec![],
            constants: vec![],
            receptors: vec![],
            propagators: vec![],
            propagator_ms: -1.0,
            a: vec![],
            b: vec![],
            g_us: vec![],
        }
    }

    pub fn add(&mut self, node: u32, receptor: Receptor) -> usize {
        self.nodes.push(node);
        self.constants.push(Constants::new(receptor.shape));
        self.receptors.push(receptor);
        self.propagator_ms = -1.0;
        let size = self.nodes.len() * self.lanes;
        self.a.resize(size, 0.0);
        self.b.resize(size, 0.0);
        self.g_us.resize(size, 0.0);
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
        let (c, scale) = (&self.constants[receptor], self.receptors[receptor].g_ns * 1e-3);
        (c.out_a * scale, c.out_b * scale)
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
        if ms == 0.0 {
            return;
        }
        if ms != self.propagator_ms {
            self.propagators = self.constants.iter().map(|c| c.propagator(ms)).collect();
            self.propagator_ms = ms;
        }
        let lanes = self.lanes;
        for (k, p) in self.propagators.iter().enumerate() {
            let range = k * lanes..(k + 1) * lanes;
            for (a, b) in self.a[range.clone()].iter_mut().zip(&mut self.b[range]) {
                *a = p.aa.mul_add(*a, p.ab * *b);
                *b *= p.bb;
            }
        }
    }

    /// Adds conductances and currents at the voltages `v` of the nodes.
    pub fn assemble(&mut self, v: &[f64], diagonal: &mut [f64], right: &mut [f64]) {
        let lanes = self.lanes;
        for k in 0..self.nodes.len() {
            let (c, receptor) = (&self.constants[k], &self.receptors[k]);
            let node = self.nodes[k] as usize * lanes;
            for lane in 0..lanes {
                let i = k * lanes + lane;
                let g = (c.out_a * self.a[i] + c.out_b * self.b[i]) * (receptor.g_ns * 1e-3);
                self.g_us[i] = g;
                let at = node + lane;
                if self.blocked {
                    let (slope, current) = self.blocked_current(k, g, v[at]);
                    diagonal[at] += slope;
                    right[at] += slope * v[at] - current;
                } else {
                    diagonal[at] += g;
                    right[at] += g * receptor.e_mv;
                }
            }
        }
    }

    /// Slope and current of a blocked receptor with open conductance `g`.
    fn blocked_current(&self, k: usize, g: f64, v: f64) -> (f64, f64) {
        let receptor = &self.receptors[k];
        let (open, slope) = self.open_and_slope(k, v);
        (g * (open + slope * (v - receptor.e_mv)), g * open * (v - receptor.e_mv))
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
