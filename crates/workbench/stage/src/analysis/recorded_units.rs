//! Units of a model recorded as an electrophysiologist records neurons: a few of them, in repeated presentations, with Poisson noise. What a
//! comparison with such a recording should find is known.

use ndarray::Array3;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Poisson};
use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::layer_of;
use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::data::responses::Presentations;
use crate::kind::{Kind, main_output};

/// Parameters of `recorded-units`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedUnitsParameters {
    /// The model.
    pub of: Input<Probed>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// What it is shown; held-out images where the data set has them.
    pub stimuli: Input<Dataset>,
    /// Most images.
    #[serde(default = "images")]
    #[schemars(range(min = 3, max = 100_000))]
    pub images: usize,
    /// Units that are found by chance, of those that respond at all.
    #[serde(default = "units")]
    #[schemars(range(min = 1, max = 100_000))]
    pub units: usize,
    /// Presentations of each image.
    #[serde(default = "presentations")]
    #[schemars(range(min = 1, max = 1000))]
    pub presentations: usize,
    /// Mean spikes of a unit in a presentation: responses (rectified) are scaled to this, and spikes are Poisson.
    #[serde(default = "spikes")]
    #[schemars(range(min = 0.01, max = 1e6))]
    pub spikes: f64,
}

fn images() -> usize {
    200
}
fn units() -> usize {
    100
}
fn presentations() -> usize {
    10
}
fn spikes() -> f64 {
    5.0
}

/// A recording of a model.
pub struct RecordedUnits;

impl Kind for RecordedUnits {
    type Parameters = RecordedUnitsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "recorded-units";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "units of a model recorded like neurons, with Poisson noise in repeated presentations: responses whose source is known";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("responses to stimuli")];

    fn run(p: &RecordedUnitsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let layer = layer_of(&*model, p.layer.as_deref())?;
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let rates = model.record(&images.stimulus(&rows)?, &layer)?.samples().mapv(|v| v.max(0.0));
        let mut found: Vec<usize> = (0..rates.ncols()).filter(|u| rates.column(*u).sum() > 0.0).collect();
        if found.is_empty() {
            return Err(StageError::Failed(format!("no unit of layer {layer} responds to any image")));
        }
        found.shuffle(&mut context.seed.child("electrode").stream());
        found.truncate(p.units);
        found.sort_unstable();
        let mut values = Array3::zeros((rows.len() * p.presentations, found.len(), 1));
        for (k, unit) in found.iter().enumerate() {
            let own = rates.column(*unit);
            let scale = p.spikes * own.len() as f64 / own.sum();
            let mut stream = context.seed.child("spikes").index(*unit).stream();
            for (presentation, mut row) in values.outer_iter_mut().enumerate() {
                let mean = scale * own[presentation % rows.len()];
                row[[k, 0]] = if mean > 0.0 { Poisson::new(mean).map_or(0.0, |d| d.sample(&mut stream)) } else { 0.0 };
            }
        }
        let stimuli = (0..values.dim().0).map(|k| format!("{}", rows[k % rows.len()])).collect();
        let neurons = Table::new()
            .with("neuroid_id", found.iter().map(|u| format!("{layer}.{u}")).collect::<Vec<_>>())?
            .with("unit", found.clone())?;
        let mut outcome = Outcome::default();
        Presentations { stimuli, values, neurons, times_ms: vec![] }.store(&context.seed, &mut outcome)?;
        let what = "units that respond to some image";
        let responding = rates.columns().into_iter().filter(|c| c.sum() > 0.0).count();
        outcome.metric("responding_units", Estimate::new(responding as f64, what, "counted", rates.ncols(), "units"));
        Ok(outcome)
    }
}
