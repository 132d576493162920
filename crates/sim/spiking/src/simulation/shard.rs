//! The neurons of one thread, with everything that comes to them.

use rheobase_core::Seed;

use super::Mail;
use super::population::Part;
use crate::network::{NetworkDescription, Rows, Shared, Targets};
use crate::{Error, Result};

/// A projection onto this shard.
struct Incoming {
    from: usize,
    to: usize,
    receptor: usize,
    rows: Rows,
}

/// The neurons of one thread.
pub(super) struct Shard {
    parts: Vec<Part>,
    incoming: Vec<Incoming>,
    /// Step and number of every spike, population by population.
    spikes: Vec<Vec<(u64, u32)>>,
    spare: Mail,
    pub delivered: u64,
}

/// The neurons of shard `index` of `shards`, in whole blocks so that random numbers stay those of the neuron.
pub(super) fn range_of(size: usize, index: usize, shards: usize) -> std::ops::Range<usize> {
    const BLOCK: usize = crate::random::BLOCK;
    let blocks = size.div_ceil(BLOCK);
    let cut = |i: usize| (blocks * i / shards * BLOCK).min(size);
    cut(index)..cut(index + 1)
}

impl Shard {
    pub fn build(network: &NetworkDescription, seed: &Seed, index: usize, shards: usize) -> Result<Self> {
        let mut parts = Vec::new();
        for (number, (name, population)) in network.populations.iter().enumerate() {
            let range = range_of(population.size, index, shards);
            parts.push(Part::new(network, number, population, range, &seed.child("population").child(name)));
        }
        let mut incoming = Vec::new();
        for (number, projection) in network.projections.iter().enumerate() {
            let (from, _) = network.population(&projection.from)?;
            let (to, target) = network.population(&projection.to)?;
            let range = range_of(target.size, index, shards);
            let seed = seed.child("projection").index(number);
            let rows = Rows::build(network, projection, range, &seed)?;
            incoming.push(Incoming { from, to, receptor: network.receptor_of(projection)?, rows });
        }
        let spikes = vec![vec![]; parts.len()];
        let spare = vec![vec![]; parts.len()];
        Ok(Self { parts, incoming, spikes, spare, delivered: 0 })
    }

    pub fn longest_delay(&self) -> usize {
        self.incoming.iter().map(|i| i.rows.longest_delay()).max().unwrap_or(1)
    }

    pub fn make_room(&mut self, longest_delay: usize) {
        self.parts.iter_mut().for_each(|p| p.make_room(longest_delay));
    }

    pub fn synapses(&self) -> usize {
        self.incoming.iter().map(|i| i.rows.len()).sum()
    }

    pub fn spikes(&self, population: usize) -> &[(u64, u32)] {
        &self.spikes[population]
    }

    pub fn voltages(&self, population: usize) -> &[f64] {
        self.parts[population].voltages()
    }

    /// Moves all neurons by a step and returns who spiked.
    pub fn advance(&mut self, step: u64) -> Mail {
        let mut mail = std::mem::take(&mut self.spare);
        mail.resize_with(self.parts.len(), Vec::new);
        for ((part, fired), kept) in self.parts.iter_mut().zip(&mut mail).zip(&mut self.spikes) {
            fired.clear();
            part.advance(step, fired);
            kept.extend(fired.iter().map(|n| (step, *n)));
        }
        mail
    }

    /// Takes a list back, so that its memory is used again.
    pub fn keep(&mut self, mail: Mail) {
        self.spare = mail;
    }

    /// Puts the events of all shards' spikes into the buffers.
    pub fn deliver<'a>(&mut self, step: u64, mails: impl Iterator<Item = &'a Mail> + Clone) {
        for incoming in &self.incoming {
            let part = &mut self.parts[incoming.to];
            for mail in mails.clone() {
                for &source in &mail[incoming.from] {
                    self.delivered += deliver_row(part, incoming, source as usize, step);
                }
            }
        }
    }

    pub fn require_finite(&self, network: &NetworkDescription, time_ms: f64) -> Result<()> {
        for (part, name) in self.parts.iter().zip(network.populations.keys()) {
            if let Some((neuron, v)) = part.not_finite() {
                return Err(Error::Description(format!(
                    "at {time_ms} ms the voltage of neuron {neuron} of population {name} is {v} mV: take a smaller step or weaker synapses"
                )));
            }
        }
        Ok(())
    }
}

/// Adds one source's events; returns how many.
fn deliver_row(part: &mut Part, incoming: &Incoming, source: usize, step: u64) -> u64 {
    let rows = &incoming.rows;
    let range = rows.offsets[source] as usize..rows.offsets[source + 1] as usize;
    let count = range.len() as u64;
    match (&rows.targets, &rows.weights, &rows.delays) {
        (Targets::Narrow(t), Shared::One(w), Shared::One(d)) => {
            let slot = part.slot(incoming.receptor, step + u64::from(*d));
            let weight = f64::from(*w);
            t[range].iter().for_each(|target| slot[*target as usize] += weight);
        }
        (Targets::Wide(t), Shared::One(w), Shared::One(d)) => {
            let slot = part.slot(incoming.receptor, step + u64::from(*d));
            let weight = f64::from(*w);
            t[range].iter().for_each(|target| slot[*target as usize] += weight);
        }
        (Targets::Narrow(t), Shared::Each(w), Shared::One(d)) => {
            let slot = part.slot(incoming.receptor, step + u64::from(*d));
            t[range.clone()].iter().zip(&w[range]).for_each(|(target, w)| slot[*target as usize] += f64::from(*w));
        }
        (targets, weights, delays) => {
            for i in range {
                let target = match targets {
                    Targets::Narrow(t) => t[i] as usize,
                    Targets::Wide(t) => t[i] as usize,
                };
                let weight = match weights {
                    Shared::One(w) => *w,
                    Shared::Each(w) => w[i],
                };
                let delay = match delays {
                    Shared::One(d) => *d,
                    Shared::Each(d) => d[i],
                };
                part.slot(incoming.receptor, step + u64::from(delay))[target] += f64::from(weight);
            }
        }
    }
    count
}
