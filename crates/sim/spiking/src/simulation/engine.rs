//! The shards of a network and the threads that move them, in one precision.

use std::sync::{Mutex, PoisonError};

use rheobase_core::{Seed, parallel};

use super::crew::{Crew, Round};
use super::shard::{Shard, Synapses};
use super::snapshot::Snapshot;
use crate::network::{NetworkDescription, Precision, Weights};
use crate::{Error, Float, Result};

/// What a simulation asks of its shards, whatever their precision.
pub(super) trait Engine: Send + Sync {
    /// Runs steps `first..first + steps`; spikes are kept or only counted.
    fn run_steps(&mut self, first: u64, steps: u64, keep_spikes: bool);
    /// Stored synapses and their bytes.
    fn synapses(&self) -> (usize, usize);
    /// Events delivered so far.
    fn delivered(&self) -> u64;
    /// Spikes of a population so far, kept or not.
    fn spiked(&self, population: usize) -> u64;
    /// Steps and neurons of the spikes of a population, shard by shard.
    fn spikes(&self, population: usize) -> Vec<&[(u64, u32)]>;
    fn forget_spikes(&mut self);
    /// Present values of a population: the voltage, a slow variable or a receptor's state.
    fn values(&self, population: usize, what: Quantity) -> Vec<f64>;
    /// Stored synapses of a projection: source, target, weight, ordered by target and source.
    fn synapses_of(&self, projection: usize, step: u64) -> Vec<(u32, u32, f32)>;
    /// Lets relays of a population spike at the end of a step; earlier ones are forgotten.
    fn fire(&mut self, population: usize, step: u64, neurons: &[u32]);
    /// Sets the rates of point processes.
    fn set_rates(&mut self, population: usize, rates_hz: &[f64]) -> Result<()>;
    /// Gives a reward to a projection's eligible synapses.
    fn reward(&mut self, projection: usize, size: f64, step: u64);
    /// Refuses voltages that are not finite.
    fn require_finite(&self, network: &NetworkDescription, time_ms: f64) -> Result<()>;
    /// Takes the whole state.
    fn snapshot(&self, network: &NetworkDescription, steps: u64) -> Snapshot;
    /// Sets the whole state.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<()>;
}

/// Something that can be read from a neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Voltage,
    Slow(usize),
    Receptor(usize),
}

/// The shards, and the threads that move them if there are several.
pub(super) struct Shards<F> {
    shards: Vec<Shard<F>>,
    crew: Option<Mutex<Crew<F>>>,
}

/// Builds a network's shards, each on its thread.
pub(super) fn build(network: &NetworkDescription, seed: &Seed, threads: usize) -> Result<Box<dyn Engine>> {
    Ok(match network.precision {
        Precision::Single => Box::new(Shards::<f32>::build(network, seed, threads)?),
        Precision::Double => Box::new(Shards::<f64>::build(network, seed, threads)?),
    })
}

impl<F: Float> Shards<F> {
    fn build(network: &NetworkDescription, seed: &Seed, threads: usize) -> Result<Self> {
        let build = |index: usize| Shard::build(network, seed, index, threads);
        let mut shards = parallel::try_map(threads, threads, build)?;
        // Every shard keeps events for as many steps as the longest delay of all.
        let longest = shards.iter().map(Shard::longest_delay).max().unwrap_or(1);
        shards.iter_mut().for_each(|s| s.make_room(longest));
        // Their plastic synapses have the delays of all in view.
        for k in 0..network.projections.len() {
            let delays = shards.iter().filter_map(|s| s.delays_of(k)).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
            shards.iter_mut().for_each(|s| s.make_room_for_plasticity(k, delays.unwrap_or([1, 1])));
        }
        let crew = (threads > 1).then(|| Mutex::new(Crew::new(&shards)));
        Ok(Self { shards, crew })
    }
}

impl<F: Float> Engine for Shards<F> {
    fn run_steps(&mut self, first: u64, steps: u64, keep_spikes: bool) {
        if let Some(crew) = &mut self.crew {
            let crew = crew.get_mut().unwrap_or_else(PoisonError::into_inner);
            return crew.run(&mut self.shards, Round { first, steps, keep_spikes });
        }
        for shard in &mut self.shards {
            for step in first..first + steps {
                let mail = shard.advance(step, keep_spikes);
                shard.deliver(step, 0, std::iter::once(&mail));
                shard.keep(mail);
            }
        }
    }

    fn synapses(&self) -> (usize, usize) {
        self.shards.iter().map(Shard::synapses).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    }

    fn delivered(&self) -> u64 {
        self.shards.iter().map(|s| s.delivered).sum()
    }

    fn spiked(&self, population: usize) -> u64 {
        self.shards.iter().map(|s| s.spiked[population]).sum()
    }

    fn spikes(&self, population: usize) -> Vec<&[(u64, u32)]> {
        self.shards.iter().map(|s| &s.spikes[population][..]).collect()
    }

    fn forget_spikes(&mut self) {
        self.shards.iter_mut().flat_map(|s| &mut s.spikes).for_each(Vec::clear);
    }

    fn values(&self, population: usize, what: Quantity) -> Vec<f64> {
        let mut all = Vec::new();
        for part in self.shards.iter().map(|s| &s.parts[population]) {
            let values = match what {
                Quantity::Voltage => &part.v,
                Quantity::Slow(k) => &part.slow[k],
                Quantity::Receptor(k) => &part.receptors[k].x,
            };
            all.extend(values.iter().take(part.len).map(|v| v.value()));
        }
        all
    }

    fn synapses_of(&self, projection: usize, step: u64) -> Vec<(u32, u32, f32)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let incoming = &shard.incoming[projection];
            let Synapses::Stored(rows) = &incoming.synapses else { continue };
            let first = shard.parts[incoming.to].first as u32;
            for source in 0..rows.offsets.len() - 1 {
                for i in rows.row(source) {
                    let weight = match &rows.weights {
                        Weights::One(w) => *w,
                        Weights::Each(w) => incoming.plastic.as_ref().map_or(w[i], |p| p.weight_at(i, w[i], step)),
                    };
                    all.push((source as u32, first + rows.targets.get(i) as u32, weight));
                }
            }
        }
        // Shards come one after the other; synapses of a pair keep their order.
        all.sort_by_key(|(source, target, _)| (*target, *source));
        all
    }

    fn fire(&mut self, population: usize, step: u64, neurons: &[u32]) {
        for part in self.shards.iter_mut().map(|s| &mut s.parts[population]) {
            let own = part.first..part.first + part.len;
            part.given.clear();
            part.given.extend(neurons.iter().filter(|n| own.contains(&(**n as usize))).map(|n| (step, *n)));
        }
    }

    fn set_rates(&mut self, population: usize, rates_hz: &[f64]) -> Result<()> {
        for part in self.shards.iter_mut().map(|s| &mut s.parts[population]) {
            let (first, len) = (part.first, part.len);
            let Some(processes) = &mut part.processes else {
                return Err(Error::Description("only populations of point processes (renewal) have rates".into()));
            };
            processes.rates_hz.copy_from_slice(&rates_hz[first..first + len]);
        }
        Ok(())
    }

    fn reward(&mut self, projection: usize, size: f64, step: u64) {
        for incoming in self.shards.iter_mut().map(|s| &mut s.incoming[projection]) {
            if let (Some(plastic), Synapses::Stored(rows)) = (&mut incoming.plastic, &mut incoming.synapses) {
                plastic.give(rows, size, step);
            }
        }
    }

    fn require_finite(&self, network: &NetworkDescription, time_ms: f64) -> Result<()> {
        self.shards.iter().try_for_each(|s| s.require_finite(network, time_ms))
    }

    fn snapshot(&self, network: &NetworkDescription, steps: u64) -> Snapshot {
        Snapshot::of(&self.shards, network, steps)
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        snapshot.restore(&mut self.shards)
    }
}
