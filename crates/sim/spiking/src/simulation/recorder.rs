//! Values over time: which, of which neurons, how often, and no more than a limit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::{Engine, Quantity};
use crate::Error;
use crate::error::{Result, require_range};
use crate::network::NetworkDescription;
use crate::neuron::Neuron;

/// A request to record values of neurons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Population.
    pub population: String,
    /// `v`, the name of a receptor or of a described model's variable, `w` for the slow variable of other models, or `rate`: the mean
    /// rate in Hz of the whole population since the last sample.
    #[serde(default = "voltage")]
    pub variable: String,
    /// The first neurons, as many as this; a rate is one number.
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

/// A request to record weights of a projection's stored synapses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightRecording {
    /// Number of the projection, from 0.
    pub projection: usize,
    /// The first synapses in the order of targets and sources, as many as this.
    #[serde(default = "some")]
    pub synapses: usize,
    /// How often, in ms.
    #[serde(default = "seldom")]
    pub every_ms: f64,
    /// From when, in ms.
    #[serde(default)]
    pub from_ms: f64,
    /// Until when, in ms; by default to the end.
    #[serde(default = "never")]
    pub until_ms: f64,
}

fn some() -> usize {
    20
}

fn seldom() -> f64 {
    100.0
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

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Request {
    Values(Recording),
    Weights(WeightRecording),
}

/// Where the numbers of a recording come from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Values(usize, Quantity, usize),
    Rate(usize, usize),
    Weights(usize, usize),
}

/// A recording that is under way.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    kept: KeptRecording,
    source: Source,
    pub every: u64,
}

/// A recording so far, as a snapshot keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRecording {
    request: Request,
    /// Times in ms, and the values of all neurons or synapses at each.
    pub times_ms: Vec<f64>,
    pub values: Vec<Vec<f64>>,
    /// Spikes of the population up to a step, for rates.
    counted: (u64, u64),
}

impl Request {
    fn start(&self, network: &NetworkDescription) -> Result<Recorder> {
        let (source, every_ms) = match self {
            Self::Values(request) => (request.source(network)?, request.every_ms),
            Self::Weights(request) => (request.source(network)?, request.every_ms),
        };
        let every = (every_ms / network.dt_ms).round().max(1.0) as u64;
        let kept = KeptRecording { request: self.clone(), times_ms: vec![], values: vec![], counted: (0, 0) };
        Ok(Recorder { kept, source, every })
    }

    /// From when and until when, in ms.
    fn between_ms(&self) -> (f64, f64) {
        match self {
            Self::Values(r) => (r.from_ms, r.until_ms),
            Self::Weights(r) => (r.from_ms, r.until_ms),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Values(r) => r.name(),
            Self::Weights(r) => r.name(),
        }
    }
}

impl KeptRecording {
    pub(super) fn resume(&self, network: &NetworkDescription) -> Result<Recorder> {
        Ok(Recorder { kept: self.clone(), ..self.request.start(network)? })
    }
}

impl WeightRecording {
    /// Refuses what the network does not have.
    ///
    /// # Errors
    /// If the projection is not there or stores no synapses, or samples are closer than a step.
    pub fn check(&self, network: &NetworkDescription) -> Result<()> {
        self.source(network).map(|_| ())
    }

    fn name(&self) -> String {
        format!("the recording of weights of projection {}", self.projection)
    }

    fn source(&self, network: &NetworkDescription) -> Result<Source> {
        let count = network.projections.len();
        let Some(projection) = network.projections.get(self.projection) else {
            return Err(Error::Description(format!("{}: there are {count}, counted from 0", self.name())));
        };
        if projection.procedural {
            return Err(Error::Description(format!("{}: it is procedural and stores none", self.name())));
        }
        require_range(format!("every_ms of {}", self.name()), self.every_ms, network.dt_ms, 1e12)?;
        require_range(format!("synapses of {}", self.name()), self.synapses as f64, 1.0, 1e9)?;
        Ok(Source::Weights(self.projection, self.synapses))
    }

    pub(super) fn start(&self, network: &NetworkDescription) -> Result<Recorder> {
        Request::Weights(self.clone()).start(network)
    }
}

impl Recording {
    /// Refuses what the network does not have.
    ///
    /// # Errors
    /// If population, variable or neurons are not there, or samples are closer than a step.
    pub fn check(&self, network: &NetworkDescription) -> Result<()> {
        self.source(network).map(|_| ())
    }

    fn name(&self) -> String {
        format!("the recording of {} of {}", self.variable, self.population)
    }

    pub(super) fn start(&self, network: &NetworkDescription) -> Result<Recorder> {
        Request::Values(self.clone()).start(network)
    }

    fn source(&self, network: &NetworkDescription) -> Result<Source> {
        let (population, described) = network.population(&self.population)?;
        let of = self.name();
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
            (_, "rate", _) => return Ok(Source::Rate(population, described.size)),
            (_, "w", _) => Quantity::Slow(0),
            _ => {
                let mut known: Vec<String> = vec!["v".into(), "w".into(), "rate".into()];
                known.extend(described.receptors.keys().cloned());
                let what = format!("variable of population {}", self.population);
                return Err(Error::Unknown { what, name: self.variable.clone(), known: known.join(", ") });
            }
        };
        Ok(Source::Values(population, what, self.neurons))
    }
}

impl Recorder {
    pub(super) fn kept(&self) -> &KeptRecording {
        &self.kept
    }

    /// Takes a sample if it is time.
    pub fn sample(&mut self, engine: &dyn Engine, step: u64, dt_ms: f64) -> Result<()> {
        let t_ms = step as f64 * dt_ms;
        let (from_ms, until_ms) = self.kept.request.between_ms();
        if !step.is_multiple_of(self.every) {
            return Ok(());
        }
        let (before, since) = self.kept.counted;
        if let Source::Rate(population, _) = self.source {
            self.kept.counted = (engine.spiked(population), step);
        }
        // A rate needs a time: the first sample is where it begins.
        let begins = matches!(self.source, Source::Rate(..)) && step == since;
        if begins || t_ms < from_ms - 1e-9 || t_ms > until_ms + 1e-9 {
            return Ok(());
        }
        let width = match self.source {
            Source::Values(_, _, n) | Source::Weights(_, n) => n,
            Source::Rate(..) => 1,
        };
        if (self.kept.values.len() * width) as f64 > LIMIT {
            return Err(Error::Description(format!(
                "{} would pass {LIMIT:.0e} numbers at {t_ms} ms: record fewer, a shorter time or less often",
                self.kept.request.name()
            )));
        }
        let values = match self.source {
            Source::Values(population, what, neurons) => {
                let mut values = engine.values(population, what);
                values.truncate(neurons);
                values
            }
            Source::Weights(projection, synapses) => {
                engine.synapses_of(projection, step).iter().take(synapses).map(|s| f64::from(s.2)).collect()
            }
            Source::Rate(_, size) => {
                let seconds = 1e-3 * dt_ms * (step - since) as f64;
                vec![(self.kept.counted.0 - before) as f64 / size as f64 / seconds]
            }
        };
        self.kept.times_ms.push(t_ms);
        self.kept.values.push(values);
        Ok(())
    }
}
