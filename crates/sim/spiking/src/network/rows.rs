//! Synapses as rows: for each source its targets, with a weight and a delay that are shared or each synapse's own.

use rheobase_core::Seed;

use super::{Distribution, NetworkDescription, Projection};
use crate::error::Result;

/// Targets in 2 bytes where they fit.
#[derive(Debug, Clone)]
pub(crate) enum Targets {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// A number that all synapses share, or one for each.
#[derive(Debug, Clone)]
pub(crate) enum Shared<T> {
    One(T),
    Each(Vec<T>),
}

/// The synapses of one projection onto the neurons of one shard.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// Row of source s: synapses offsets[s] to offsets[s + 1].
    pub offsets: Vec<u32>,
    /// Targets, counted from the shard's first neuron.
    pub targets: Targets,
    pub weights: Shared<f32>,
    /// Delays in steps.
    pub delays: Shared<u16>,
}

const NARROW: usize = 1 << 16;

impl Rows {
    /// Bytes of a synapse.
    pub fn bytes_per_synapse(to: usize, weight: &Distribution, delay_ms: &Distribution) -> usize {
        let target = if to <= NARROW { 2 } else { 4 };
        target + if weight.constant().is_some() { 0 } else { 4 } + if delay_ms.constant().is_some() { 0 } else { 2 }
    }

    /// Builds the rows onto the targets of a range.
    pub fn build(
        network: &NetworkDescription,
        projection: &Projection,
        range: std::ops::Range<usize>,
        seed: &Seed,
    ) -> Result<Self> {
        let (from_index, from) = network.population(&projection.from)?;
        let (to_index, _) = network.population(&projection.to)?;
        let same = from_index == to_index;
        let steps = |ms: f64| ((ms / network.dt_ms).round() as u16).max(1);
        let (one_weight, one_delay) = (projection.weight.constant(), projection.delay_ms.constant());
        // First all synapses target by target, then sorted into rows by counting.
        let (mut all_sources, mut ends): (Vec<u32>, Vec<usize>) = (vec![], Vec::with_capacity(range.len()));
        let (mut drawn_weights, mut drawn_delays): (Vec<f32>, Vec<u16>) = (vec![], vec![]);
        let mut sources = Vec::new();
        for target in range.clone() {
            let mut stream = seed.index(target).stream();
            projection.rule.sources(target, from.size, same.then_some(target), &mut stream, &mut sources);
            all_sources.extend_from_slice(&sources);
            ends.push(all_sources.len());
            if one_weight.is_none() {
                drawn_weights.extend(sources.iter().map(|_| projection.weight.draw(&mut stream) as f32));
            }
            if one_delay.is_none() {
                drawn_delays.extend(sources.iter().map(|_| steps(projection.delay_ms.draw(&mut stream))));
            }
        }
        let mut offsets = vec![0_u32; from.size + 1];
        all_sources.iter().for_each(|s| offsets[*s as usize + 1] += 1);
        (0..from.size).for_each(|s| offsets[s + 1] += offsets[s]);
        let mut next: Vec<u32> = offsets[..from.size].to_vec();
        let n = all_sources.len();
        let narrow = range.len() <= NARROW;
        let (mut narrow_targets, mut wide_targets) =
            if narrow { (vec![0_u16; n], vec![]) } else { (vec![], vec![0_u32; n]) };
        let (mut weights, mut delays) = (vec![0.0_f32; drawn_weights.len()], vec![0_u16; drawn_delays.len()]);
        let mut target = 0;
        for (synapse, source) in all_sources.iter().enumerate() {
            while ends[target] <= synapse {
                target += 1;
            }
            let place = next[*source as usize] as usize;
            next[*source as usize] += 1;
            if narrow {
                narrow_targets[place] = target as u16;
            } else {
                wide_targets[place] = target as u32;
            }
            if one_weight.is_none() {
                weights[place] = drawn_weights[synapse];
            }
            if one_delay.is_none() {
                delays[place] = drawn_delays[synapse];
            }
        }
        Ok(Self {
            offsets,
            targets: if narrow { Targets::Narrow(narrow_targets) } else { Targets::Wide(wide_targets) },
            weights: one_weight.map_or(Shared::Each(weights), |w| Shared::One(w as f32)),
            delays: one_delay.map_or(Shared::Each(delays), |d| Shared::One(steps(d))),
        })
    }

    /// Number of synapses.
    pub fn len(&self) -> usize {
        self.offsets.last().map_or(0, |n| *n as usize)
    }

    /// Longest delay in steps.
    pub fn longest_delay(&self) -> usize {
        match &self.delays {
            Shared::One(d) => *d as usize,
            Shared::Each(all) => all.iter().copied().max().unwrap_or(1) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{ConnectionRule, Population};
    use crate::neuron::{Lif, Neuron};

    #[test]
    fn out_degrees_and_shared_sources_are_binomial() {
        let population = |size| Population {
            size,
            neuron: Neuron::Lif(Lif::default()),
            receptors: std::collections::BTreeMap::from([("jump".to_owned(), super::super::Receptor::Delta)]),
            start_mv: None,
            start: std::collections::BTreeMap::new(),
            input: vec![],
        };
        let rules = [
            ConnectionRule::FixedInDegree { count: 200, autapses: true, multapses: false },
            ConnectionRule::FixedProbability { probability: 0.1, autapses: true },
        ];
        for rule in rules {
            let projection = Projection {
                from: "a".into(),
                to: "b".into(),
                receptor: "jump".into(),
                rule,
                weight: Distribution::Constant { value: 1.0 },
                delay_ms: Distribution::Constant { value: 1.0 },
            };
            let network = NetworkDescription {
                dt_ms: 0.1,
                populations: [("a".to_owned(), population(2000)), ("b".to_owned(), population(3000))].into(),
                projections: vec![projection.clone()],
            };
            let rows = Rows::build(&network, &projection, 0..3000, &Seed::root(3)).unwrap();
            let degrees: Vec<f64> = rows.offsets.windows(2).map(|w| f64::from(w[1] - w[0])).collect();
            let mean = degrees.iter().sum::<f64>() / 2000.0;
            let variance = degrees.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 2000.0;
            // Binomial of 3000 targets: 300 +- 16.4; standard errors .37 and 8.5 of the variance 270.
            assert!((mean - 300.0).abs() < 1.5 && (variance - 270.0).abs() < 35.0, "{rule:?}: {mean} {variance}");
            let Targets::Narrow(targets) = &rows.targets else { panic!("few targets fit 2 bytes") };
            let row = |s: usize| &targets[rows.offsets[s] as usize..rows.offsets[s + 1] as usize];
            // Two sources share 3000 x .1 x .1 = 30 targets.
            let shared = |a: usize, b: usize| row(a).iter().filter(|t| row(b).contains(t)).count() as f64;
            let mean_shared = (0..500).map(|k| shared(k, k + 1)).sum::<f64>() / 500.0;
            assert!((mean_shared - 30.0).abs() < 1.0, "{rule:?}: {mean_shared}");
            // Two targets share 2000 x .1 x .1 = 20 sources.
            let mut inputs = vec![vec![]; 3000];
            (0..2000).for_each(|s| row(s).iter().for_each(|t| inputs[usize::from(*t)].push(s)));
            let common = |a: usize, b: usize| inputs[a].iter().filter(|s| inputs[b].contains(s)).count() as f64;
            let mean_common = (0..2999).map(|k| common(k, k + 1)).sum::<f64>() / 2999.0;
            assert!((mean_common - 20.0).abs() < 0.4, "{rule:?}: {mean_common}");
        }
    }
}
