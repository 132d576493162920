//! How well one population's responses are predicted from another's on images that were left out.

use ndarray::ArrayView2;
use rheobase_core::Estimate;
use rheobase_core::statistics::{bootstrap_interval, median};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars};
use rheobase_similarity::predictivity::{
    CrossPredicted, Strength, brain_score, correlations, cross_predict_pls, cross_predict_ridge, folds, r_squared,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, Probed};
use crate::compare::populations;
use crate::kind::{Kind, failed, main_output, threads};

/// The regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Regression {
    /// Ridge; the strength of each target is chosen by leave-one-out inside each training part.
    Ridge {
        /// Strengths to choose from.
        #[serde(default = "strengths")]
        #[schemars(length(min = 1))]
        strengths: Vec<f64>,
        /// Whether all targets share one strength.
        #[serde(default)]
        shared: bool,
    },
    /// Partial least squares, as Brain-Score uses with 25 components.
    Pls {
        /// Components.
        #[serde(default = "components")]
        #[schemars(range(min = 1, max = 1000))]
        components: usize,
    },
}

impl Regression {
    /// Predictions of `y` for images left out, fold by fold, and what it is called.
    pub(super) fn cross_predict(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        folds: &[Vec<usize>],
    ) -> rheobase_similarity::Result<CrossPredicted> {
        match self {
            Self::Ridge { strengths, shared } => {
                let choose = if *shared { Strength::Shared } else { Strength::PerTarget };
                cross_predict_ridge(x, y, folds, strengths, choose, threads())
            }
            Self::Pls { components } => cross_predict_pls(x, y, folds, *components, threads()),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Ridge { .. } => "ridge, strength by nested leave-one-out".into(),
            Self::Pls { components } => format!("partial least squares, {components} components"),
        }
    }
}

fn strengths() -> Vec<f64> {
    (-2..6).map(|k| 10.0_f64.powi(k)).collect()
}
fn components() -> usize {
    25
}
fn ridge() -> Regression {
    Regression::Ridge { strengths: strengths(), shared: false }
}

/// Parameters of `predictivity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictivityParameters {
    /// The models that predict.
    #[schemars(length(min = 1))]
    pub of: Vec<Input<Probed>>,
    /// Their layers; all by default.
    #[serde(default)]
    pub layers: Vec<String>,
    /// The models whose units are predicted.
    #[schemars(length(min = 1))]
    pub targets: Vec<Input<Probed>>,
    /// Their layers; all by default.
    #[serde(default)]
    pub target_layers: Vec<String>,
    /// What they are shown; held-out images where the data set has them.
    pub stimuli: Input<Dataset>,
    /// The regression.
    #[serde(default = "ridge")]
    pub regression: Regression,
    /// Folds of images.
    #[serde(default = "five")]
    #[schemars(range(min = 2, max = 100))]
    pub folds: usize,
    /// Most images.
    #[serde(default = "images")]
    #[schemars(range(min = 20, max = 100_000))]
    pub images: usize,
}

fn five() -> usize {
    5
}
fn images() -> usize {
    500
}

/// Linear predictivity.
pub struct Predictivity;

impl Kind for Predictivity {
    type Parameters = PredictivityParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "predictivity";
    const VERSION: u32 = 5;
    const ABOUT: &'static str = "how well units are predicted from another population on held-out images: nested ridge or partial least squares";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn run(p: &PredictivityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let stimulus = images.stimulus(&rows)?;
        let predictors = populations(&p.of, &p.layers, &stimulus, context)?;
        let targets = populations(&p.targets, &p.target_layers, &stimulus, context)?;
        let parts = folds(rows.len(), p.folds, None, &context.seed).map_err(failed)?;
        let mut outcome = Outcome::default();
        let mut bars = Vec::new();
        let (mut from, mut to, mut unit, mut r) = (vec![], vec![], vec![], vec![]);
        for (index, predictor) in predictors.iter().enumerate() {
            for target in &targets {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                let (x, y) = (predictor.responses.view(), target.responses.view());
                let found = p.regression.cross_predict(x, y, &parts);
                let variant = format!("{}, {} folds", p.regression.name(), p.folds);
                let label = format!("{}~{}", predictor.label(), target.label());
                let found = found.map_err(|e| StageError::Failed(format!("{label}: {e}")))?;
                let by_fold: Vec<Vec<f64>> =
                    parts.iter().map(|fold| correlations(y, found.predictions.view(), fold)).collect();
                let (score, error, missing) = brain_score(&by_fold);
                let per_unit: Vec<f64> =
                    (0..y.ncols()).map(|u| by_fold.iter().map(|f| f[u]).sum::<f64>() / by_fold.len() as f64).collect();
                let known: Vec<f64> = per_unit.iter().copied().filter(|v| v.is_finite()).collect();
                let n = rows.len();
                let mut estimate = Estimate::new(
                    score,
                    "predictivity",
                    &format!("{variant}; median over units, mean over folds"),
                    n,
                    "images",
                )
                .with_constant("standard_error_over_folds", error)
                .with_constant("units_left_out", missing as f64)
                .with_constant("r_squared", r_squared(y, found.predictions.view()));
                if known.len() > 2 {
                    let seed = context.seed.child("units").child(&label);
                    estimate.interval = Some(bootstrap_interval(known.len(), 1000, &seed, |rows| {
                        median(&rows.iter().map(|&i| known[i]).collect::<Vec<_>>())
                    }));
                }
                let interval = estimate.interval.as_ref().map(|i| (i.low, i.high));
                bars.push(Bar { name: label.clone(), value: score, interval, mark: String::new() });
                outcome.metric(&label, estimate);
                for (u, value) in per_unit.into_iter().enumerate() {
                    from.push(predictor.label());
                    to.push(target.label());
                    unit.push(u);
                    r.push(value);
                }
            }
            context.progress.step("layers", index + 1, predictors.len());
        }
        let table = Table::new().with("predictor", from)?.with("target", to)?.with("unit", unit)?.with("r", r)?;
        outcome.table("units", table);
        bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        bars.truncate(30);
        let figure = Bars {
            title: "predictivity".into(),
            label: "correlation on held-out images (median over units)".into(),
            bars,
            band: None,
        };
        let caption = format!(
            "Correlation of predicted and true responses to images that were left out (n = {}, {} folds), median over units; lines are 95 % intervals over units.",
            rows.len(),
            p.folds
        );
        outcome.figure("predictivity", "Predictivity", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}
