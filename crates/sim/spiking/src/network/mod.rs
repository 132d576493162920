//! What a network is: populations, receptors, projections. The simulation and the theory take the same description.

mod connection;
mod distribution;
mod rows;

pub use connection::ConnectionRule;
pub use distribution::Distribution;
pub(crate) use rows::{Rows, Shared, Targets};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{POSITIVE, Result, require_range};
use crate::neuron::Neuron;

/// How an event acts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Receptor {
    /// The voltage jumps by the weight in mV.
    Delta,
    /// An input current (mV for leaky neurons, else the model's unit) jumps by the weight and decays.
    ExponentialCurrent {
        /// Time constant in ms.
        tau_ms: f64,
    },
    /// A conductance (in units of the leak for leaky neurons, else nS) jumps by the weight and decays.
    ExponentialConductance {
        /// Time constant in ms.
        tau_ms: f64,
        /// Reversal potential in mV.
        e_mv: f64,
    },
}

/// Poisson input, independent for every neuron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoissonInput {
    /// The receptor.
    pub receptor: String,
    /// Events per second and neuron.
    pub rate_hz: f64,
    /// Weight of an event.
    pub weight: f64,
    /// When it begins, in ms.
    #[serde(default)]
    pub start_ms: f64,
    /// When it ends, in ms; by default never.
    #[serde(default = "never")]
    pub stop_ms: f64,
}

fn never() -> f64 {
    1e15
}

/// Neurons of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Number of neurons.
    pub size: usize,
    /// Their model.
    pub neuron: Neuron,
    /// Their receptors by name.
    #[serde(default)]
    pub receptors: BTreeMap<String, Receptor>,
    /// Voltage at the start in mV; by default the rest.
    #[serde(default)]
    pub start_mv: Option<Distribution>,
    /// States of receptors at the start, by name; by default 0.
    #[serde(default)]
    pub start: BTreeMap<String, Distribution>,
    /// Input from outside.
    #[serde(default)]
    pub input: Vec<PoissonInput>,
}

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
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkDescription {
    /// Step in ms.
    #[serde(default = "step")]
    pub dt_ms: f64,
    /// Populations by name.
    pub populations: BTreeMap<String, Population>,
    /// Projections.
    #[serde(default)]
    pub projections: Vec<Projection>,
}

fn step() -> f64 {
    0.1
}

/// Delays are kept in 2 bytes, and every neuron keeps a slot for each step of the longest one.
const LONGEST_DELAY_STEPS: f64 = 10_000.0;

fn known<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl Population {
    fn receptor(&self, name: &str, of: &str) -> Result<usize> {
        self.receptors.keys().position(|k| k == name).ok_or_else(|| Error::Unknown {
            what: format!("receptor of population {of}"),
            name: name.into(),
            known: known(self.receptors.keys()),
        })
    }

    fn check(&self, name: &str) -> Result<()> {
        if self.size == 0 || self.size > 1 << 31 {
            return Err(Error::Description(format!("population {name} has {} neurons; from 1 to 2^31", self.size)));
        }
        self.neuron.check(&format!("population {name}"))?;
        for (receptor, kind) in &self.receptors {
            if let Receptor::ExponentialCurrent { tau_ms } | Receptor::ExponentialConductance { tau_ms, .. } = kind {
                require_range(format!("tau_ms of receptor {receptor} of population {name}"), *tau_ms, POSITIVE, 1e9)?;
            }
            if let Receptor::ExponentialConductance { e_mv, .. } = kind {
                require_range(format!("e_mv of receptor {receptor} of population {name}"), *e_mv, -1e3, 1e3)?;
            }
        }
        for (receptor, start) in &self.start {
            self.receptor(receptor, name)?;
            start.check(&format!("start of receptor {receptor} of population {name}"))?;
        }
        if let Some(start) = &self.start_mv {
            start.check(&format!("start_mv of population {name}"))?;
        }
        for input in &self.input {
            self.receptor(&input.receptor, name)?;
            require_range(format!("rate_hz of the input of population {name}"), input.rate_hz, 0.0, 1e6)?;
            require_range(format!("weight of the input of population {name}"), input.weight, -1e9, 1e9)?;
        }
        Ok(())
    }
}

impl NetworkDescription {
    /// A population by name, with its number.
    ///
    /// # Errors
    /// If there is none; the known ones are listed.
    pub fn population(&self, name: &str) -> Result<(usize, &Population)> {
        let place = self.populations.iter().position(|(k, _)| k == name);
        place.and_then(|i| Some((i, self.populations.get(name)?))).ok_or_else(|| Error::Unknown {
            what: "population".into(),
            name: name.into(),
            known: known(self.populations.keys()),
        })
    }

    /// Refuses whatever cannot be simulated, naming population and range.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<()> {
        require_range("dt_ms", self.dt_ms, 1e-4, 10.0)?;
        if self.populations.is_empty() {
            return Err(Error::Description("a network needs at least one population".into()));
        }
        self.populations.iter().try_for_each(|(name, population)| population.check(name))?;
        for p in &self.projections {
            let what = format!("the projection from {} to {}", p.from, p.to);
            let (_, from) = self.population(&p.from)?;
            let (_, to) = self.population(&p.to)?;
            to.receptor(&p.receptor, &p.to)?;
            p.rule.check(&what, from.size, to.size, p.from == p.to)?;
            p.weight.check(&format!("weight of {what}"))?;
            p.delay_ms.check(&format!("delay_ms of {what}"))?;
            let (synapses, most) = (p.rule.expected(from.size, to.size), f64::from(u32::MAX) * 0.99);
            if synapses > most {
                return Err(Error::Description(format!(
                    "{what} would have {synapses:.3e} synapses; one projection holds at most {most:.3e}: divide a population"
                )));
            }
            let longest = p.delay_ms.most();
            if longest > self.dt_ms * LONGEST_DELAY_STEPS {
                return Err(Error::Description(format!(
                    "delays of {what} can be {longest:.3e} ms; at this step they may reach {} ms: give them an end, such as at_most",
                    self.dt_ms * LONGEST_DELAY_STEPS
                )));
            }
            let least = p.delay_ms.least();
            if least < self.dt_ms * (1.0 - 1e-9) {
                return Err(Error::Description(format!(
                    "delays of {what} can be {least} ms, below the step of {} ms; clip them or take a smaller step",
                    self.dt_ms
                )));
            }
        }
        Ok(())
    }

    /// Number of the receptor of a projection.
    pub(crate) fn receptor_of(&self, projection: &Projection) -> Result<usize> {
        self.population(&projection.to)?.1.receptor(&projection.receptor, &projection.to)
    }

    /// Synapses that are expected, and the bytes they and the neurons take.
    ///
    /// # Errors
    /// If a projection names a population that is not there.
    pub fn estimate(&self) -> Result<(f64, f64)> {
        let (mut synapses, mut bytes) = (0.0, 0.0);
        for p in &self.projections {
            let (from, to) = (self.population(&p.from)?.1.size, self.population(&p.to)?.1.size);
            let count = p.rule.expected(from, to);
            synapses += count;
            bytes += count * Rows::bytes_per_synapse(to, &p.weight, &p.delay_ms) as f64 + 8.0 * from as f64;
        }
        for population in self.populations.values() {
            bytes += population.size as f64 * (16.0 + 8.0 * population.receptors.len() as f64 * 20.0);
        }
        Ok((synapses, bytes))
    }
}
