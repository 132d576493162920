//! Who is connected to whom. Sources are drawn for each target from the target's own random stream, so that a part of the
//! targets can be connected anywhere, in any order, with the same result.

use rand::RngExt;
use rheobase_core::RandomStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{Result, require_range};

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
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
}

fn yes() -> bool {
    true
}

impl ConnectionRule {
    /// Expected number of synapses.
    pub fn expected(&self, from: usize, to: usize) -> f64 {
        match *self {
            Self::AllToAll { .. } => from as f64 * to as f64,
            Self::OneToOne {} => from.min(to) as f64,
            Self::FixedProbability { probability, .. } => probability * from as f64 * to as f64,
            Self::FixedInDegree { count, .. } => count as f64 * to as f64,
        }
    }

    /// Refuses probabilities outside 0 to 1 and more inputs than there are sources.
    ///
    /// # Errors
    /// Naming the projection.
    pub fn check(&self, what: &str, from: usize, to: usize, same: bool) -> Result<()> {
        match *self {
            Self::FixedProbability { probability, .. } => {
                require_range(format!("probability of {what}"), probability, 0.0, 1.0).map(|_| ())
            }
            Self::FixedInDegree { count, autapses, multapses } => {
                let others = if same && !autapses { from - 1 } else { from };
                if (!multapses && count > others) || (others == 0 && count > 0) {
                    return Err(Error::Description(format!(
                        "{what} asks for {count} inputs of {others} possible sources"
                    )));
                }
                Ok(())
            }
            Self::OneToOne {} if from != to => {
                Err(Error::Description(format!("{what} is one to one between {from} and {to} neurons")))
            }
            _ => Ok(()),
        }
    }

    /// Sources of one target, in the order drawn; `own` is the target's number if the populations are the same.
    pub(crate) fn sources(
        &self,
        target: usize,
        from: usize,
        own: Option<usize>,
        stream: &mut RandomStream,
        out: &mut Vec<u32>,
    ) {
        out.clear();
        let excluded = |autapses: bool| if autapses { None } else { own };
        match *self {
            Self::AllToAll { autapses } => {
                let not = excluded(autapses);
                out.extend((0..from as u32).filter(|s| not != Some(*s as usize)));
            }
            Self::OneToOne {} => out.push(target as u32),
            Self::FixedProbability { probability, autapses } => {
                let not = excluded(autapses);
                if probability >= 1.0 {
                    out.extend((0..from as u32).filter(|s| not != Some(*s as usize)));
                } else if probability > 0.0 {
                    // Gaps between connected sources are geometric.
                    let scale = 1.0 / (1.0 - probability).ln();
                    let mut at = 0_usize;
                    loop {
                        let gap = ((1.0 - stream.random::<f64>()).ln() * scale).floor();
                        if gap >= (from - at) as f64 {
                            return;
                        }
                        at += gap as usize;
                        if not != Some(at) {
                            out.push(at as u32);
                        }
                        at += 1;
                        if at == from {
                            return;
                        }
                    }
                }
            }
            Self::FixedInDegree { count, autapses, multapses } => {
                let not = excluded(autapses);
                // One bit for each source that is taken.
                let mut taken = vec![0_u64; if multapses { 0 } else { from.div_ceil(64) }];
                while out.len() < count {
                    let source = stream.random_range(0..from as u32);
                    if not == Some(source as usize) {
                        continue;
                    }
                    if !multapses {
                        let (word, bit) = (source as usize / 64, 1 << (source % 64));
                        if taken[word] & bit != 0 {
                            continue;
                        }
                        taken[word] |= bit;
                    }
                    out.push(source);
                }
            }
        }
    }
}
