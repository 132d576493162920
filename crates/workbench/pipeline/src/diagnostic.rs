//! Located messages about a declaration: what is wrong, where, what would be right.

use std::ops::Range;

use serde::Serialize;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Bytes of the pipeline file.
    File(Range<usize>),
    /// An override given on the command line, in its own words.
    Override(String),
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code, `R` and three digits; `rheobase describe R001` explains it.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// Where it stands.
    pub place: Place,
    /// A few words beside the place.
    pub label: String,
    /// What would be right: allowed values, the nearest known name, a number.
    pub help: Option<String>,
}

/// Codes with their meaning.
pub const CODES: &[(&str, &str)] = &[
    ("R001", "the file is not TOML"),
    ("R002", "a key is not known here"),
    ("R003", "a value has the wrong type"),
    ("R004", "a value is outside its allowed range or set"),
    ("R005", "a required key is missing"),
    ("R006", "a kind is not in the registry"),
    ("R007", "a reference names a node or output that does not exist"),
    ("R008", "a reference names a node of the wrong sort"),
    ("R009", "nodes refer to each other in a circle"),
    ("R010", "parts of a node do not work together"),
    ("R011", "an expectation is incomplete or names nothing that exists"),
    ("R012", "a sweep changes something that does not exist, or has no values"),
    ("R013", "an override does not fit"),
];
