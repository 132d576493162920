//! All receptors of one kind in a simulation: states, their propagators and the vectorised step.
//!
//! The conductance of a receptor is (out_a a + out_b b) g; the two states decay exactly from step to step. Receptors of a kind
//! differ in their place and in g only, so that everything else is a constant of the loops.

use std::collections::BTreeMap;

use super::receptor_states::{Assemble, Outputs, Places, Propagator, States};
use super::{Receptor, Shape};
use crate::mechanism::Kinetics;
use crate::runs::runs;

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
        let (a, b) = (-ms / self.tau_a_ms, -ms / self.tau_b_ms);
        let aa = a.exp();
        let ab = if self.alpha { std::f64::consts::E * ms / self.tau_a_ms * aa } else { 0.0 };
        Propagator { aa, ab, bb: b.exp(), gone_a: -a.exp_m1(), gone_b: -b.exp_m1() }
    }
}

/// States with as many bits as the kinetics of the simulation.
#[derive(Debug, Clone)]
enum Numbers {
    Double(States<f64>),
    Single(States<f32>),
}

/// All receptors of a simulation that are alike but for their largest conductance; they lie in the order of their nodes.
#[derive(Debug, Clone)]
pub(crate) struct ReceptorBank {
    lanes: usize,
    /// What they have in common; its conductance is that of the first.
    receptor: Receptor,
    constants: Constants,
    /// Place of each receptor, in the order in which they were added.
    places: Vec<u32>,
    /// Node of the receptor at each place.
    nodes: Vec<u32>,
    arranged: Option<Places>,
    /// Largest conductance of each in uS.
    peak_us: Vec<f64>,
    propagator: Propagator,
    propagator_ms: f64,
    numbers: Numbers,
}

impl ReceptorBank {
    pub fn new(lanes: usize, kinetics: Kinetics, receptor: Receptor) -> Self {
        Self {
            lanes,
            receptor,
            constants: Constants::new(receptor.shape),
            places: vec![],
            nodes: vec![],
            arranged: None,
            peak_us: vec![],
            propagator: Propagator::default(),
            propagator_ms: -1.0,
            numbers: match kinetics {
                Kinetics::Double => Numbers::Double(States::default()),
                Kinetics::Single => Numbers::Single(States::default()),
            },
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
        match &mut self.numbers {
            Numbers::Double(states) => states.resize((k + 1) * self.lanes),
            Numbers::Single(states) => states.resize((k + 1) * self.lanes),
        }
        self.arranged = None;
        k
    }

    /// Orders the receptors by their nodes; further ones on a node follow after all first ones.
    fn arrange(&mut self) -> Places {
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
        match &mut self.numbers {
            Numbers::Double(own) => own.set_peaks(&self.peak_us, self.lanes),
            Numbers::Single(own) => own.set_peaks(&self.peak_us, self.lanes),
        }
        let mut arranged = Places::default();
        for run in runs(&self.nodes) {
            if run.len < 4 {
                let place = |k| ((run.place + k) as u32, (run.node + k) as u32);
                arranged.singles.extend((0..run.len).map(place));
            } else {
                arranged.runs.push(run);
            }
        }
        arranged
    }

    /// Both states and the conductance of each receptor and lane, in the order in which they were added.
    pub fn states(&self) -> [Vec<f64>; 3] {
        let index =
            self.places.iter().flat_map(|place| (0..self.lanes).map(move |lane| *place as usize * self.lanes + lane));
        match &self.numbers {
            Numbers::Double(states) => states.kept().map(|own| index.clone().map(|i| own[i]).collect()),
            Numbers::Single(states) => states.kept().map(|own| index.clone().map(|i| f64::from(own[i])).collect()),
        }
    }

    /// Takes states as [`ReceptorBank::states`] gives them.
    pub fn set_states(&mut self, states: &[Vec<f64>]) {
        let lanes = self.lanes;
        let index = self.places.iter().flat_map(|place| (0..lanes).map(move |lane| *place as usize * lanes + lane));
        for (which, values) in states.iter().enumerate() {
            for (i, value) in index.clone().zip(values) {
                match &mut self.numbers {
                    Numbers::Double(own) => own.kept_mut()[which][i] = *value,
                    Numbers::Single(own) => own.kept_mut()[which][i] = *value as f32,
                }
            }
        }
    }

    /// Conductance in uS of the last step, without block.
    pub fn g_us(&self, k: usize, lane: usize) -> f64 {
        let i = self.at(k, lane);
        match &self.numbers {
            Numbers::Double(states) => states.g_us[i],
            Numbers::Single(states) => f64::from(states.g_us[i]),
        }
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
        match &mut self.numbers {
            Numbers::Double(states) => states.event(i, weight * a, weight * b),
            Numbers::Single(states) => states.event(i, weight * a, weight * b),
        }
    }

    /// Moves the states by `ms`.
    pub fn advance(&mut self, ms: f64) {
        if self.arranged.is_none() {
            self.arranged = Some(self.arrange());
        }
        if ms == 0.0 {
            return;
        }
        if ms != self.propagator_ms {
            self.propagator = self.constants.propagator(ms);
            self.propagator_ms = ms;
        }
        match &mut self.numbers {
            Numbers::Double(states) => states.advance(self.propagator),
            Numbers::Single(states) => states.advance(self.propagator),
        }
    }

    /// Adds conductances and currents at the voltages `v` of the nodes.
    pub fn assemble(&mut self, v: &[f64], diagonal: &mut [f64], right: &mut [f64]) {
        let places = self.arranged.take().unwrap_or_else(|| self.arrange());
        let outputs = Outputs { a: self.constants.out_a, b: self.constants.out_b };
        let step = Assemble { receptor: &self.receptor, outputs, places: &places, v, diagonal, right };
        match &mut self.numbers {
            Numbers::Double(states) => states.assemble(step, self.lanes),
            Numbers::Single(states) => states.assemble(step, self.lanes),
        }
        self.arranged = Some(places);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_a_silent_receptor_end_at_nothing() {
        for kinetics in [Kinetics::Double, Kinetics::Single] {
            let mut bank = ReceptorBank::new(1, kinetics, Receptor::gaba_a(1.0));
            bank.add(0, 1.0);
            bank.event(0, 0, 1.0, 0.0);
            // The rise of .2 ms reaches 1e-150 after 69 ms, and what a processor is slow with from 142 ms on; 1e-30 after 14 ms.
            (0..2000).for_each(|_| bank.advance(0.05));
            let [a, b, _] = bank.states();
            assert!(a[0] > 1e-6 && b[0] == 0.0, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_long_decay_in_single_is_that_in_double_to_five_digits() {
        let run = |kinetics| {
            let mut bank = ReceptorBank::new(2, kinetics, Receptor::nmda(0.4));
            (0..3).for_each(|node| _ = bank.add(node, 0.1 * f64::from(node + 1)));
            bank.event(1, 1, 1.0, 0.01);
            bank.event(2, 0, 0.5, 0.0);
            (0..8000).for_each(|_| bank.advance(0.025));
            let v = [-70.0, -65.0, -50.0, -30.0, -10.0, 5.0];
            let (mut diagonal, mut right) = ([0.0; 6], [0.0; 6]);
            bank.assemble(&v, &mut diagonal, &mut right);
            [diagonal, right]
        };
        let (double, single) = (run(Kinetics::Double), run(Kinetics::Single));
        // After 200 ms. Roundings of 3e-8 in 8,000 steps add up to some 3e-6 by chance; a factor rounded once would be off by up to 2.4e-4.
        for (a, b) in double.as_flattened().iter().zip(single.as_flattened()) {
            assert!((a - b).abs() <= 1e-5 * a.abs(), "{a} {b}");
        }
        assert!(double[0][3] != 0.0 && double[0][4] != 0.0 && double[0][0] == 0.0);
    }
}
