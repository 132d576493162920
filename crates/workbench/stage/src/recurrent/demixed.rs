//! Trials of a network by the value of a condition, for demixed principal components.

use ndarray::Array3;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_task::Trial;

use crate::trajectories::{Grouping, class_means, demix};

/// Most values of a condition that count as they are; more are put into this many classes of equally many trials.
const VALUES: usize = 8;

/// Averages trials of equal condition and demixes them.
pub fn demix_trials(
    rates: &Array3<f64>,
    trials: &[Trial],
    by: &str,
    dt_s: f64,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let values: Vec<f64> = trials.iter().map(|t| condition(t, by)).collect::<Result<_, _>>()?;
    let classes = classes_of(&values);
    let count = classes.iter().max().map_or(0, |m| m + 1);
    if count < 2 {
        let message = format!("condition `{by}` is {} in every trial; demixing needs two values or more", values[0]);
        return Err(StageError::Failed(message));
    }
    let mean_of = |class: usize| {
        let own: Vec<f64> = values.iter().zip(&classes).filter(|(_, c)| **c == class).map(|(v, _)| *v).collect();
        rheobase_report::number(rheobase_core::statistics::mean(&own))
    };
    let names: Vec<String> = (0..count).map(mean_of).collect();
    let grouping = Grouping { by, classes: &classes, names: &names };
    demix(&class_means(rates, &grouping), &grouping, dt_s, outcome)
}

fn condition(trial: &Trial, by: &str) -> Result<f64, StageError> {
    trial.conditions.get(by).copied().ok_or_else(|| {
        let known = trial.conditions.keys().copied().collect::<Vec<_>>().join(", ");
        StageError::Failed(format!("the task's trials have no condition `{by}`; they have: {known}"))
    })
}

/// Class of each value: its own where there are few, else one of equally many.
fn classes_of(values: &[f64]) -> Vec<usize> {
    let mut known = values.to_vec();
    known.sort_by(f64::total_cmp);
    known.dedup();
    if known.len() <= VALUES {
        return values.iter().map(|v| known.partition_point(|k| k < v)).collect();
    }
    let ranks = rheobase_core::statistics::ranks(values);
    let class = |r: &f64| (((r - 0.5) / values.len() as f64 * VALUES as f64) as usize).min(VALUES - 1);
    rheobase_spike_train::information::dense(&ranks.iter().map(class).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::classes_of;

    #[test]
    fn few_values_are_their_own_classes_and_many_are_put_together() {
        assert_eq!(classes_of(&[2.0, -1.0, 2.0]), [1, 0, 1]);
        let many: Vec<f64> = (0..80).map(f64::from).collect();
        let classes = classes_of(&many);
        assert_eq!((classes[0], classes[79]), (0, 7));
        assert!((0..8).all(|c| classes.iter().filter(|k| **k == c).count() == 10));
    }
}
