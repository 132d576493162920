//! The whole state of a simulation, spikes under way included, to be resumed exactly.

use serde::{Deserialize, Serialize};

use super::Simulation;
use super::events::Queue;
use crate::synapse::{ReceptorBank, ShortTermPlasticity};
use crate::{Error, Result};

/// State of a [`Simulation`] that was built the same way; what it consists of is not part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    clock: (u64, f64, f64, f64),
    v: Vec<f64>,
    domains: Vec<DomainState>,
    receptors: Vec<Vec<f64>>,
    graded: Vec<Vec<f64>>,
    queue: Vec<super::events::Event>,
    sent: u64,
    spikes_ms: Vec<Vec<Vec<f64>>>,
    plasticity: Vec<Option<Vec<ShortTermPlasticity>>>,
    recordings: Vec<Vec<f64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DomainState {
    banks: Vec<Vec<Vec<f64>>>,
    calcium: [Vec<f64>; 4],
    v_mid: Vec<f64>,
}

impl Simulation {
    /// Takes the state.
    pub fn snapshot(&self) -> Snapshot {
        let mut queue = self.queue.heap.clone().into_sorted_vec();
        queue.reverse();
        Snapshot {
            clock: (self.steps, self.origin_ms, self.time_ms, self.lag_ms),
            v: self.v.clone(),
            domains: self
                .domains
                .iter()
                .map(|d| DomainState {
                    banks: d.banks.iter().map(|b| b.memory()).collect(),
                    calcium: [
                        &d.membrane.calcium,
                        &d.membrane.e_calcium,
                        &d.membrane.g_calcium,
                        &d.membrane.ge_calcium,
                    ]
                    .map(Clone::clone),
                    v_mid: d.v_mid.clone(),
                })
                .collect(),
            receptors: self.receptor_states(),
            graded: self.graded.iter().map(|g| g.state.clone()).collect(),
            queue,
            sent: self.queue.sent,
            spikes_ms: self.detectors.iter().map(|d| d.spikes_ms.clone()).collect(),
            plasticity: self.connections.iter().map(|c| c.plasticity.clone()).collect(),
            recordings: self.recordings.iter().map(|r| r.values.clone()).collect(),
        }
    }

    fn receptor_states(&self) -> Vec<Vec<f64>> {
        self.receptors.iter().flat_map(ReceptorBank::states).chain(self.kinetic.states.clone()).collect()
    }

    /// Returns to a state.
    ///
    /// # Errors
    /// If the snapshot is of a simulation with other mechanisms, synapses, detectors or recordings; this one then stays
    /// as it was.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        let own = self.snapshot();
        let misfit = |what: &str, found: usize, expected: usize| {
            Err(Error::Snapshot(format!("it has {found} {what}, this simulation {expected}")))
        };
        if snapshot.v.len() != own.v.len() {
            return misfit("voltages", snapshot.v.len(), own.v.len());
        }
        let shape = |s: &Snapshot| {
            let banks: Vec<Vec<usize>> =
                s.domains.iter().map(|d| d.banks.iter().flatten().map(Vec::len).collect()).collect();
            (banks, s.receptors.iter().map(Vec::len).collect::<Vec<_>>(), s.graded.len())
        };
        if shape(snapshot) != shape(&own) {
            return Err(Error::Snapshot("its mechanisms or synapses are not those of this simulation".into()));
        }
        if snapshot.spikes_ms.len() != own.spikes_ms.len() {
            return misfit("detectors", snapshot.spikes_ms.len(), own.spikes_ms.len());
        }
        if snapshot.plasticity.len() != own.plasticity.len() {
            return misfit("connections", snapshot.plasticity.len(), own.plasticity.len());
        }
        if snapshot.recordings.len() != own.recordings.len() {
            return misfit("recordings", snapshot.recordings.len(), own.recordings.len());
        }
        (self.steps, self.origin_ms, self.time_ms, self.lag_ms) = snapshot.clock;
        self.factored_for_ms = None;
        self.v.clone_from(&snapshot.v);
        for (domain, state) in self.domains.iter_mut().zip(&snapshot.domains) {
            for (bank, states) in domain.banks.iter_mut().zip(&state.banks) {
                bank.remember(states);
            }
            let m = &mut domain.membrane;
            let own = [&mut m.calcium, &mut m.e_calcium, &mut m.g_calcium, &mut m.ge_calcium];
            own.into_iter().zip(&state.calcium).for_each(|(own, saved)| own.clone_from(saved));
            domain.v_mid.clone_from(&state.v_mid);
        }
        let (linear, kinetic) = snapshot.receptors.split_at(3 * self.receptors.len());
        self.receptors.iter_mut().zip(linear.chunks_exact(3)).for_each(|(own, saved)| own.set_states(saved));
        self.kinetic.states.iter_mut().zip(kinetic).for_each(|(own, saved)| own.clone_from(saved));
        self.graded.iter_mut().zip(&snapshot.graded).for_each(|(g, saved)| g.state.clone_from(saved));
        self.queue = Queue { heap: snapshot.queue.iter().copied().collect(), sent: snapshot.sent };
        self.detectors.iter_mut().zip(&snapshot.spikes_ms).for_each(|(d, saved)| d.spikes_ms.clone_from(saved));
        self.connections.iter_mut().zip(&snapshot.plasticity).for_each(|(c, saved)| c.plasticity.clone_from(saved));
        self.recordings.iter_mut().zip(&snapshot.recordings).for_each(|(r, saved)| r.values.clone_from(saved));
        Ok(())
    }
}

impl Snapshot {
    /// The same without what was recorded.
    pub(super) fn without_recordings(&self) -> Self {
        Self { recordings: vec![], ..self.clone() }
    }

    /// Puts the present recordings of a simulation in place of its own.
    pub(super) fn take_recordings_of(&mut self, simulation: &Simulation) {
        self.recordings = simulation.recordings.iter().map(|r| r.values.clone()).collect();
    }
}
