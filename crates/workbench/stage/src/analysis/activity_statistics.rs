//! Statistics of activity over a data set: kurtosis and sparseness.

use rheobase_core::statistics::{median, quantile};
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::layer_of;
use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::kind::{Kind, main_output};

/// Parameters of `activity-statistics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivityStatisticsParameters {
    /// The model.
    pub of: Input<Probed>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// What is shown.
    pub stimuli: Input<Dataset>,
    /// Most images shown.
    #[serde(default = "most")]
    #[schemars(range(min = 10))]
    pub images: usize,
}

fn most() -> usize {
    5000
}

/// Statistics of activity.
pub struct ActivityStatistics;

impl Kind for ActivityStatistics {
    type Parameters = ActivityStatisticsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "activity-statistics";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "kurtosis and lifetime sparseness (Vinje & Gallant 2000) of each unit over a data set";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("activity statistics")];

    fn run(p: &ActivityStatisticsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let layer = layer_of(&*model, p.layer.as_deref())?;
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let activity = model.record(&images.stimulus(&rows)?, &layer)?;
        let samples = activity.samples();
        let n = samples.nrows() as f64;
        let (mut kurtoses, mut sparsenesses, mut active) = (Vec::new(), Vec::new(), Vec::new());
        for unit in samples.columns() {
            let mean = unit.sum() / n;
            let moment = |k: i32| unit.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
            let variance = moment(2);
            kurtoses.push(if variance > 0.0 { moment(4) / (variance * variance) } else { f64::NAN });
            let (sum, squares) = unit.iter().fold((0.0, 0.0), |(s, q), v| (s + v.abs(), q + v * v));
            let sparseness = (1.0 - sum * sum / (n * squares)) / (1.0 - 1.0 / n);
            sparsenesses.push(if squares > 0.0 { sparseness } else { f64::NAN });
            active.push(unit.iter().filter(|v| v.abs() > 1e-9).count() as f64 / n);
        }
        let mut outcome = Outcome::default();
        let table = Table::new()
            .with("unit", (0..kurtoses.len()).collect::<Vec<_>>())?
            .with("kurtosis", kurtoses.clone())?
            .with("lifetime_sparseness", sparsenesses.clone())?
            .with("fraction_active", active.clone())?;
        outcome.table("units", table);
        for (name, variant, values) in [
            ("median_kurtosis", "fourth moment over squared variance (3 for a Gaussian), median over units", kurtoses),
            (
                "median_lifetime_sparseness",
                "(1 - (sum |r|)^2 / (n sum r^2)) / (1 - 1/n), median over units",
                sparsenesses,
            ),
            ("median_fraction_active", "share of images with a response, median over units", active),
        ] {
            let known: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
            if known.is_empty() {
                continue;
            }
            let interval = Interval {
                low: quantile(&known, 0.025),
                high: quantile(&known, 0.975),
                level: 0.95,
                method: "quantiles over units".into(),
            };
            let estimate = Estimate::new(median(&known), name, variant, known.len(), "units")
                .with_constant("images", n)
                .with_interval(interval);
            outcome.metric(name, estimate);
        }
        Ok(outcome)
    }
}
