//! Synapses from one population to another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionRule, Distribution, ShortTermPlasticity};
use crate::Error;
use crate::error::{POSITIVE, Result, require_range};
use crate::plasticity::Plasticity;

/// Synapses from one population to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// Presynaptic population.
    pub from: String,
    /// Postsynaptic population.
    pub to: String,
    /// Receptor of the postsynaptic population.
    pub receptor: String,
    /// Who is connected.
    pub rule: ConnectionRule,
    /// Weights.
    pub weight: Distribution,
    /// Delays in ms, at least one step.
    pub delay_ms: Distribution,
    /// How often synapses fail to transmit; by default never.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// Short-term plasticity, by default none.
    #[serde(default)]
    pub short_term: Option<ShortTermPlasticity>,
    /// Whether synapses are drawn again at every spike instead of being stored: the same network, for little memory.
    #[serde(default)]
    pub procedural: bool,
    /// How weights change, by default not at all.
    #[serde(default)]
    pub plasticity: Option<Plasticity>,
}

/// Independent failures of every synapse at every spike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Failure {
    /// The same probability for all.
    Constant {
        /// Probability of a failure.
        probability: f64,
    },
    /// Weak synapses fail more often: a / (a + |w|).
    Weak {
        /// The weight a at which every second spike fails.
        half_weight: f64,
    },
}

impl Failure {
    /// Probability that a synapse of this weight fails.
    pub fn probability(&self, weight: f64) -> f64 {
        match *self {
            Self::Constant { probability } => probability,
            Self::Weak { half_weight } => half_weight / (half_weight + weight.abs()),
        }
    }
}

impl Projection {
    /// Static synapses that never fail.
    pub fn new(from: &str, to: &str, receptor: &str, rule: ConnectionRule, weight: f64, delay_ms: f64) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            receptor: receptor.into(),
            rule,
            weight: Distribution::Constant { value: weight },
            delay_ms: Distribution::Constant { value: delay_ms },
            failure: None,
            short_term: None,
            procedural: false,
            plasticity: None,
        }
    }

    /// Expected inputs of a target, for theory.
    ///
    /// # Errors
    /// If the synapses stand in a file that has not been read.
    pub(crate) fn inputs_of_a_target(&self, from: usize, to: usize) -> Result<f64> {
        if let ConnectionRule::Table(table) = &self.rule {
            let (path, what) = (table.path.display(), self.name());
            return Err(Error::Description(format!("the table {path} of {what} is not read for this theory")));
        }
        Ok(self.expected(from, to) / to as f64)
    }

    /// Expected number of synapses between populations of these sizes.
    pub(crate) fn expected(&self, from: usize, to: usize) -> f64 {
        self.rule.expected(from, to, self.from == self.to)
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        format!("the projection from {} to {}", self.from, self.to)
    }

    pub(super) fn check_synapses(&self, dt_ms: f64) -> Result<()> {
        let what = self.name();
        self.weight.check(&format!("weight of {what}"))?;
        self.delay_ms.check(&format!("delay_ms of {what}"))?;
        match self.failure {
            Some(Failure::Constant { probability }) => {
                require_range(format!("probability of failures of {what}"), probability, 0.0, 1.0)?;
            }
            Some(Failure::Weak { half_weight }) => {
                require_range(format!("half_weight of failures of {what}"), half_weight, POSITIVE, 1e15)?;
            }
            None => {}
        }
        if let Some(plasticity) = &self.plasticity {
            plasticity.check(&format!("plasticity of {what}"), dt_ms)?;
        }
        self.short_term.map_or(Ok(()), |s| s.check(&format!("short_term of {what}")))
    }
}
