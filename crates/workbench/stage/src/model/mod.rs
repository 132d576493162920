//! A model node: architecture, objective and learning rule, chosen independently.
//!
//! Each part is one file with its parameters and one line in the registry of its folder: [`architecture`], [`objective`],
//! [`learning`].

pub mod architecture;
pub mod checkpoint;
pub mod learning;
pub mod objective;
mod registry;
mod report;

use rheobase_core::Estimate;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::training::{EpochRecord, Session};
use rheobase_rate::{Error, Model, device};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, store_model};
use crate::kind::{Kind, complaint, failed, main_output};
use architecture::{Architecture, Family};
use checkpoint::FolderCheckpoints;
use learning::Learning;
use objective::Objective;
use report::{report_history, report_subspace, report_weights};

/// Parameters of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkParameters {
    /// What the model is made of.
    pub architecture: Architecture,
    /// What it is trained for; fixed models have none.
    #[serde(default)]
    pub objective: Option<Objective>,
    /// How it is trained; fixed models have none.
    #[serde(default)]
    pub learning: Option<Learning>,
    /// What it is trained on; fixed models need none.
    #[serde(default)]
    pub train_on: Option<Input<Dataset>>,
}

/// A model.
pub struct Network;

impl Kind for Network {
    type Parameters = NetworkParameters;
    const ROLE: Role = Role::Model;
    const KIND: &'static str = "";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "a network: an architecture, an objective and a learning rule";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a model")];
    const USES_DEVICE: bool = true;

    fn check(p: &NetworkParameters) -> Vec<Complaint> {
        let family = p.architecture.part().family();
        if family == Family::Fixed {
            let extra = [("objective", p.objective.is_some()), ("learning", p.learning.is_some())];
            return extra
                .into_iter()
                .filter(|(_, there)| *there)
                .map(|(key, _)| {
                    let message = format!("a {} is fixed, it has no `{key}`", p.architecture.kind());
                    complaint(&[key], message, "remove it, or choose an architecture that learns")
                })
                .collect();
        }
        let mut complaints = Vec::new();
        let needed = [
            ("objective", p.objective.is_none()),
            ("learning", p.learning.is_none()),
            ("train_on", p.train_on.is_none()),
        ];
        for (key, missing) in needed {
            if missing {
                let message = format!("a {} needs `{key}`", p.architecture.kind());
                let help = "an untrained control has learning = { kind = \"none\" }";
                complaints.push(complaint(&[key], message, help));
            }
        }
        if let Some(objective) = &p.objective
            && !objective.part().families().contains(&family)
        {
            let message =
                format!("the objective {} does not fit the architecture {}", objective.kind(), p.architecture.kind());
            complaints.push(complaint(
                &["objective", "kind"],
                message,
                &format!("objectives that fit: {}", Objective::fitting(family).join(", ")),
            ));
        }
        if let Some(learning) = &p.learning
            && !learning.part().families().contains(&family)
        {
            let message = format!(
                "the learning rule {} cannot train the architecture {}",
                learning.kind(),
                p.architecture.kind()
            );
            complaints.push(complaint(
                &["learning", "kind"],
                message,
                &format!("learning rules that can train it: {}", Learning::fitting(family).join(", ")),
            ));
        }
        if let (Some(objective), Some(learning)) = (&p.objective, &p.learning)
            && complaints.is_empty()
            && let Some(reason) = learning.part().refuses(objective)
        {
            complaints.push(complaint(&["objective", "kind"], reason, "change the objective or the learning rule"));
        }
        complaints
    }

    fn memory_mib(_: &NetworkParameters) -> u64 {
        512
    }

    fn run(p: &NetworkParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = p.train_on.as_ref().map(|input| Images::load(context.input(input)?)).transpose()?;
        let labelled = p.objective.as_ref().is_some_and(|o| o.part().objective().task.needs_labels());
        let input = images.as_ref().map_or([1, 1, 1], |i| i.shape);
        let outputs = match &images {
            Some(images) if labelled && images.class_names.is_empty() => {
                return Err(StageError::Failed("this objective needs classes, but the data set has none; choose labels for the data or another objective".into()));
            }
            Some(images) if labelled => images.class_names.len(),
            _ => input.iter().product(),
        };
        let spec = architecture::Surroundings {
            input,
            outputs,
            objective: p.objective.as_ref(),
            seed: context.seed.child("weights"),
        };
        let mut model = p.architecture.part().build(&spec).map_err(failed)?;
        let untrained = model.clone();
        let history = match (&images, &p.objective, &p.learning) {
            (Some(images), Some(objective), Some(learning)) => train(&mut model, images, objective, learning, context)?,
            _ => vec![],
        };
        let mut outcome = Outcome::default();
        store_model(&model, &mut outcome)?;
        outcome.metric(
            "parameters",
            Estimate::new(model.parameter_count() as f64, "trainable parameters", "count", 1, "model"),
        );
        if !history.is_empty() {
            let adapted = Estimate::new(
                changed(&untrained, &model) as f64,
                "parameters that learning changed",
                "count",
                1,
                "model",
            );
            outcome.metric("adapted", adapted);
            report_history(&history, images.as_ref(), labelled, &mut outcome)?;
        }
        report_weights(&model, &mut outcome)?;
        if let (Some(images), Some(learning)) = (&images, &p.learning)
            && learning.part().finds_components()
        {
            report_subspace(&model, &untrained, images, &mut outcome)?;
        }
        Ok(outcome)
    }
}

/// How many parameters differ between two states of a model.
fn changed(before: &Model, after: &Model) -> usize {
    let (before, after) = (before.arrays(), after.arrays());
    before.iter().zip(&after).map(|(a, b)| a.values.iter().zip(&b.values).filter(|(x, y)| x != y).count()).sum()
}

fn train(
    model: &mut Model,
    images: &Images,
    objective: &Objective,
    learning: &Learning,
    context: &Context<'_>,
) -> Result<Vec<EpochRecord>, StageError> {
    let train = images.samples(&images.part(false));
    let test = images.samples(&images.part(true));
    let mut checkpoints = FolderCheckpoints::new(&context.scratch, context.progress);
    let mut session = Session {
        objective: objective.part().objective(),
        train: &train,
        test: Some(&test),
        seed: context.seed,
        device: device::by_name(&context.device).map_err(failed)?,
        progress: context.progress,
        checkpoints: &mut checkpoints,
    };
    let Some(rule) = learning.part().rule() else { return Ok(vec![]) };
    rule.train(model, &mut session).map_err(|error| match error {
        Error::Core(rheobase_core::Error::Interrupted) => StageError::Interrupted,
        other => failed(other),
    })
}
