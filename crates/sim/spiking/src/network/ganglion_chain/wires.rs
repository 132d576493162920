//! Synapses of a chain of ganglia, as they are laid along its connectives.

use std::collections::BTreeMap;

use rand::seq::index::sample;
use rheobase_core::Seed;

use super::super::{ConnectionRule, Listed, Projection};
use super::{Cut, GanglionChain, Side};
use crate::error::Result;

/// Where neurons are that a synapse joins, and along which connective their axons run.
#[derive(Clone, Copy)]
pub(super) struct Half {
    pub ganglion: usize,
    pub side: Side,
}

/// Synapses as they are laid, by source and target.
pub(super) struct Wires<'a> {
    chain: &'a GanglionChain,
    cuts: &'a [Cut],
    seed: &'a Seed,
    laid: BTreeMap<(&'static str, &'static str), Vec<Listed>>,
}

impl<'a> Wires<'a> {
    pub fn new(chain: &'a GanglionChain, cuts: &'a [Cut], seed: &'a Seed) -> Self {
        Self { chain, cuts, seed, laid: BTreeMap::new() }
    }

    /// Delay of axons from one half to another; none if a cut is in their way. Commissures lie inside ganglia.
    fn delay_ms(&self, from: Half, to: Half) -> Option<f64> {
        let (near, far) = (from.ganglion.min(to.ganglion), from.ganglion.max(to.ganglion));
        let lost = |cut: &Cut| (near..far).contains(&cut.behind) && cut.side.is_none_or(|side| side == to.side);
        let conduction_ms = (far - near) as f64 * self.chain.conduction_ms;
        (!self.cuts.iter().any(lost)).then_some(self.chain.synapse_ms + conduction_ms)
    }

    /// Every source to every target.
    pub fn all(&mut self, from: (&'static str, Half), to: (&'static str, Half), weight: f64) -> Result<()> {
        self.lay(from, to, weight, usize::MAX)
    }

    /// So many sources as a neuron has inputs, drawn for every target.
    pub fn some(&mut self, from: (&'static str, Half), to: (&'static str, Half), weight: f64) -> Result<()> {
        self.lay(from, to, weight, self.chain.inputs)
    }

    fn lay(&mut self, from: (&'static str, Half), to: (&'static str, Half), weight: f64, inputs: usize) -> Result<()> {
        let Some(delay_ms) = self.delay_ms(from.1, to.1) else { return Ok(()) };
        let members = |(kind, half): (&str, Half)| self.chain.members(kind, half.ganglion, half.side);
        let (sources, targets) = (members(from)?, members(to)?);
        let seed = self.seed.child(from.0).index(sources.start).child(to.0);
        let laid = self.laid.entry((from.0, to.0)).or_default();
        for target in targets {
            let mut stream = seed.index(target).stream();
            let mut chosen = sample(&mut stream, sources.len(), inputs.min(sources.len())).into_vec();
            chosen.sort_unstable();
            let synapse =
                |k| Listed { from: sources.start + k, to: target, weight: Some(weight), delay_ms: Some(delay_ms) };
            laid.extend(chosen.into_iter().map(synapse));
        }
        Ok(())
    }

    pub fn projections(self) -> Vec<Projection> {
        let delay_ms = self.chain.synapse_ms;
        let projection = |((from, to), synapses): ((&str, &str), Vec<Listed>)| {
            Projection::new(from, to, "synapse", ConnectionRule::List { synapses }, 0.0, delay_ms)
        };
        self.laid.into_iter().map(projection).collect()
    }
}
