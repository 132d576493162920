//! How good an output is at naming the class: accuracy, cross-entropy, accuracy per class.

use ndarray::ArrayView2;
use rheobase_core::{Lesion, LesionManner, LesionTarget, Seed, Stimulus};

use crate::{Error, Result};

/// A labelled test set, shown to intact and lesioned probes alike.
#[derive(Debug, Clone, Copy)]
pub struct TestSet<'a> {
    /// The stimuli.
    pub stimulus: &'a Stimulus,
    /// The class of each frame.
    pub labels: &'a [usize],
}

/// Performance of one output on one test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// Share of stimuli whose largest output is the right class (the first of equals counts).
    pub accuracy: f64,
    /// Mean cross-entropy of the softmax of the outputs, in nats.
    pub loss_nats: f64,
    /// Accuracy within each class; NaN for a class without stimuli.
    pub class_accuracy: Vec<f64>,
    /// Whether each stimulus was named correctly.
    pub correct: Vec<bool>,
}

impl Performance {
    /// Scores outputs (stimuli, classes) against labels.
    ///
    /// # Errors
    /// If a label has no output or the numbers differ.
    pub fn of_outputs(outputs: ArrayView2<'_, f64>, labels: &[usize]) -> Result<Self> {
        let (stimuli, classes) = outputs.dim();
        if stimuli != labels.len() {
            return Err(Error::LabelMismatch { stimuli, labels: labels.len() });
        }
        let mut correct = Vec::with_capacity(stimuli);
        let mut loss = 0.0;
        let mut class_counts = vec![(0usize, 0usize); classes];
        for (row, &label) in outputs.rows().into_iter().zip(labels) {
            if label >= classes {
                return Err(Error::LabelOutOfRange { label, outputs: classes });
            }
            let largest = row.fold(f64::NEG_INFINITY, |m, &v| m.max(v));
            let named = row.iter().position(|&v| v == largest).unwrap_or(0);
            let log_sum = largest + row.iter().map(|v| (v - largest).exp()).sum::<f64>().ln();
            loss += log_sum - row[label];
            correct.push(named == label);
            class_counts[label].1 += 1;
            class_counts[label].0 += usize::from(named == label);
        }
        Ok(Self {
            accuracy: correct.iter().filter(|&&c| c).count() as f64 / stimuli as f64,
            loss_nats: loss / stimuli as f64,
            class_accuracy: class_counts.iter().map(|&(hit, n)| hit as f64 / n as f64).collect(),
            correct,
        })
    }
}

/// Performance while `units` of `layer` are lesioned; the same seed gives paired noise.
///
/// # Errors
/// If the probe refuses the lesion or the labels do not fit.
pub fn lesioned(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    layer: &str,
    units: Vec<usize>,
    manner: LesionManner,
    seed: &Seed,
) -> Result<Performance> {
    let target = LesionTarget { layer: layer.to_owned(), units };
    let output = probe.output_with_lesion(test.stimulus, &target, manner, seed)?;
    Performance::of_outputs(output.samples(), test.labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn accuracy_loss_and_class_accuracy_of_a_hand_worked_case() {
        let outputs = array![[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]];
        let performance = Performance::of_outputs(outputs.view(), &[0, 1, 1]).unwrap();
        assert_eq!(performance.correct, [true, false, true]);
        assert_eq!(performance.class_accuracy, [1.0, 0.5]);
        let expected = ((1.0 + (-2.0_f64).exp()).ln() + 2.0_f64.ln() + (1.0 + (-1.0_f64).exp()).ln()) / 3.0;
        assert!((performance.loss_nats - expected).abs() < 1e-12);
    }

    #[test]
    fn labels_must_fit_the_outputs() {
        let outputs = array![[2.0, 0.0]];
        assert_eq!(
            Performance::of_outputs(outputs.view(), &[2]).unwrap_err(),
            Error::LabelOutOfRange { label: 2, outputs: 2 }
        );
        assert!(Performance::of_outputs(outputs.view(), &[]).is_err());
    }
}
