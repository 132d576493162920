//! `[analysis.*] kind = "spiking-network"`: a network of point neurons, simulated, and the theory of the same description.
//!
//! A population may be cells with dendrites, or surrogates that imitate them ([`cells`]).
//!
//! The spikes, with whatever else was recorded, are a recording like a real one: every stage that takes a recording takes them.

mod cells;
mod course;
mod figures;
mod measure;
mod transmission;

use std::collections::BTreeMap;

use rheobase_core::Estimate;
use rheobase_data::library::Library;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::theory::{Strong, theory_rates};
use rheobase_spiking::{Error, Recording, StopWhen, WeightRecording};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::unit_rates;
use super::tables;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording;
use cells::Cells;
use transmission::{Transmission, transmission};

/// Parameters of `spiking-network`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikingNetworkParameters {
    /// The network.
    pub network: NetworkDescription,
    /// Cells with dendrites, or surrogates, in the place of populations of relays, by population.
    #[serde(default)]
    pub cells: BTreeMap<String, Cells>,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Beginning that is left out of the statistics, in ms.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub settle_ms: f64,
    /// Bin of the population's count in ms.
    #[serde(default = "bin")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub bin_ms: f64,
    /// Rate in Hz near which the self-consistent theory looks for a state; none for networks that it does not cover.
    #[serde(default)]
    pub theory_from_hz: Option<f64>,
    /// Which synapses that theory takes one by one, in networks of conductances; by default all are noise.
    #[serde(default)]
    pub theory_strong: Option<Strong>,
    /// Values that are kept over time; they are signals of the recording that this node gives.
    #[serde(default)]
    pub record: Vec<Recording>,
    /// Weights that are kept over time, too.
    #[serde(default)]
    pub record_weights: Vec<WeightRecording>,
    /// When to stop before the time is over; by default never.
    #[serde(default)]
    pub stop_when: StopWhen,
    /// How well spikes of one projection cross its synapses.
    #[serde(default)]
    pub transmission: Option<Transmission>,
    /// Threads; the results are the same for any number.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub threads: usize,
}

fn bin() -> f64 {
    5.0
}

fn one() -> usize {
    1
}

/// A network of point neurons.
pub struct SpikingNetwork;

impl Kind for SpikingNetwork {
    type Parameters = SpikingNetworkParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "spiking-network";
    const VERSION: u32 = 10;
    const ABOUT: &'static str =
        "a network of point neurons, simulated, with rates, irregularity and the theory of its rates";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];
    const READS_OUTSIDE: bool = true;

    fn check(p: &SpikingNetworkParameters) -> Vec<Complaint> {
        let mut complaints = tables::complaints(&p.network);
        if complaints.is_empty() {
            complaints = cells::complaints(p);
        }
        if p.settle_ms >= p.duration_ms {
            let message = format!("settle_ms {} leaves nothing of {} ms", p.settle_ms, p.duration_ms);
            complaints.push(complaint(&["settle_ms"], message, "make it shorter than duration_ms"));
        }
        for (number, request) in p.record.iter().enumerate().filter(|_| complaints.is_empty()) {
            if let Err(error) = request.check(&p.network) {
                let path = ["record", &number.to_string()];
                return vec![complaint(&path, error.to_string(), "mend this request")];
            }
        }
        for (number, request) in p.record_weights.iter().enumerate().filter(|_| complaints.is_empty()) {
            if let Err(error) = request.check(&p.network) {
                let path = ["record_weights", &number.to_string()];
                return vec![complaint(&path, error.to_string(), "mend this request")];
            }
        }
        complaints
    }

    fn fingerprint(p: &SpikingNetworkParameters, _: &Library) -> Result<String, StageError> {
        tables::fingerprint(&p.network)
    }

    fn memory_mib(p: &SpikingNetworkParameters) -> u64 {
        // Building holds the synapses twice.
        let built = p.network.estimate().map_or(256, |(synapses, bytes)| 64 + ((bytes + 8.0 * synapses) / 1e6) as u64);
        built + tables::memory_mib(&p.network)
    }

    fn run(p: &SpikingNetworkParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let network = tables::read(&p.network)?;
        let loaded = cells::load(p, context)?;
        let mut circuit = cells::place(p, &network, &loaded, &context.seed)?;
        let (simulation, ending) = course::run(p, &network, &mut circuit, context)?;
        let theory = p.theory_from_hz.map(|start| theory_rates(&network, start, p.theory_strong));
        let theory = theory.transpose().map_err(failed)?;
        let end_ms = simulation.time_ms();
        let mut outcome = Outcome::default();
        let ended = Estimate::new(end_ms, "time of the end", ending, 1, "run").with_unit("ms");
        outcome.metric("ended_ms", ended);
        if end_ms <= p.settle_ms {
            return Err(StageError::Failed(format!(
                "the network stopped at {end_ms} ms ({ending}), within settle_ms = {}: nothing is left to measure",
                p.settle_ms
            )));
        }
        let synapses = simulation.synapses() as f64;
        outcome.metric("synapses", Estimate::new(synapses, "synapses", "counted", 1, "networks"));
        let (mut raster, mut rates, mut all) = (vec![], vec![], vec![]);
        for name in network.populations.keys() {
            let trains = simulation.spike_trains(name).map_err(stopped)?;
            measure::measure(p, name, &trains, theory.as_ref(), &mut outcome);
            if !p.cells.contains_key(name) {
                measure::voltages(name, &simulation.voltages_mv(name).map_err(stopped)?, &mut outcome);
            }
            raster.push((name.clone(), figures::raster_points(end_ms, &trains)));
            rates.push((name.clone(), unit_rates(&trains, 1e-3 * p.settle_ms)));
            all.push((name, trains));
        }
        if let Some(request) = &p.transmission {
            transmission(request, &network, &simulation, p.settle_ms, &mut outcome)?;
        }
        figures::figures(p, end_ms, raster, &rates, theory.as_ref(), &mut outcome)?;
        cells::measure(p, &circuit, end_ms, &mut outcome);
        let signals = course::signals(p, &simulation, &circuit)?;
        figures::recorded(&signals, &mut outcome)?;
        recording::store(&course::recording(all, signals)?, &mut outcome);
        Ok(outcome)
    }
}

pub(super) fn stopped(error: Error) -> StageError {
    if error == Error::Interrupted { StageError::Interrupted } else { failed(error) }
}
