//! The neurons of one population in one shard: states, events under way, and the loops that move them.

use rheobase_core::Seed;
use rheobase_core::vectorised::{Kernel, vectorised};

use crate::network::{NetworkDescription, Population, Receptor};
use crate::neuron::{Lif, Neuron};
use crate::random::{BLOCK, PoissonTable, philox_block};

/// What a receptor does in a step.
#[derive(Debug, Clone, Copy)]
enum Action {
    Jump,
    /// Decay over a step, and the share of the state that reaches the voltage (exact propagator).
    Current {
        decay: f64,
        push: f64,
    },
    Conductance {
        decay: f64,
        e_mv: f64,
    },
}

/// Input from outside, ready to draw.
struct Outside {
    receptor: usize,
    table: PoissonTable,
    weight: f64,
    steps: std::ops::Range<u64>,
    number: u32,
}

/// Neurons `first..first + len` of a population; all arrays are padded to whole blocks.
pub(super) struct Part {
    first: usize,
    len: usize,
    neuron: Neuron,
    dt_ms: f64,
    v: Vec<f64>,
    w: Vec<f64>,
    /// Share of a leaky neuron's distance from its target that is left after a step.
    leak_keeps: f64,
    /// Steps that a neuron stays refractory.
    refractory: Vec<f64>,
    refractory_steps: f64,
    actions: Vec<Action>,
    /// State of each receptor.
    states: Vec<Vec<f64>>,
    /// Events under way to each receptor: as many slots as the longest delay, plus one.
    buffers: Vec<Vec<f64>>,
    slots: usize,
    outside: Vec<Outside>,
    key: [u32; 2],
}

impl Part {
    pub fn new(
        network: &NetworkDescription,
        number: usize,
        population: &Population,
        range: std::ops::Range<usize>,
        seed: &Seed,
    ) -> Self {
        use rand::Rng;
        let (first, len) = (range.start, range.len());
        let padded = len.div_ceil(BLOCK) * BLOCK;
        let dt = network.dt_ms;
        let rest = match &population.neuron {
            Neuron::Lif(lif) => [lif.rest_mv, 0.0],
            other => other.two_variables().map_or([0.0; 2], |n| n.start()),
        };
        let (mut v, w) = (vec![rest[0]; padded], vec![rest[1]; padded]);
        let mut states = vec![vec![0.0; padded]; population.receptors.len()];
        for i in 0..len {
            // Each neuron's own stream, so that the division into shards changes nothing.
            let mut stream = seed.child("start").index(first + i).stream();
            if let Some(start) = &population.start_mv {
                v[i] = start.draw(&mut stream);
            }
            for (name, state) in population.receptors.keys().zip(&mut states) {
                if let Some(start) = population.start.get(name) {
                    state[i] = start.draw(&mut stream);
                }
            }
        }
        let actions = population.receptors.values().map(|r| action(*r, &population.neuron, dt)).collect();
        let outside = population
            .input
            .iter()
            .enumerate()
            .map(|(k, input)| Outside {
                receptor: population.receptors.keys().position(|r| *r == input.receptor).unwrap_or(0),
                table: PoissonTable::new(input.rate_hz * 1e-3 * dt),
                weight: input.weight,
                steps: (input.start_ms / dt).round() as u64..(input.stop_ms / dt).round() as u64,
                number: (number * 64 + k) as u32,
            })
            .collect();
        let refractory_steps = match &population.neuron {
            Neuron::Lif(lif) => (lif.refractory_ms / dt).round(),
            _ => 0.0,
        };
        let leak_keeps = match &population.neuron {
            Neuron::Lif(lif) => (-dt / lif.tau_ms).exp(),
            _ => 0.0,
        };
        let bits = seed.child("outside").stream().next_u64();
        Self {
            first,
            len,
            neuron: population.neuron,
            dt_ms: dt,
            v,
            w,
            leak_keeps,
            refractory: vec![0.0; padded],
            refractory_steps,
            actions,
            buffers: vec![vec![]; states.len()],
            states,
            slots: 1,
            outside,
            key: [bits as u32, (bits >> 32) as u32],
        }
    }

    /// Makes the buffers long enough.
    pub fn make_room(&mut self, longest_delay: usize) {
        self.slots = longest_delay + 1;
        let size = self.slots * self.v.len();
        self.buffers.iter_mut().for_each(|b| b.resize(size, 0.0));
    }

    /// Events that arrive at the end of a step.
    #[inline]
    pub fn slot(&mut self, receptor: usize, step: u64) -> &mut [f64] {
        let padded = self.v.len();
        let at = (step % self.slots as u64) as usize * padded;
        &mut self.buffers[receptor][at..at + padded]
    }

    pub fn voltages(&self) -> &[f64] {
        &self.v[..self.len]
    }

    /// The first neuron whose voltage is not finite.
    pub fn not_finite(&self) -> Option<(usize, f64)> {
        self.voltages().iter().position(|v| !v.is_finite()).map(|i| (self.first + i, self.v[i]))
    }

    /// Moves all neurons by a step and appends the numbers of those that spike.
    pub fn advance(&mut self, step: u64, fired: &mut Vec<u32>) {
        vectorised(Advance { part: self, step, fired });
    }
}

fn action(receptor: Receptor, neuron: &Neuron, dt: f64) -> Action {
    match receptor {
        Receptor::Delta => Action::Jump,
        Receptor::ExponentialCurrent { tau_ms } => {
            let decay = (-dt / tau_ms).exp();
            let push = match neuron {
                // tau v' = i, tau_s i' = -i: v += i tau_s / (tau_s - tau) (e^(-h / tau_s) - e^(-h / tau)).
                Neuron::Lif(lif) => {
                    let away = (tau_ms - lif.tau_ms) / lif.tau_ms;
                    if away.abs() < 1e-6 {
                        dt / lif.tau_ms * (-dt / lif.tau_ms).exp()
                    } else {
                        tau_ms / (tau_ms - lif.tau_ms) * (decay - (-dt / lif.tau_ms).exp())
                    }
                }
                _ => 1.0,
            };
            Action::Current { decay, push }
        }
        Receptor::ExponentialConductance { tau_ms, e_mv } => Action::Conductance { decay: (-dt / tau_ms).exp(), e_mv },
    }
}

struct Advance<'a> {
    part: &'a mut Part,
    step: u64,
    fired: &'a mut Vec<u32>,
}

impl Kernel for Advance<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { part, step, fired } = self;
        let padded = part.v.len();
        let slot = (step % part.slots as u64) as usize * padded;
        for block in 0..padded / BLOCK {
            let from = block * BLOCK;
            let range = from..from + BLOCK;
            let first_block = (part.first / BLOCK + block) as u32;
            for outside in part.outside.iter().filter(|o| o.steps.contains(&step)) {
                let uniform = philox_block(part.key, first_block, step, outside.number);
                let arriving = &mut part.buffers[outside.receptor][slot + from..slot + from + BLOCK];
                let arriving: &mut [f64; BLOCK] = arriving.try_into().expect("a block");
                outside.table.add(&uniform, outside.weight, arriving);
            }
            match part.neuron {
                Neuron::Lif(lif) => leaky_block(part, &lif, range.clone(), slot),
                _ => two_variable_block(part, range.clone(), slot),
            }
            collect_spikes(part, range, fired);
        }
    }
}

/// Receptors decay and take what arrives; jumps are added to the voltage of neurons that are not refractory.
#[inline(always)]
fn take_arrivals(part: &mut Part, range: &std::ops::Range<usize>, slot: usize, jumps: &mut [f64; BLOCK]) {
    for (k, action) in part.actions.iter().enumerate() {
        let arriving = &mut part.buffers[k][slot + range.start..slot + range.end];
        match *action {
            Action::Jump => jumps.iter_mut().zip(arriving.iter()).for_each(|(j, a)| *j += a),
            Action::Current { decay, .. } | Action::Conductance { decay, .. } => {
                let state = &mut part.states[k][range.clone()];
                state.iter_mut().zip(arriving.iter()).for_each(|(s, a)| *s = decay.mul_add(*s, *a));
            }
        }
        arriving.fill(0.0);
    }
}

#[inline(always)]
fn leaky_block(part: &mut Part, lif: &Lif, range: std::ops::Range<usize>, slot: usize) {
    let steady = lif.rest_mv + lif.drive_mv;
    let mut push = [0.0; BLOCK];
    let (mut total, mut drive) = ([1.0; BLOCK], [steady; BLOCK]);
    let mut conductances = false;
    for (action, state) in part.actions.iter().zip(&part.states) {
        let state = &state[range.clone()];
        match *action {
            Action::Jump => {}
            Action::Current { push: share, .. } => {
                push.iter_mut().zip(state).for_each(|(p, s)| *p = share.mul_add(*s, *p));
            }
            Action::Conductance { e_mv, .. } => {
                conductances = true;
                for ((t, d), s) in total.iter_mut().zip(&mut drive).zip(state) {
                    *t += s;
                    *d = e_mv.mul_add(*s, *d);
                }
            }
        }
    }
    let mut jumps = [0.0; BLOCK];
    take_arrivals(part, &range, slot, &mut jumps);
    let (rate, keep) = (-part.dt_ms / lif.tau_ms, part.leak_keeps);
    let v = &mut part.v[range.clone()];
    let refractory = &mut part.refractory[range];
    if conductances {
        // Exact for conductances that are constant within the step.
        for i in 0..BLOCK {
            let target = drive[i] / total[i];
            let moved = (v[i] - target).mul_add(rheobase_core::math::exp(rate * total[i]), target) + push[i] + jumps[i];
            v[i] = if refractory[i] > 0.0 { v[i] } else { moved };
        }
    } else {
        for i in 0..BLOCK {
            let moved = (v[i] - steady).mul_add(keep, steady) + push[i] + jumps[i];
            v[i] = if refractory[i] > 0.0 { v[i] } else { moved };
        }
    }
    refractory.iter_mut().for_each(|r| *r = (*r - 1.0).max(0.0));
}

#[inline(always)]
fn two_variable_block(part: &mut Part, range: std::ops::Range<usize>, slot: usize) {
    let mut current = [0.0; BLOCK];
    for (action, state) in part.actions.iter().zip(&part.states) {
        let (state, v) = (&state[range.clone()], &part.v[range.clone()]);
        match *action {
            Action::Jump => {}
            Action::Current { .. } => current.iter_mut().zip(state).for_each(|(c, s)| *c += s),
            Action::Conductance { e_mv, .. } => {
                for ((c, s), v) in current.iter_mut().zip(state).zip(v) {
                    *c += s * (e_mv - v);
                }
            }
        }
    }
    let mut jumps = [0.0; BLOCK];
    take_arrivals(part, &range, slot, &mut jumps);
    let Some(neuron) = part.neuron.two_variables() else { return };
    for i in 0..BLOCK {
        let at = range.start + i;
        let rates = neuron.rates([part.v[at], part.w[at]], current[i]);
        part.v[at] += part.dt_ms * rates[0] + jumps[i];
        part.w[at] += part.dt_ms * rates[1];
    }
}

/// Resets neurons of a block that are at threshold and appends their numbers.
#[inline(always)]
fn collect_spikes(part: &mut Part, range: std::ops::Range<usize>, fired: &mut Vec<u32>) {
    let threshold = match &part.neuron {
        Neuron::Lif(lif) => lif.threshold_mv,
        other => other.two_variables().map_or(f64::MAX, |n| n.peak_mv()),
    };
    let above = part.v[range.clone()].iter().fold(0_u32, |n, v| n + u32::from(*v >= threshold));
    if above == 0 {
        return;
    }
    for i in range {
        if part.v[i] < threshold {
            continue;
        }
        match &part.neuron {
            Neuron::Lif(lif) => {
                part.v[i] = lif.reset_mv;
                part.refractory[i] = part.refractory_steps;
            }
            other => {
                if let Some(neuron) = other.two_variables() {
                    [part.v[i], part.w[i]] = neuron.reset([part.v[i], part.w[i]]);
                }
            }
        }
        // What fills the last block up is no neuron.
        if i < part.len {
            fired.push((part.first + i) as u32);
        }
    }
}
