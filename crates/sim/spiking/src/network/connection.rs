//! Who is connected to whom.
//!
//! Rules that count inputs are drawn target by target, the others source by source, each from its own random stream, so that a
//! part of a network can be connected anywhere, in any order, with the same result.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{POSITIVE, Result, require_range};

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ConnectionRule {
    /// Every source to every target.
    AllToAll {
        /// Whether a neuron may be connected to itself.
        #[serde(default)]
        autapses: bool,
    },
    /// The first source to the first target, and so on.
    OneToOne {},
    /// Each pair by itself with the same probability.
    FixedProbability {
        /// Probability of a pair.
        probability: f64,
        /// Whether a neuron may be connected to itself.
        #[serde(default)]
        autapses: bool,
    },
    /// The same number of inputs for every target.
    FixedInDegree {
        /// Inputs of a target.
        count: usize,
        /// Whether a neuron may be connected to itself.
        #[serde(default)]
        autapses: bool,
        /// Whether a pair may be connected more than once.
        #[serde(default = "yes")]
        multapses: bool,
    },
    /// The same number of targets for every source.
    FixedOutDegree {
        /// Targets of a source.
        count: usize,
        /// Whether a neuron may be connected to itself.
        #[serde(default)]
        autapses: bool,
        /// Whether a pair may be connected more than once.
        #[serde(default = "yes")]
        multapses: bool,
    },
    /// A number of synapses in all, each between a random source and a random target; pairs may repeat.
    FixedTotal {
        /// Number of synapses.
        count: usize,
        /// Whether a neuron may be connected to itself.
        #[serde(default)]
        autapses: bool,
    },
    /// Each pair with a probability that falls with its distance; both populations need a `space`.
    Distance {
        /// Probability at distance 0.
        peak: f64,
        /// How it falls.
        profile: Profile,
        /// Standard deviation, length constant or radius in um.
        scale_um: f64,
        /// Whether a neuron may be connected to itself.
        #[serde(default)]
        autapses: bool,
    },
    /// These synapses.
    List {
        /// The synapses.
        synapses: Vec<Listed>,
    },
    /// The synapses of a file, a row each: a connectome, for example.
    Table(ConnectionTable),
}

/// Synapses in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionTable {
    /// A .csv or .parquet file; the path is relative to the folder the program is started in.
    pub path: PathBuf,
    /// Column with the source: its number from 0, or its name where the population has `names`.
    #[serde(default = "from_column")]
    pub from: String,
    /// Column with the target.
    #[serde(default = "to_column")]
    pub to: String,
    /// Column with the weight; by default weights are the projection's.
    #[serde(default)]
    pub weight: Option<String>,
    /// What a number of that column is multiplied with, such as the weight of one of the synapses that it counts.
    #[serde(default = "unscaled")]
    pub weight_scale: f64,
    /// Column with the delay in ms; by default delays are the projection's.
    #[serde(default)]
    pub delay_ms: Option<String>,
    /// Whether rows are left out whose neurons are in neither population, as when the file holds other cells too.
    #[serde(default)]
    pub skip_others: bool,
}

fn from_column() -> String {
    "from".into()
}

fn to_column() -> String {
    "to".into()
}

fn unscaled() -> f64 {
    1.0
}

/// How the probability of a connection falls with distance d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// e^(-d^2 / (2 s^2)).
    Gaussian,
    /// e^(-d / s).
    Exponential,
    /// 1 up to s.
    Disc,
}

/// One synapse of a list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Number of the source, from 0.
    pub from: usize,
    /// Number of the target, from 0.
    pub to: usize,
    /// Weight; by default the projection's.
    #[serde(default)]
    pub weight: Option<f64>,
    /// Delay in ms; by default the projection's.
    #[serde(default)]
    pub delay_ms: Option<f64>,
}

/// Neurons in a square sheet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Side of the sheet in um.
    pub width_um: f64,
    /// On a grid, or anywhere.
    #[serde(default)]
    pub grid: bool,
    /// Whether opposite sides touch.
    #[serde(default = "yes")]
    pub periodic: bool,
}

fn yes() -> bool {
    true
}

impl ConnectionRule {
    /// Expected number of synapses; `same` says that both populations are one.
    pub fn expected(&self, from: usize, to: usize, same: bool) -> f64 {
        let pairs = |autapses: bool| from as f64 * to as f64 - if same && !autapses { from as f64 } else { 0.0 };
        match *self {
            Self::AllToAll { autapses } => pairs(autapses),
            Self::OneToOne {} => from.min(to) as f64,
            Self::FixedProbability { probability, autapses } => probability * pairs(autapses),
            Self::FixedInDegree { count, .. } => count as f64 * to as f64,
            Self::FixedOutDegree { count, .. } => count as f64 * from as f64,
            Self::FixedTotal { count, .. } => count as f64,
            // No more than all pairs; how many depends on the sheet.
            Self::Distance { peak, autapses, .. } => peak * pairs(autapses),
            Self::List { ref synapses } => synapses.len() as f64,
            // Known when the file has been read.
            Self::Table(_) => 0.0,
        }
    }

    /// Whether rows can be drawn one source at a time, and so need not be stored.
    pub fn by_source(&self) -> bool {
        matches!(
            self,
            Self::AllToAll { .. } | Self::OneToOne {} | Self::FixedProbability { .. } | Self::FixedOutDegree { .. }
        )
    }

    /// Refuses probabilities outside 0 to 1, more partners than there are, and neurons that do not exist.
    ///
    /// # Errors
    /// Naming the projection.
    pub fn check(&self, what: &str, from: usize, to: usize, same: bool) -> Result<()> {
        let enough = |count: usize, size: usize, autapses: bool, multapses: bool, kind: &str| {
            let others = if same && !autapses { size - 1 } else { size };
            if (!multapses && count > others) || (others == 0 && count > 0) {
                return Err(Error::Description(format!("{what} asks for {count} {kind} of {others} possible ones")));
            }
            Ok(())
        };
        match *self {
            Self::FixedProbability { probability, .. } => {
                require_range(format!("probability of {what}"), probability, 0.0, 1.0).map(|_| ())
            }
            Self::FixedInDegree { count, autapses, multapses } => enough(count, from, autapses, multapses, "sources"),
            Self::FixedOutDegree { count, autapses, multapses } => enough(count, to, autapses, multapses, "targets"),
            Self::FixedTotal { count, autapses } => enough(count, from, autapses, true, "sources"),
            Self::Distance { peak, scale_um, .. } => {
                require_range(format!("peak of {what}"), peak, 0.0, 1.0)?;
                require_range(format!("scale_um of {what}"), scale_um, POSITIVE, 1e9).map(|_| ())
            }
            Self::OneToOne {} if from != to => {
                Err(Error::Description(format!("{what} is one to one between {from} and {to} neurons")))
            }
            Self::List { ref synapses } => synapses.iter().enumerate().try_for_each(|(row, s)| {
                if s.from >= from || s.to >= to {
                    return Err(Error::Description(format!(
                        "row {row} of the list of {what} connects {} to {}; there are {from} sources and {to} targets, counted from 0",
                        s.from, s.to
                    )));
                }
                require_range(format!("weight in row {row} of the list of {what}"), s.weight.unwrap_or(0.0), -1e15, 1e15)?;
                Ok(())
            }),
            Self::Table(ref table) => {
                let what = format!("weight_scale of the table of {what}");
                require_range(what, table.weight_scale, -1e15, 1e15).map(|_| ())
            }
            Self::AllToAll { .. } | Self::OneToOne {} => Ok(()),
        }
    }
}
