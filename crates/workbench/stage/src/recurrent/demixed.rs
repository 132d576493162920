//! What the states of a network owe to time, to the condition of a trial, and to both: demixed principal components (Kobak et al. 2016).

use ndarray::{Array3, Axis};
use rheobase_core::Estimate;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::Marks;
use rheobase_similarity::geometry::{demixed, marginals};
use rheobase_task::Trial;

use crate::draw::{chart, series};
use crate::kind::failed;

/// Most values of a condition that count as they are; more are put into this many classes of equally many trials.
const VALUES: usize = 8;
/// Components of each marginal.
const COMPONENTS: usize = 3;
/// Strength of the ridge, as a share of the total variance.
const RIDGE: f64 = 1e-6;

/// Averages trials of equal condition and demixes them.
pub fn demix(
    rates: &Array3<f64>,
    trials: &[Trial],
    by: &str,
    dt_ms: f64,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let values: Vec<f64> = trials.iter().map(|t| condition(t, by)).collect::<Result<_, _>>()?;
    let classes = classes_of(&values);
    let count = classes.iter().max().map_or(0, |m| m + 1);
    if count < 2 {
        let message = format!("condition `{by}` is {} in every trial; demixing needs two values or more", values[0]);
        return Err(StageError::Failed(message));
    }
    let (_, steps, units) = rates.dim();
    let mut averages = Array3::<f64>::zeros((count, steps, units));
    let mut members = vec![0.0; count];
    for (trial, class) in rates.axis_iter(Axis(0)).zip(&classes) {
        let mut sum = averages.index_axis_mut(Axis(0), *class);
        sum += &trial;
        members[*class] += 1.0;
    }
    for (mut average, n) in averages.axis_iter_mut(Axis(0)).zip(&members) {
        average.mapv_inplace(|v| v / n);
    }
    let split = marginals(&averages).map_err(failed)?;
    let power = |a: &Array3<f64>| a.iter().map(|v| v * v).sum::<f64>();
    let total: f64 = split.parts.iter().map(power).sum();
    for (name, part) in split.names.iter().zip(&split.parts) {
        let what = format!("share of the variance that depends on {}", meaning(name, by));
        let variant = format!("means over trials of {count} values of {by}");
        outcome.metric(
            &format!("variance_{name}"),
            Estimate::new(power(part) / total, &what, &variant, trials.len(), "trials"),
        );
    }
    let found = demixed(&averages, COMPONENTS.min(units), RIDGE).map_err(failed)?;
    let mut lines = vec![];
    for one in &found {
        let what = format!("share of the variance that the first {} component explains", one.name);
        let estimate = Estimate::new(one.explained[0], &what, "dPCA, by reconstruction", count, "conditions");
        outcome.metric(&format!("demixed_{}", one.name), estimate);
        if one.name != "time" {
            for (class, average) in averages.axis_iter(Axis(0)).enumerate() {
                let scores = average.dot(&one.decoder.column(0));
                let points = scores.iter().enumerate().map(|(t, v)| (t as f64 * dt_ms / 1e3, *v)).collect();
                let mean = values.iter().zip(&classes).filter(|(_, c)| **c == class).map(|(v, _)| v).sum::<f64>()
                    / members[class];
                let dashed = one.name == "interaction";
                let name = format!("{}, {by} {}", one.name, rheobase_report::number(mean));
                lines.push(series(&name, points, if dashed { Marks::Dashed } else { Marks::Line }));
            }
        }
    }
    let caption = format!(
        "First demixed component of the condition alone and of condition and time together, for each value of {by}: mean states projected on its decoder."
    );
    chart(outcome, ["demixed", "Demixed components", &caption], ["time (s)", "projection"], lines)
}

fn meaning(marginal: &str, by: &str) -> String {
    match marginal {
        "time" => "time alone".into(),
        "condition" => format!("{by} alone"),
        _ => format!("{by} and time together"),
    }
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
