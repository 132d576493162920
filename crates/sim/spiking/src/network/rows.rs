//! Synapses as rows: for each source its targets, ordered by delay so that the events of a spike that arrive together lie together.

use rheobase_core::prefetch::prefetch;
use serde::{Deserialize, Serialize};

use super::draw::{Drawn, Wiring};
use super::{Distribution, Projection};

/// Targets in 2 bytes where they fit.
#[derive(Debug, Clone)]
pub(crate) enum Targets {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// Weights that all synapses share, or one for each.
#[derive(Debug, Clone)]
pub(crate) enum Weights {
    One(f32),
    Each(Vec<f32>),
}

/// Delays in steps: one for all, or the runs of equal delay of each row.
#[derive(Debug, Clone)]
pub(crate) enum Delays {
    One(u16),
    Runs {
        /// Runs of source s: first[s] to first[s + 1].
        first: Vec<u32>,
        /// Delay and number of synapses.
        runs: Vec<(u16, u16)>,
    },
}

/// The synapses of one projection onto the neurons of one shard.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// Row of source s: synapses offsets[s] to offsets[s + 1].
    pub offsets: Vec<u32>,
    /// Targets, counted from the shard's first neuron.
    pub targets: Targets,
    pub weights: Weights,
    pub delays: Delays,
}

/// One synapse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Synapse {
    pub source: u32,
    pub target: u32,
    pub weight: f32,
    /// In steps.
    pub delay: u16,
}

const NARROW: usize = 1 << 16;

impl Targets {
    #[inline(always)]
    pub fn get(&self, i: usize) -> usize {
        match self {
            Self::Narrow(t) => t[i] as usize,
            Self::Wide(t) => t[i] as usize,
        }
    }
}

/// A list of synapses in the order of sources, to be filled.
struct Filling {
    targets: Targets,
    weights: Vec<f32>,
    delays: Vec<u16>,
}

impl Filling {
    fn new(n: usize, narrow: bool, weights: bool, delays: bool) -> Self {
        let targets = if narrow { Targets::Narrow(vec![0; n]) } else { Targets::Wide(vec![0; n]) };
        Self { targets, weights: vec![0.0; if weights { n } else { 0 }], delays: vec![0; if delays { n } else { 0 }] }
    }

    #[inline(always)]
    fn set_target(&mut self, i: usize, target: usize) {
        match &mut self.targets {
            Targets::Narrow(t) => t[i] = target as u16,
            Targets::Wide(t) => t[i] = target as u32,
        }
    }
}

impl Rows {
    /// Bytes of a synapse; a plastic one has a weight of its own, and a place and a source in the column of its target.
    pub fn bytes_per_synapse(to: usize, projection: &Projection) -> usize {
        let target = if to <= NARROW { 2 } else { 4 };
        let own = |d: &Distribution, bytes| if d.constant().is_some() { 0 } else { bytes };
        let (weight, delay) = (own(&projection.weight, 4), own(&projection.delay_ms, 2));
        let Some(plasticity) = &projection.plasticity else { return target + weight + delay };
        target + 4 + delay + 8 + delay + plasticity.state_bytes()
    }

    /// Numbers of the synapses of a source.
    #[inline(always)]
    pub fn row(&self, source: usize) -> std::ops::Range<usize> {
        self.offsets[source] as usize..self.offsets[source + 1] as usize
    }

    /// Has the beginning of a row brought into the cache.
    #[inline(always)]
    pub fn prefetch(&self, source: usize) {
        let row = self.row(source);
        match &self.targets {
            Targets::Narrow(t) => prefetch(&t[row.clone()]),
            Targets::Wide(t) => prefetch(&t[row.clone()]),
        }
        if let Weights::Each(weights) = &self.weights {
            prefetch(&weights[row]);
        }
    }

    /// Builds the rows onto the targets of a range.
    pub fn build(wiring: &Wiring, by_source: bool, range: &std::ops::Range<usize>) -> Self {
        let (offsets, filling) =
            if by_source { Self::by_source(wiring, range) } else { Self::by_target(wiring, range) };
        let mut rows = Self {
            offsets,
            targets: filling.targets,
            weights: wiring.shared_weight().map_or(Weights::Each(filling.weights), Weights::One),
            delays: Delays::One(wiring.shared_delay().unwrap_or(1)),
        };
        if wiring.shared_delay().is_none() {
            rows.order_by_delay(&filling.delays);
        }
        rows
    }

    fn by_source(wiring: &Wiring, range: &std::ops::Range<usize>) -> (Vec<u32>, Filling) {
        let (own_weights, own_delays) = (wiring.shared_weight().is_none(), wiring.shared_delay().is_none());
        let narrow = range.len() <= NARROW;
        let mut filling = Filling::new(0, narrow, false, false);
        let mut offsets = Vec::with_capacity(wiring.from + 1);
        offsets.push(0);
        let (mut drawn, mut count) = (Drawn::default(), 0_u32);
        for source in 0..wiring.from {
            drawn.clear();
            wiring.chunks(range).for_each(|chunk| wiring.row_of(source, chunk, &mut drawn));
            for (k, target) in drawn.others.iter().enumerate() {
                let target = *target as usize;
                if !range.contains(&target) {
                    continue;
                }
                match &mut filling.targets {
                    Targets::Narrow(t) => t.push((target - range.start) as u16),
                    Targets::Wide(t) => t.push((target - range.start) as u32),
                }
                if own_weights {
                    filling.weights.push(drawn.weights[k]);
                }
                if own_delays {
                    filling.delays.push(drawn.delays[k]);
                }
                count += 1;
            }
            offsets.push(count);
        }
        (offsets, filling)
    }

    /// First all synapses target by target, then sorted into rows by counting.
    fn by_target(wiring: &Wiring, range: &std::ops::Range<usize>) -> (Vec<u32>, Filling) {
        let (mut all, mut drawn) = (Drawn::default(), Drawn::default());
        let mut ends = Vec::with_capacity(range.len());
        for target in range.clone() {
            wiring.inputs_of(target, &mut drawn);
            all.others.extend_from_slice(&drawn.others);
            all.weights.extend_from_slice(&drawn.weights);
            all.delays.extend_from_slice(&drawn.delays);
            ends.push(all.others.len());
        }
        let mut offsets = vec![0_u32; wiring.from + 1];
        all.others.iter().for_each(|s| offsets[*s as usize + 1] += 1);
        (0..wiring.from).for_each(|s| offsets[s + 1] += offsets[s]);
        let mut next: Vec<u32> = offsets[..wiring.from].to_vec();
        let (own_weights, own_delays) = (!all.weights.is_empty(), !all.delays.is_empty());
        let mut filling = Filling::new(all.others.len(), range.len() <= NARROW, own_weights, own_delays);
        let mut target = 0;
        for (synapse, source) in all.others.iter().enumerate() {
            while ends[target] <= synapse {
                target += 1;
            }
            let place = next[*source as usize] as usize;
            next[*source as usize] += 1;
            filling.set_target(place, target);
            if own_weights {
                filling.weights[place] = all.weights[synapse];
            }
            if own_delays {
                filling.delays[place] = all.delays[synapse];
            }
        }
        (offsets, filling)
    }

    /// Orders each row by delay; synapses of equal delay keep their order.
    fn order_by_delay(&mut self, delays: &[u16]) {
        let (mut first, mut runs) = (vec![0_u32], Vec::<(u16, u16)>::new());
        let mut order: Vec<u32> = Vec::new();
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for s in 0..self.offsets.len() - 1 {
            let row = self.offsets[s] as usize..self.offsets[s + 1] as usize;
            order.clear();
            order.extend(row.start as u32..row.end as u32);
            order.sort_by_key(|i| delays[*i as usize]);
            let new_row = runs.len();
            for i in &order {
                let delay = delays[*i as usize];
                match runs[new_row..].last_mut() {
                    Some((d, n)) if *d == delay && *n < u16::MAX => *n += 1,
                    _ => runs.push((delay, 1)),
                }
            }
            first.push(runs.len() as u32);
            targets.clear();
            targets.extend(order.iter().map(|i| self.targets.get(*i as usize)));
            for (k, target) in targets.iter().enumerate() {
                match &mut self.targets {
                    Targets::Narrow(t) => t[row.start + k] = *target as u16,
                    Targets::Wide(t) => t[row.start + k] = *target as u32,
                }
            }
            if let Weights::Each(w) = &mut self.weights {
                weights.clear();
                weights.extend(order.iter().map(|i| w[*i as usize]));
                w[row].copy_from_slice(&weights);
            }
        }
        runs.shrink_to_fit();
        self.delays = Delays::Runs { first, runs };
    }

    /// Replaces all synapses by as many others.
    pub fn refill(&mut self, mut synapses: Vec<Synapse>) {
        synapses.sort_by_key(|s| (s.source, s.target));
        self.offsets.fill(0);
        synapses.iter().for_each(|s| self.offsets[s.source as usize + 1] += 1);
        (1..self.offsets.len()).for_each(|s| self.offsets[s] += self.offsets[s - 1]);
        match &mut self.targets {
            Targets::Narrow(t) => t.iter_mut().zip(&synapses).for_each(|(t, s)| *t = s.target as u16),
            Targets::Wide(t) => t.iter_mut().zip(&synapses).for_each(|(t, s)| *t = s.target),
        }
        self.weights = Weights::Each(synapses.iter().map(|s| s.weight).collect());
        if matches!(self.delays, Delays::Runs { .. }) {
            let delays: Vec<u16> = synapses.iter().map(|s| s.delay).collect();
            self.order_by_delay(&delays);
        }
    }

    /// Number of synapses.
    pub fn len(&self) -> usize {
        self.offsets.last().map_or(0, |n| *n as usize)
    }

    /// Bytes that the synapses take.
    pub fn bytes(&self) -> usize {
        let targets = match &self.targets {
            Targets::Narrow(t) => 2 * t.len(),
            Targets::Wide(t) => 4 * t.len(),
        };
        let weights = if let Weights::Each(w) = &self.weights { 4 * w.len() } else { 0 };
        let delays = if let Delays::Runs { first, runs } = &self.delays { 4 * (first.len() + runs.len()) } else { 0 };
        targets + weights + delays + 4 * self.offsets.len()
    }

    /// Longest delay in steps.
    pub fn longest_delay(&self) -> usize {
        match &self.delays {
            Delays::One(d) => *d as usize,
            Delays::Runs { runs, .. } => runs.iter().map(|r| r.0).max().unwrap_or(1) as usize,
        }
    }

    /// Shortest delay in steps.
    pub fn shortest_delay(&self) -> usize {
        match &self.delays {
            Delays::One(d) => *d as usize,
            Delays::Runs { runs, .. } => runs.iter().map(|r| r.0).min().unwrap_or(1) as usize,
        }
    }

    /// Stretches of one row that share a delay: the delay and the synapses.
    #[inline(always)]
    pub fn runs(&self, source: usize) -> impl Iterator<Item = (u16, std::ops::Range<usize>)> + '_ {
        let row = self.row(source);
        let (single, several) = match &self.delays {
            Delays::One(d) => (Some((*d, row.clone())), &[][..]),
            Delays::Runs { first, runs } => (None, &runs[first[source] as usize..first[source + 1] as usize]),
        };
        let mut at = row.start;
        single.into_iter().chain(several.iter().map(move |(delay, count)| {
            let begin = at;
            at += *count as usize;
            (*delay, begin..at)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{ConnectionRule, NetworkDescription, Population, Precision};
    use crate::neuron::{Lif, Neuron};
    use rheobase_core::Seed;

    #[test]
    fn out_degrees_and_shared_sources_are_binomial() {
        let population = |size| {
            Population::new(size, Neuron::Lif(Lif::default())).with_receptor("jump", super::super::Receptor::Delta)
        };
        let rules = [
            ConnectionRule::FixedInDegree { count: 200, autapses: true, multapses: false },
            ConnectionRule::FixedProbability { probability: 0.1, autapses: true },
            ConnectionRule::FixedOutDegree { count: 300, autapses: true, multapses: false },
            ConnectionRule::FixedTotal { count: 600_000, autapses: true },
        ];
        for rule in rules {
            let projection = Projection::new("a", "b", "jump", rule.clone(), 1.0, 1.0);
            let network = NetworkDescription {
                dt_ms: 0.1,
                precision: Precision::Double,
                populations: [("a".to_owned(), population(2000)), ("b".to_owned(), population(3000))].into(),
                projections: vec![projection],
            };
            let wiring = Wiring::new(&network, 0, &Seed::root(3)).unwrap();
            let rows = Rows::build(&wiring, rule.by_source(), &(0..3000));
            let degrees: Vec<f64> = rows.offsets.windows(2).map(|w| f64::from(w[1] - w[0])).collect();
            let mean = degrees.iter().sum::<f64>() / 2000.0;
            let variance = degrees.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 2000.0;
            // Binomial of 3000 targets: 300 +- 16.4; standard errors .37 and 8.5 of the variance 270.
            let expected = if matches!(rule, ConnectionRule::FixedOutDegree { .. }) { 0.0 } else { 270.0 };
            assert!((mean - 300.0).abs() < 1.5 && (variance - expected).abs() < 35.0, "{rule:?}: {mean} {variance}");
            let Targets::Narrow(targets) = &rows.targets else { panic!("few targets fit 2 bytes") };
            let row = |s: usize| &targets[rows.offsets[s] as usize..rows.offsets[s + 1] as usize];
            // Two sources share 3000 x .1 x .1 = 30 targets; pairs that may repeat are counted once.
            let targets_of = |s: usize| {
                let mut all = row(s).to_vec();
                all.sort_unstable();
                all.dedup();
                all
            };
            let shared = |a: usize, b: usize| {
                let (a, b) = (targets_of(a), targets_of(b));
                (a.iter().filter(|t| b.contains(t)).count() as f64, a.len() as f64 * b.len() as f64 / 3000.0)
            };
            let sums = (0..500).map(|k| shared(k, k + 1)).fold((0.0, 0.0), |x, y| (x.0 + y.0, x.1 + y.1));
            assert!((sums.0 - sums.1).abs() / 500.0 < 1.0, "{rule:?}: {sums:?}");
            // Two targets share 2000 x .1 x .1 = 20 sources; drawn with repetition, a tenth more synapses lead to the same ones.
            let mut inputs = vec![vec![]; 3000];
            (0..2000).for_each(|s| row(s).iter().for_each(|t| inputs[usize::from(*t)].push(s)));
            inputs.iter_mut().for_each(|all| all.dedup());
            let common = |a: usize, b: usize| inputs[a].iter().filter(|s| inputs[b].contains(s)).count() as f64;
            let mean_common = (0..2999).map(|k| common(k, k + 1)).sum::<f64>() / 2999.0;
            let distinct = inputs.iter().map(|all| all.len() as f64).sum::<f64>() / 3000.0;
            assert!((mean_common - distinct * distinct / 2000.0).abs() < 0.4, "{rule:?}: {mean_common}");
        }
    }
}
