//! What tasks that end in a choice share: targets, the choice made, and whether it was right.

use std::ops::Range;

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::RandomStream;

use crate::Trial;

/// Condition of a trial that holds the index of the right output.
const RIGHT: &str = "right_choice";

/// Sets the targets of `choices` over some steps, `levels[1]` for the right one and `levels[0]` for the others, and notes the right one.
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
    trial.conditions.insert(RIGHT, right as f64);
}

/// The output that is largest on average over some steps.
pub(crate) fn chosen(outputs: ArrayView2<'_, f32>, steps: Range<usize>, choices: Range<usize>) -> usize {
    let mean = |k: usize| steps.clone().map(|t| f64::from(outputs[[t, k]])).sum::<f64>();
    let first = (choices.start, f64::NEG_INFINITY);
    choices
        .fold(first, |best, k| {
            let value = mean(k);
            if value > best.1 { (k, value) } else { best }
        })
        .0
}

/// 1 if the output that is largest in the epoch `decision` is the right one, 0 otherwise; `None` where no choice is right.
pub(crate) fn score(trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
    let right = *trial.conditions.get(RIGHT)?;
    let choices = 0..outputs.ncols();
    (right >= 0.0).then(|| f64::from(u8::from(chosen(outputs, trial.epoch("decision"), choices) == right as usize)))
}

/// One of a list.
pub(crate) fn pick<T: Copy>(list: &[T], stream: &mut RandomStream) -> T {
    list[stream.random_range(0..list.len())]
}
