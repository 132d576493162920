//! What is measured.

mod ablation;
mod accuracy_curves;
mod activity_statistics;
mod classification;
mod decode;
mod gabor_fit;
mod lesion_groups;
mod orientation_tuning;
mod sta;
mod stc;

pub use ablation::Ablation;
pub use accuracy_curves::AccuracyCurves;
pub use activity_statistics::ActivityStatistics;
pub use classification::Classification;
pub use decode::Decode;
pub use gabor_fit::GaborFits;
pub use lesion_groups::LesionGroups;
pub use orientation_tuning::OrientationTuning;
pub use sta::Sta;
pub use stc::Stc;

use rheobase_core::Probe;
use rheobase_pipeline::StageError;
use rheobase_rate::Model;

/// The layer asked for, or the first.
fn layer_of(model: &Model, layer: Option<&str>) -> Result<String, StageError> {
    match layer {
        Some(name) => Ok(rheobase_core::require_layer(model, name)?.name),
        None => {
            let first = model.layers().into_iter().next();
            first.map(|l| l.name).ok_or_else(|| StageError::Failed("the model has no layer to record from".into()))
        }
    }
}

/// Rows and columns of the stimulus a model takes.
fn frame_shape(model: &Model) -> Result<[usize; 2], StageError> {
    match model.stimulus_shape()[..] {
        [rows, columns] => Ok([rows, columns]),
        ref other => Err(StageError::Failed(format!("images of one channel are needed, the model takes {other:?}"))),
    }
}

/// A share with its Wilson interval.
fn share(count: usize, of: usize, name: &str, variant: &str, what: &str) -> rheobase_core::Estimate {
    let value = if of == 0 { f64::NAN } else { count as f64 / of as f64 };
    rheobase_core::Estimate::new(value, name, variant, of, what)
        .with_interval(rheobase_core::statistics::wilson_interval(count, of))
}
