//! The catalogue of systems that the project sets out to rebuild.

use serde::{Deserialize, Serialize};

const CATALOGUE: &str = include_str!("../../../../pipelines/systems.toml");

/// One system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Id, such as C16.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What to cite.
    #[serde(default)]
    pub citation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    systems: Vec<System>,
}

/// All systems, in the order of the catalogue.
pub fn systems() -> Vec<System> {
    // The file is part of the program and read by a test.
    toml::from_str::<Catalogue>(CATALOGUE).map(|c| c.systems).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_valid_and_its_ids_are_unique() {
        let catalogue: Catalogue = toml::from_str(CATALOGUE).unwrap();
        let mut ids: Vec<&str> = catalogue.systems.iter().map(|s| s.id.as_str()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(count > 100, "{count}");
        for part in ["A1", "A22", "P1", "B1", "B19", "C1", "C30", "D1", "D11", "E1", "E6", "F1", "F9", "G1", "G5"] {
            assert!(ids.contains(&part), "{part}");
        }
    }
}
