//! Lesions of one layer: every unit alone, and one after another against random orders.

use rheobase_ablation::cumulative::{ControlledCurve, cumulative_ablation};
use rheobase_ablation::effect::{Performance, TestSet};
use rheobase_ablation::selectivity::class_selectivity;
use rheobase_ablation::single::{UnitEffect, single_unit_effects};
use rheobase_core::statistics::{mean, quantile, spearman, variance, wilson_interval};
use rheobase_core::{Estimate, Interval, LesionManner, NullDistribution};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::layer_of;
use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::kind::{Kind, failed, main_output};

/// What is done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Its activity is zero.
    Silence,
    /// Its activity is its mean over the test images.
    ClampToMean,
    /// Noise of its own standard deviation is added.
    Noise,
    /// Its responses are permuted over images.
    Permute,
}

impl Manner {
    pub(crate) fn lesion(self) -> LesionManner {
        match self {
            Self::Silence => LesionManner::Silence,
            Self::ClampToMean => LesionManner::ClampToMean,
            Self::Noise => LesionManner::Noise { relative_sd: 1.0 },
            Self::Permute => LesionManner::Permute,
        }
    }
}

/// The user's interrupt, or the library's words.
pub(super) fn stopped(error: rheobase_ablation::Error) -> StageError {
    match error {
        rheobase_ablation::Error::Probe(rheobase_core::Error::Interrupted) => StageError::Interrupted,
        other => failed(other),
    }
}

/// In which order the targeted curve removes units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderBy {
    /// The unit whose loss alone raises the loss most goes first.
    Importance,
    /// The most class-selective unit goes first.
    Selectivity,
}

/// Parameters of `ablation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AblationParameters {
    /// The model: a network with an output that names classes.
    pub of: Input<Probed>,
    /// Labelled images; the test images are used.
    pub on: Input<Dataset>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// What is done to a unit.
    #[serde(default = "silence")]
    pub manner: Manner,
    /// Order of the targeted curve.
    #[serde(default = "importance")]
    pub order_by: OrderBy,
    /// Random orders as control.
    #[serde(default = "controls")]
    #[schemars(range(min = 1, max = 10_000))]
    pub controls: usize,
    /// Points of a curve.
    #[serde(default = "points")]
    #[schemars(range(min = 1, max = 1000))]
    pub points: usize,
}

fn silence() -> Manner {
    Manner::Silence
}
fn importance() -> OrderBy {
    OrderBy::Importance
}
fn controls() -> usize {
    99
}
fn points() -> usize {
    20
}

/// Lesions of one layer.
pub struct Ablation;

impl Kind for Ablation {
    type Parameters = AblationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "ablation";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "single-unit and cumulative lesions with random controls (Morcos et al. 2018; Meyes et al. 2019)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("lesion effects")];

    fn run(p: &AblationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let layer = layer_of(&*model, p.layer.as_deref())?;
        let images = Images::load(context.input(&p.on)?)?;
        if images.labels.is_empty() {
            return Err(StageError::Failed(
                "lesions are judged by classification, but the data set has no classes".into(),
            ));
        }
        let rows = images.held_out();
        let stimulus = images.stimulus(&rows)?;
        let labels: Vec<usize> = rows.iter().map(|&i| images.labels[i]).collect();
        let test = TestSet { stimulus: &stimulus, labels: &labels };
        let manner = p.manner.lesion();
        let seed = context.seed.child("lesion");
        let (intact, effects) =
            single_unit_effects(&*model, test, &layer, manner, &seed, context.progress).map_err(stopped)?;
        let activity = model.record(&stimulus, &layer)?;
        let selectivity = class_selectivity(activity.samples(), &labels).map_err(failed)?;
        let score: Vec<f64> = match p.order_by {
            OrderBy::Importance => effects.iter().map(|e| e.loss_change_nats).collect(),
            OrderBy::Selectivity => selectivity.iter().map(|s| s.unwrap_or(-1.0)).collect(),
        };
        let mut order: Vec<usize> = (0..score.len()).collect();
        order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
        let curve =
            cumulative_ablation(&*model, test, &layer, &order, p.points, p.controls, manner, &seed, context.progress)
                .map_err(stopped)?;
        report(p, &layer, &intact, &effects, &selectivity, &curve)
    }
}

fn report(
    p: &AblationParameters,
    layer: &str,
    intact: &Performance,
    effects: &[UnitEffect],
    selectivity: &[Option<f64>],
    curve: &ControlledCurve,
) -> Result<Outcome, StageError> {
    let n = intact.correct.len();
    let mut outcome = Outcome::default();
    let right = intact.correct.iter().filter(|&&c| c).count();
    let accuracy =
        Estimate::new(intact.accuracy, "intact accuracy", "share of test images named correctly", n, "test images");
    outcome.metric("intact_accuracy", accuracy.with_interval(wilson_interval(right, n)));
    let changes: Vec<f64> = effects.iter().map(|e| e.accuracy_change).collect();
    let worst = changes.iter().copied().fold(0.0, f64::min);
    let variant = format!("{:?} of one unit of {layer}", p.manner);
    let spread = Interval {
        low: quantile(&changes, 0.025),
        high: quantile(&changes, 0.975),
        level: 0.95,
        method: "quantiles over units".into(),
    };
    let single = |value: f64, name: &str| {
        Estimate::new(value, name, &variant, effects.len(), "units").with_interval(spread.clone())
    };
    outcome.metric("worst_single_accuracy_change", single(worst, "largest loss of accuracy by one unit"));
    outcome.metric("mean_single_accuracy_change", single(mean(&changes), "mean change of accuracy by one unit"));
    let variant = format!("targeted by {:?}, area under accuracy against the share removed", p.order_by);
    let null = NullDistribution {
        method: "random orders of the same units".into(),
        draws: curve.control_areas.len(),
        mean: mean(&curve.control_areas),
        sd: variance(&curve.control_areas, 0).sqrt(),
        p: curve.p_hurts_more,
    };
    let area = Estimate::new(curve.targeted.area(), "ablation area", &variant, n, "test images").with_null(null);
    outcome.metric("targeted_area", area);
    let interval = Interval {
        low: quantile(&curve.control_areas, 0.025),
        high: quantile(&curve.control_areas, 0.975),
        level: 0.95,
        method: "quantiles over random orders".into(),
    };
    let variant = "random orders, area under accuracy against the share removed";
    let area =
        Estimate::new(mean(&curve.control_areas), "ablation area", variant, curve.control_areas.len(), "random orders");
    outcome.metric("random_area", area.with_interval(interval));
    let pairs: Vec<(f64, f64)> =
        selectivity.iter().zip(effects).filter_map(|(s, e)| s.map(|s| (s, e.loss_change_nats))).collect();
    let (selective, important): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    if let Some(rho) = spearman(&selective, &important) {
        let estimate =
            Estimate::new(rho, "selectivity against importance", "Spearman, units that respond", pairs.len(), "units");
        outcome.metric("selectivity_importance_spearman", estimate);
    }
    outcome.table("units", unit_table(effects, selectivity)?);
    outcome.table("curve", curve_table(curve)?);
    figures(layer, n, effects.len(), &pairs, curve, &mut outcome)?;
    Ok(outcome)
}

fn unit_table(effects: &[UnitEffect], selectivity: &[Option<f64>]) -> Result<Table, StageError> {
    let mut table = Table::new()
        .with("unit", effects.iter().map(|e| e.unit).collect::<Vec<_>>())?
        .with("accuracy_change", effects.iter().map(|e| e.accuracy_change).collect::<Vec<_>>())?
        .with("loss_change_nats", effects.iter().map(|e| e.loss_change_nats).collect::<Vec<_>>())?
        .with("class_selectivity", selectivity.iter().map(|s| s.unwrap_or(f64::NAN)).collect::<Vec<_>>())?;
    let classes = effects.first().map_or(0, |e| e.class_accuracy_change.len());
    for class in 0..classes {
        let column: Vec<f64> = effects.iter().map(|e| e.class_accuracy_change[class]).collect();
        table = table.with(&format!("accuracy_change_class_{class}"), column)?;
    }
    Ok(table)
}

fn curve_table(curve: &ControlledCurve) -> Result<Table, StageError> {
    Ok(Table::new()
        .with("removed", curve.targeted.removed.clone())?
        .with("targeted_accuracy", curve.targeted.accuracy.clone())?
        .with("random_mean", curve.control_mean.clone())?
        .with("random_5_percent", curve.control_low.clone())?
        .with("random_95_percent", curve.control_high.clone())?)
}

fn figures(
    layer: &str,
    n: usize,
    units: usize,
    pairs: &[(f64, f64)],
    curve: &ControlledCurve,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let share: Vec<f64> = curve.targeted.removed.iter().map(|&r| r as f64 / units as f64).collect();
    let line = |values: &[f64]| share.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
    let band =
        share.iter().zip(curve.control_low.iter().zip(&curve.control_high)).map(|(x, (l, h))| (*x, *l, *h)).collect();
    let chart = Chart {
        title: "accuracy against the share of units removed".into(),
        x_label: format!("share of {layer} removed"),
        y_label: "test accuracy".into(),
        x_range: Some((0.0, 1.0)),
        y_range: Some((0.0, 1.0)),
        series: vec![
            Series {
                name: "random orders (mean, 5 to 95 %)".into(),
                points: line(&curve.control_mean),
                marks: Marks::Band(band),
            },
            Series { name: "targeted order".into(), points: line(&curve.targeted.accuracy), marks: Marks::Line },
        ],
    };
    let caption = format!(
        "Accuracy on {n} test images while the {units} units of {layer} are lesioned one after another: in the targeted order and in {} random ones.",
        curve.control_areas.len()
    );
    outcome.figure("cumulative", "Cumulative ablation", &caption, chart.svg().map_err(failed)?);
    if !pairs.is_empty() {
        let chart = Chart {
            title: "class selectivity against importance".into(),
            x_label: "class selectivity index".into(),
            y_label: "rise of the loss (nats)".into(),
            x_range: None,
            y_range: None,
            series: vec![Series { name: String::new(), points: pairs.to_vec(), marks: Marks::Points }],
        };
        let caption = format!(
            "Each of {} responding units of {layer}: its class selectivity, and how much the loss on {n} test images rises when it alone is lesioned.",
            pairs.len()
        );
        outcome.figure("selectivity", "Selectivity and importance", &caption, chart.svg().map_err(failed)?);
    }
    Ok(())
}
