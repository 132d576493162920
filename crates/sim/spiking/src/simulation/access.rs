//! What can be read from a network between steps, and what it can be told.

use rheobase_core::SpikeTrains;

use super::Simulation;
use super::engine::Quantity;
use crate::error::require_range;
use crate::network::NetworkDescription;
use crate::neuron::Neuron;
use crate::{Error, Result};

impl Simulation {
    /// Spikes of a population so far, in s.
    ///
    /// # Errors
    /// If there is no such population.
    pub fn spike_trains(&self, population: &str) -> Result<SpikeTrains> {
        let (index, described) = self.network.population(population)?;
        let mut units = vec![Vec::new(); described.size];
        for &(step, neuron) in self.engine.spikes(index).into_iter().flatten() {
            units[neuron as usize].push((step + 1) as f64 * self.network.dt_ms * 1e-3);
        }
        SpikeTrains::from_units(units, (0.0, self.time_ms() * 1e-3)).map_err(|e| Error::Description(e.to_string()))
    }

    /// Steps and neurons of the spikes of a population from a step on, in the order of steps and then of neurons.
    ///
    /// # Errors
    /// If there is no such population, or spikes are not kept.
    pub fn spikes_since(&self, population: &str, step: u64) -> Result<Vec<(u64, u32)>> {
        let (index, _) = self.network.population(population)?;
        if !self.keep_spikes {
            let problem = format!("spikes of population {population} are asked for, but none are kept");
            return Err(Error::Description(problem));
        }
        let mut all = Vec::new();
        for shard in self.engine.spikes(index) {
            all.extend_from_slice(&shard[shard.partition_point(|(s, _)| *s < step)..]);
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Forgets all spikes so far, so that a long run with looks between needs no more memory than its pieces.
    pub fn forget_spikes(&mut self) {
        self.engine.forget_spikes();
    }

    /// Lets neurons of a population of relays spike at the end of a step to come; what they were told before is forgotten.
    ///
    /// # Errors
    /// If there is no such population, its neurons are no relays, there is no such neuron, or the step is over.
    pub fn fire(&mut self, population: &str, step: u64, neurons: &[u32]) -> Result<()> {
        let (index, described) = self.network.population(population)?;
        if !matches!(described.neuron, Neuron::Relay(_)) {
            let problem = format!("neurons of population {population} spike by themselves: only relays are told to");
            return Err(Error::Description(problem));
        }
        if let Some(stranger) = neurons.iter().find(|n| **n as usize >= described.size) {
            let size = described.size;
            return Err(Error::Description(format!("neuron {stranger} of population {population}, which has {size}")));
        }
        if step < self.steps {
            return Err(Error::Description(format!("step {step} of population {population} is over")));
        }
        self.engine.fire(index, step, neurons);
        Ok(())
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What it was built of.
    pub fn network(&self) -> &NetworkDescription {
        &self.network
    }

    /// Spikes of each neuron from a time in ms on.
    ///
    /// # Errors
    /// If there is no such population.
    pub fn spike_counts(&self, population: &str, from_ms: f64) -> Result<Vec<u32>> {
        let (index, described) = self.network.population(population)?;
        let from = (from_ms / self.network.dt_ms).round() as u64;
        let mut counts = vec![0; described.size];
        for shard in self.engine.spikes(index) {
            // Spikes of a shard are in the order of time.
            let begin = shard.partition_point(|(step, _)| *step < from);
            shard[begin..].iter().for_each(|(_, neuron)| counts[*neuron as usize] += 1);
        }
        Ok(counts)
    }

    /// Present voltages of a population in mV.
    ///
    /// # Errors
    /// If there is no such population.
    pub fn voltages_mv(&self, population: &str) -> Result<Vec<f64>> {
        let (index, _) = self.network.population(population)?;
        Ok(self.engine.values(index, Quantity::Voltage))
    }

    /// Stored synapses of a projection, by its number: source, target and present weight, ordered by target and source.
    pub fn synapses_of(&self, projection: usize) -> Vec<(u32, u32, f32)> {
        if projection < self.network.projections.len() {
            self.engine.synapses_of(projection, self.steps)
        } else {
            vec![]
        }
    }

    /// Sets the rates in Hz of the neurons of a population of point processes.
    ///
    /// # Errors
    /// If there is no such population, it is none of point processes, or the number of rates is not its size.
    pub fn set_rates(&mut self, population: &str, rates_hz: &[f64]) -> Result<()> {
        let (index, described) = self.network.population(population)?;
        if rates_hz.len() != described.size {
            let problem = format!("{} rates for {} neurons of population {population}", rates_hz.len(), described.size);
            return Err(Error::Description(problem));
        }
        let most = 1000.0 / self.network.dt_ms;
        rates_hz
            .iter()
            .try_for_each(|r| require_range(format!("a rate of {population}"), *r, 0.0, most).map(|_| ()))?;
        self.engine.set_rates(index, rates_hz)
    }

    /// Gives a reward now to a projection with eligibility, by its number.
    pub fn reward(&mut self, projection: usize, size: f64) {
        if projection < self.network.projections.len() {
            self.engine.reward(projection, size, self.steps);
        }
    }
}
