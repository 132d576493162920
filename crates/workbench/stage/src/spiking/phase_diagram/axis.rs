//! An axis of a phase diagram: what of a network is multiplied, and with what.

use rheobase_spiking::network::{ConnectionRule, Distribution, Listed, NetworkDescription, Projection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One axis: what is multiplied, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What varies.
    pub vary: Vary,
    /// What the factor is called.
    pub name: String,
    /// Smallest factor.
    pub low: f64,
    /// Largest factor.
    pub high: f64,
    /// Factors tried, evenly spaced.
    #[serde(default = "points")]
    #[schemars(range(min = 2, max = 200))]
    pub points: usize,
}

/// What an axis multiplies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Vary {
    /// Weights of all projections from a population.
    WeightsFrom {
        /// The population.
        population: String,
    },
    /// Rates of all input from outside.
    Input {},
    /// Delays of all projections.
    Delays {},
}

impl Vary {
    /// Whether a factor must be positive: delays are, and so are lognormal weights.
    pub(super) fn is_positive(&self, network: &NetworkDescription) -> bool {
        let lognormal = |values: &Distribution| matches!(values, Distribution::Lognormal { .. });
        match self {
            Self::WeightsFrom { population } => {
                network.projections.iter().any(|p| p.from == *population && lognormal(&p.weight))
            }
            Self::Input {} => false,
            Self::Delays {} => true,
        }
    }
}

fn points() -> usize {
    25
}

impl Axis {
    /// The k-th factor.
    pub(super) fn factor(&self, k: usize) -> f64 {
        self.low + (self.high - self.low) * k as f64 / (self.points - 1) as f64
    }

    /// Multiplies a network; synapses of a list have weights and delays of their own.
    pub(super) fn apply(&self, factor: f64, network: &mut NetworkDescription) {
        let scale = |listed: &mut Option<f64>| listed.iter_mut().for_each(|value| *value *= factor);
        let each = |projection: &mut Projection, change: &dyn Fn(&mut Listed)| {
            if let ConnectionRule::List { synapses } = &mut projection.rule {
                synapses.iter_mut().for_each(change);
            }
        };
        match &self.vary {
            Vary::WeightsFrom { population } => {
                for projection in network.projections.iter_mut().filter(|p| p.from == *population) {
                    projection.weight = projection.weight.scaled(factor);
                    each(projection, &|synapse| scale(&mut synapse.weight));
                }
            }
            Vary::Input {} => {
                network.populations.values_mut().flat_map(|p| &mut p.input).for_each(|i| i.rate_hz *= factor);
            }
            Vary::Delays {} => {
                for projection in &mut network.projections {
                    projection.delay_ms = projection.delay_ms.scaled(factor);
                    each(projection, &|synapse| scale(&mut synapse.delay_ms));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_delays_of_lists_are_multiplied_too() {
        let text = r#"{ "populations": { "a": { "size": 2, "neuron": { "kind": "lif" }, "receptors": { "x": { "kind": "delta" } } } },
            "projections": [{ "from": "a", "to": "a", "receptor": "x", "weight": { "kind": "uniform", "low": 1, "high": 2 },
              "delay_ms": { "kind": "constant", "value": 2 },
              "rule": { "kind": "list", "synapses": [{ "from": 0, "to": 1, "weight": 0.5 }, { "from": 1, "to": 0, "delay_ms": 3 }] } }] }"#;
        let network: NetworkDescription = serde_json::from_str(text).unwrap();
        let axis = |vary| Axis { vary, name: "factor".into(), low: 0.5, high: 2.0, points: 4 };
        let of = |axis: &Axis, factor: f64| {
            let mut scaled = network.clone();
            axis.apply(factor, &mut scaled);
            scaled.projections.remove(0)
        };
        let weights = of(&axis(Vary::WeightsFrom { population: "a".into() }), -2.0);
        assert_eq!(weights.weight, Distribution::Uniform { low: -4.0, high: -2.0 });
        assert_eq!(weights.delay_ms, Distribution::Constant { value: 2.0 });
        let ConnectionRule::List { synapses } = &weights.rule else { panic!("{weights:?}") };
        assert_eq!(
            synapses.iter().map(|s| (s.weight, s.delay_ms)).collect::<Vec<_>>(),
            [(Some(-1.0), None), (None, Some(3.0))]
        );
        let delays = of(&axis(Vary::Delays {}), 1.5);
        assert_eq!(delays.delay_ms, Distribution::Constant { value: 3.0 });
        let ConnectionRule::List { synapses } = &delays.rule else { panic!("{delays:?}") };
        assert_eq!(
            synapses.iter().map(|s| (s.weight, s.delay_ms)).collect::<Vec<_>>(),
            [(Some(0.5), None), (None, Some(4.5))]
        );
        assert_eq!(axis(Vary::Input {}).factor(2), 1.5);
        assert!(axis(Vary::Delays {}).vary.is_positive(&network));
    }
}
