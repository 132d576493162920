//! How weights change: rules at spikes, eligibility and reward, and what keeps weights in order over longer times.
//!
//! A delay lies before the synapse: a presynaptic spike counts when it arrives. Where it arrives in the step of a postsynaptic spike,
//! it came first. Models of weights without a network are in [`spines`] and [`redundant`].

mod calcium;
mod inhibitory;
pub mod redundant;
pub mod spines;
mod stdp;

pub use calcium::Calcium;
pub(crate) use calcium::CalciumState;
pub use inhibitory::Inhibitory;
pub use stdp::{Pairing, Stdp, Triplet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{POSITIVE, Result, require_range};

/// What happens at spikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Rule {
    /// Spike-timing-dependent plasticity by pairs and triplets.
    Stdp(Stdp),
    /// Inhibitory plasticity towards a rate.
    Inhibitory(Inhibitory),
    /// Plasticity by calcium thresholds.
    Calcium(Calcium),
    /// Nothing: only what is done from time to time.
    None {},
}

/// Reward acts on eligibility: changes wait in a trace c that decays, and a reward r adds r c to the weight at once, or by a substance that
/// it releases: dw/dt = c d / tau, where d jumps by r and decays with tau, so that a lasting trace moves the weight by r c either way
/// (Izhikevich 2007 Cereb Cortex 17:2443; Fremaux & Gerstner 2016 Front Neural Circuits 9:85).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reward {
    /// Time constant of eligibility in ms.
    pub tau_ms: f64,
    /// Time constant in ms of the substance that carries a reward, such as 200 of dopamine; 0, the default: it acts at once.
    #[serde(default)]
    pub release_tau_ms: f64,
    /// Times in ms and sizes of rewards.
    #[serde(default)]
    pub rewards: Vec<[f64; 2]>,
}

/// What is done from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Upkeep {
    /// The weights onto each neuron are scaled to a sum.
    Normalise {
        /// How often, in ms.
        every_ms: f64,
        /// The sum.
        sum: f64,
    },
    /// The weights onto each neuron are scaled towards a rate: w *= 1 + strength (target - rate) / target (Turrigiano et al.
    /// 1998 Nature 391:892).
    Scale {
        /// How often, in ms; rates are counted in that time.
        every_ms: f64,
        /// Target in Hz.
        target_hz: f64,
        /// Strength, below 1.
        strength: f64,
    },
    /// Synapses below a weight are cut and grow again from other sources.
    Turnover {
        /// How often, in ms.
        every_ms: f64,
        /// Weight below which a synapse is cut.
        below: f64,
        /// Weight of a new synapse.
        initial: f64,
    },
    /// Sizes fluctuate by themselves: w = eps w + eta, eps normal, eta the same always (Statman et al. 2014).
    Fluctuate {
        /// How often, in ms.
        every_ms: f64,
        /// Mean of eps.
        factor: f64,
        /// Standard deviation of eps.
        factor_sd: f64,
        /// eta.
        added: f64,
    },
}

impl Upkeep {
    /// How often, in ms.
    pub fn every_ms(&self) -> f64 {
        match *self {
            Self::Normalise { every_ms, .. }
            | Self::Scale { every_ms, .. }
            | Self::Turnover { every_ms, .. }
            | Self::Fluctuate { every_ms, .. } => every_ms,
        }
    }
}

/// How the weights of a projection change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plasticity {
    /// What happens at spikes.
    pub rule: Rule,
    /// Smallest weight.
    #[serde(default)]
    pub least: f64,
    /// Largest weight.
    pub most: f64,
    /// Reward, by default none: changes act at once.
    #[serde(default)]
    pub reward: Option<Reward>,
    /// What is done from time to time.
    #[serde(default)]
    pub upkeep: Vec<Upkeep>,
}

impl Plasticity {
    /// A rule with bounds.
    pub fn new(rule: Rule, [least, most]: [f64; 2]) -> Self {
        Self { rule, least, most, reward: None, upkeep: vec![] }
    }

    /// Bytes that a synapse keeps beside its weight: eligibility and calcium, each with the step of its last change.
    pub(crate) fn state_bytes(&self) -> usize {
        let calcium = if matches!(self.rule, Rule::Calcium(_)) { size_of::<CalciumState>() } else { 0 };
        let eligibility = if self.reward.is_some() { size_of::<(f64, u64)>() } else { 0 };
        calcium + eligibility
    }

    /// Refuses time constants that are not positive and bounds upside down.
    ///
    /// # Errors
    /// Naming the projection and the field.
    pub fn check(&self, what: &str, dt_ms: f64) -> Result<()> {
        require_range(format!("least weight of {what}"), self.least, -1e12, 1e12)?;
        require_range(format!("most weight of {what}"), self.most, self.least, 1e12)?;
        match &self.rule {
            Rule::Stdp(rule) => rule.check(what)?,
            Rule::Inhibitory(rule) => rule.check(what)?,
            Rule::Calcium(rule) => rule.check(what)?,
            Rule::None {} => {}
        }
        if let Some(reward) = &self.reward {
            require_range(format!("tau_ms of the reward of {what}"), reward.tau_ms, POSITIVE, 1e12)?;
            require_range(format!("release_tau_ms of the reward of {what}"), reward.release_tau_ms, 0.0, 1e12)?;
            for [time, size] in &reward.rewards {
                require_range(format!("time of a reward of {what}"), *time, 0.0, 1e12)?;
                require_range(format!("size of a reward of {what}"), *size, -1e12, 1e12)?;
            }
        }
        for upkeep in &self.upkeep {
            require_range(format!("every_ms of the upkeep of {what}"), upkeep.every_ms(), dt_ms, 1e12)?;
            match *upkeep {
                Upkeep::Scale { target_hz, strength, .. } => {
                    require_range(format!("target_hz of {what}"), target_hz, POSITIVE, 1e6)?;
                    require_range(format!("strength of scaling of {what}"), strength, 0.0, 1.0)?;
                }
                Upkeep::Turnover { .. } if self.reward.is_some() || matches!(self.rule, Rule::Calcium(_)) => {
                    return Err(Error::Description(format!(
                        "{what} has both turnover and synapses with a memory of their own (reward or calcium)"
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
