//! `[data.*] kind = "neuron-trials"`: a neuron under random synaptic input, trial after trial.

use std::path::PathBuf;

use rheobase_core::statistics::mean;
use rheobase_data::Table;
use rheobase_dendrite::synapse::Receptor;
use rheobase_dendrite::{Cell, Kinetics, Method, Settings};
use rheobase_pipeline::store::{read_sealed, write_sealed};
use rheobase_pipeline::{Complaint, Context, Input, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_surrogate::data::encoding::{decode, encode};
use rheobase_surrogate::data::{
    CellTeacher, ChunkStore, Dataset, LeakyNeuron, PlacedInput, Protocol, Teacher, Trial, generate,
};
use rheobase_surrogate::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{stopped, store};
use crate::cell::{CellArtifact, defaults, keep_cell, load_cell};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Synapses on every compartment of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapsesOn {
    /// Region of the cell.
    pub region: String,
    /// Synapses on each compartment, each an input of its own.
    #[serde(default = "defaults::one")]
    #[schemars(range(min = 1))]
    pub each: usize,
    /// Receptors.
    #[schemars(length(min = 1))]
    pub receptors: Vec<Receptor>,
    /// Whether they follow the protocol's excitation or its inhibition.
    pub excites: bool,
}

/// Parameters of `neuron-trials`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialsParameters {
    /// The cell; without one, the leaky integrate-and-fire neuron with 80 excitatory and 20 inhibitory inputs of Beniaguev et al. 2021.
    #[serde(default)]
    pub of: Option<Input<CellArtifact>>,
    /// Its synapses.
    #[serde(default)]
    pub synapses: Vec<SynapsesOn>,
    /// Regions whose rates wander together, each region apart from the others; by default every section is one.
    #[serde(default)]
    pub groups: Vec<String>,
    /// How input is drawn; by default that of the leaky neuron.
    #[serde(default = "Protocol::leaky")]
    pub protocol: Protocol,
    /// Trials.
    #[schemars(range(min = 2))]
    pub trials: usize,
    /// Where voltage and spikes are read.
    #[serde(default = "defaults::soma")]
    pub read_at: String,
    /// Regions, or single places, whose voltages are kept every millisecond, for surrogates that say them, too; by default none.
    #[serde(default)]
    pub dendrites: Vec<String>,
    /// Threshold of a spike in mV.
    #[serde(default = "threshold")]
    pub threshold_mv: f64,
    /// Voltage at the start in mV.
    #[serde(default = "defaults::start_mv")]
    pub v_init_mv: f64,
    /// Step in ms; it divides 1 ms.
    #[serde(default = "defaults::step_ms")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub dt_ms: f64,
    /// Bits of the kinetics: `single` takes about two thirds of the time of `double` and moves a spike by less than .001 ms.
    #[serde(default)]
    pub kinetics: Kinetics,
}

fn threshold() -> f64 {
    -10.0
}

/// Trials simulated at once; with more, a layer 5 cell and its synapses no longer fit the second cache.
const LANES: usize = 4;

/// Trials of a neuron.
pub struct NeuronTrials;

impl Kind for NeuronTrials {
    type Parameters = TrialsParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "neuron-trials";
    const VERSION: u32 = 8;
    const ABOUT: &'static str =
        "input spikes of a simulated neuron with its spikes and voltage, for surrogates to learn";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("trials of a neuron")];

    fn check(p: &TrialsParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if let Err(error) = p.protocol.check() {
            all.push(complaint(&["protocol"], error.to_string(), "mend this range"));
        }
        if p.of.is_some() == p.synapses.is_empty() {
            let message = "a cell needs synapses, and the leaky neuron has its own".to_owned();
            all.push(complaint(&["synapses"], message, "give `of` and `synapses` together, or neither"));
        }
        if p.of.is_none() && !p.dendrites.is_empty() {
            let message = "the leaky neuron has no dendrites".to_owned();
            all.push(complaint(&["dendrites"], message, "leave them out, or give a cell in `of`"));
        }
        all
    }

    fn memory_mib(p: &TrialsParameters) -> u64 {
        let [least, most] = p.protocol.excitatory_per_100_ms;
        let spikes_a_ms = 0.02 * (least + most) * p.synapses.len().max(1) as f64;
        256 + (p.trials as f64 * p.protocol.duration_ms as f64 * (8.0 * spikes_a_ms + 16.0) / 1e6) as u64
    }

    fn run(p: &TrialsParameters, context: &Context<'_>) -> std::result::Result<Outcome, StageError> {
        let cell = p.of.as_ref().map(|cell| load_cell(context.input(cell)?)).transpose()?;
        let teacher = p.neuron(cell).map_err(failed)?;
        let chunks = FolderChunks(context.scratch.clone());
        let seed = context.seed.child("trials");
        let data = generate(&*teacher, &p.protocol, p.trials, &seed, threads(), context.progress, &chunks);
        let data = data.map_err(stopped)?;
        let mut outcome = Outcome::default();
        store(&data, &mut outcome)?;
        outcome.files.insert(NEURON.into(), serde_json::to_vec(p).map_err(failed)?);
        if let Some(cell) = &p.of {
            keep_cell(context.input(cell)?, &mut outcome)?;
        }
        report(&data, &mut outcome)?;
        Ok(outcome)
    }
}

/// What the neuron is, besides its cell.
const NEURON: &str = "neuron.json";

/// The neuron that trials were drawn from.
pub(crate) fn load_neuron(input: &InputHandle) -> std::result::Result<Box<dyn Teacher>, StageError> {
    let p: TrialsParameters = serde_json::from_slice(&input.file(NEURON)?).map_err(failed)?;
    let cell = p.of.as_ref().map(|_| load_cell(input)).transpose()?;
    p.neuron(cell).map_err(failed)
}

impl TrialsParameters {
    fn neuron(&self, cell: Option<Cell>) -> Result<Box<dyn Teacher>> {
        Ok(match cell {
            None => Box::new(LeakyNeuron::published()),
            Some(cell) => Box::new(self.teacher(cell)?),
        })
    }

    fn teacher(&self, cell: Cell) -> Result<CellTeacher> {
        let mut group_of = vec![None; cell.compartments().len()];
        for (group, region) in self.groups.iter().enumerate() {
            cell.region(region)?.into_iter().for_each(|k| group_of[k] = Some(group));
        }
        let mut inputs = Vec::new();
        for synapses in &self.synapses {
            for compartment in cell.region(&synapses.region)? {
                let place = &cell.compartments().list()[compartment];
                let own = self.groups.is_empty().then_some(place.section);
                let Some(group) = own.or(group_of[compartment]) else {
                    let (place, groups) = (cell.describe(compartment), self.groups.join(", "));
                    return Err(Error::Description(format!(
                        "a synapse in {place} lies in none of the groups {groups}"
                    )));
                };
                let input = PlacedInput {
                    compartment,
                    receptors: synapses.receptors.clone(),
                    excites: synapses.excites,
                    group,
                    // Longer segments get more synapses in a dendrite (Beniaguev et al. 2021).
                    share: place.length_um + 10.0,
                };
                inputs.extend(std::iter::repeat_n(input, synapses.each));
            }
        }
        // Groups are numbered without gaps.
        let mut used: Vec<usize> = inputs.iter().map(|i| i.group).collect();
        used.sort_unstable();
        used.dedup();
        inputs.iter_mut().for_each(|i| i.group = used.binary_search(&i.group).unwrap_or(0));
        let soma = cell.at(&self.read_at)?;
        let settings = Settings {
            dt_ms: self.dt_ms,
            method: Method::default(),
            v_init_mv: self.v_init_mv,
            lanes: LANES,
            kinetics: self.kinetics,
        };
        let mut dendrites = Vec::new();
        for label in &self.dendrites {
            match cell.at(label) {
                Ok(place) => dendrites.push(place),
                Err(_) => dendrites.extend(cell.region(label)?),
            }
        }
        dendrites.sort_unstable();
        dendrites.dedup();
        Ok(CellTeacher { cell, inputs, soma, dendrites, threshold_mv: self.threshold_mv, settings })
    }
}

/// Chunks of trials in the node's scratch folder, each behind its hash.
struct FolderChunks(PathBuf);

impl FolderChunks {
    fn path(&self, chunk: usize) -> PathBuf {
        self.0.join(format!("trials-{chunk:06}"))
    }
}

impl ChunkStore for FolderChunks {
    fn load(&self, chunk: usize) -> Option<Vec<Trial>> {
        decode(&read_sealed(&self.path(chunk))?)
    }

    fn save(&self, chunk: usize, trials: &[Trial]) -> Result<()> {
        write_sealed(&self.path(chunk), &encode(trials))
            .map_err(|e| Error::Data(format!("chunk {chunk} of trials could not be kept: {e}")))
    }
}

/// Input spikes that are drawn.
const SHOWN_SPIKES: usize = 3000;

fn report(data: &Dataset, outcome: &mut Outcome) -> std::result::Result<(), StageError> {
    let trials = &data.trials;
    let seconds = trials.iter().map(|t| t.input.steps() as f64 * 1e-3).sum::<f64>();
    let rates: Vec<f64> =
        trials.iter().map(|t| t.response.spikes.len() as f64 / (t.input.steps() as f64 * 1e-3)).collect();
    let inputs: Vec<f64> = trials.iter().map(|t| t.input.len() as f64 / t.input.steps() as f64).collect();
    let n = (trials.len(), "trials");
    metric(outcome, "rate_hz", mean(&rates), ("mean rate of the neuron", "Hz"), n);
    metric(outcome, "input_per_ms", mean(&inputs), ("input spikes of all synapses", "1/ms"), n);
    metric(outcome, "seconds", seconds, ("simulated time", "s"), n);
    metric(outcome, "inputs", data.input_names.len() as f64, ("synapses, each an input", ""), (1, "neuron"));
    let table = Table::new()
        .with("trial", (0..trials.len()).collect::<Vec<_>>())?
        .with("rate_hz", rates)?
        .with("input_per_ms", inputs)?;
    outcome.table("trials", table);
    let Some(shown) = trials.iter().max_by_key(|t| t.response.spikes.len().min(8)) else { return Ok(()) };
    let length = shown.input.steps().min(1500);
    let voltage = |t: usize| (t as f64, f64::from(shown.response.voltage_mv[t]));
    let lines = vec![series("", (0..length).map(voltage).collect(), Marks::Line)];
    let caption = "Voltage where it is read, at the end of each millisecond, in one trial.";
    chart(outcome, ["voltage", "A trial", caption], ["time (ms)", "voltage (mV)"], lines)?;
    // As many spikes as can be told apart.
    let seen_ms = shown.input.events().nth(SHOWN_SPIKES).map_or(length, |(step, _)| step.clamp(1, length));
    let events = shown.input.events().filter(|(step, _)| *step < seen_ms);
    // A short stroke for each spike, lifted between them.
    let stroke = |(step, input): (usize, usize)| {
        let (t, row) = (step as f64, input as f64);
        [(t, row), (t, row + 0.9), (f64::NAN, f64::NAN)]
    };
    let raster = events.flat_map(stroke).collect();
    let caption = format!("Input spikes in the first {seen_ms} ms of the same trial; every row is a synapse.");
    let lines = vec![series("", raster, Marks::Paths)];
    chart(outcome, ["input", "Its input", &caption], ["time (ms)", "synapse"], lines)
}
