//! Classes read out of each layer, on images that were left out of learning.

use rheobase_core::Estimate;
use rheobase_core::statistics::wilson_interval;
use rheobase_data::Table;
use rheobase_decoding::classify::{Classifier, chance, decode, grouped_folds, null_of};
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars, Heatmap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::kind::{Kind, failed, main_output, threads};

/// The classifier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClassifierChoice {
    /// Multinomial logistic regression.
    Logistic {
        /// Ridge strength.
        #[serde(default = "one")]
        ridge: f64,
    },
    /// Linear support vector machines, one class against the rest.
    SupportVectors {
        /// Cost of an image on the wrong side.
        #[serde(default = "one")]
        cost: f64,
    },
    /// The class with the nearest mean.
    NearestMean {},
}

fn one() -> f64 {
    1.0
}

impl ClassifierChoice {
    pub(crate) fn classifier(self) -> Classifier {
        match self {
            Self::Logistic { ridge } => Classifier::Logistic { alpha: ridge },
            Self::SupportVectors { cost } => Classifier::SupportVectors { cost },
            Self::NearestMean {} => Classifier::NearestMean,
        }
    }
}

/// Parameters of `decode`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecodeParameters {
    /// The model.
    pub of: Input<Probed>,
    /// Labelled images; those set apart for testing where there are any.
    pub on: Input<Dataset>,
    /// Layers; all by default.
    #[serde(default)]
    pub layers: Vec<String>,
    /// The classifier.
    #[serde(default = "logistic")]
    pub classifier: ClassifierChoice,
    /// Folds of images.
    #[serde(default = "five")]
    #[schemars(range(min = 2, max = 100))]
    pub folds: usize,
    /// Most images.
    #[serde(default = "images")]
    #[schemars(range(min = 20, max = 100_000))]
    pub images: usize,
    /// Permutations of the labels, each decoded anew.
    #[serde(default = "draws")]
    #[schemars(range(min = 0, max = 10_000))]
    pub permutations: usize,
}

fn logistic() -> ClassifierChoice {
    ClassifierChoice::Logistic { ridge: 1.0 }
}
fn five() -> usize {
    5
}
fn images() -> usize {
    500
}
fn draws() -> usize {
    19
}

/// Decoding of classes.
pub struct Decode;

impl Kind for Decode {
    type Parameters = DecodeParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "decode";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "classes read out of each layer by a linear classifier on held-out images, chance by permutation";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("decoding")];

    fn run(p: &DecodeParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let images = Images::load(context.input(&p.on)?)?;
        if images.labels.is_empty() {
            return Err(StageError::Failed("the data set has no classes to decode".into()));
        }
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let stimulus = images.stimulus(&rows)?;
        let labels: Vec<usize> = rows.iter().map(|&i| images.labels[i]).collect();
        let layers: Vec<String> =
            if p.layers.is_empty() { model.layers().into_iter().map(|l| l.name).collect() } else { p.layers.clone() };
        let classifier = p.classifier.classifier();
        let folds = grouped_folds(&labels, None, p.folds, &context.seed).map_err(failed)?;
        let mut outcome = Outcome::default();
        let (mut bars, mut accuracies) = (Vec::new(), Vec::new());
        for (index, layer) in layers.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let activity = model.record(&stimulus, layer)?;
            let at = |e| StageError::Failed(format!("layer {layer}: {e}"));
            let found = decode(activity.samples(), &labels, &folds, classifier).map_err(at)?;
            let seed = context.seed.child("chance").child(layer);
            let null =
                chance(activity.samples(), &labels, None, p.folds, classifier, (p.permutations, threads()), &seed)
                    .map_err(at)?;
            let n = labels.len();
            let right = (found.accuracy * n as f64).round() as usize;
            let interval = wilson_interval(right, n);
            bars.push(Bar {
                name: layer.clone(),
                value: found.accuracy,
                interval: Some((interval.low, interval.high)),
                mark: String::new(),
            });
            let variant = format!("{}, {} folds", classifier.name(), p.folds);
            let accuracy = Estimate::new(found.accuracy, "accuracy", &variant, n, "images").with_interval(interval);
            outcome.metric(&format!("{layer}_accuracy"), accuracy);
            let mut balanced = Estimate::new(found.balanced_accuracy, "balanced accuracy", &variant, n, "images");
            if !null.is_empty() {
                balanced.null = Some(null_of(found.balanced_accuracy, &null));
            }
            outcome.metric(&format!("{layer}_balanced_accuracy"), balanced);
            accuracies.push(found.accuracy);
            if index + 1 == layers.len() && images.class_names.len() <= 20 {
                let totals = found.confusion.sum_axis(ndarray::Axis(1));
                let shares =
                    ndarray::Array2::from_shape_fn(found.confusion.dim(), |(i, j)| found.confusion[[i, j]] / totals[i]);
                let names = images.class_names.clone();
                let map = Heatmap {
                    title: format!("confusions of {layer}"),
                    rows: names.clone(),
                    columns: names,
                    values: shares,
                    range: (0.0, 1.0),
                };
                let caption =
                    format!("Share of each class (row) read out of {layer} as each class (column), n = {n} images.");
                outcome.figure("confusions", "Confusions", &caption, map.svg().map_err(failed)?);
            }
            context.progress.step("layers", index + 1, layers.len());
        }
        outcome.table("layers", Table::new().with("layer", layers)?.with("accuracy", accuracies)?);
        let level = 1.0 / images.class_names.len().max(1) as f64;
        let figure = Bars {
            title: "decoding".into(),
            label: "accuracy on held-out images".into(),
            bars,
            band: Some((0.0, level, "chance".into())),
        };
        let caption = format!(
            "Share of {} held-out images whose class is read out rightly ({}), with 95 % intervals.",
            labels.len(),
            classifier.name()
        );
        outcome.figure("decoding", "Decoding by layer", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}
