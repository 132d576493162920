//! What a network is: populations, receptors, projections. The simulation and the theory take the same description.

mod connection;
mod distribution;
mod draw;
mod ganglion_chain;
mod population;
mod projection;
mod receptor;
mod rows;
mod short_term;

pub use connection::{ConnectionRule, ConnectionTable, Listed, Profile, Space};
pub use distribution::Distribution;
pub(crate) use draw::{Drawn, Wiring};
pub use ganglion_chain::{Cut, GanglionChain, Side, Touch, Weights as GanglionWeights};
pub use population::{NeuronNames, PoissonInput, Population};
pub use projection::{Failure, Projection};
pub use receptor::Receptor;
pub(crate) use rows::{Delays, Rows, Synapse, Targets, Weights};
pub(crate) use short_term::Resources;
pub use short_term::ShortTermPlasticity;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{Result, require_range};

/// Precision of states and of events under way; weights are always kept in single precision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits: half the memory, up to twice the speed.
    Single,
    /// 64 bits.
    #[default]
    Double,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkDescription {
    /// Step in ms.
    #[serde(default = "step")]
    pub dt_ms: f64,
    /// Precision of the states.
    #[serde(default)]
    pub precision: Precision,
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
        self.mistakes().into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Mistakes, one for each population and projection at most, and where each stands: keys, and numbers of projections.
    pub fn mistakes(&self) -> Vec<(Vec<String>, Error)> {
        let mut all = Vec::new();
        let mut note = |path: &[&str], checked: Result<()>| {
            all.extend(checked.err().map(|error| (path.iter().map(|p| (*p).to_owned()).collect(), error)));
        };
        note(&["dt_ms"], require_range("dt_ms", self.dt_ms, 1e-4, 1e3).map(|_| ()));
        if self.populations.is_empty() {
            note(&["populations"], Err(Error::Description("a network needs at least one population".into())));
        }
        for (name, population) in &self.populations {
            let neuron = population.neuron.check(&format!("population {name}"), self.dt_ms);
            if neuron.is_err() {
                note(&["populations", name, "neuron"], neuron);
            } else {
                note(&["populations", name], population.check(name, self.dt_ms));
            }
        }
        for (number, projection) in self.projections.iter().enumerate() {
            note(&["projections", &number.to_string()], self.check_projection(projection));
        }
        all
    }

    fn check_projection(&self, p: &Projection) -> Result<()> {
        let what = p.name();
        let (_, from) = self.population(&p.from)?;
        let (_, to) = self.population(&p.to)?;
        to.receptor(&p.receptor, &p.to)?;
        p.rule.check(&what, from.size, to.size, p.from == p.to)?;
        p.check_synapses(self.dt_ms)?;
        if matches!(p.rule, ConnectionRule::Distance { .. }) && (from.space.is_none() || to.space.is_none()) {
            return Err(Error::Description(format!("{what} is by distance: give both populations a `space`")));
        }
        if p.plasticity.is_some() && (p.procedural || p.failure.is_some() || p.short_term.is_some()) {
            return Err(Error::Description(format!(
                "{what} is plastic: its synapses are stored, and have neither failures nor short-term plasticity"
            )));
        }
        if p.procedural && !p.rule.by_source() {
            return Err(Error::Description(format!(
                "{what} cannot be procedural: its rule draws sources for targets; use fixed-probability or fixed-out-degree"
            )));
        }
        let (synapses, most) = (p.expected(from.size, to.size), f64::from(u32::MAX) * 0.99);
        if !p.procedural && synapses > most {
            return Err(Error::Description(format!(
                "{what} would have {synapses:.3e} synapses; one projection stores at most {most:.3e}: divide a population, or set procedural = true"
            )));
        }
        let given = |s: &Listed| s.delay_ms;
        let listed = if let ConnectionRule::List { synapses } = &p.rule { &synapses[..] } else { &[] };
        let longest = listed.iter().filter_map(given).fold(p.delay_ms.most(), f64::max);
        if longest > self.dt_ms * LONGEST_DELAY_STEPS {
            return Err(Error::Description(format!(
                "delays of {what} can be {longest:.3e} ms; at this step they may reach {} ms: give them an end, such as at_most",
                self.dt_ms * LONGEST_DELAY_STEPS
            )));
        }
        let least = listed.iter().filter_map(given).fold(p.delay_ms.least(), f64::min);
        // A NaN is no delay either.
        if least.is_nan() || least < self.dt_ms * (1.0 - 1e-9) {
            return Err(Error::Description(format!(
                "delays of {what} can be {least} ms, below the step of {} ms; clip them or take a smaller step",
                self.dt_ms
            )));
        }
        Ok(())
    }

    /// Steps in a time.
    ///
    /// # Errors
    /// If it is no whole number of steps.
    pub fn steps_in(&self, ms: f64) -> Result<u64> {
        let dt = self.dt_ms;
        let steps = (ms / dt).round();
        if steps < 1.0 || (steps * dt - ms).abs() > 1e-9 * ms {
            return Err(Error::Description(format!("dt_ms is {dt}: it does not divide {ms} ms, as 0.1 does")));
        }
        Ok(steps as u64)
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
            let count = p.expected(from, to);
            synapses += count;
            if !p.procedural {
                bytes += count * Rows::bytes_per_synapse(to, p) as f64 + 8.0 * from as f64;
            }
        }
        for population in self.populations.values() {
            bytes += population.size as f64 * (16.0 + 8.0 * population.receptors.len() as f64 * 20.0);
        }
        Ok((synapses, bytes))
    }
}
