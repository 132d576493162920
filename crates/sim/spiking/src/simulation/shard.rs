//! The neurons of one thread, with everything that comes to them.

use rand::Rng;
use rheobase_core::Seed;

use super::delivery::{Event, Fresh, deliver_drawn, deliver_rows};
use super::failing::Failing;
use super::part::Part;
use super::plastic::Plastic;
use crate::network::{Drawn, NetworkDescription, Projection, Resources, Rows, ShortTermPlasticity, Wiring};
use crate::{Error, Float, Result};

/// What a population sends in a step: numbers of neurons and, for graded release, amounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sent {
    pub fired: Vec<u32>,
    pub amounts: Vec<f32>,
}

/// What the neurons of a shard send in a step, population by population.
pub(super) type Mail = Vec<Sent>;

/// Synapses, stored or drawn when they are needed.
pub(super) enum Synapses {
    Stored(Rows),
    Procedural(Box<Wiring>),
}

/// A projection onto this shard.
pub(super) struct Incoming {
    pub from: usize,
    pub to: usize,
    receptor: usize,
    pub synapses: Synapses,
    failing: Option<Failing>,
    short_term: Option<ShortTermPlasticity>,
    /// State of each source, with short-term plasticity.
    pub resources: Vec<Resources>,
    pub plastic: Option<Plastic>,
}

/// The neurons of one thread; on cache lines of its own, since every thread writes its shard all the time.
#[repr(align(128))]
pub(super) struct Shard<F> {
    pub parts: Vec<Part<F>>,
    pub incoming: Vec<Incoming>,
    /// Step and number of every spike, population by population.
    pub spikes: Vec<Vec<(u64, u32)>>,
    /// How many there were, kept or not.
    pub spiked: Vec<u64>,
    spare: Mail,
    /// Room for the events of a step.
    events: Vec<Event>,
    pub delivered: u64,
    dt_ms: f64,
}

/// The neurons of shard `index` of `shards`, in whole blocks so that random numbers stay those of the neuron.
pub(super) fn range_of(size: usize, index: usize, shards: usize) -> std::ops::Range<usize> {
    const BLOCK: usize = crate::random::BLOCK;
    let blocks = size.div_ceil(BLOCK);
    let cut = |i: usize| (blocks * i / shards * BLOCK).min(size);
    cut(index)..cut(index + 1)
}

impl Incoming {
    fn build(network: &NetworkDescription, number: usize, seed: &Seed, range: &std::ops::Range<usize>) -> Result<Self> {
        let projection: &Projection = &network.projections[number];
        let wiring = Wiring::new(network, number, seed)?;
        let bits = seed.child("failure").index(number).stream().next_u64();
        let failing = projection.failure.map(|failure| Failing { failure, key: [bits as u32, (bits >> 32) as u32] });
        let resources = vec![Resources::default(); if projection.short_term.is_some() { wiring.from } else { 0 }];
        let synapses = if projection.procedural {
            Synapses::Procedural(Box::new(wiring))
        } else {
            Synapses::Stored(Rows::build(&wiring, projection.rule.by_source(), range))
        };
        let mut incoming = Self {
            from: network.population(&projection.from)?.0,
            to: network.population(&projection.to)?.0,
            receptor: network.receptor_of(projection)?,
            synapses,
            failing,
            short_term: projection.short_term,
            resources,
            plastic: None,
        };
        if let (Some(plasticity), Synapses::Stored(rows)) = (&projection.plasticity, &mut incoming.synapses) {
            let seed = seed.child("plasticity").index(number);
            incoming.plastic = Some(Plastic::new(plasticity, rows, range, network.dt_ms, seed));
        }
        Ok(incoming)
    }

    fn longest_delay(&self) -> usize {
        match &self.synapses {
            Synapses::Stored(rows) => rows.longest_delay(),
            Synapses::Procedural(wiring) => wiring.longest_delay(),
        }
    }

    /// What each source sends: the amount of its mail times what short-term plasticity leaves of it.
    fn events<'a>(
        &mut self,
        step: u64,
        dt_ms: f64,
        mails: impl Iterator<Item = &'a Mail> + Clone,
        out: &mut Vec<Event>,
    ) {
        out.clear();
        for sent in mails.map(|mail| &mail[self.from]) {
            for (k, &source) in sent.fired.iter().enumerate() {
                let mut amount = sent.amounts.get(k).copied().unwrap_or(1.0);
                if let Some(short_term) = &self.short_term {
                    amount *= short_term.send(&mut self.resources[source as usize], step, dt_ms) as f32;
                }
                out.push(Event { source, step, amount });
            }
        }
    }
}

impl<F: Float> Shard<F> {
    pub fn build(network: &NetworkDescription, seed: &Seed, index: usize, shards: usize) -> Result<Self> {
        let mut parts = Vec::new();
        for (number, (name, population)) in network.populations.iter().enumerate() {
            let range = range_of(population.size, index, shards);
            parts.push(Part::new(network, number, population, range, &seed.child("population").child(name))?);
        }
        let mut incoming = Vec::new();
        for (number, projection) in network.projections.iter().enumerate() {
            let range = range_of(network.population(&projection.to)?.1.size, index, shards);
            incoming.push(Incoming::build(network, number, seed, &range)?);
        }
        let spikes = vec![vec![]; parts.len()];
        let spare = vec![Sent::default(); parts.len()];
        let spiked = vec![0; parts.len()];
        Ok(Self { parts, incoming, spikes, spiked, spare, events: vec![], delivered: 0, dt_ms: network.dt_ms })
    }

    pub fn longest_delay(&self) -> usize {
        self.incoming.iter().map(Incoming::longest_delay).max().unwrap_or(1)
    }

    pub fn make_room(&mut self, longest_delay: usize) {
        self.parts.iter_mut().for_each(|p| p.make_room(longest_delay));
    }

    /// Shortest and longest delay of the stored synapses of a projection in steps, if there are any.
    pub fn delays_of(&self, projection: usize) -> Option<[usize; 2]> {
        match &self.incoming[projection].synapses {
            Synapses::Stored(rows) if rows.len() > 0 => Some([rows.shortest_delay(), rows.longest_delay()]),
            _ => None,
        }
    }

    pub fn make_room_for_plasticity(&mut self, projection: usize, delays: [usize; 2]) {
        let incoming = &mut self.incoming[projection];
        if let (Some(plastic), Synapses::Stored(rows)) = (&mut incoming.plastic, &incoming.synapses) {
            plastic.make_room(rows, delays);
        }
    }

    /// Synapses and the bytes they take, what plastic ones keep beside their weights included.
    pub fn synapses(&self) -> (usize, usize) {
        let stored = self.incoming.iter().filter_map(|i| match &i.synapses {
            Synapses::Stored(rows) => Some((rows.len(), rows.bytes() + i.plastic.as_ref().map_or(0, Plastic::bytes))),
            Synapses::Procedural(_) => None,
        });
        stored.fold((0, 0), |sum, rows| (sum.0 + rows.0, sum.1 + rows.1))
    }

    /// Moves all neurons by a step and returns what they send.
    pub fn advance(&mut self, step: u64, keep_spikes: bool) -> Mail {
        let mut mail = std::mem::take(&mut self.spare);
        mail.resize_with(self.parts.len(), Sent::default);
        let kept = self.spikes.iter_mut().zip(&mut self.spiked);
        for ((part, sent), (kept, spiked)) in self.parts.iter_mut().zip(&mut mail).zip(kept) {
            sent.fired.clear();
            sent.amounts.clear();
            part.advance(step, &mut sent.fired, &mut sent.amounts);
            if !sent.amounts.is_empty() {
                continue;
            }
            *spiked += sent.fired.len() as u64;
            if keep_spikes {
                kept.extend(sent.fired.iter().map(|n| (step, *n)));
            }
        }
        mail
    }

    /// Takes a list back, so that its memory is used again.
    pub fn keep(&mut self, mail: Mail) {
        self.spare = mail;
    }

    /// Puts the events of all shards' spikes into the buffers; `own` is what this shard sent.
    pub fn deliver<'a>(&mut self, step: u64, own: usize, mails: impl Iterator<Item = &'a Mail> + Clone) {
        let mut events = std::mem::take(&mut self.events);
        let mut drawn = Drawn::default();
        for incoming in &mut self.incoming {
            let part = &mut self.parts[incoming.to];
            if let (Some(plastic), Synapses::Stored(rows)) = (&mut incoming.plastic, &mut incoming.synapses) {
                let fired = mails.clone().flat_map(|mail| mail[incoming.from].fired.iter().copied());
                let post = mails.clone().nth(own).map_or(&[][..], |mail| &mail[incoming.to].fired);
                self.delivered += plastic.step(rows, part, incoming.receptor, step, fired, post);
                continue;
            }
            incoming.events(step, self.dt_ms, mails.clone(), &mut events);
            match &incoming.synapses {
                Synapses::Stored(rows) => {
                    self.delivered += deliver_rows(part, incoming.receptor, rows, incoming.failing, &events);
                }
                Synapses::Procedural(wiring) => {
                    // Chunk by chunk, so that the targets written to stay in the cache.
                    for chunk in wiring.chunks(&(part.first..part.first + part.len)) {
                        for event in &events {
                            drawn.clear();
                            wiring.row_of(event.source as usize, chunk, &mut drawn);
                            let fresh =
                                Fresh { drawn: &drawn, weight: wiring.shared_weight(), delay: wiring.shared_delay() };
                            self.delivered += deliver_drawn(part, incoming.receptor, &fresh, incoming.failing, *event);
                        }
                    }
                }
            }
        }
        self.events = events;
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
