//! A network's course: simulated, kept on disk so that a killed run goes on, and handed on as a recording.

use ndarray::Array2;
use rheobase_core::SpikeTrains;
use rheobase_data::Table;
use rheobase_data::recording::{Recording, Signal};
use rheobase_pipeline::{Context, StageError};
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::{Companion, Ending, Error, Simulation, Snapshot};
use rheobase_surrogate::circuit::Circuit;

use super::super::state_file::StateFile;
use super::{SpikingNetworkParameters, stopped};
use crate::kind::failed;

/// Simulates, from the last state that an earlier run left if there is one.
pub(super) fn run(
    p: &SpikingNetworkParameters,
    network: &NetworkDescription,
    circuit: &mut Circuit<'_>,
    context: &Context<'_>,
) -> Result<(Simulation, &'static str), StageError> {
    let file = StateFile::new(context.scratch.join("network"));
    let mut simulation = match &file.read::<Kept>(context.progress) {
        Some((snapshot, cells)) => {
            circuit.restore(cells).map_err(failed)?;
            Simulation::resume(network, &context.seed, p.threads, snapshot).map_err(stopped)?
        }
        None => {
            let mut fresh = Simulation::new(network, &context.seed, p.threads).map_err(stopped)?;
            p.record.iter().try_for_each(|request| fresh.record(request)).map_err(stopped)?;
            p.record_weights.iter().try_for_each(|request| fresh.record_weights(request)).map_err(stopped)?;
            fresh
        }
    };
    simulation.stop_when(p.stop_when);
    let mut keeper = Keeper { circuit, file };
    let left_ms = p.duration_ms - simulation.time_ms();
    let ending = simulation.run_with(left_ms, context.progress, &mut keeper).map_err(stopped)?;
    let words = match ending {
        Ending::Finished => "the time was over",
        Ending::Silent => "no more spikes",
        Ending::AboveRate => "the rate passed its limit",
        Ending::TooManySpikes => "more spikes than allowed",
    };
    Ok((simulation, words))
}

/// States of the network and of cells in it.
type Kept = (Snapshot, Vec<u8>);

/// Lets cells act, and keeps the state now and then.
struct Keeper<'a, 'c> {
    circuit: &'a mut Circuit<'c>,
    file: StateFile,
}

impl Companion for Keeper<'_, '_> {
    fn every_ms(&self) -> Option<f64> {
        self.circuit.every_ms()
    }

    fn act(&mut self, simulation: &mut Simulation) -> rheobase_spiking::Result<()> {
        self.circuit.act(simulation)
    }

    fn watch(&mut self, simulation: &Simulation) -> rheobase_spiking::Result<()> {
        let state =
            || -> Result<Kept, String> { Ok((simulation.snapshot(), self.circuit.keep().map_err(|e| e.to_string())?)) };
        self.file.keep(state).map_err(Error::Description)
    }
}

/// What was recorded, by name.
pub(super) fn signals(
    p: &SpikingNetworkParameters,
    simulation: &Simulation,
    circuit: &Circuit<'_>,
) -> Result<Vec<(String, Signal)>, StageError> {
    let unit = |variable: &str| match variable {
        "v" => "mV",
        "rate" => "Hz",
        _ => "",
    };
    let values = p.record.iter().map(|r| (format!("{}_{}", r.population, r.variable), unit(&r.variable)));
    let weights = p.record_weights.iter().map(|r| (format!("weights_{}", r.projection), ""));
    let mut all: Vec<(String, Signal)> = Vec::new();
    for (number, (mut name, unit)) in values.chain(weights).enumerate() {
        let (times_ms, rows) = simulation.recorded(number);
        let width = rows.first().map_or(0, Vec::len);
        let signal = Signal {
            times_s: times_ms.iter().map(|t| 1e-3 * t).collect(),
            values: Array2::from_shape_vec((rows.len(), width), rows.concat()).map_err(failed)?,
            unit: unit.into(),
        };
        if all.iter().any(|(known, _)| *known == name) {
            name = format!("{name}_{number}");
        }
        all.push((name, signal));
    }
    for (population, voltages) in circuit.voltages_mv() {
        let width = voltages.first().map_or(0, Vec::len);
        if width == 0 {
            continue;
        }
        let values = voltages.iter().flatten().map(|v| f64::from(*v)).collect();
        let signal = Signal {
            times_s: (1..=voltages.len()).map(|ms| 1e-3 * ms as f64).collect(),
            values: Array2::from_shape_vec((voltages.len(), width), values).map_err(failed)?,
            unit: "mV".into(),
        };
        all.push((format!("{population}_v"), signal));
    }
    Ok(all)
}

/// All neurons as the units of a recording.
pub(super) fn recording(
    populations: Vec<(&String, SpikeTrains)>,
    signals: Vec<(String, Signal)>,
) -> Result<Recording, StageError> {
    let span_s = populations.first().map_or((0.0, 0.0), |(_, trains)| trains.span_s());
    let (mut names, mut neurons, mut units) = (vec![], vec![], vec![]);
    for (name, trains) in populations {
        for unit in 0..trains.units() {
            names.push(name.clone());
            neurons.push(unit);
            units.push(trains.unit(unit).to_vec());
        }
    }
    Ok(Recording {
        spikes: SpikeTrains::from_units(units, span_s)?,
        units: Table::new().with("population", names)?.with("neuron", neurons)?,
        trials: Table::new(),
        signals: signals.into_iter().collect(),
    })
}
