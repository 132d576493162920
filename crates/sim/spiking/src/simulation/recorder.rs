//! Values over time: which, of which neurons, how often, and no more than a limit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::{Engine, Quantity};
use crate::Error;
use crate::error::{Result, require_range};
use crate::network::NetworkDescription;
use crate::neuron::Neuron;

/// A request to record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Population.
    pub population: String,
    /// `v`, the name of a receptor or of a described model's variable, or `w` for the slow variable of other models.
    #[serde(default = "voltage")]
    pub variable: String,
    /// The first neurons, as many as this.
    #[serde(default = "few")]
    pub neurons: usize,
    /// How often, in ms.
    #[serde(default = "often")]
    pub every_ms: f64,
    /// From when, in ms.
    #[serde(default)]
    pub from_ms: f64,
    /// Until when, in ms; by default to the end.
    #[serde(default = "never")]
    pub until_ms: f64,
}

fn voltage() -> String {
    "v".into()
}

fn few() -> usize {
    5
}

fn often() -> f64 {
    1.0
}

fn never() -> f64 {
    1e15
}

/// Most numbers that one recording may hold: 400 MB.
const LIMIT: f64 = 5e7;

/// A recording that is under way.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    request: Recording,
    population: usize,
    what: Quantity,
    pub every: u64,
    /// Times in ms, and the values of all neurons at each.
    pub times_ms: Vec<f64>,
    pub values: Vec<Vec<f64>>,
}

/// A recording so far, as a snapshot keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRecording {
    request: Recording,
    times_ms: Vec<f64>,
    values: Vec<Vec<f64>>,
}

impl KeptRecording {
    pub(super) fn resume(&self, network: &NetworkDescription) -> Result<Recorder> {
        let started = self.request.start(network)?;
        Ok(Recorder { times_ms: self.times_ms.clone(), values: self.values.clone(), ..started })
    }
}

impl Recording {
    /// Refuses what the network does not have.
    ///
    /// # Errors
    /// If population, variable or neurons are not there, or samples are closer than a step.
    pub fn check(&self, network: &NetworkDescription) -> Result<()> {
        self.start(network).map(|_| ())
    }

    pub(super) fn start(&self, network: &NetworkDescription) -> Result<Recorder> {
        let (population, described) = network.population(&self.population)?;
        let of = format!("the recording of {} of {}", self.variable, self.population);
        require_range(format!("every_ms of {of}"), self.every_ms, network.dt_ms, 1e12)?;
        require_range(format!("neurons of {of}"), self.neurons as f64, 1.0, described.size as f64)?;
        let receptor = described.receptors.keys().position(|r| *r == self.variable);
        let what = match (&described.neuron, self.variable.as_str(), receptor) {
            (_, "v", _) => Quantity::Voltage,
            (_, _, Some(k)) => Quantity::Receptor(k),
            (Neuron::Described(model), name, _) if model.equations.contains_key(name) => {
                let place = model.equations.keys().filter(|n| *n != "v").position(|n| n == name);
                Quantity::Slow(place.unwrap_or(0))
            }
            (_, "w", _) => Quantity::Slow(0),
            _ => {
                let mut known: Vec<String> = vec!["v".into(), "w".into()];
                known.extend(described.receptors.keys().cloned());
                let what = format!("variable of population {}", self.population);
                return Err(Error::Unknown { what, name: self.variable.clone(), known: known.join(", ") });
            }
        };
        let every = (self.every_ms / network.dt_ms).round().max(1.0) as u64;
        Ok(Recorder { request: self.clone(), population, what, every, times_ms: vec![], values: vec![] })
    }
}

impl Recorder {
    pub(super) fn kept(&self) -> KeptRecording {
        KeptRecording { request: self.request.clone(), times_ms: self.times_ms.clone(), values: self.values.clone() }
    }

    /// Takes a sample if it is time.
    pub fn sample(&mut self, engine: &dyn Engine, step: u64, dt_ms: f64) -> Result<()> {
        let t_ms = step as f64 * dt_ms;
        let Recording { from_ms, until_ms, neurons, .. } = self.request;
        if !step.is_multiple_of(self.every) || t_ms < from_ms - 1e-9 || t_ms > until_ms + 1e-9 {
            return Ok(());
        }
        if (self.values.len() * neurons) as f64 > LIMIT {
            return Err(Error::Description(format!(
                "the recording of {} of {} would pass {LIMIT:.0e} numbers at {t_ms} ms: record fewer neurons, a shorter time or less often",
                self.request.variable, self.request.population
            )));
        }
        let mut values = engine.values(self.population, self.what);
        values.truncate(neurons);
        self.times_ms.push(t_ms);
        self.values.push(values);
        Ok(())
    }
}
