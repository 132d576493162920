//! `[model.*] kind = "spike-classifier"`: networks of surrogates trained to tell classes of spike patterns apart.

use rheobase_data::Table;
use rheobase_pipeline::{Artifact, Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_surrogate::classifier::{PatternTraining, Patterns, SpikeClassifier};
use rheobase_surrogate::training::Surroundings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::ArchitecturePart;
use super::spoken_digits::ClassifiedPatterns;
use super::stopped;
use crate::analysis::{confusion, share};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, failed, main_output, threads};
use crate::model::checkpoint::FolderCheckpoints;

/// Spike patterns with classes.
#[derive(Debug)]
pub struct PatternsArtifact;

impl Artifact for PatternsArtifact {
    const ACCEPTS: &'static [&'static str] = &["spike patterns with classes"];
}

/// Parameters of `spike-classifier`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassifierParameters {
    /// Patterns.
    pub of: Input<PatternsArtifact>,
    /// The network; it gets an output for each class.
    pub architecture: ArchitecturePart,
    /// How it is trained.
    #[serde(default)]
    pub training: PatternTraining,
}

/// A classifier of spike patterns.
pub struct SpikeClassifierKind;

impl Kind for SpikeClassifierKind {
    type Parameters = ClassifierParameters;
    const ROLE: Role = Role::Model;
    const KIND: &'static str = "spike-classifier";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a network of leaky memories, convolutions or gates that tells classes of spike patterns apart";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a classifier of spike patterns")];

    fn check(p: &ClassifierParameters) -> Vec<Complaint> {
        p.architecture.complaints()
    }

    fn run(p: &ClassifierParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let data = ClassifiedPatterns::load(context.input(&p.of)?)?;
        let channels = data.train.patterns.first().map_or(0, rheobase_surrogate::spikes::InputSpikes::inputs);
        let names: Vec<String> = (0..channels).map(|k| format!("channel {k}")).collect();
        let network = p.architecture.network(&names).with_heads(data.classes);
        let mut checkpoints = FolderCheckpoints::new(&context.scratch, context.progress);
        let surroundings = Surroundings {
            seed: context.seed.child("classifier"),
            threads: threads(),
            device: None,
            progress: context.progress,
            checkpoints: &mut checkpoints,
        };
        let (classifier, history) = p.training.run(network, &data.train, surroundings).map_err(stopped)?;
        let mut outcome = Outcome::default();
        let count = classifier.network.parameter_count() as f64;
        metric(&mut outcome, "parameters", count, ("trainable numbers", ""), (1, "network"));
        judge(&classifier, &data, &mut outcome)?;
        let losses: Vec<(f64, f64)> =
            history.iter().filter_map(|r| r.train_loss.map(|loss| (r.epoch as f64, loss))).collect();
        let table = Table::new()
            .with("iteration", losses.iter().map(|l| l.0).collect::<Vec<_>>())?
            .with("train_loss", losses.iter().map(|l| l.1).collect::<Vec<_>>())?;
        outcome.table("history", table);
        let caption = "Mean training loss of each block of iterations.";
        let lines = vec![series("", losses, Marks::Line)];
        chart(&mut outcome, ["loss", "Loss", caption], ["iteration", "loss"], lines)?;
        outcome.files.insert("classifier.json".into(), serde_json::to_vec(&classifier).map_err(failed)?);
        Ok(outcome)
    }
}

fn judge(classifier: &SpikeClassifier, data: &ClassifiedPatterns, outcome: &mut Outcome) -> Result<(), StageError> {
    let named = |patterns: &Patterns| -> Result<Vec<(usize, usize)>, StageError> {
        let found = classifier.classify(&patterns.patterns, threads()).map_err(failed)?;
        Ok(patterns.classes.iter().copied().zip(found).collect())
    };
    for (key, patterns, variant) in
        [("train_accuracy", &data.train, "training patterns"), ("test_accuracy", &data.test, "unseen patterns")]
    {
        let named = named(patterns)?;
        let right = named.iter().filter(|(class, name)| class == name).count();
        let what = "share of patterns whose class has the largest mean output";
        outcome.metric(key, share(right, named.len(), what, variant, "patterns"));
    }
    let names: Vec<String> = (0..data.classes).map(|k| k.to_string()).collect();
    confusion(&named(&data.test)?, &names, outcome)
}
