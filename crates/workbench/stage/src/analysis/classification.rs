//! `[analysis.*] kind = "classification"`: which classes a model names, on images it was trained on and on others.

use ndarray::Array2;
use rheobase_core::{Estimate, Probe};
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Heatmap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::share;
use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `classification`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassificationParameters {
    /// The model: a network whose last layer has one unit for each class.
    pub of: Input<Probed>,
    /// Labelled images.
    pub on: Input<Dataset>,
    /// Others, in more noise for instance, to test how much of the accuracy on test images is lost on theirs.
    #[serde(default)]
    pub disturbed: Option<Input<Dataset>>,
}

/// Classification by a model.
pub struct Classification;

impl Kind for Classification {
    type Parameters = ClassificationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "classification";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "accuracy of a network on training and test images, their difference, and which classes it confuses";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("classification")];

    fn run(p: &ClassificationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let images = Images::load(context.input(&p.on)?)?;
        if images.labels.is_empty() {
            return Err(StageError::Failed("the data set has no classes to name".into()));
        }
        let mut outcome = Outcome::default();
        let mut accuracy = [f64::NAN; 2];
        for (k, name, variant) in [(0, "train_accuracy", "training images"), (1, "test_accuracy", "test images")] {
            let named = named(&*model, &images, &images.part(k == 1))?;
            if named.is_empty() {
                continue;
            }
            accuracy[k] = right(&named) as f64 / named.len() as f64;
            let what = "share of images whose class has the largest output";
            outcome.metric(name, share(right(&named), named.len(), what, variant, "images"));
            if k == 1 {
                confusion(&named, &images.class_names, &mut outcome)?;
            }
        }
        if accuracy.iter().all(|a| a.is_finite()) {
            let gap = Estimate::new(
                accuracy[0] - accuracy[1],
                "accuracy on training less that on test images",
                "difference",
                images.labels.len(),
                "images",
            );
            outcome.metric("generalisation_gap", gap);
        }
        if let Some(disturbed) = &p.disturbed {
            let others = Images::load(context.input(disturbed)?)?;
            if others.class_names != images.class_names {
                let (theirs, own) = (others.class_names.join(", "), images.class_names.join(", "));
                return Err(StageError::Failed(format!(
                    "the disturbed images have the classes {theirs}, the others {own}"
                )));
            }
            let rows = others.part(true);
            if rows.is_empty() || accuracy[1].is_nan() {
                let message = "disturbed needs images to test on, in both data sets: set test or test_fraction";
                return Err(StageError::Failed(message.into()));
            }
            let lost = accuracy[1] - right(&named(&*model, &others, &rows)?) as f64 / rows.len() as f64;
            let what = "accuracy on test images less that on disturbed ones";
            outcome.metric("lost_when_disturbed", Estimate::new(lost, what, "difference", rows.len(), "images"));
        }
        Ok(outcome)
    }
}

/// How many images are named rightly.
fn right(named: &[(usize, usize)]) -> usize {
    named.iter().filter(|(label, name)| label == name).count()
}

/// The class of each image and the one that the model names; the first of equals counts.
pub(super) fn named(model: &dyn Probe, images: &Images, rows: &[usize]) -> Result<Vec<(usize, usize)>, StageError> {
    let last = model.layers().pop().ok_or_else(|| StageError::Failed("the model has no layer".into()))?;
    if last.units != images.class_names.len() {
        let (units, classes) = (last.units, images.class_names.len());
        return Err(StageError::Failed(format!(
            "the last layer `{}` has {units} units for {classes} classes",
            last.name
        )));
    }
    let mut found = Vec::with_capacity(rows.len());
    for some in rows.chunks(500) {
        let activity = model.record(&images.stimulus(some)?, &last.name).map_err(failed)?;
        for (row, outputs) in some.iter().zip(activity.samples().outer_iter()) {
            let better = |best: usize, k: usize| if outputs[k] > outputs[best] { k } else { best };
            found.push((images.labels[*row], (0..outputs.len()).fold(0, better)));
        }
    }
    Ok(found)
}

pub(crate) fn confusion(named: &[(usize, usize)], names: &[String], outcome: &mut Outcome) -> Result<(), StageError> {
    let classes = names.len();
    let mut counts = Array2::<f64>::zeros((classes, classes));
    named.iter().for_each(|&(label, name)| counts[[label, name]] += 1.0);
    for mut row in counts.outer_iter_mut() {
        let all = row.sum().max(1.0);
        row.mapv_inplace(|v| v / all);
    }
    let map = Heatmap {
        title: "share of each class that is taken for each class".into(),
        rows: names.to_vec(),
        columns: names.to_vec(),
        values: counts,
        range: (0.0, 1.0),
    };
    let caption = "Share of the test images of a class (row) that the model takes for a class (column).";
    outcome.figure("confusion", "Confusion", caption, map.svg().map_err(failed)?);
    Ok(())
}
