//! What is done to a cell in one condition of an experiment, and the recordings of its trials.

use std::collections::BTreeMap;

use rheobase_core::Seed;
use rheobase_dendrite::region::uniform_sample;
use rheobase_dendrite::simulation::{Current, Probe, VoltageClamp};
use rheobase_dendrite::synapse::{Receptor, ShortTermPlasticity, SpikeSource};
use rheobase_dendrite::{Cell, Error, Settings, Simulation, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// A current at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// Location such as "soma(0.5)".
    pub at: String,
    /// The current.
    pub current: Current,
}

/// A voltage held by an electrode at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clamping {
    /// Location such as "soma(0.5)".
    pub at: String,
    /// Series resistance in Mohm.
    #[serde(default = "series")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub series_mohm: f64,
    /// The voltage in mV.
    pub voltage_mv: f64,
    /// When the electrode is switched on, in ms.
    #[serde(default)]
    pub start_ms: f64,
    /// When it is switched off, in ms; by default never.
    #[serde(default = "never")]
    pub stop_ms: f64,
}

fn series() -> f64 {
    1.0
}

fn never() -> f64 {
    1e15
}

impl Clamping {
    /// The electrode.
    pub fn electrode(&self) -> VoltageClamp {
        let commands = vec![(self.start_ms, self.voltage_mv)];
        VoltageClamp { series_mohm: self.series_mohm, commands, stop_ms: self.stop_ms }
    }
}

/// Synapses with their inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseParameters {
    /// Location such as "dend(0.7)".
    #[serde(default)]
    pub at: Option<String>,
    /// Region over which synapses are spread evenly in length, at random; instead of a location.
    #[serde(default)]
    pub region: Option<String>,
    /// Number of synapses, each with its own input.
    #[serde(default = "defaults::one")]
    #[schemars(range(min = 1))]
    pub count: usize,
    /// Receptors; an event opens all of them.
    pub receptors: Vec<Receptor>,
    /// When spikes arrive.
    pub input: SpikeSource,
    /// Weight of an event.
    #[serde(default = "defaults::unit")]
    pub weight: f64,
    /// Short-term plasticity.
    #[serde(default)]
    pub plasticity: Option<ShortTermPlasticity>,
}

/// A mechanism removed from a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Region.
    #[serde(default = "defaults::everywhere")]
    pub region: String,
    /// Mechanism; "passive" is the leak.
    pub mechanism: String,
}

/// A mechanism whose parameters are changed in a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Region.
    #[serde(default = "defaults::everywhere")]
    pub region: String,
    /// Mechanism of the cell.
    pub mechanism: String,
    /// New parameters, numbers or formulas over the place.
    pub parameters: BTreeMap<String, Value>,
}

/// What is done to the cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Injected currents.
    #[serde(default)]
    pub inject: Vec<Injection>,
    /// Voltage clamps.
    #[serde(default)]
    pub clamp: Vec<Clamping>,
    /// Synapses.
    #[serde(default)]
    pub synapses: Vec<SynapseParameters>,
    /// Lesioned channels.
    #[serde(default)]
    pub block: Vec<Block>,
    /// Mechanisms with other parameters.
    #[serde(default)]
    pub change: Vec<Change>,
    /// Regions cut off the cell.
    #[serde(default)]
    pub amputate: Vec<String>,
}

/// What is recorded, and for how long.
#[derive(Debug, Clone)]
pub struct Protocol<'a> {
    /// Duration in ms.
    pub duration_ms: f64,
    /// Step, method and start; the number of lanes is set by the trials.
    pub settings: Settings,
    /// Locations of recorded voltages.
    pub voltages: Vec<&'a str>,
    /// Numbers of a synapse and of its receptor, for each recorded conductance.
    pub conductances: Vec<[usize; 2]>,
}

impl Protocol<'_> {
    /// Recordings of shape (trials, recordings, times), many trials at once on lanes. Sites are those of all trials;
    /// random inputs are each trial's own.
    pub fn record(
        &self,
        cell: &Cell,
        condition: &Condition,
        trials: usize,
        seed: &Seed,
    ) -> Result<Vec<Vec<Vec<f64>>>, Error> {
        let cell = condition.prepare(cell)?;
        let mut recordings = Vec::with_capacity(trials);
        while recordings.len() < trials {
            let first = recordings.len();
            let lanes = (trials - first).next_power_of_two().min(16);
            let mut simulation = Simulation::new(&cell, Settings { lanes, ..self.settings })?;
            let used = lanes.min(trials - first);
            condition.place(&cell, &mut simulation, self.duration_ms, first..first + used, seed)?;
            for location in &self.voltages {
                simulation.record(Probe::Voltage(cell.at(location)?))?;
            }
            for &[synapse, receptor] in &self.conductances {
                simulation.record(Probe::SynapticConductance(synapse, receptor))?;
            }
            simulation.run_until(self.duration_ms + self.settings.dt_ms)?;
            let rows = self.voltages.len() + self.conductances.len();
            for lane in 0..used {
                recordings.push((0..rows).map(|row| simulation.recording(row, lane)).collect());
            }
        }
        Ok(recordings)
    }
}

impl Condition {
    /// The cell with this condition's lesions and changes.
    pub fn prepare(&self, cell: &Cell) -> Result<Cell, Error> {
        let mut cell = cell.clone();
        for change in &self.change {
            let values: Vec<(&str, Value)> = change.parameters.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            cell.insert(&change.region, &change.mechanism, &values)?;
        }
        for block in &self.block {
            cell.block(&block.region, &block.mechanism)?;
        }
        for region in &self.amputate {
            cell.amputate(region)?;
        }
        Ok(cell)
    }

    /// Places electrodes and synapses; trial `trials.start + lane` in each lane.
    pub fn place(
        &self,
        cell: &Cell,
        simulation: &mut Simulation,
        duration_ms: f64,
        trials: std::ops::Range<usize>,
        seed: &Seed,
    ) -> Result<(), Error> {
        for injection in &self.inject {
            simulation.inject(cell.at(&injection.at)?, None, injection.current.clone())?;
        }
        for clamp in &self.clamp {
            simulation.clamp_voltage(cell.at(&clamp.at)?, None, clamp.electrode())?;
        }
        for (group, synapse) in self.synapses.iter().enumerate() {
            let seed = seed.child("synapses").index(group);
            let sites = match (&synapse.at, &synapse.region) {
                (Some(at), _) => vec![cell.at(at)?; synapse.count],
                (None, region) => {
                    let region = region.as_deref().unwrap_or("all");
                    uniform_sample(cell.places(), region, cell.compartments(), synapse.count, &seed.child("sites"))?
                }
            };
            for (k, site) in sites.into_iter().enumerate() {
                let placed = simulation.add_synapse(site, &synapse.receptors)?;
                for (lane, trial) in trials.clone().enumerate() {
                    let seed = seed.child("times").index(k).index(trial);
                    let times = synapse.input.times_ms(0.0, duration_ms, &seed)?;
                    simulation.send_train(placed, lane, &times, synapse.weight, synapse.plasticity)?;
                }
            }
        }
        Ok(())
    }
}
