//! Cells with dendrites, or surrogates that imitate them, in the place of a population.

use rheobase_core::{Estimate, Seed};
use rheobase_pipeline::{Artifact, Complaint, Context, Input, Outcome, StageError};
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::neuron::Neuron;
use rheobase_surrogate::circuit::{Circuit, SynapseSource};
use rheobase_surrogate::copies::{Copies, Firing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SpikingNetworkParameters;
use crate::kind::{complaint, failed};
use crate::surrogate::{NeuronOrSurrogate, load_neuron_or_surrogate};

/// A neuron, given by its trials, or a surrogate.
#[derive(Debug)]
pub struct CellsArtifact;

impl Artifact for CellsArtifact {
    const ACCEPTS: &'static [&'static str] = &["trials of a neuron", "a surrogate"];
}

/// Cells in the place of a population of relays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cells {
    /// Trials of a neuron, to place the neuron itself, or a surrogate, to place that.
    pub of: Input<CellsArtifact>,
    /// How a surrogate's chance of a spike becomes spikes; by default where it reaches the bound that gives the neuron's rate. A
    /// neuron needs none.
    #[serde(default)]
    pub firing: Firing,
    /// What drives their synapses; a synapse that nothing drives is silent.
    pub inputs: Vec<SynapseSource>,
    /// How many of them have their voltages kept.
    #[serde(default = "voltages")]
    pub voltages: usize,
}

fn voltages() -> usize {
    3
}

/// Relays without cells, cells without relays, and sources that cannot be.
pub(super) fn complaints(p: &SpikingNetworkParameters) -> Vec<Complaint> {
    let mut all = vec![];
    for (name, population) in &p.network.populations {
        if matches!(population.neuron, Neuron::Relay(_)) && !p.cells.contains_key(name) {
            let message = format!("nothing computes the relays of population {name}");
            let remedy = format!("add [cells.{name}] with `of`, or give the population a neuron");
            all.push(complaint(&["network", "populations", name], message, &remedy));
        }
    }
    for (name, cells) in &p.cells {
        match p.network.population(name) {
            Err(error) => all.push(complaint(&["cells", name], error.to_string(), "name a population of the network")),
            Ok((_, population)) if !matches!(population.neuron, Neuron::Relay(_)) => {
                let message = format!("population {name} has neurons of its own");
                let remedy = "give it neuron = { kind = \"relay\" }, without receptors";
                all.push(complaint(&["cells", name], message, remedy));
            }
            Ok(_) => {}
        }
        for (number, source) in cells.inputs.iter().enumerate() {
            if let Err(error) = source.check(&p.network) {
                let path = ["cells", name, "inputs", &number.to_string()];
                all.push(complaint(&path, error.to_string(), "mend this source"));
            }
        }
        if let Err(error) = cells.firing.check() {
            all.push(complaint(&["cells", name, "firing"], error.to_string(), "mend this bound"));
        }
    }
    if let Some(error) = p.network.steps_in(1.0).err().filter(|_| !p.cells.is_empty()) {
        let remedy = "cells go on by milliseconds: take one that divides 1 ms";
        all.push(complaint(&["network", "dt_ms"], error.to_string(), remedy));
    }
    all
}

/// What is placed, by population.
pub(super) fn load(
    p: &SpikingNetworkParameters,
    context: &Context<'_>,
) -> Result<Vec<(String, NeuronOrSurrogate)>, StageError> {
    let each = p.cells.iter().map(|(name, cells)| {
        let input = context.input(&cells.of)?;
        Ok((name.clone(), load_neuron_or_surrogate(input)?))
    });
    each.collect()
}

/// Wires the cells of all populations.
pub(super) fn place<'a>(
    p: &SpikingNetworkParameters,
    network: &NetworkDescription,
    loaded: &'a [(String, NeuronOrSurrogate)],
    seed: &Seed,
) -> Result<Circuit<'a>, StageError> {
    let mut circuit = Circuit::new(p.threads);
    for (name, neuron) in loaded {
        let cells = &p.cells[name];
        let count = network.population(name).map_err(failed)?.1.size;
        let copies: Box<dyn Copies> = match neuron {
            NeuronOrSurrogate::Neuron(neuron) => neuron.copies(count).map_err(failed)?,
            NeuronOrSurrogate::Surrogate(surrogate) => {
                let own = seed.child("firing").child(name);
                Box::new(surrogate.copies(count, cells.firing, own).map_err(failed)?)
            }
        };
        let placed = (copies, &neuron.input_names()[..], cells.voltages);
        circuit.place(network, name, placed, &cells.inputs, seed).map_err(failed)?;
    }
    Ok(circuit)
}

/// How often synapses of cells were reached.
pub(super) fn measure(p: &SpikingNetworkParameters, circuit: &Circuit<'_>, end_ms: f64, outcome: &mut Outcome) {
    for (name, spikes) in circuit.received() {
        let cells = p.network.populations.get(name).map_or(1, |population| population.size);
        let per_ms = spikes as f64 / end_ms / cells as f64;
        let estimate = Estimate::new(per_ms, "input spikes of a cell", "over the whole run", cells, "cells");
        outcome.metric(&format!("{name}_input_per_ms"), estimate.with_unit("1/ms"));
    }
}
