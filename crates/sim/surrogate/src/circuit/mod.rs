//! Copies of a cell, or of the surrogate that imitates it, inside a network of point neurons.
//!
//! The network keeps a population of relays in their place. At every full millisecond t the copies get the spikes that arrive in [t, t + 1)
//! and go on to t + 1; what spikes in between leaves at t + 1. As delays are at least a millisecond, every spike that can arrive by t + 1 is
//! known at t, and nothing is approximated but the time of a spike within its millisecond.

mod wiring;

pub use wiring::{SynapseKind, SynapseSource};

use std::collections::VecDeque;

use rheobase_core::Seed;
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::neuron::Neuron;
use rheobase_spiking::{Companion, Simulation};
use serde::{Deserialize, Serialize};

use crate::copies::{Copies, read, written};
use crate::{Error, Result};
use wiring::{Target, wire};

/// Copies in the place of one population.
struct Embedded<'a> {
    population: String,
    copies: Box<dyn Copies + 'a>,
    sources: Vec<String>,
    /// Targets of each neuron, source by source.
    targets: Vec<Vec<Vec<Target>>>,
    /// Copies whose voltages are kept.
    shown: usize,
    state: EmbeddedState,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct EmbeddedState {
    /// Inputs that will be active, for each millisecond from now on and each copy.
    arriving: VecDeque<Vec<Vec<u32>>>,
    /// Voltages of the first copies in mV, at the end of every millisecond.
    voltage_mv: Vec<Vec<f32>>,
    /// Input spikes so far.
    received: u64,
}

/// Everything that a network does not compute itself.
pub struct Circuit<'a> {
    populations: Vec<Embedded<'a>>,
    threads: usize,
}

impl<'a> Circuit<'a> {
    /// Nothing yet, to go on with so many threads; they change no byte.
    pub fn new(threads: usize) -> Self {
        Self { populations: vec![], threads }
    }

    /// Puts copies into the place of a population of relays; `names` are those of the neuron's inputs, and the voltages of the first
    /// `shown` are kept.
    ///
    /// # Errors
    /// If the population is not there or not of relays, a source cannot be, or steps do not divide a millisecond.
    pub fn place(
        &mut self,
        network: &NetworkDescription,
        population: &str,
        (mut copies, names, shown): (Box<dyn Copies + 'a>, &[String], usize),
        sources: &[SynapseSource],
        seed: &Seed,
    ) -> Result<()> {
        let (_, described) = network.population(population)?;
        if !matches!(described.neuron, Neuron::Relay(_)) {
            return Err(Error::Description(format!(
                "population {population} has neurons of its own: cells go into one with neuron = {{ kind = \"relay\" }}"
            )));
        }
        sources.iter().try_for_each(|s| s.check(network))?;
        let targets = wire(sources, network, population, names, &seed.child("wiring").child(population))?;
        copies.set_threads(self.threads);
        self.populations.push(Embedded {
            shown,
            population: population.into(),
            copies,
            sources: sources.iter().map(|s| s.from.clone()).collect(),
            targets,
            state: EmbeddedState::default(),
        });
        Ok(())
    }

    /// Voltages in mV of the first copies of each population at the end of every millisecond: (name, milliseconds).
    pub fn voltages_mv(&self) -> impl Iterator<Item = (&str, &[Vec<f32>])> {
        self.populations.iter().map(|p| (&p.population[..], &p.state.voltage_mv[..]))
    }

    /// Spikes that reached each population's synapses.
    pub fn received(&self) -> impl Iterator<Item = (&str, u64)> {
        self.populations.iter().map(|p| (&p.population[..], p.state.received))
    }

    /// The state as bytes, to be kept together with the network's.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self) -> Result<Vec<u8>> {
        let each = self.populations.iter().map(|p| Ok((&p.state, p.copies.keep()?)));
        written(&each.collect::<Result<Vec<_>>>()?)
    }

    /// Returns to a state.
    ///
    /// # Errors
    /// If it is another circuit's.
    pub fn restore(&mut self, kept: &[u8]) -> Result<()> {
        let states: Vec<(EmbeddedState, Vec<u8>)> = read(kept)?;
        if states.len() != self.populations.len() {
            let (found, own) = (states.len(), self.populations.len());
            return Err(Error::Data(format!("a state of {found} populations of cells for {own}")));
        }
        for (population, (state, copies)) in self.populations.iter_mut().zip(states) {
            population.copies.restore(&copies)?;
            population.state = state;
        }
        Ok(())
    }

    /// One act: what arrived, a millisecond of every copy, and the spikes that leave.
    fn go_on(&mut self, simulation: &mut Simulation) -> Result<()> {
        let every = simulation.network().steps_in(1.0)?;
        let now = simulation.steps();
        for population in &mut self.populations {
            population.gather(simulation, now, every)?;
        }
        for population in &mut self.populations {
            let active = population.state.arriving.pop_front().unwrap_or_default();
            let done = population.copies.advance(&active)?;
            population.state.received += active.iter().map(Vec::len).sum::<usize>() as u64;
            population.state.voltage_mv.push(done.voltage_mv[..done.voltage_mv.len().min(population.shown)].to_vec());
            simulation.fire(&population.population, now + every - 1, &done.spiked)?;
        }
        Ok(())
    }
}

impl Embedded<'_> {
    /// Adds the spikes of the last millisecond to what will arrive.
    fn gather(&mut self, simulation: &Simulation, now: u64, every: u64) -> Result<()> {
        let (_, described) = simulation.network().population(&self.population)?;
        let silent = || vec![Vec::new(); described.size];
        if self.state.arriving.is_empty() {
            self.state.arriving.push_back(silent());
        }
        let since = now.saturating_sub(every);
        for (source, targets) in self.sources.iter().zip(&self.targets) {
            for (step, neuron) in simulation.spikes_since(source, since)? {
                for target in &targets[neuron as usize] {
                    let ahead = ((step + 1 + u64::from(target.delay) - now) / every) as usize;
                    while self.state.arriving.len() <= ahead {
                        self.state.arriving.push_back(silent());
                    }
                    self.state.arriving[ahead][target.copy as usize].push(target.input);
                }
            }
        }
        Ok(())
    }
}

impl Companion for Circuit<'_> {
    fn every_ms(&self) -> Option<f64> {
        (!self.populations.is_empty()).then_some(1.0)
    }

    fn act(&mut self, simulation: &mut Simulation) -> rheobase_spiking::Result<()> {
        self.go_on(simulation).map_err(|error| match error {
            Error::Spiking(error) => error,
            other => rheobase_spiking::Error::Description(other.to_string()),
        })
    }
}
