//! Numbers that differ from synapse to synapse or neuron to neuron.

use rand::RngExt;
use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::RandomStream;
use schemars::{JsonSchema, Schema, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, require_range};

/// A distribution of numbers; a bare number is one that is always the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Distribution", transform = or_a_number)]
pub enum Distribution {
    /// Always the same.
    Constant {
        /// The value.
        value: f64,
    },
    /// Even between two ends.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal, values outside the ends drawn again.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
        /// Smallest value.
        #[serde(default = "lowest")]
        at_least: f64,
        /// Largest value.
        #[serde(default = "highest")]
        at_most: f64,
    },
    /// Lognormal, values above `at_most` drawn again.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
        /// Largest value.
        #[serde(default = "highest")]
        at_most: f64,
    },
}

fn or_a_number(schema: &mut Schema) {
    if let Some(kinds) = schema.get_mut("oneOf").and_then(|kinds| kinds.as_array_mut()) {
        kinds.push(json_schema!({ "description": "Always this number.", "type": "number" }).into());
    }
}

// `remote` makes the derived functions inherent ones, which these call.
impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrKind)
    }
}

struct NumberOrKind;

impl<'de> Visitor<'de> for NumberOrKind {
    type Value = Distribution;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number or a table with a `kind`")
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Distribution, E> {
        Ok(Distribution::Constant { value })
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Distribution, E> {
        Ok(Distribution::Constant { value: value as f64 })
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Distribution, E> {
        Ok(Distribution::Constant { value: value as f64 })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> std::result::Result<Distribution, M::Error> {
        Distribution::deserialize(MapAccessDeserializer::new(map))
    }
}

fn lowest() -> f64 {
    f64::MIN
}

fn highest() -> f64 {
    f64::MAX
}

impl Distribution {
    /// The value, if it is always the same.
    pub fn constant(&self) -> Option<f64> {
        if let Self::Constant { value } = self { Some(*value) } else { None }
    }

    /// The smallest value that can come.
    pub fn least(&self) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Uniform { low, .. } => low,
            Self::Normal { at_least, .. } => at_least,
            Self::Lognormal { .. } => 0.0,
        }
    }

    /// The largest value that can come.
    pub fn most(&self) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Uniform { high, .. } => high,
            Self::Normal { at_most, .. } | Self::Lognormal { at_most, .. } => at_most,
        }
    }

    /// A value from the middle.
    pub(crate) fn typical(&self) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Uniform { low, high } => 0.5 * (low + high),
            Self::Normal { mean, at_least, at_most, .. } => mean.clamp(at_least, at_most),
            Self::Lognormal { mu, at_most, .. } => mu.exp().min(at_most),
        }
    }

    /// The distribution of the values times a factor, which is positive for lognormal ones.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        // Ends that are not there stay where they are.
        let end = |value: f64| if value.abs() == f64::MAX { value * factor.signum() } else { value * factor };
        let ends = |low: f64, high: f64| (end(low).min(end(high)), end(low).max(end(high)));
        match *self {
            Self::Constant { value } => Self::Constant { value: value * factor },
            Self::Uniform { low, high } => {
                let (low, high) = ends(low, high);
                Self::Uniform { low, high }
            }
            Self::Normal { mean, sd, at_least, at_most } => {
                let (at_least, at_most) = ends(at_least, at_most);
                Self::Normal { mean: mean * factor, sd: sd * factor.abs(), at_least, at_most }
            }
            Self::Lognormal { mu, sigma, at_most } => {
                Self::Lognormal { mu: mu + factor.ln(), sigma, at_most: end(at_most) }
            }
        }
    }

    /// One value.
    pub fn draw(&self, stream: &mut RandomStream) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Uniform { low, high } => low + (high - low) * stream.random::<f64>(),
            Self::Normal { mean, sd, at_least, at_most } => loop {
                let normal: f64 = StandardNormal.sample(stream);
                let value = mean + sd * normal;
                if (at_least..=at_most).contains(&value) {
                    return value;
                }
            },
            Self::Lognormal { mu, sigma, at_most } => loop {
                let normal: f64 = StandardNormal.sample(stream);
                let value = (mu + sigma * normal).exp();
                if value <= at_most {
                    return value;
                }
            },
        }
    }

    /// Refuses what is not finite, upside down, or would be drawn again almost for ever.
    ///
    /// # Errors
    /// Naming the field.
    pub fn check(&self, what: &str) -> Result<()> {
        let finite =
            |name: &str, value: f64| require_range(format!("{name} of {what}"), value, -1e15, 1e15).map(|_| ());
        match *self {
            Self::Constant { value } => finite("value", value),
            Self::Uniform { low, high } => {
                finite("low", low)?;
                require_range(format!("high of {what}"), high, low, 1e15).map(|_| ())
            }
            Self::Normal { mean, sd, at_least, at_most } => {
                finite("mean", mean)?;
                require_range(format!("sd of {what}"), sd, 0.0, 1e15)?;
                // At least one value in about a thousand must be taken.
                require_range(format!("at_least of {what}"), at_least, f64::MIN, mean + 3.0 * sd)?;
                require_range(format!("at_most of {what}"), at_most, at_least.max(mean - 3.0 * sd), f64::MAX)
                    .map(|_| ())
            }
            Self::Lognormal { mu, sigma, at_most } => {
                require_range(format!("mu of {what}"), mu, -100.0, 100.0)?;
                require_range(format!("sigma of {what}"), sigma, 0.0, 20.0)?;
                require_range(format!("at_most of {what}"), at_most, (mu - 3.0 * sigma).exp(), f64::MAX).map(|_| ())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Seed;

    #[test]
    fn a_scaled_distribution_draws_the_same_values_times_the_factor() {
        for distribution in [
            Distribution::Constant { value: 3.0 },
            Distribution::Uniform { low: -1.0, high: 4.0 },
            Distribution::Normal { mean: 1.0, sd: 2.0, at_least: 0.5, at_most: f64::MAX },
            Distribution::Lognormal { mu: -0.5, sigma: 1.0, at_most: 2.0 },
        ] {
            let scaled = distribution.scaled(2.5);
            let (mut a, mut b) = (Seed::root(3).stream(), Seed::root(3).stream());
            for _ in 0..200 {
                let (own, theirs) = (2.5 * distribution.draw(&mut a), scaled.draw(&mut b));
                assert!((own - theirs).abs() < 1e-12, "{distribution:?} {own} {theirs}");
            }
        }
        let turned = Distribution::Normal { mean: 1.0, sd: 2.0, at_least: 0.5, at_most: f64::MAX }.scaled(-1.0);
        assert_eq!(turned, Distribution::Normal { mean: -1.0, sd: 2.0, at_least: f64::MIN, at_most: -0.5 });
    }

    #[test]
    fn a_bare_number_is_a_constant_and_tables_stay_what_they_are() {
        let read = |text: &str| serde_json::from_str::<Distribution>(text).map_err(|e| e.to_string());
        for (text, value) in [("0.5", 0.5), ("-3", -3.0), ("3", 3.0), (r#"{ "kind": "constant", "value": 7 }"#, 7.0)] {
            assert_eq!(read(text), Ok(Distribution::Constant { value }), "{text}");
        }
        let normal = Distribution::Normal { mean: 1.0, sd: 2.0, at_least: 0.5, at_most: 4.0 };
        for distribution in [normal, Distribution::Constant { value: 0.1 }] {
            let text = serde_json::to_string(&distribution).unwrap();
            assert!(text.starts_with(r#"{"kind":"#), "{text}");
            assert_eq!(read(&text), Ok(distribution));
        }
        assert!(read(r#"{ "kind": "gamma", "value": 1 }"#).unwrap_err().contains("gamma"));
        assert!(read(r#"{ "kind": "constant", "value": 1, "sd": 2 }"#).unwrap_err().contains("sd"));
        assert!(read("\"much\"").unwrap_err().contains("a number or a table with a `kind`"));
    }
}
