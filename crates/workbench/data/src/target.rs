//! Published brain figures: what was measured, in whom, with which exact meaning.

use serde::Deserialize;

use crate::{Error, Result};

/// Every target; adding one is one file under `datasets/targets/` and one line here.
const TARGETS: &[(&str, &str)] = &[
    ("v1-simple-cells-ringach-2002", include_str!("../../../../datasets/targets/v1-simple-cells-ringach-2002.toml")),
    (
        "v1-simple-cells-jones-palmer-1987",
        include_str!("../../../../datasets/targets/v1-simple-cells-jones-palmer-1987.toml"),
    ),
    ("v1-bandwidth-de-valois-1982", include_str!("../../../../datasets/targets/v1-bandwidth-de-valois-1982.toml")),
];

/// A published result on a brain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name used in pipelines.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// What to cite.
    pub citation: String,
    /// Species, area and number of cells, as published.
    pub preparation: String,
    /// The figures.
    pub quantities: Vec<Quantity>,
}

/// One published figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// Column or metric it is compared with.
    pub name: String,
    /// Exact meaning, units included.
    pub meaning: String,
    /// Lower end of the published range or interval.
    pub low: f64,
    /// Upper end of the published range or interval.
    pub high: f64,
    /// Published centre, where there is one.
    #[serde(default)]
    pub centre: Option<f64>,
    /// How the figure was obtained from the paper: `stated`, `read from figure` or `from memory`.
    pub provenance: String,
}

/// Names of all targets.
pub fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|(name, _)| *name).collect()
}

/// A target by name.
///
/// # Errors
/// If there is none (the message lists those that exist).
pub fn load(name: &str) -> Result<Target> {
    let (_, text) = TARGETS.iter().find(|(known, _)| *known == name).ok_or_else(|| Error::Unknown {
        what: "target",
        found: name.to_owned(),
        known: names().join(", "),
    })?;
    toml::from_str(text).map_err(|e| Error::format(name, "target", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_parses_under_its_own_name_with_ordered_ranges() {
        for name in names() {
            let target = load(name).unwrap();
            assert_eq!(target.name, name);
            assert!(!target.quantities.is_empty());
            for quantity in target.quantities {
                assert!(quantity.low <= quantity.high, "{name}: {}", quantity.name);
                assert!(["stated", "read from figure", "from memory"].contains(&quantity.provenance.as_str()));
            }
        }
    }
}
