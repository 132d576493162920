//! The whole state of a network, events under way included, in the order of neurons and not of threads.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::plastic::Columns;
use super::recorder::KeptRecording;
use super::shard::{Shard, Synapses};
use crate::network::{NetworkDescription, Resources, Synapse};
use crate::neuron::ProcessState;
use crate::plasticity::CalciumState;
use crate::{Error, Float, Result};

/// State of a network that was built from the same description and seed; any number of threads may go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub(super) steps: u64,
    pub(super) last_spike_step: u64,
    pub(super) recordings: Vec<KeptRecording>,
    delivered: u64,
    populations: Vec<PopulationState>,
    projections: Vec<ProjectionState>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct PopulationState {
    /// Voltage, slow variables, then states of receptors.
    values: Vec<Vec<f64>>,
    /// Steps that neurons stay refractory.
    timers: Vec<u32>,
    /// Events under way by receptor and slot.
    arriving: Vec<Vec<Vec<f64>>>,
    processes: Vec<ProcessState>,
    spikes: Vec<(u64, u32)>,
    spiked: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct ProjectionState {
    resources: Vec<Resources>,
    plastic: Option<PlasticState>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct PlasticState {
    queue: VecDeque<Vec<u32>>,
    pre: VecDeque<[Vec<f64>; 2]>,
    post: [Vec<f64>; 2],
    counts: Vec<u32>,
    /// By target.
    synapses: Vec<Synapse>,
    eligibility: Vec<(f64, u64)>,
    level: (f64, u64),
    calcium: Vec<CalciumState>,
}

impl Snapshot {
    pub(super) fn of<F: Float>(shards: &[Shard<F>], network: &NetworkDescription, steps: u64) -> Self {
        Self {
            steps,
            last_spike_step: 0,
            recordings: vec![],
            delivered: shards.iter().map(|s| s.delivered).sum(),
            populations: (0..network.populations.len()).map(|k| PopulationState::of(shards, k)).collect(),
            projections: (0..network.projections.len()).map(|k| ProjectionState::of(shards, k)).collect(),
        }
    }

    pub(super) fn restore<F: Float>(&self, shards: &mut [Shard<F>]) -> Result<()> {
        for (number, shard) in shards.iter_mut().enumerate() {
            shard.delivered = if number == 0 { self.delivered } else { 0 };
            if (shard.parts.len(), shard.incoming.len()) != (self.populations.len(), self.projections.len()) {
                return Err(Error::Description("the snapshot is of a network with other populations".into()));
            }
            for (k, state) in self.populations.iter().enumerate() {
                state.restore(shard, k)?;
                shard.spiked[k] = if number == 0 { state.spiked } else { 0 };
            }
            for (k, state) in self.projections.iter().enumerate() {
                state.restore(shard, k, self.steps);
            }
        }
        Ok(())
    }
}

impl PopulationState {
    fn of<F: Float>(shards: &[Shard<F>], k: usize) -> Self {
        let mut state = Self::default();
        for part in shards.iter().map(|s| &s.parts[k]) {
            let mut row = 0;
            let mut add = |values: &[F]| {
                if state.values.len() == row {
                    state.values.push(vec![]);
                }
                state.values[row].extend(values.iter().take(part.len).map(|v| v.value()));
                row += 1;
            };
            add(&part.v);
            part.slow.iter().for_each(|s| add(s));
            part.receptors.iter().for_each(|r| {
                add(&r.x);
                add(&r.y);
            });
            state.timers.extend(&part.timer[..part.len]);
            state.arriving.resize(part.buffers.len(), vec![vec![]; part.slots]);
            for (all, buffer) in state.arriving.iter_mut().zip(&part.buffers) {
                let padded = part.v.len();
                for (slot, all) in all.iter_mut().enumerate() {
                    all.extend(buffer[slot * padded..slot * padded + part.len].iter().map(|v| v.value()));
                }
            }
            state.processes.extend(part.processes.iter().flat_map(|p| &p.state));
        }
        shards.iter().for_each(|s| state.spikes.extend(&s.spikes[k]));
        state.spiked = shards.iter().map(|s| s.spiked[k]).sum();
        state.spikes.sort_unstable();
        state
    }

    fn restore<F: Float>(&self, shard: &mut Shard<F>, k: usize) -> Result<()> {
        let part = &mut shard.parts[k];
        let range = part.first..part.first + part.len;
        let mut rows = self.values.iter();
        let mut failed = false;
        let mut take = |values: &mut [F]| {
            let Some(row) = rows.next() else { return failed = true };
            if !values.is_empty() && row.len() < range.end {
                return failed = true;
            }
            if !values.is_empty() {
                values.iter_mut().zip(&row[range.clone()]).for_each(|(v, x)| *v = F::of(*x));
            }
        };
        take(&mut part.v);
        part.slow.iter_mut().for_each(|s| take(s));
        part.receptors.iter_mut().for_each(|r| {
            take(&mut r.x);
            take(&mut r.y);
        });
        let slots = self.arriving.iter().map(Vec::len);
        failed |= !slots.eq(part.buffers.iter().map(|_| part.slots)) || self.timers.len() < range.end;
        if failed {
            return Err(Error::Description("the snapshot is of a network of another size".into()));
        }
        part.timer[..part.len].copy_from_slice(&self.timers[range.clone()]);
        let padded = part.v.len();
        for (all, buffer) in self.arriving.iter().zip(&mut part.buffers) {
            for (slot, all) in all.iter().enumerate() {
                let buffer = &mut buffer[slot * padded..slot * padded + part.len];
                buffer.iter_mut().zip(&all[range.clone()]).for_each(|(v, x)| *v = F::of(*x));
            }
        }
        if let Some(processes) = &mut part.processes {
            processes.state.copy_from_slice(&self.processes[range.clone()]);
        }
        shard.spikes[k] = self.spikes.iter().copied().filter(|(_, n)| range.contains(&(*n as usize))).collect();
        Ok(())
    }
}

impl ProjectionState {
    fn of<F: Float>(shards: &[Shard<F>], k: usize) -> Self {
        let mut state = Self { resources: shards[0].incoming[k].resources.clone(), plastic: None };
        for incoming in shards.iter().map(|s| &s.incoming[k]) {
            let (Some(plastic), Synapses::Stored(rows)) = (&incoming.plastic, &incoming.synapses) else { continue };
            let all = state.plastic.get_or_insert_with(PlasticState::default);
            // Every shard keeps the same traces of sources.
            all.queue.clone_from(&plastic.queue);
            all.pre.clone_from(&plastic.pre);
            all.post.iter_mut().zip(&plastic.post).for_each(|(all, own)| all.extend(own));
            all.counts.extend(&plastic.counts);
            all.level = plastic.level;
            all.synapses.extend(plastic.synapses_by_target(rows));
            let order = || plastic.columns.synapses.iter().map(|s| *s as usize);
            all.eligibility.extend(order().filter_map(|s| plastic.eligibility.get(s)));
            all.calcium.extend(order().filter_map(|s| plastic.calcium.get(s)));
        }
        state
    }

    fn restore<F: Float>(&self, shard: &mut Shard<F>, k: usize, steps: u64) {
        let incoming = &mut shard.incoming[k];
        incoming.resources.clone_from(&self.resources);
        let part = &shard.parts[incoming.to];
        let range = part.first..part.first + part.len;
        let (Some(plastic), Synapses::Stored(rows), Some(state)) =
            (&mut incoming.plastic, &mut incoming.synapses, &self.plastic)
        else {
            return;
        };
        plastic.queue.clone_from(&state.queue);
        plastic.level = state.level;
        plastic.pre.clone_from(&state.pre);
        plastic.post = std::array::from_fn(|i| state.post[i][range.clone()].to_vec());
        plastic.counts = state.counts[range.clone()].to_vec();
        let own: Vec<usize> =
            (0..state.synapses.len()).filter(|i| range.contains(&(state.synapses[*i].target as usize))).collect();
        let mut synapses: Vec<Synapse> = own.iter().map(|i| state.synapses[*i]).collect();
        synapses.iter_mut().for_each(|s| s.target -= range.start as u32);
        rows.refill(synapses);
        plastic.columns = Columns::new(rows, range.len(), plastic.shortest_delay());
        plastic.send_again(rows, steps);
        for (place, i) in plastic.columns.synapses.iter().zip(own) {
            if let Some(trace) = state.eligibility.get(i) {
                plastic.eligibility[*place as usize] = *trace;
            }
            if let Some(calcium) = state.calcium.get(i) {
                plastic.calcium[*place as usize] = *calcium;
            }
        }
    }
}
