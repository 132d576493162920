//! Expectations: what a metric should be, by whom it was published, and whether it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One `[[expect]]` entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Address of the metric: `role.name.metric`.
    pub metric: String,
    /// Address of a metric that is subtracted before the bounds are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minus: Option<String>,
    /// Lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The published figure, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Who published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the metric means, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// Id of the catalogue's system that this expectation belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Share of a sweep's variants in which the bounds must hold; 1 means all.
    #[serde(default = "all")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub in_fraction: f64,
}

fn all() -> f64 {
    1.0
}

impl Expectation {
    /// Whether a value satisfies the bounds; NaN never does.
    pub fn holds(&self, value: f64) -> bool {
        !value.is_nan()
            && self.at_least.is_none_or(|bound| value >= bound)
            && self.at_most.is_none_or(|bound| value <= bound)
    }

    /// The bounds in words.
    pub fn bounds(&self) -> String {
        match (self.at_least, self.at_most) {
            (Some(low), Some(high)) => format!("{low} to {high}"),
            (Some(low), None) => format!("at least {low}"),
            (None, Some(high)) => format!("at most {high}"),
            (None, None) => "any".into(),
        }
    }

    /// The metric, and what is subtracted from it, in words.
    pub fn quantity(&self) -> String {
        match &self.minus {
            Some(minus) => format!("{} - {minus}", self.metric),
            None => self.metric.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_nan_never_holds() {
        let expectation: Expectation =
            serde_json::from_str(r#"{"metric": "a.b.c", "at_least": 0.5, "at_most": 1.0}"#).unwrap();
        assert!(expectation.holds(0.5) && expectation.holds(1.0));
        assert!(!expectation.holds(0.49) && !expectation.holds(f64::NAN));
        assert_eq!(expectation.bounds(), "0.5 to 1");
    }
}
