//! A number with its card: which variant, with which constants, from how many samples, how sure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::{mean, permutation_p, variance};

/// What an estimator does with NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NanPolicy {
    /// NaN in the input is an error.
    Refuse,
    /// Samples with NaN are dropped, and the number dropped is one of the card's constants.
    DropAndCount,
}

/// A confidence or credible interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    #[serde(with = "null_for_nan")]
    pub low: f64,
    /// Upper end.
    #[serde(with = "null_for_nan")]
    pub high: f64,
    /// Nominal coverage, for example 0.95.
    pub level: f64,
    /// How it was obtained.
    pub method: String,
}

/// A null distribution, summarised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NullDistribution {
    /// How null samples were drawn.
    pub method: String,
    /// Number of draws.
    pub draws: usize,
    /// Mean under the null.
    #[serde(with = "null_for_nan")]
    pub mean: f64,
    /// Standard deviation under the null.
    #[serde(with = "null_for_nan")]
    pub sd: f64,
    /// p = (1 + number at least as extreme) / (1 + draws).
    pub p: f64,
}

impl NullDistribution {
    /// Of what was observed and of draws under the null; p counts those that are as large or larger.
    pub fn one_sided(method: &str, observed: f64, draws: &[f64]) -> Self {
        Self {
            method: method.into(),
            draws: draws.len(),
            mean: mean(draws),
            sd: variance(draws, 0).sqrt(),
            p: permutation_p(observed, draws),
        }
    }
}

/// How an estimate came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Name of the quantity.
    pub name: String,
    /// Exact variant of the estimator.
    pub variant: String,
    /// Constants the variant depends on, by name.
    pub constants: BTreeMap<String, f64>,
    /// Number of samples, and of what.
    pub n: usize,
    /// What one sample is.
    pub n_of: String,
    /// What is done with NaN.
    pub nan_policy: NanPolicy,
    /// Random stream used, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// Unit of the value; empty for a pure number.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub unit: String,
}

/// A number with its card, and where it exists an interval and a null distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value; NaN where it does not exist.
    #[serde(with = "null_for_nan")]
    pub value: f64,
    /// How it came about.
    pub card: Card,
    /// Uncertainty, if estimated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<Interval>,
    /// Null distribution, if drawn.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub null: Option<NullDistribution>,
}

impl Estimate {
    /// A value of `name`, estimated by `variant` from `n` samples of `n_of`; NaN is refused.
    pub fn new(value: f64, name: &str, variant: &str, n: usize, n_of: &str) -> Self {
        Self {
            value,
            card: Card {
                name: name.to_owned(),
                variant: variant.to_owned(),
                constants: BTreeMap::new(),
                n,
                n_of: n_of.to_owned(),
                nan_policy: NanPolicy::Refuse,
                seed: None,
                unit: String::new(),
            },
            interval: None,
            null: None,
        }
    }

    /// Records a constant of the variant; one that is not finite says nothing and is left out.
    #[must_use]
    pub fn with_constant(mut self, name: &str, value: f64) -> Self {
        if value.is_finite() {
            self.card.constants.insert(name.to_owned(), value);
        }
        self
    }

    /// Records the unit of the value.
    #[must_use]
    pub fn with_unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.card.unit);
        self
    }

    /// Records an interval.
    #[must_use]
    pub fn with_interval(mut self, interval: Interval) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Records a null distribution.
    #[must_use]
    pub fn with_null(mut self, null: NullDistribution) -> Self {
        self.null = Some(null);
        self
    }
}

/// JSON has no NaN: it is written as null and read back as NaN.
mod null_for_nan {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_does_not_exist_survives_json() {
        let estimate = Estimate::new(f64::NAN, "share", "of nothing", 0, "units").with_constant("x", f64::INFINITY);
        let text = serde_json::to_string(&estimate).unwrap();
        assert!(text.contains("\"value\":null"), "{text}");
        let back: Estimate = serde_json::from_str(&text).unwrap();
        assert!(back.value.is_nan() && back.card.constants.is_empty());
        let exact = Estimate::new(0.1 + 0.2, "x", "y", 1, "z");
        assert_eq!(serde_json::from_str::<Estimate>(&serde_json::to_string(&exact).unwrap()).unwrap(), exact);
    }
}
