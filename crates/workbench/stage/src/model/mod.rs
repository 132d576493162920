//! A model node: architecture, objective and learning rule, chosen independently.
//!
//! Each part is one file with its parameters; the enums at the bottom of [`architecture`], [`objective`] and [`learning`] are the
//! registries, one line for each part.

pub mod architecture;
mod checkpoint;
pub mod learning;
pub mod objective;

use rheobase_core::statistics::wilson_interval;
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_linalg::{eigh, qr};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::training::{EpochRecord, Session};
use rheobase_rate::{Error, Model, device};
use rheobase_report::figure::{Chart, Marks, Mosaic, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, store_model};
use crate::kind::{Kind, complaint, failed, main_output};
use architecture::{Architecture, Family};
use checkpoint::FolderCheckpoints;
use learning::Learning;
use objective::Objective;

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
    const VERSION: u32 = 1;
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
                    let message = format!("a {} is fixed, it has no `{key}`", p.architecture.part().name());
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
                let message = format!("a {} needs `{key}`", p.architecture.part().name());
                let help = "an untrained control has learning = { kind = \"none\" }";
                complaints.push(complaint(&[key], message, help));
            }
        }
        if let Some(objective) = &p.objective
            && !objective.part().families().contains(&family)
        {
            let message = format!(
                "the objective {} does not fit the architecture {}",
                objective.part().name(),
                p.architecture.part().name()
            );
            complaints.push(complaint(&["objective", "kind"], message, &Objective::help_for(family)));
        }
        if let Some(learning) = &p.learning
            && !learning.part().families().contains(&family)
        {
            let message = format!(
                "the learning rule {} cannot train the architecture {}",
                learning.part().name(),
                p.architecture.part().name()
            );
            complaints.push(complaint(&["learning", "kind"], message, &Learning::help_for(family)));
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
        let labelled = p.objective.as_ref().is_some_and(|o| o.objective().task.needs_labels());
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
        objective: objective.objective(),
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

fn report_history(
    history: &[EpochRecord],
    images: Option<&Images>,
    labelled: bool,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let tests = images.map_or(0, |i| i.part(true).len());
    let trains = images.map_or(0, |i| i.part(false).len());
    let column =
        |f: fn(&EpochRecord) -> Option<f64>| history.iter().map(|r| f(r).unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let table = Table::new()
        .with("epoch", history.iter().map(|r| r.epoch).collect::<Vec<_>>())?
        .with("train_loss", column(|r| r.train_loss))?
        .with("test_loss", column(|r| r.test_loss))?
        .with("test_accuracy", column(|r| r.test_accuracy))?
        .with("alignment_deg", column(|r| r.alignment_deg))?;
    outcome.table("history", table);
    let last = |f: fn(&EpochRecord) -> Option<f64>| history.iter().rev().find_map(f);
    if let Some(loss) = last(|r| r.train_loss) {
        let estimate = Estimate::new(
            loss,
            "training loss",
            "mean over the last epoch, penalties included",
            trains,
            "training images",
        );
        outcome.metric("train_loss", estimate);
    }
    if let Some(accuracy) = last(|r| r.test_accuracy) {
        let right = (accuracy * tests as f64).round() as usize;
        let estimate =
            Estimate::new(accuracy, "test accuracy", "share of held-out images named correctly", tests, "test images")
                .with_interval(wilson_interval(right, tests));
        outcome.metric("test_accuracy", estimate);
    }
    let series = |name: &str, f: fn(&EpochRecord) -> Option<f64>| Series {
        name: name.into(),
        points: history.iter().filter_map(|r| f(r).map(|v| (r.epoch as f64, v))).collect(),
        marks: Marks::Line,
    };
    let chart = |title: &str, y_label: &str, y_range: Option<(f64, f64)>, lines: Vec<Series>| Chart {
        title: title.into(),
        x_label: "epoch".into(),
        y_label: y_label.into(),
        x_range: None,
        y_range,
        series: lines.into_iter().filter(|s| !s.points.is_empty()).collect(),
    };
    let unit = if labelled { "loss (nats or squared error)" } else { "loss per image" };
    let losses = chart(
        "loss per epoch",
        unit,
        None,
        vec![series("training", |r| r.train_loss), series("test", |r| r.test_loss)],
    );
    outcome.figure(
        "loss",
        "Loss",
        &format!("Loss after each epoch, {trains} training and {tests} test images."),
        losses.svg().map_err(failed)?,
    );
    let accuracies = chart("test accuracy", "test accuracy", Some((0.0, 1.0)), vec![series("", |r| r.test_accuracy)]);
    if !accuracies.series.is_empty() {
        let caption = format!("Share of {tests} held-out images named correctly after each epoch.");
        outcome.figure("accuracy", "Test accuracy", &caption, accuracies.svg().map_err(failed)?);
    }
    report_alignment(history, tests, &chart, &series, outcome)
}

fn report_alignment(
    history: &[EpochRecord],
    tests: usize,
    chart: &dyn Fn(&str, &str, Option<(f64, f64)>, Vec<Series>) -> Chart,
    series: &dyn Fn(&str, fn(&EpochRecord) -> Option<f64>) -> Series,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let angles: Vec<f64> = history.iter().filter_map(|r| r.alignment_deg).collect();
    let (Some(&first), Some(&last)) = (angles.first(), angles.last()) else { return Ok(()) };
    let estimate = |value: f64, when: &str| {
        let variant = format!("mean angle between e B' and e W' at the output layer, {when}");
        Estimate::new(value, "alignment angle", &variant, tests, "test images").with_unit("deg")
    };
    outcome.metric("alignment_angle_start_deg", estimate(first, "before training"));
    outcome.metric("alignment_angle_deg", estimate(last, "after training"));
    let mut lines = vec![series("", |r| r.alignment_deg)];
    let end = history.last().map_or(1.0, |r| r.epoch as f64);
    lines.push(Series { name: "no alignment".into(), points: vec![(0.0, 90.0), (end, 90.0)], marks: Marks::Dashed });
    lines[0].name = "feedback against backprop".into();
    let figure = chart("alignment angle", "angle (deg)", Some((0.0, 105.0)), lines);
    let caption = format!(
        "Angle between the error that the fixed random feedback sends to the last hidden layer and the one backpropagation would send, mean over {tests} test images."
    );
    outcome.figure("alignment", "Alignment", &caption, figure.svg().map_err(failed)?);
    Ok(())
}

fn report_weights(model: &Model, outcome: &mut Outcome) -> Result<(), StageError> {
    const SHOWN: usize = 60;
    let Some((weights, shape)) = model.first_stage_images() else { return Ok(()) };
    let shown = weights.nrows().min(SHOWN);
    let images = weights.slice(ndarray::s![..shown, ..]);
    let mosaic = Mosaic { title: "weights of the first stage".into(), images, shape, labels: vec![], across: 12 };
    let caption = format!(
        "Weights of {shown} of {} units onto the input ({} x {} px), each scaled to its own largest value; red is positive, blue negative.",
        weights.nrows(),
        shape[0],
        shape[1]
    );
    outcome.figure("weights", "First-stage weights", &caption, mosaic.svg().map_err(failed)?);
    Ok(())
}

/// How much of the principal subspace of the data the first stage spans, against the untrained weights.
fn report_subspace(model: &Model, untrained: &Model, images: &Images, outcome: &mut Outcome) -> Result<(), StageError> {
    let rows = images.part(false);
    let x = images.samples(&rows).inputs.mapv(f64::from);
    let mean = x.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| ndarray::Array1::zeros(x.ncols()));
    let centred = x - &mean;
    let covariance = centred.t().dot(&centred) / centred.nrows() as f64;
    let components = eigh(covariance.view()).map_err(failed)?.vectors;
    let overlap = |model: &Model| -> Result<Option<(f64, usize)>, StageError> {
        let Some((weights, _)) = model.first_stage_images() else { return Ok(None) };
        if weights.ncols() != components.nrows() || weights.nrows() >= weights.ncols() {
            return Ok(None);
        }
        let units = weights.nrows();
        let basis = qr(weights.t()).map_err(failed)?.0;
        let shared = basis.t().dot(&components.slice(ndarray::s![.., ..units]));
        Ok(Some((shared.iter().map(|v| v * v).sum::<f64>() / units as f64, units)))
    };
    if let (Some((value, units)), Some((before, _))) = (overlap(model)?, overlap(untrained)?) {
        let variant = "mean squared cosine of the principal angles between the span of the weights and that of as many principal components; 1 is the same subspace";
        let estimate = Estimate::new(value, "principal subspace overlap", variant, rows.len(), "training images")
            .with_constant("components", units as f64)
            .with_constant("before_training", before)
            .with_interval(Interval {
                low: value,
                high: value,
                level: 1.0,
                method: "exact for these weights and images".into(),
            });
        outcome.metric("principal_subspace_overlap", estimate);
    }
    Ok(())
}
