//! Gradients of any loss of the voltages in one backward sweep.
//!
//! The adjoint of every step is solved with the factors of that step: the matrix is symmetric, so its adjoint is itself.
//! With m the solution for the sensitivities of the voltages, the sensitivity to an injected current is m, to a
//! conductance g with reversal E it is m (E - V), and gates, calcium and synapses pass theirs on through the derivatives
//! of their exact updates. States are kept in checkpoints and computed again between them, so that memory grows with the
//! square root of the number of steps.

use super::events::Event;
use super::{Method, Simulation, Snapshot};
use crate::mechanism::{Kinetics, StepRecord};
use crate::{Error, Result};

/// A loss: takes the voltages of the watched compartments, shape (compartments, steps + 1), and returns its value and its
/// derivatives in the same shape.
pub type Loss<'a> = dyn Fn(&[Vec<f64>]) -> (f64, Vec<Vec<f64>>) + 'a;

/// Derivatives of a loss.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gradient {
    /// The loss.
    pub loss: f64,
    /// By leak conductance in 1/uS, per compartment.
    pub leak: Vec<f64>,
    /// By current in 1/nA, injected into a compartment during a step: shape (steps, compartments).
    pub current: Vec<Vec<f64>>,
    /// By the weight of every event, in the order of sending: number of the event, derivative.
    pub weight: Vec<(u64, f64)>,
    /// By parameters of mechanisms: compartment, mechanism, parameter values of that mechanism in its order.
    pub parameters: Vec<(usize, String, Vec<f64>)>,
}

/// What one step needs to be reversed.
struct Record {
    v: Vec<f64>,
    solved: Vec<f64>,
    ratios: Vec<f64>,
    inverse: Vec<f64>,
    gates_ms: f64,
    domains: Vec<DomainRecord>,
    conductances: Vec<Vec<f64>>,
    events: Vec<(Event, f64)>,
}

struct DomainRecord {
    /// States before the step, per bank.
    old: Vec<Vec<Vec<f64>>>,
    calcium: Vec<f64>,
    e_calcium: Vec<f64>,
    /// Calcium currents and middle voltages of the step before.
    before: [Vec<f64>; 3],
}

/// Sensitivities that travel backwards from step to step.
struct Adjoint {
    v: Vec<f64>,
    states: Vec<Vec<Vec<f64>>>,
    calcium: Vec<[Vec<f64>; 4]>,
    receptors: Vec<[Vec<f64>; 2]>,
}

impl Simulation {
    /// Runs until a time and back: the loss of the voltages at `watched` and its derivatives.
    ///
    /// The simulation itself returns to where it was.
    ///
    /// # Errors
    /// If there is more than one lane, or something without a derivative: kinetics with 24 bits, kinetic and graded synapses, gap
    /// junctions, voltage clamps, connections within the cell.
    pub fn gradient(&mut self, stop_ms: f64, watched: &[usize], loss: &Loss<'_>) -> Result<Gradient> {
        self.check_differentiable(watched)?;
        let steps = ((stop_ms - self.time_ms) / self.settings.dt_ms).round().max(0.0) as usize;
        let stretch = (steps as f64).sqrt().ceil().max(1.0) as usize;
        let start = self.snapshot();
        let recordings = std::mem::take(&mut self.recordings);
        let (mut checkpoints, mut trace) = (Vec::new(), vec![Vec::with_capacity(steps + 1); watched.len()]);
        for step in 0..steps {
            if step % stretch == 0 {
                checkpoints.push(self.snapshot());
            }
            self.watch(watched, &mut trace);
            self.differentiable_step()?;
        }
        self.watch(watched, &mut trace);
        let (value, slopes) = loss(&trace);
        let mut gradient = self.empty_gradient(value);
        let mut adjoint = self.empty_adjoint();
        self.add_slopes(watched, &slopes, steps, &mut adjoint);
        let mut currents = Vec::with_capacity(steps);
        for (block, checkpoint) in checkpoints.iter().enumerate().rev() {
            let first = block * stretch;
            let records = self.replay(checkpoint, stretch.min(steps - first))?;
            for (k, record) in records.iter().enumerate().rev() {
                currents.push(self.reverse(record, &mut adjoint, &mut gradient)?);
                self.add_slopes(watched, &slopes, first + k, &mut adjoint);
            }
        }
        currents.reverse();
        gradient.current = currents;
        gradient.weight.sort_by_key(|(number, _)| *number);
        self.restore(&start.without_recordings())?;
        self.recordings = recordings;
        Ok(gradient)
    }

    fn check_differentiable(&self, watched: &[usize]) -> Result<()> {
        watched.iter().try_for_each(|&w| self.check_place(w, None).map(|_| ()))?;
        let obstacle = [
            (self.settings.lanes != 1, "more than one lane"),
            (self.settings.kinetics == Kinetics::Single, "kinetics with 24 bits"),
            (!self.kinetic.is_empty(), "kinetic synapses"),
            (!self.graded.is_empty(), "graded synapses"),
            (!self.gaps.is_empty(), "gap junctions"),
            (!self.clamps.voltages.is_empty(), "voltage clamps"),
            (!self.connections.is_empty(), "connections within the cell"),
        ];
        match obstacle.iter().find(|(present, _)| *present) {
            Some((_, what)) => Err(Error::Description(format!("there is no gradient through {what}"))),
            None => Ok(()),
        }
    }

    fn watch(&self, watched: &[usize], trace: &mut [Vec<f64>]) {
        watched.iter().zip(trace).for_each(|(&w, values)| values.push(self.voltage_mv(w, 0)));
    }

    fn differentiable_step(&mut self) -> Result<()> {
        let h = self.settings.dt_ms;
        self.advance(h)?;
        self.steps += 1;
        self.time_ms = self.origin_ms + self.steps as f64 * h;
        Ok(())
    }

    fn empty_gradient(&self, loss: f64) -> Gradient {
        Gradient { loss, leak: vec![0.0; self.compartments()], ..Gradient::default() }
    }

    fn empty_adjoint(&self) -> Adjoint {
        Adjoint {
            v: vec![0.0; self.v.len()],
            states: self
                .domains
                .iter()
                .map(|d| d.banks.iter().map(|b| vec![0.0; b.state_names().len() * d.nodes.len()]).collect())
                .collect(),
            calcium: self.domains.iter().map(|d| std::array::from_fn(|_| vec![0.0; d.nodes.len()])).collect(),
            receptors: self.receptors.iter().map(|bank| [(); 2].map(|()| vec![0.0; bank.len()])).collect(),
        }
    }

    fn add_slopes(&self, watched: &[usize], slopes: &[Vec<f64>], step: usize, adjoint: &mut Adjoint) {
        for (&w, values) in watched.iter().zip(slopes) {
            adjoint.v[self.tree.node_of[w] as usize] += values[step];
        }
    }

    /// Runs a stretch again and keeps what its reversal needs.
    fn replay(&mut self, checkpoint: &Snapshot, steps: usize) -> Result<Vec<Record>> {
        self.restore(&checkpoint.without_recordings())?;
        let mut records = Vec::with_capacity(steps);
        for _ in 0..steps {
            let share = if self.settings.method == Method::CrankNicolson { 0.5 * self.settings.dt_ms } else { 0.0 };
            let gates_ms = self.lag_ms + share;
            let domains = self
                .domains
                .iter()
                .map(|d| DomainRecord {
                    old: d.banks.iter().map(|b| b.memory()).collect(),
                    calcium: vec![],
                    e_calcium: vec![],
                    before: [d.membrane.g_calcium.clone(), d.membrane.ge_calcium.clone(), d.v_mid.clone()],
                })
                .collect();
            let v = self.v.clone();
            // A matrix that was kept from before has no fresh factors.
            self.factored_for_ms = None;
            self.delivered = Some(vec![]);
            self.differentiable_step()?;
            let events = self.delivered.take().unwrap_or_default();
            let (_, ratios, inverse) = self.elimination.factors();
            let mut record = Record {
                v,
                solved: self.elimination.right.clone(),
                ratios: ratios.to_vec(),
                inverse: inverse.to_vec(),
                gates_ms,
                domains,
                conductances: self
                    .receptors
                    .iter()
                    .map(|bank| (0..bank.len()).map(|k| bank.g_us(k, 0)).collect())
                    .collect(),
                events,
            };
            for (own, domain) in record.domains.iter_mut().zip(&self.domains) {
                own.calcium.clone_from(&domain.membrane.calcium);
                own.e_calcium.clone_from(&domain.membrane.e_calcium);
            }
            records.push(record);
        }
        Ok(records)
    }

    /// Reverses one step; returns the sensitivity to the current into every compartment.
    fn reverse(&self, record: &Record, adjoint: &mut Adjoint, gradient: &mut Gradient) -> Result<Vec<f64>> {
        let doubled = self.settings.method == Method::CrankNicolson;
        let per_ms = if doubled { 2.0 } else { 1.0 } / self.settings.dt_ms;
        let mut m: Vec<f64> = adjoint.v.iter().map(|l| if doubled { 2.0 * l } else { *l }).collect();
        adjoint.v.iter_mut().for_each(|l| *l = if doubled { -*l } else { 0.0 });
        for (domain, calcium) in self.domains.iter().zip(&adjoint.calcium) {
            // The calcium current of the next step's pools used the middle voltage.
            domain.nodes.iter().zip(&calcium[3]).for_each(|(&node, s)| m[node as usize] += s);
        }
        crate::solver::solve_with_factors(&self.tree.parent, &record.ratios, &record.inverse, 1, &mut m);
        for d in 0..self.domains.len() {
            self.reverse_domain(d, record, &m, per_ms, adjoint, gradient)?;
        }
        self.reverse_receptors(record, &m, adjoint, gradient);
        Ok(self.tree.node_of.iter().map(|&node| m[node as usize]).collect())
    }

    fn reverse_domain(
        &self,
        d: usize,
        record: &Record,
        m: &[f64],
        per_ms: f64,
        adjoint: &mut Adjoint,
        gradient: &mut Gradient,
    ) -> Result<()> {
        let (domain, own) = (&self.domains[d], &record.domains[d]);
        for (k, &node) in domain.nodes.iter().enumerate() {
            let node = node as usize;
            let compartment = domain.compartments[k];
            let to_g = -m[node] * record.solved[node];
            let mut to_v = domain.capacitance[k] * per_ms * m[node];
            gradient.leak[compartment] += to_g;
            let [mut to_calcium, to_g_calcium, to_ge_calcium, _] = [0, 1, 2, 3].map(|j| adjoint.calcium[d][j][k]);
            let mut to_e_calcium = 0.0;
            for (b, bank) in domain.banks.iter().enumerate() {
                let old: Vec<f64> = own.old[b].iter().map(|s| s[k]).collect();
                let slots = &mut adjoint.states[d][b];
                let count = old.len();
                let carries = bank.carries_calcium();
                let current = (
                    to_g + if carries { to_g_calcium } else { 0.0 },
                    m[node] + if carries { to_ge_calcium } else { 0.0 },
                );
                let place =
                    gradient.parameters.iter().position(|(c, name, _)| *c == compartment && name == bank.name());
                let place = place.unwrap_or_else(|| {
                    gradient.parameters.push((compartment, bank.name().to_owned(), vec![0.0; bank.parameter_count()]));
                    gradient.parameters.len() - 1
                });
                let pulled = bank.pull_back(
                    StepRecord {
                        index: k,
                        v: record.v[node],
                        calcium: own.calcium[k],
                        e_calcium: own.e_calcium[k],
                        dt_ms: record.gates_ms,
                        old: &old,
                        current,
                    },
                    &mut slots[k * count..(k + 1) * count],
                    &mut gradient.parameters[place].2,
                )?;
                to_v += pulled.v;
                to_calcium += pulled.calcium;
                to_e_calcium += pulled.e_calcium;
            }
            adjoint.v[node] += to_v;
            if let Some(pools) = &domain.pools {
                if pools.nernst_mv > 0.0 {
                    to_calcium -= to_e_calcium * pools.nernst_mv / own.calcium[k];
                }
                let kept = (-record.gates_ms / pools.decay_ms[k]).exp();
                let [g, ge, v_mid] = [0, 1, 2].map(|j| own.before[j][k]);
                let inward = ge - g * v_mid;
                let open = if pools.inward_only && inward < 0.0 { 0.0 } else { 1.0 };
                let to_inward = to_calcium * (1.0 - kept) * pools.gain[k] * pools.decay_ms[k] * open;
                let back = [to_calcium * kept, -v_mid * to_inward, to_inward, -g * to_inward];
                back.iter().zip(&mut adjoint.calcium[d]).for_each(|(value, slot)| slot[k] = *value);
            }
        }
        Ok(())
    }

    fn reverse_receptors(&self, record: &Record, m: &[f64], adjoint: &mut Adjoint, gradient: &mut Gradient) {
        for (which, bank) in self.receptors.iter().enumerate() {
            for k in 0..bank.len() {
                let node = bank.node(k);
                let to_diagonal = -m[node] * record.solved[node];
                let g = record.conductances[which][k];
                let (to_g, to_v) = bank.pull_back(g, record.v[node], to_diagonal, m[node]);
                adjoint.v[node] += to_v;
                let (out_a, out_b) = bank.outputs_us(k);
                adjoint.receptors[which][0][k] += out_a * to_g;
                adjoint.receptors[which][1][k] += out_b * to_g;
            }
        }
        for (event, before_ms) in &record.events {
            let mut slope = 0.0;
            for &(which, k) in &self.synapses[event.synapse as usize].receptors {
                let (a, b) = self.receptors[which].kick(*before_ms);
                let [to_a, to_b] = &adjoint.receptors[which];
                slope += a * to_a[k] + b * to_b[k];
            }
            gradient.weight.push((event.number, slope));
        }
        for (which, bank) in self.receptors.iter().enumerate() {
            let (aa, ab, bb) = bank.propagator(record.gates_ms);
            let [to_a, to_b] = &mut adjoint.receptors[which];
            for k in 0..to_a.len() {
                to_b[k] = ab * to_a[k] + bb * to_b[k];
                to_a[k] *= aa;
            }
        }
    }
}
