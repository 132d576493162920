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
    /// Address of a metric by which it, or the difference, is divided before the bounds are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
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

    /// The number that the bounds are for, from a way to look metrics up; none if one of them is missing, NaN if it is divided by 0.
    pub fn value(&self, metric: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        let minus = self.minus.as_deref().map_or(Some(0.0), &metric)?;
        let over = self.over.as_deref().map_or(Some(1.0), &metric)?;
        let difference = metric(&self.metric)? - minus;
        Some(if over == 0.0 { f64::NAN } else { difference / over })
    }

    /// The metric, and what is subtracted from it or divides it, in words.
    pub fn quantity(&self) -> String {
        let difference = match &self.minus {
            Some(minus) => format!("{} - {minus}", self.metric),
            None => self.metric.clone(),
        };
        match &self.over {
            Some(over) if self.minus.is_some() => format!("({difference}) / {over}"),
            Some(over) => format!("{difference} / {over}"),
            None => difference,
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

    #[test]
    fn metrics_are_subtracted_and_divided_as_the_words_say() {
        let lookup = |name: &str| match name {
            "a.b.c" => Some(7.0),
            "a.b.d" => Some(1.0),
            "a.b.e" => Some(3.0),
            "a.b.zero" => Some(0.0),
            _ => None,
        };
        let of = |extra: &str| -> Expectation {
            serde_json::from_str(&format!(r#"{{"metric": "a.b.c", "at_least": 2{extra}}}"#)).unwrap()
        };
        let both = of(r#", "minus": "a.b.d", "over": "a.b.e""#);
        assert_eq!(both.value(lookup), Some(2.0));
        assert_eq!(both.quantity(), "(a.b.c - a.b.d) / a.b.e");
        assert_eq!(of(r#", "over": "a.b.d""#).value(lookup), Some(7.0));
        assert_eq!(of(r#", "over": "a.b.d""#).quantity(), "a.b.c / a.b.d");
        assert_eq!(of(r#", "minus": "a.b.f""#).value(lookup), None);
        let by_zero = of(r#", "over": "a.b.zero""#);
        assert!(!by_zero.holds(by_zero.value(lookup).unwrap()));
    }
}
