//! How well layers of models predict recorded neurons on images that were left out, beside what the neurons' noise allows: the procedure of
//! Brain-Score (Schrimpf et al. 2018), with the score normalised as it was before December 2025 and as it is since.

use ndarray::{ArrayView2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars};
use rheobase_similarity::predictivity::{Normalisation, brain_score, brain_score_splits, correlations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::predictivity::Regression;
use crate::artifact::{Dataset, Images, Probed};
use crate::compare::populations;
use crate::data::responses::{MeanResponses, RecordedResponses, ceiling};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `brain-predictivity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrainPredictivityParameters {
    /// The models that predict.
    #[schemars(length(min = 1))]
    pub of: Vec<Input<Probed>>,
    /// Their layers; all by default.
    #[serde(default)]
    pub layers: Vec<String>,
    /// The recorded responses; the names of their stimuli are the numbers of the images in `stimuli`, counted from 0.
    pub responses: Input<RecordedResponses>,
    /// The images.
    pub stimuli: Input<Dataset>,
    /// The regression.
    #[serde(default = "pls")]
    pub regression: Regression,
    /// Random divisions into nine tenths for fitting and one for judging.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1000))]
    pub splits: usize,
}

fn pls() -> Regression {
    Regression::Pls { components: 25 }
}
fn ten() -> usize {
    10
}

/// Predictivity of recorded neurons.
pub struct BrainPredictivity;

impl Kind for BrainPredictivity {
    type Parameters = BrainPredictivityParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "brain-predictivity";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "how well layers of models predict recorded neurons on images left out, with noise ceiling (Brain-Score, old and new)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("predictivity of neurons")];

    fn run(p: &BrainPredictivityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.stimuli)?)?;
        let recorded = MeanResponses::load(context.input(&p.responses)?)?;
        let rows = rows_of(&recorded.stimuli, images.is_test.len())?;
        let neurons = MeanResponses::over_time(&recorded.values);
        let Some(ceilings) = recorded.reliability else {
            let message = "the responses have stimuli that were shown once, so the neurons have no noise ceiling; show each twice or more";
            return Err(StageError::Failed(message.into()));
        };
        let layers = populations(&p.of, &p.layers, &images.stimulus(&rows)?, context)?;
        let n = rows.len();
        if n < 20 {
            return Err(StageError::Failed(format!("{n} stimuli are too few for tenths of them; give 20 or more")));
        }
        let judge = Judge { p, neurons: neurons.view(), ceilings: &ceilings, context };
        let mut outcome = Outcome::default();
        if let Some(estimate) = ceiling(&ceilings) {
            outcome.metric("ceiling", estimate);
        }
        let mut bars = vec![];
        let (mut names, mut raw, mut new, mut old) = (vec![], vec![], vec![], vec![]);
        let all: Vec<usize> = (0..n).collect();
        for (k, layer) in layers.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let found = judge.score(layer.responses.view(), &all, &layer.label())?;
            outcome.metric(&layer.label(), judge.estimate(&found, n));
            bars.push(Bar {
                name: layer.label(),
                value: found.new,
                interval: Some((found.new - found.error, found.new + found.error)),
                mark: String::new(),
            });
            names.push(layer.label());
            raw.push(found.raw);
            new.push(found.new);
            old.push(found.old);
            context.progress.step("layers", k + 1, layers.len());
        }
        judge.chosen_layers(&layers, n, &mut outcome)?;
        let table = Table::new().with("layer", names)?.with("r", raw)?.with("r2_over_ceiling", new)?;
        outcome.table("layers", table.with("r_over_ceiling_squared", old)?);
        bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        bars.truncate(30);
        let figure = Bars {
            title: "predictivity of recorded neurons".into(),
            label: "r2 over ceiling (median over neurons)".into(),
            bars,
            band: None,
        };
        let caption = format!(
            "Share of the explainable variance of {} neurons that each layer predicts on images left out ({}, {} splits of {n} images); lines are standard errors over splits. The best of many layers is flattered: see the layers chosen on other images.",
            neurons.ncols(),
            p.regression.name(),
            p.splits
        );
        outcome.figure("predictivity", "Predictivity of neurons", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}

/// Rows of the images that the stimuli name.
fn rows_of(stimuli: &[String], images: usize) -> Result<Vec<usize>, StageError> {
    let of = |name: &String| match name.parse::<usize>() {
        Ok(row) if row < images => Ok(row),
        _ => Err(StageError::Failed(format!(
            "stimulus `{name}` is not the number of an image; the data set has images 0 to {}",
            images.saturating_sub(1)
        ))),
    };
    stimuli.iter().map(of).collect()
}

struct Judge<'a> {
    p: &'a BrainPredictivityParameters,
    /// (images, neurons).
    neurons: ArrayView2<'a, f64>,
    ceilings: &'a [f64],
    context: &'a Context<'a>,
}

struct Score {
    raw: f64,
    /// r^2 / ceiling.
    new: f64,
    /// (r / ceiling)^2.
    old: f64,
    /// Standard error of `new` over splits.
    error: f64,
    left_out: usize,
}

impl Judge<'_> {
    /// Median over neurons in each split, mean over splits, with some of the images.
    fn score(&self, layer: ArrayView2<'_, f64>, rows: &[usize], label: &str) -> Result<Score, StageError> {
        // All layers are judged with the same splits.
        let splits = brain_score_splits(rows.len(), None, self.p.splits, &self.context.seed).map_err(failed)?;
        let (x, y) = (layer.select(Axis(0), rows), self.neurons.select(Axis(0), rows));
        let mut by_split = vec![];
        for split in &splits {
            let own = std::slice::from_ref(split);
            let found = self.p.regression.cross_predict(x.view(), y.view(), own);
            let found = found.map_err(|e| StageError::Failed(format!("{label}: {e}")))?;
            by_split.push(correlations(y.view(), found.predictions.view(), split));
        }
        let normalised = |how: Normalisation| -> Vec<Vec<f64>> {
            let one = |r: &Vec<f64>| r.iter().zip(self.ceilings).map(|(r, c)| how.apply(*r, *c)).collect();
            by_split.iter().map(one).collect()
        };
        let (new, error, left_out) = brain_score(&normalised(Normalisation::SquaredOverCeiling));
        let old = brain_score(&normalised(Normalisation::RatioSquared)).0;
        Ok(Score { raw: brain_score(&by_split).0, new, old, error, left_out })
    }

    fn estimate(&self, found: &Score, n: usize) -> Estimate {
        let variant = format!(
            "r2 / ceiling, {}, {} splits; median over neurons, mean over splits",
            self.p.regression.name(),
            self.p.splits
        );
        Estimate::new(found.new, "predictivity of neurons", &variant, n, "images")
            .with_constant("r", found.raw)
            .with_constant("r_over_ceiling_squared", found.old)
            .with_constant("standard_error_over_splits", found.error)
            .with_constant("neurons_left_out", found.left_out as f64)
    }

    /// For each model the layer that is best on one half of the images, judged with the other half.
    fn chosen_layers(&self, layers: &[super::Population], n: usize, outcome: &mut Outcome) -> Result<(), StageError> {
        let mut models: Vec<&str> = layers.iter().map(|l| l.model.as_str()).collect();
        models.dedup();
        if layers.len() == models.len() || n < 40 {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut self.context.seed.child("halves").stream());
        let (choose, judge) = order.split_at(n / 2);
        for model in models {
            let mut best: Option<(f64, &super::Population)> = None;
            for layer in layers.iter().filter(|l| l.model == model) {
                let found = self.score(layer.responses.view(), choose, &layer.label())?.new;
                if best.is_none_or(|(value, _)| found > value) {
                    best = Some((found, layer));
                }
            }
            let Some((_, layer)) = best else { continue };
            let found = self.score(layer.responses.view(), judge, &layer.label())?;
            let place = layers.iter().filter(|l| l.model == model).position(|l| l.layer == layer.layer).unwrap_or(0);
            let estimate = self.estimate(&found, judge.len()).with_constant("layer", (place + 1) as f64);
            outcome.metric(&format!("chosen.{model}"), estimate);
        }
        Ok(())
    }
}
