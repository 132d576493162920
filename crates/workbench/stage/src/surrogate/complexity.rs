//! `[analysis.*] kind = "complexity-index"`: how complex neurons are, by how badly one and the same network imitates them (Aizenbud et al. 2024,
//! bioRxiv 2024.12.17.628883).
//!
//! Every neuron is shown to the same network, for the same time, from several seeds; the index is log10(1000 (1 - AUC)) / 2.

use std::collections::BTreeMap;

use rheobase_core::inference::t_interval;
use rheobase_core::statistics::mean;
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_pipeline::store::{read_sealed, write_sealed};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars};
use rheobase_surrogate::data::Dataset;
use rheobase_surrogate::loss::{Loss, SpikeLoss};
use rheobase_surrogate::metrics::functional_complexity_index;
use rheobase_surrogate::network::Activation;
use rheobase_surrogate::surrogate::check_testable;
use rheobase_surrogate::training::{Steps, Surroundings, Training};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::ArchitecturePart;
use super::{TrialsArtifact, device_of, load, require_plain, stopped};
use crate::draw::metric;
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::model::checkpoint::FolderCheckpoints;

/// Parameters of `complexity-index`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComplexityParameters {
    /// Trials of the neurons, by name; letters, digits and `_`.
    pub neurons: BTreeMap<String, Input<TrialsArtifact>>,
    /// The network; by default the published one of 7 x 128, which wants a GPU.
    #[serde(default = "published_network")]
    pub architecture: ArchitecturePart,
    /// How it is trained; by default as published.
    #[serde(default = "published_training")]
    pub training: Training,
    /// Trials at the end that are kept for testing.
    #[schemars(range(min = 1))]
    pub test_trials: usize,
    /// Times that each neuron is learnt, each from another start.
    #[serde(default = "repetitions")]
    #[schemars(range(min = 2, max = 100))]
    pub repetitions: usize,
}

fn published_network() -> ArchitecturePart {
    let kernels = [vec![54], vec![12; 6]].concat();
    ArchitecturePart::Convolutional { width: 128, kernels, activation: Activation::LeakyRelu }
}

fn published_training() -> Training {
    Training {
        dendritic_components: 0,
        iterations: 10_000,
        batch: 128,
        window_ms: 700,
        rate: 7e-3,
        final_rate: 1e-5,
        optimizer: Steps::Nadam,
        weight_decay: 0.0,
        loss: Loss {
            spike: SpikeLoss::Focal { alpha: 0.25, gamma: 1.0 },
            voltage_weight: 0.02,
            burn_in: 150,
            ..Loss::default()
        },
        clip_mv: -55.0,
        report_every: 100,
    }
}

fn repetitions() -> usize {
    5
}

/// The functional complexity index of neurons.
pub struct ComplexityIndex;

impl Kind for ComplexityIndex {
    type Parameters = ComplexityParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "complexity-index";
    const VERSION: u32 = 1;
    const USES_DEVICE: bool = true;
    const ABOUT: &'static str =
        "how complex neurons are, by how badly the same network imitates them, with intervals over its starts";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("complexities of neurons")];

    fn check(p: &ComplexityParameters) -> Vec<Complaint> {
        let mut all = p.architecture.complaints();
        if p.neurons.is_empty() {
            all.push(complaint(
                &["neurons"],
                "there is no neuron".into(),
                "name trials: neurons = { pyramidal = \"data.trials\" }",
            ));
        }
        all.extend(require_plain("neurons", p.neurons.keys()));
        all
    }

    fn memory_mib(p: &ComplexityParameters) -> u64 {
        p.architecture.memory_mib()
    }

    fn run(p: &ComplexityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut neurons = Vec::new();
        for (name, input) in &p.neurons {
            neurons.push((name.clone(), load(context.input(input)?)?));
        }
        let seconds = p.require_alike(&neurons)?;
        let mut found: Vec<(String, Vec<f64>)> = Vec::new();
        for (name, data) in &neurons {
            let areas = (0..p.repetitions).map(|repetition| p.area(name, repetition, data, context));
            found.push((name.clone(), areas.collect::<Result<_, _>>()?));
        }
        let mut outcome = Outcome::default();
        metric(
            &mut outcome,
            "train_s",
            seconds,
            ("time of each neuron that was seen in training", "s"),
            (1, "protocol"),
        );
        report(&found, &mut outcome)?;
        Ok(outcome)
    }
}

impl ComplexityParameters {
    /// Refuses neurons that were not watched for the same time, which would compare data and not neurons; returns that time in s.
    fn require_alike(&self, neurons: &[(String, Dataset)]) -> Result<f64, StageError> {
        let seconds = |data: &Dataset| {
            let train = data.trials.len().saturating_sub(self.test_trials);
            data.trials[..train].iter().map(|t| t.input.steps() as f64 * 1e-3).sum::<f64>()
        };
        let (first, data) = &neurons[0];
        let expected = seconds(data);
        for (name, data) in neurons {
            let own = seconds(data);
            if own != expected {
                return Err(StageError::Failed(format!(
                    "{first} is learnt from {expected} s and {name} from {own} s: give all neurons as many trials of the same length"
                )));
            }
            let tested = data.trials.len().saturating_sub(self.test_trials);
            check_testable(&data.trials[tested..]).map_err(|e| StageError::Failed(format!("{name}: {e}")))?;
        }
        Ok(expected)
    }

    /// Area under the ROC curve of one repetition; a finished one is kept, so that a killed run does not repeat it.
    fn area(&self, name: &str, repetition: usize, data: &Dataset, context: &Context<'_>) -> Result<f64, StageError> {
        let folder = context.scratch.join(format!("{name}-{repetition}"));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let path = context.scratch.join(format!("{name}-{repetition}-area"));
        if let Some(kept) = read_sealed(&path).and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(kept);
        }
        let network = self.architecture.network(&data.input_names);
        network.check().map_err(failed)?;
        let train = data.trials.len().saturating_sub(self.test_trials);
        context.progress.note(&format!("{name}, {} of {}", repetition + 1, self.repetitions));
        let mut checkpoints = FolderCheckpoints::new(&folder, context.progress);
        let surroundings = Surroundings {
            seed: context.seed.child("complexity").index(repetition),
            threads: threads(),
            device: device_of(context)?,
            progress: context.progress,
            checkpoints: &mut checkpoints,
        };
        let (surrogate, _) = self.training.run(network, data, train, surroundings).map_err(stopped)?;
        let evaluation = surrogate.evaluate(data, train..data.trials.len(), threads()).map_err(failed)?;
        let area = evaluation.spikes.auc;
        write_sealed(&path, &serde_json::to_vec(&area).map_err(failed)?).map_err(failed)?;
        Ok(area)
    }
}

fn report(found: &[(String, Vec<f64>)], outcome: &mut Outcome) -> Result<(), StageError> {
    let mut bars = Vec::new();
    let (mut names, mut repetitions, mut areas, mut indices) = (vec![], vec![], Vec::<f64>::new(), vec![]);
    for (name, of_neuron) in found {
        let index: Vec<f64> = of_neuron.iter().map(|auc| functional_complexity_index(*auc)).collect();
        let with = |mut estimate: Estimate, interval: Option<Interval>| {
            estimate.interval = interval;
            estimate
        };
        let variant = "mean over starts of the same network";
        let n = (index.len(), "starts");
        let interval = t_interval(&index);
        let estimate =
            Estimate::new(mean(&index), "functional complexity index (Aizenbud et al. 2024)", variant, n.0, n.1);
        outcome.metric(&format!("{name}_index"), with(estimate, interval.clone()));
        let estimate = Estimate::new(mean(of_neuron), "area under the ROC curve", variant, n.0, n.1);
        outcome.metric(&format!("{name}_auc"), with(estimate, t_interval(of_neuron)));
        bars.push(Bar {
            name: name.clone(),
            value: mean(&index),
            interval: interval.map(|i| (i.low, i.high)),
            mark: String::new(),
        });
        names.extend(std::iter::repeat_n(name.clone(), index.len()));
        repetitions.extend((1..=index.len()).map(|k| k as f64));
        areas.extend(of_neuron.iter().copied());
        indices.extend(index);
    }
    let table = Table::new()
        .with("neuron", names)?
        .with("start", repetitions)?
        .with("auc", areas)?
        .with("complexity_index", indices)?;
    outcome.table("complexity", table);
    let figure =
        Bars { title: "complexity of neurons".into(), label: "functional complexity index".into(), bars, band: None };
    let caption =
        "Mean index and its 95 % interval over starts of the network (Student's t); 0 is an area of .999, 1 one of .9.";
    outcome.figure("complexity", "Complexity of neurons", caption, figure.svg().map_err(failed)?);
    Ok(())
}
