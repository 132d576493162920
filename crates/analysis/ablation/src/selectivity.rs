//! Class selectivity index (Morcos et al. 2018): (largest class mean - mean of the others) / (their sum).

use ndarray::ArrayView2;
use rheobase_core::statistics::{mean, variance};

use crate::{Error, Result};

/// Class selectivity of each unit from responses (stimuli, units), which must not be negative.
///
/// `None` for a unit that never responds, or whose responses are negative somewhere (the index is undefined there).
///
/// # Errors
/// If the number of labels differs from the number of stimuli.
pub fn class_selectivity(responses: ArrayView2<'_, f64>, labels: &[usize]) -> Result<Vec<Option<f64>>> {
    if responses.nrows() != labels.len() {
        return Err(Error::LabelMismatch { stimuli: responses.nrows(), labels: labels.len() });
    }
    let classes = labels.iter().max().map_or(0, |m| m + 1);
    Ok(responses
        .columns()
        .into_iter()
        .map(|unit| {
            if unit.iter().any(|&v| v < 0.0) {
                return None;
            }
            let means: Vec<f64> = (0..classes)
                .map(|class| unit.iter().zip(labels).filter(|(_, l)| **l == class).map(|(v, _)| *v).collect::<Vec<_>>())
                .filter(|of_class| !of_class.is_empty())
                .map(|of_class| mean(&of_class))
                .collect();
            let best = means.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
            let others: Vec<f64> = means.iter().enumerate().filter(|(i, _)| *i != best).map(|(_, m)| *m).collect();
            let (top, rest) = (means[best], if others.is_empty() { 0.0 } else { mean(&others) });
            (top + rest > 0.0).then(|| (top - rest) / (top + rest))
        })
        .collect())
}

/// Largest d' of each unit between one class and the rest, (mean of the class - mean of the rest) / sqrt of the mean of both variances: also for
/// signed units, where the index does not exist. `None` for a unit without variance, or fewer than 2 samples on either side.
///
/// # Errors
/// If the number of labels differs from the number of stimuli.
pub fn class_d_prime(responses: ArrayView2<'_, f64>, labels: &[usize]) -> Result<Vec<Option<f64>>> {
    if responses.nrows() != labels.len() {
        return Err(Error::LabelMismatch { stimuli: responses.nrows(), labels: labels.len() });
    }
    let classes = labels.iter().max().map_or(0, |m| m + 1);
    Ok(responses
        .columns()
        .into_iter()
        .map(|unit| {
            (0..classes)
                .filter_map(|class| {
                    let part = |own: bool| -> Vec<f64> {
                        unit.iter().zip(labels).filter(|(_, l)| (**l == class) == own).map(|(v, _)| *v).collect()
                    };
                    let (own, rest) = (part(true), part(false));
                    let spread = 0.5 * (variance(&own, 1) + variance(&rest, 1));
                    (own.len() > 1 && rest.len() > 1 && spread > 0.0)
                        .then(|| (mean(&own) - mean(&rest)) / spread.sqrt())
                })
                .max_by(f64::total_cmp)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn d_prime_of_a_signed_unit() {
        let responses = array![[1.0, 2.0], [3.0, 2.0], [-2.0, 2.0], [-4.0, 2.0]];
        let found = class_d_prime(responses.view(), &[0, 0, 1, 1]).unwrap();
        // Means 2 and -3, variances 2 and 2.
        assert!((found[0].unwrap() - 5.0 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found[1], None);
    }

    #[test]
    fn hand_worked_units() {
        // Units: means (3; 1, 1) -> 0.5; one class only -> 1; flat -> 0; silent and signed -> none.
        let responses = array![[3.0, 2.0, 1.0, 0.0, -1.0], [1.0, 0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]];
        let index = class_selectivity(responses.view(), &[0, 1, 2]).unwrap();
        assert_eq!(index, [Some(0.5), Some(1.0), Some(0.0), None, None]);
    }
}
