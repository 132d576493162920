//! What is measured.

mod ablation;
mod accuracy_curves;
mod activity_statistics;
mod classification;
mod decode;
mod filter_estimates;
mod gabor_fit;
mod lesion_groups;
mod orientation_tuning;
mod population_structure;
mod recorded_units;
mod sta;
mod stc;

pub use ablation::{Ablation, Manner};
pub use accuracy_curves::AccuracyCurves;
pub use activity_statistics::ActivityStatistics;
pub use classification::Classification;
pub(crate) use classification::confusion;
pub use decode::{ClassifierChoice, Decode};
pub use filter_estimates::FilterEstimates;
pub use gabor_fit::GaborFits;
pub use lesion_groups::LesionGroups;
pub use orientation_tuning::OrientationTuning;
pub use population_structure::PopulationStructure;
pub use recorded_units::RecordedUnits;
pub use sta::Sta;
pub use stc::Stc;

use rand_distr::{Distribution, Poisson};
use rheobase_core::Probe;
use rheobase_pipeline::StageError;
use rheobase_rate::Model;

/// The layer asked for, or the first.
fn layer_of(model: &dyn Probe, layer: Option<&str>) -> Result<String, StageError> {
    match layer {
        Some(name) => Ok(rheobase_core::require_layer(model, name)?.name),
        None => {
            let first = model.layers().into_iter().next();
            first.map(|l| l.name).ok_or_else(|| StageError::Failed("the model has no layer to record from".into()))
        }
    }
}

/// The units asked for, checked; the first four representative ones where none is named.
fn chosen_units(model: &Model, layer: &str, asked: &[usize]) -> Result<Vec<usize>, StageError> {
    let known = rheobase_core::require_layer(model, layer)?.units;
    if let Some(unit) = asked.iter().find(|u| **u >= known) {
        return Err(StageError::Failed(format!("there is no unit {unit}; layer {layer} has {known}, from 0")));
    }
    if asked.is_empty() {
        return Ok(model.representative_units(layer)?.into_iter().take(4).collect());
    }
    Ok(asked.to_vec())
}

/// Rows and columns of the stimulus a model takes.
fn frame_shape(model: &Model) -> Result<[usize; 2], StageError> {
    match model.stimulus_shape()[..] {
        [rows, columns] => Ok([rows, columns]),
        ref other => Err(StageError::Failed(format!("images of one channel are needed, the model takes {other:?}"))),
    }
}

/// A share with its Wilson interval.
pub(crate) fn share(count: usize, of: usize, name: &str, variant: &str, what: &str) -> rheobase_core::Estimate {
    let value = if of == 0 { f64::NAN } else { count as f64 / of as f64 };
    rheobase_core::Estimate::new(value, name, variant, of, what)
        .with_interval(rheobase_core::statistics::wilson_interval(count, of))
}

/// Poisson spikes of a unit in each frame, at its rectified response scaled to a mean number; none if it never responds.
fn poisson_counts(
    response: ndarray::ArrayView1<'_, f64>,
    per_frame: f64,
    seed: &rheobase_core::Seed,
) -> Option<Vec<f64>> {
    let mean = response.iter().map(|v| v.max(0.0)).sum::<f64>() / response.len() as f64;
    let mut stream = seed.stream();
    let mut draw = |v: &f64| {
        let rate = v.max(0.0) / mean * per_frame;
        if rate > 0.0 { Poisson::new(rate).map_or(0.0, |d| d.sample(&mut stream)) } else { 0.0 }
    };
    (mean > 0.0).then(|| response.iter().map(&mut draw).collect())
}
