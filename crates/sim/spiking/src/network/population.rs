//! Neurons of one kind, with their receptors and what drives them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, Receptor, Space, known};
use crate::Error;
use crate::error::{POSITIVE, Result, require_range};
use crate::neuron::Neuron;

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

/// Names of neurons in a file, a row each, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeuronNames {
    /// A .csv or .parquet file; the path is relative to the folder the program is started in.
    pub path: PathBuf,
    /// Column with the names, which are whole numbers or text.
    pub column: String,
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
    /// Parameters of the model that differ from neuron to neuron, by name.
    #[serde(default)]
    pub vary: BTreeMap<String, Distribution>,
    /// Their receptors by name.
    #[serde(default)]
    pub receptors: BTreeMap<String, Receptor>,
    /// Voltage at the start in mV; by default the rest.
    #[serde(default)]
    pub start_mv: Option<Distribution>,
    /// States of receptors, and of variables of a described model, at the start, by name; by default 0.
    #[serde(default)]
    pub start: BTreeMap<String, Distribution>,
    /// Input from outside.
    #[serde(default)]
    pub input: Vec<PoissonInput>,
    /// White noise of the input of leaky neurons: standard deviation of the free voltage in mV.
    #[serde(default)]
    pub noise_mv: f64,
    /// A file with the neurons' names, such as the identifiers of a connectome; by default they are numbers from 0.
    #[serde(default)]
    pub names: Option<NeuronNames>,
    /// Where they are, for connections by distance.
    #[serde(default)]
    pub space: Option<Space>,
}

impl Population {
    /// Neurons at rest without receptors or input.
    pub fn new(size: usize, neuron: Neuron) -> Self {
        Self {
            size,
            neuron,
            vary: BTreeMap::new(),
            receptors: BTreeMap::new(),
            start_mv: None,
            start: BTreeMap::new(),
            input: vec![],
            noise_mv: 0.0,
            names: None,
            space: None,
        }
    }

    /// With one more receptor.
    #[must_use]
    pub fn with_receptor(mut self, name: &str, receptor: Receptor) -> Self {
        self.receptors.insert(name.into(), receptor);
        self
    }

    pub(super) fn receptor(&self, name: &str, of: &str) -> Result<usize> {
        self.receptors.keys().position(|k| k == name).ok_or_else(|| Error::Unknown {
            what: format!("receptor of population {of}"),
            name: name.into(),
            known: known(self.receptors.keys()),
        })
    }

    pub(super) fn check(&self, name: &str, dt_ms: f64) -> Result<()> {
        let of = format!("population {name}");
        if self.size == 0 || self.size > 1 << 31 {
            return Err(Error::Description(format!("{of} has {} neurons; from 1 to 2^31", self.size)));
        }
        self.neuron.check(&of, dt_ms)?;
        for (parameter, values) in &self.vary {
            values.check(&format!("{parameter} of {of}"))?;
            self.neuron.with_parameter(parameter, values.typical(), &of)?.check(&of, dt_ms)?;
        }
        let currents = self.receptors.values().any(|r| r.time_course_ms().is_some() && r.reversal_mv().is_none());
        if currents && self.vary.contains_key("tau_ms") {
            let problem =
                "its current receptors are integrated exactly for one tau_ms; use conductances, or populations";
            return Err(Error::Description(format!("tau_ms of {of} cannot vary: {problem}")));
        }
        for (receptor, kind) in &self.receptors {
            kind.check(&format!("receptor {receptor} of {of}"))?;
        }
        if matches!(self.neuron, Neuron::Relay(_)) && !(self.receptors.is_empty() && self.input.is_empty()) {
            let problem = format!("{of} is computed outside the network: it has neither receptors nor input here");
            return Err(Error::Description(problem));
        }
        for (receptor, start) in &self.start {
            if !matches!(&self.neuron, Neuron::Described(d) if d.equations.contains_key(receptor)) {
                self.receptor(receptor, name)?;
            }
            start.check(&format!("start of receptor {receptor} of {of}"))?;
        }
        if let Some(start) = &self.start_mv {
            start.check(&format!("start_mv of {of}"))?;
        }
        for input in &self.input {
            self.receptor(&input.receptor, name)?;
            require_range(format!("rate_hz of the input of {of}"), input.rate_hz, 0.0, 1e6)?;
            require_range(format!("weight of the input of {of}"), input.weight, -1e9, 1e9)?;
        }
        require_range(format!("noise_mv of {of}"), self.noise_mv, 0.0, 1e6)?;
        if self.noise_mv > 0.0 && !matches!(self.neuron, Neuron::Lif(_)) {
            let problem = format!("noise_mv of {of} is for leaky neurons; use a Poisson input");
            return Err(Error::Description(problem));
        }
        let width = self.space.map_or(1.0, |s| s.width_um);
        require_range(format!("width_um of the space of {of}"), width, POSITIVE, 1e9).map(|_| ())
    }
}
