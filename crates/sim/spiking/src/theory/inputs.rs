//! What the synapses of a projection bring to an average target, whether their weights are drawn or listed one by one.

use std::collections::BTreeMap;

use crate::network::{ConnectionRule, Distribution, Listed, Projection};
use crate::{Error, Result};

/// The synapses of a projection onto an average neuron of its target.
pub(super) struct Inputs<'a> {
    projection: &'a Projection,
    listed: &'a [Listed],
    /// Inputs of a target whose weight is the projection's own.
    drawn: f64,
    targets: f64,
}

/// Delays of some synapses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Delay<'a> {
    /// Those of the projection.
    Drawn(&'a Distribution),
    /// One of a list, in ms.
    Listed(f64),
}

impl<'a> Inputs<'a> {
    /// Of a projection between populations of these sizes.
    ///
    /// # Errors
    /// If the synapses stand in a file that has not been read, or change with what they transmit.
    pub fn new(projection: &'a Projection, from: usize, to: usize) -> Result<Self> {
        if projection.short_term.is_some() {
            let what = projection.name();
            return Err(Error::Description(format!(
                "{what} has short-term plasticity, which this theory does not cover"
            )));
        }
        let (listed, drawn) = match &projection.rule {
            ConnectionRule::List { synapses } => {
                let own = synapses.iter().filter(|s| s.weight.is_none()).count();
                (&synapses[..], own as f64 / to as f64)
            }
            _ => (&[][..], projection.inputs_of_a_target(from, to)?),
        };
        Ok(Self { projection, listed, drawn, targets: to as f64 })
    }

    /// Largest weight.
    pub fn most(&self) -> f64 {
        let drawn = if self.drawn > 0.0 { self.projection.weight.most() } else { f64::MIN };
        self.listed.iter().filter_map(|s| s.weight).fold(drawn, f64::max)
    }

    /// Share of the spikes that a synapse of this weight transmits.
    pub fn transmitted(&self, weight: f64) -> f64 {
        self.projection.failure.map_or(1.0, |failure| 1.0 - failure.probability(weight))
    }

    /// Sum of f(w) over the synapses of a target whose weights are from `low` to below `high`.
    pub fn sum(&self, low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
        let weights = self.listed.iter().filter_map(|s| s.weight).filter(|w| (low..high).contains(w));
        let listed = weights.map(&f).sum::<f64>() / self.targets;
        if self.drawn == 0.0 { listed } else { listed + self.drawn * self.projection.weight.integral(low, high, f) }
    }

    /// Sum of w^power over the synapses of a target, failures included.
    pub fn moment(&self, power: i32) -> f64 {
        self.sum(f64::MIN, f64::MAX, |w| self.transmitted(w) * w.powi(power))
    }

    /// Sums of w and of w^2 over the synapses of a target, failures included, for each delay.
    pub fn by_delay(&self) -> Vec<(Delay<'a>, [f64; 2])> {
        let projection = self.projection;
        if self.listed.iter().all(|s| s.delay_ms.is_none()) {
            return vec![(Delay::Drawn(&projection.delay_ms), [1, 2].map(|power| self.moment(power)))];
        }
        let own = |power: i32| projection.weight.integral(f64::MIN, f64::MAX, |w| self.transmitted(w) * w.powi(power));
        let own = [own(1), own(2)];
        // By the bits of the delay, which are in its order; none stands first for the projection's.
        let mut sums: BTreeMap<Option<u64>, [f64; 2]> = BTreeMap::new();
        for synapse in self.listed {
            let sum = sums.entry(synapse.delay_ms.map(f64::to_bits)).or_default();
            let add = synapse.weight.map_or(own, |w| [1, 2].map(|power| self.transmitted(w) * w.powi(power)));
            sum.iter_mut().zip(add).for_each(|(sum, add)| *sum += add / self.targets);
        }
        let delay = |bits: Option<u64>| {
            bits.map_or(Delay::Drawn(&projection.delay_ms), |bits| Delay::Listed(f64::from_bits(bits)))
        };
        sums.into_iter().map(|(bits, sum)| (delay(bits), sum)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Failure, ShortTermPlasticity};

    fn list() -> Projection {
        let synapse = |from, to, weight, delay_ms| Listed { from, to, weight, delay_ms };
        let synapses = vec![
            synapse(0, 0, Some(2.0), Some(1.5)),
            synapse(1, 0, Some(-1.0), Some(3.0)),
            synapse(0, 1, None, Some(1.5)),
            synapse(1, 1, None, None),
        ];
        Projection::new("a", "b", "x", ConnectionRule::List { synapses }, 0.5, 1.0)
    }

    #[test]
    fn listed_weights_and_delays_count_and_others_are_the_projections() {
        let projection = list();
        let inputs = Inputs::new(&projection, 2, 2).unwrap();
        assert_eq!(inputs.moment(1), (2.0 - 1.0 + 0.5 + 0.5) / 2.0);
        assert_eq!(inputs.moment(2), (4.0 + 1.0 + 0.25 + 0.25) / 2.0);
        assert_eq!(inputs.sum(0.4, 2.0, |_| 1.0), 1.0);
        assert_eq!(inputs.most(), 2.0);
        let parts = inputs.by_delay();
        let [(Delay::Drawn(own), first), (Delay::Listed(near), second), (Delay::Listed(far), third)] = parts[..] else {
            panic!("{parts:?}");
        };
        assert_eq!((own.constant(), near, far), (Some(1.0), 1.5, 3.0));
        assert_eq!([first, second, third], [[0.25, 0.125], [1.25, 2.125], [-0.5, 0.5]]);
    }

    #[test]
    fn drawn_weights_have_their_moments_and_failures_take_their_share() {
        let rule = ConnectionRule::FixedProbability { probability: 0.1, autapses: true };
        let mut projection = Projection::new("a", "b", "x", rule, 3.0, 1.0);
        assert_eq!(Inputs::new(&projection, 50, 20).unwrap().moment(2), 45.0);
        projection.failure = Some(Failure::Constant { probability: 0.25 });
        assert_eq!(Inputs::new(&projection, 50, 20).unwrap().moment(1), 11.25);
        projection.weight = Distribution::Normal { mean: 1.0, sd: 2.0, at_least: f64::MIN, at_most: f64::MAX };
        assert!((Inputs::new(&projection, 50, 20).unwrap().moment(2) - 0.75 * 5.0 * 5.0).abs() < 1e-5);
        projection.short_term =
            Some(ShortTermPlasticity { utilisation: 0.5, recovery_ms: 800.0, facilitation_ms: 0.0 });
        let told = Inputs::new(&projection, 50, 20).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(told.contains("short-term plasticity") && told.contains("from a to b"), "{told}");
    }
}
