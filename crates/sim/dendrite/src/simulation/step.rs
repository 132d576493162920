//! One step in time.

use super::clamp::lanes_of;
use super::{Method, Simulation};
use crate::math::logistic;
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
            domain.scatter(lanes, self.settings.kinetics, (!keep_matrix).then_some(diagonal.as_mut_slice()), right);
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

/// Beyond this a voltage is taken for a failure of the simulation.
const LIMIT_MV: f64 = 1e4;

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
