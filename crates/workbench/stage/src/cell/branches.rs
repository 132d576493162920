//! Trials in which each branch of a cell gets its own trains of spikes, many trials at once on lanes.

use rheobase_dendrite::simulation::Probe;
use rheobase_dendrite::synapse::Receptor;
use rheobase_dendrite::{Cell, Error, Method, Settings, Simulation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Block, Injection};
use super::defaults;

/// Synapses on the branches of a cell, and how the cell is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Branches {
    /// One location on each branch.
    #[schemars(length(min = 1))]
    pub at: Vec<String>,
    /// Receptors of every synapse.
    pub receptors: Vec<Receptor>,
    /// Weight of an event.
    #[serde(default = "defaults::unit")]
    pub weight: f64,
    /// Where the response is read.
    #[serde(default = "defaults::soma")]
    pub read_at: String,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// When inputs begin, in ms.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub start_ms: f64,
    /// Step in ms.
    #[serde(default = "defaults::step_ms")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dt_ms: f64,
    /// Method of integration.
    #[serde(default)]
    pub method: Method,
    /// Voltage at the start in mV.
    #[serde(default = "defaults::start_mv")]
    pub v_init_mv: f64,
    /// Threshold of a spike in mV.
    #[serde(default)]
    pub threshold_mv: f64,
    /// Injected currents.
    #[serde(default)]
    pub inject: Vec<Injection>,
    /// Blocked channels.
    #[serde(default)]
    pub block: Vec<Block>,
}

/// What a trial gave.
pub struct Trial {
    /// Spikes after the beginning of the inputs, in ms.
    pub spikes_ms: Vec<f64>,
    /// Mean voltage from the beginning of the inputs to the end, minus the voltage at the beginning, in mV.
    pub depolarisation_mv: f64,
}

impl Branches {
    /// Runs trials, given the event times of each branch in each of them; `scale` multiplies each receptor's conductance.
    pub fn run(&self, cell: &Cell, scale: &[f64], trials: &[Vec<Vec<f64>>]) -> Result<Vec<Trial>, Error> {
        let mut cell = cell.clone();
        for block in &self.block {
            cell.block(&block.region, &block.mechanism)?;
        }
        let receptors: Vec<Receptor> =
            self.receptors.iter().zip(scale).map(|(r, s)| Receptor { g_ns: r.g_ns * s, ..*r }).collect();
        let mut found = Vec::with_capacity(trials.len());
        while found.len() < trials.len() {
            let batch = &trials[found.len()..];
            let lanes = batch.len().next_power_of_two().min(16);
            let (dt_ms, method, v_init_mv) = (self.dt_ms, self.method, self.v_init_mv);
            let settings = Settings { dt_ms, method, v_init_mv, lanes, ..Settings::default() };
            let mut simulation = Simulation::new(&cell, settings)?;
            for (branch, at) in self.at.iter().enumerate() {
                // Conductances of synapses at one place add up, so one of them takes the events of all.
                let synapse = simulation.add_synapse(cell.at(at)?, &receptors)?;
                for (lane, trains) in batch.iter().take(lanes).enumerate() {
                    simulation.send_train(synapse, lane, &trains[branch], self.weight, None)?;
                }
            }
            for injection in &self.inject {
                simulation.inject(cell.at(&injection.at)?, None, injection.current.clone())?;
            }
            let place = cell.at(&self.read_at)?;
            let detector = simulation.detect_spikes(place, self.threshold_mv)?;
            let voltage = simulation.record(Probe::Voltage(place))?;
            simulation.run_until(self.duration_ms)?;
            let first = (self.start_ms / self.dt_ms).round() as usize;
            for lane in 0..lanes.min(batch.len()) {
                let trace = simulation.recording(voltage, lane);
                let response = &trace[first.min(trace.len() - 1)..];
                let mean = response.iter().sum::<f64>() / response.len() as f64;
                let spikes = simulation.spikes_ms(detector, lane).iter().copied();
                found.push(Trial {
                    spikes_ms: spikes.filter(|t| *t >= self.start_ms).collect(),
                    depolarisation_mv: mean - response[0],
                });
            }
        }
        Ok(found)
    }
}
