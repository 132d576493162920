//! Tasks that end in a choice.

mod context_integration;
mod parametric_comparison;
mod perceptual_decision;

pub use context_integration::ContextIntegration;
pub use parametric_comparison::ParametricComparison;
pub use perceptual_decision::PerceptualDecision;

use std::ops::Range;

use ndarray::ArrayView2;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::RandomStream;

use crate::{Epoch, Trial};

/// Epochs one after the other.
pub(crate) fn sequence(parts: &[(&'static str, usize)]) -> (Vec<Epoch>, usize) {
    let mut start = 0;
    let mut epochs = Vec::with_capacity(parts.len());
    for &(name, length) in parts {
        epochs.push(Epoch { name, steps: start..start + length });
        start += length;
    }
    (epochs, start)
}

/// Adds white noise of one input over all steps: its standard deviation is stationary for a unit with this dt / tau.
pub(crate) fn add_noise(trial: &mut Trial, sd: f64, alpha: f64, stream: &mut RandomStream) {
    if sd > 0.0 {
        let scale = (2.0 / alpha).sqrt() * sd;
        let mut normal = || Distribution::<f64>::sample(&StandardNormal, stream);
        trial.inputs.mapv_inplace(|v| v + (scale * normal()) as f32);
    }
}

/// Targets of a choice between outputs `first..first + choices`: `high` for the right one, `low` for the others.
pub(crate) fn target_choice(
    trial: &mut Trial,
    steps: Range<usize>,
    choices: Range<usize>,
    right: usize,
    levels: [f32; 2],
) {
    for t in steps {
        for k in choices.clone() {
            trial.targets[[t, k]] = levels[usize::from(k == right)];
        }
    }
}

/// The output that is largest on average over some steps.
pub(crate) fn chosen(outputs: ArrayView2<'_, f32>, steps: Range<usize>, choices: Range<usize>) -> usize {
    let mean = |k: usize| steps.clone().map(|t| f64::from(outputs[[t, k]])).sum::<f64>();
    choices
        .clone()
        .fold((choices.start, f64::NEG_INFINITY), |best, k| {
            let value = mean(k);
            if value > best.1 { (k, value) } else { best }
        })
        .0
}

/// One of a list.
pub(crate) fn pick<T: Copy>(list: &[T], stream: &mut RandomStream) -> T {
    list[stream.random_range(0..list.len())]
}
