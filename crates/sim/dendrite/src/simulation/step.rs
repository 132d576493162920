//! One step in time.

use super::clamp::lanes_of;
use super::{Domain, Method, Simulation};
use crate::math::logistic;
use crate::mechanism::{BLOCK, Kinetics, Stretch};
use crate::solver::solve_with_factors;
use crate::vectorised::{Kernel, vectorised};
use crate::{Error, Result};

impl Simulation {
    /// Runs with fixed steps until a time; what is recorded includes the start of every step.
    ///
    /// # Errors
    /// If a voltage leaves the range of +-10,000 mV or is not finite: with time, compartment and lane.
    pub fn run_until(&mut self, stop_ms: f64) -> Result<()> {
        let total = ((stop_ms - self.origin_ms) / self.settings.dt_ms).round();
        while (self.steps as f64) < total {
            if self.steps.is_multiple_of(self.record_every as u64) && !self.recordings.is_empty() {
                self.take_recordings();
            }
            self.advance(self.settings.dt_ms)?;
            self.steps += 1;
            // From the count, so that the clock does not drift.
            self.time_ms = self.origin_ms + self.steps as f64 * self.settings.dt_ms;
        }
        Ok(())
    }

    /// One step of `h_ms`; the caller sets the clock.
    pub(super) fn advance(&mut self, h_ms: f64) -> Result<()> {
        let share = match self.settings.method {
            Method::CrankNicolson => 0.5 * h_ms,
            Method::BackwardEuler => 0.0,
        };
        let used_at_ms = self.time_ms + share;
        self.assemble(h_ms, self.lag_ms + share, used_at_ms);
        if self.conductances_change || self.factored_for_ms != Some(h_ms) {
            self.elimination.solve();
            self.factored_for_ms = Some(h_ms);
        } else {
            self.elimination.solve_again(self.settings.lanes);
        }
        for domain in &mut self.domains {
            domain.keep_middle(&self.elimination.right, self.settings.lanes);
        }
        let lanes = self.settings.lanes;
        for detector in &mut self.detectors {
            detector.before_mv.copy_from_slice(&self.v[detector.node * lanes..][..lanes]);
        }
        let finite = vectorised(Move {
            v: &mut self.v,
            solved: &self.elimination.right,
            doubled: self.settings.method == Method::CrankNicolson,
        });
        if !finite {
            return Err(self.diverged());
        }
        self.lag_ms = h_ms - share;
        if !self.detectors.is_empty() {
            self.detect(self.time_ms, h_ms);
        }
        Ok(())
    }

    /// Moves gates and synapses to the time at which they are used, and writes matrix and right-hand side.
    fn assemble(&mut self, h_ms: f64, gates_ms: f64, used_at_ms: f64) {
        let per_ms = match self.settings.method {
            Method::CrankNicolson => 2.0 / h_ms,
            Method::BackwardEuler => 1.0 / h_ms,
        };
        let lanes = self.settings.lanes;
        if !self.receptors.is_empty() || !self.kinetic.is_empty() {
            self.receptors.iter_mut().for_each(|bank| bank.advance(gates_ms));
            self.kinetic.advance(gates_ms);
            self.deliver(used_at_ms);
        }
        let (diagonal, right) = (&mut self.elimination.diagonal, &mut self.elimination.right);
        let keep_matrix = !self.conductances_change && self.factored_for_ms == Some(h_ms);
        for &node in &self.bare_nodes {
            // Nodes without membrane keep only their axial conductances.
            right[node * lanes..(node + 1) * lanes].fill(0.0);
            if !keep_matrix {
                diagonal[node * lanes..(node + 1) * lanes].fill(self.tree.axial_sum_us[node]);
            }
        }
        for domain in &mut self.domains {
            domain.assemble(&self.v, lanes, per_ms, gates_ms, self.settings.kinetics);
            let axial = &self.tree.axial_sum_us;
            domain.scatter(axial, lanes, (!keep_matrix).then_some(diagonal.as_mut_slice()), right);
        }
        for bank in &mut self.receptors {
            bank.assemble(&self.v, diagonal, right);
        }
        self.kinetic.assemble(&self.v, diagonal, right);
        for graded in &mut self.graded {
            let synapse = &graded.synapse;
            let kept = (-gates_ms / synapse.tau_ms).exp();
            for (lane, state) in graded.state.iter_mut().enumerate() {
                let release = logistic((self.v[graded.from * lanes + lane] - synapse.half_mv) / synapse.slope_mv);
                *state = release + (*state - release) * kept;
                let g = *state * synapse.g_ns * 1e-3;
                diagonal[graded.to * lanes + lane] += g;
                right[graded.to * lanes + lane] += g * synapse.e_mv;
            }
        }
        for &(a, b, g) in &self.gaps {
            for lane in 0..lanes {
                for (own, other) in [(a, b), (b, a)] {
                    diagonal[own * lanes + lane] += g;
                    right[own * lanes + lane] += g * self.v[other * lanes + lane];
                }
            }
        }
        // Inputs are taken at the middle of the step, as NEURON does.
        let t = self.time_ms + 0.5 * h_ms;
        for (node, lane, current) in &self.clamps.currents {
            let amplitude = current.at(t);
            for lane in lanes_of(*lane, lanes) {
                right[node * lanes + lane] += amplitude;
            }
        }
        for (node, lane, clamp) in &self.clamps.voltages {
            if let Some(command) = clamp.command_mv(t) {
                for lane in lanes_of(*lane, lanes) {
                    diagonal[node * lanes + lane] += 1.0 / clamp.series_mohm;
                    right[node * lanes + lane] += command / clamp.series_mohm;
                }
            }
        }
    }

    fn diverged(&self) -> Error {
        let lanes = self.settings.lanes;
        // What is not a number counts as largest.
        let size = |v: f64| if v.is_nan() { f64::INFINITY } else { v.abs() };
        let bad = (0..self.v.len()).fold(0, |worst, i| if size(self.v[i]) > size(self.v[worst]) { i } else { worst });
        let node = bad / lanes;
        let compartment = self.tree.node_of.iter().position(|n| *n as usize == node).unwrap_or(0);
        Error::Diverged {
            time_ms: self.time_ms,
            compartment,
            place: format!("{}, lane {}", self.places[compartment], bad % lanes),
            cause: format!("the voltage became {} mV; take a smaller dt_ms or weaker inputs", self.v[bad]),
        }
    }
}

/// Blocks of a domain that go through all its mechanisms together: 2 kB of each array.
const BLOCKS_AT_ONCE: usize = 16;

/// Beyond this a voltage is taken for a failure of the simulation.
const LIMIT_MV: f64 = 1e4;

impl Domain {
    pub(super) fn assemble(&mut self, v: &[f64], lanes: usize, per_ms: f64, gates_ms: f64, kinetics: Kinetics) {
        let membrane = &mut self.membrane;
        match lanes {
            1 => gather::<1>(&self.nodes, v, &mut membrane.v),
            2 => gather::<2>(&self.nodes, v, &mut membrane.v),
            4 => gather::<4>(&self.nodes, v, &mut membrane.v),
            8 => gather::<8>(&self.nodes, v, &mut membrane.v),
            _ => gather::<16>(&self.nodes, v, &mut membrane.v),
        }
        // A few blocks at a time go through all mechanisms, so that voltages and sums stay in the first cache.
        let count = membrane.v.len() / BLOCK;
        for first in (0..count).step_by(BLOCKS_AT_ONCE) {
            let blocks = first..(first + BLOCKS_AT_ONCE).min(count);
            let part = blocks.start * BLOCK..blocks.end * BLOCK;
            vectorised(Passive {
                v: &membrane.v[part.clone()],
                capacitance: &self.capacitance[part.clone()],
                leak: &self.leak[part.clone()],
                leak_current: &self.leak_current[part.clone()],
                g: &mut membrane.g[part.clone()],
                ge: &mut membrane.ge[part.clone()],
                per_ms,
            });
            let stretch = Stretch { blocks, dt_ms: gates_ms, kinetics };
            membrane.prepare(&stretch);
            if let Some(pools) = &mut self.pools {
                pools.step(membrane, &self.v_mid, &stretch);
                membrane.g_calcium[part.clone()].fill(0.0);
                membrane.ge_calcium[part].fill(0.0);
            }
            for bank in &mut self.banks {
                bank.step(membrane, &stretch);
            }
        }
    }

    fn scatter(&self, axial_sum_us: &[f64], lanes: usize, diagonal: Option<&mut [f64]>, right: &mut [f64]) {
        match lanes {
            1 => vectorised(Scatter::<1>(self, axial_sum_us, diagonal, right)),
            2 => vectorised(Scatter::<2>(self, axial_sum_us, diagonal, right)),
            4 => vectorised(Scatter::<4>(self, axial_sum_us, diagonal, right)),
            8 => vectorised(Scatter::<8>(self, axial_sum_us, diagonal, right)),
            _ => vectorised(Scatter::<16>(self, axial_sum_us, diagonal, right)),
        }
    }

    /// Keeps the voltage at the middle of the step for the calcium current.
    pub(super) fn keep_middle(&mut self, solved: &[f64], lanes: usize) {
        if self.pools.is_none() {
            return;
        }
        match lanes {
            1 => gather::<1>(&self.nodes, solved, &mut self.v_mid),
            2 => gather::<2>(&self.nodes, solved, &mut self.v_mid),
            4 => gather::<4>(&self.nodes, solved, &mut self.v_mid),
            8 => gather::<8>(&self.nodes, solved, &mut self.v_mid),
            _ => gather::<16>(&self.nodes, solved, &mut self.v_mid),
        }
    }
}

/// Writes a domain's conductances and currents into matrix and right-hand side.
struct Scatter<'a, const L: usize>(&'a Domain, &'a [f64], Option<&'a mut [f64]>, &'a mut [f64]);

impl<const L: usize> Kernel for Scatter<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Scatter(domain, axial, diagonal, right) = self;
        let (g, ge) = (domain.membrane.g.as_chunks::<L>().0, domain.membrane.ge.as_chunks::<L>().0);
        let right = right.as_chunks_mut::<L>().0;
        let nodes = domain.nodes.as_slice();
        let (g, ge) = (&g[..nodes.len()], &ge[..nodes.len()]);
        if domain.in_order {
            let right = &mut right[..nodes.len()];
            right.copy_from_slice(ge);
            if let Some(diagonal) = diagonal {
                let diagonal = &mut diagonal.as_chunks_mut::<L>().0[..nodes.len()];
                let axial = &axial[..nodes.len()];
                for k in 0..nodes.len() {
                    for l in 0..L {
                        diagonal[k][l] = g[k][l] + axial[k];
                    }
                }
            }
            return;
        }
        for (k, &node) in nodes.iter().enumerate() {
            right[node as usize] = ge[k];
        }
        if let Some(diagonal) = diagonal {
            let diagonal = diagonal.as_chunks_mut::<L>().0;
            for (k, &node) in nodes.iter().enumerate() {
                let a = axial[node as usize];
                for l in 0..L {
                    diagonal[node as usize][l] = g[k][l] + a;
                }
            }
        }
    }
}

fn gather<const L: usize>(nodes: &[u32], from: &[f64], to: &mut [f64]) {
    let (from, to) = (from.as_chunks::<L>().0, to.as_chunks_mut::<L>().0);
    if nodes.first() == Some(&0) && nodes.last() == Some(&(nodes.len() as u32 - 1)) {
        // Nodes are in rising order, so these are all.
        to[..nodes.len()].copy_from_slice(&from[..nodes.len()]);
        return;
    }
    for (value, &node) in to.iter_mut().zip(nodes) {
        *value = from[node as usize];
    }
}

/// Capacitance and leak.
struct Passive<'a> {
    v: &'a [f64],
    capacitance: &'a [f64],
    leak: &'a [f64],
    leak_current: &'a [f64],
    g: &'a mut [f64],
    ge: &'a mut [f64],
    per_ms: f64,
}

impl Kernel for Passive<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.v.len();
        let (v, c, leak, current) = (&self.v[..n], &self.capacitance[..n], &self.leak[..n], &self.leak_current[..n]);
        let (g, ge) = (&mut self.g[..n], &mut self.ge[..n]);
        for i in 0..n {
            let c = c[i] * self.per_ms;
            g[i] = c + leak[i];
            ge[i] = c.mul_add(v[i], current[i]);
        }
    }
}

/// Moves the voltages to the solution, or twice as far; returns whether all stay finite and within bounds.
struct Move<'a> {
    v: &'a mut [f64],
    solved: &'a [f64],
    doubled: bool,
}

impl Kernel for Move<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let n = self.v.len();
        let (v, solved) = (&mut self.v[..n], &self.solved[..n]);
        let mut outside = 0_u64;
        for i in 0..n {
            v[i] = if self.doubled { 2.0_f64.mul_add(solved[i], -v[i]) } else { solved[i] };
            let inside = v[i].abs() < LIMIT_MV;
            outside |= u64::from(!inside);
        }
        outside == 0
    }
}

impl crate::solver::Elimination {
    /// Solves for a new right-hand side of the same matrix.
    fn solve_again(&mut self, lanes: usize) {
        let mut right = std::mem::take(&mut self.right);
        let (parent, ratios, inverse) = self.factors();
        solve_with_factors(parent, ratios, inverse, lanes, &mut right);
        self.right = right;
    }
}
