//! `[analysis.*] kind = "scores-by-condition"`: how well a network does in trials of each condition of its task, such as each sense, delay
//! or sequence.

use ndarray::ArrayView2;
use rheobase_core::inference::t_interval;
use rheobase_core::statistics::{mean, wilson_interval};
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::Response;
use rheobase_report::figure::{Bar, Bars, Marks};
use rheobase_task::Trial;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Recurrent, TrainedNetwork};
use crate::draw::{chart, label, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `scores-by-condition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionScoreParameters {
    /// The network.
    pub of: Input<Recurrent>,
    /// Column of the task's trial table that trials are divided by.
    pub by: String,
    /// Another column, across which each division is drawn.
    #[serde(default)]
    pub across: Option<String>,
    /// Fresh trials.
    #[serde(default = "trials")]
    #[schemars(range(min = 20, max = 1_000_000))]
    pub trials: usize,
}

fn trials() -> usize {
    2000
}

/// More divisions than this are no conditions but a measured number.
const MOST: usize = 50;

/// Scores by condition.
pub struct ConditionScores;

impl Kind for ConditionScores {
    type Parameters = ConditionScoreParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "scores-by-condition";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "score or error of a recurrent network in the trials of each condition of its task";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("scores")];

    fn check(p: &ConditionScoreParameters) -> Vec<Complaint> {
        let same = p.across.as_ref() == Some(&p.by);
        let message = || format!("across is {} as by is", p.by);
        same.then(|| complaint(&["across"], message(), "name another column")).into_iter().collect()
    }

    fn run(p: &ConditionScoreParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let (trials, responses) = trained.respond(p.trials, &context.seed);
        let judged = Judged::of(&trained, &trials, &responses)?;
        let own = judged.values(&trials, &p.by)?;
        let mut outcome = Outcome::default();
        let (mut bars, mut table) = (vec![], [vec![], vec![], vec![]]);
        for (value, of) in divide(&own, &p.by)? {
            let scores: Vec<f64> = of.iter().map(|k| judged.scores[*k]).collect();
            let interval = interval(&scores);
            let variant = format!("mean of fresh trials with {} = {value}", p.by);
            let mut estimate = Estimate::new(mean(&scores), judged.what, &variant, scores.len(), "trials");
            estimate.interval = interval.clone();
            outcome.metric(&format!("{}_{}", judged.what, label(value)), estimate.with_unit(judged.unit));
            bars.push(Bar {
                name: format!("{} {value}", p.by.replace('_', " ")),
                value: mean(&scores),
                interval: interval.map(|i| (i.low, i.high)),
                mark: String::new(),
            });
            for (column, number) in table.iter_mut().zip([value, mean(&scores), scores.len() as f64]) {
                column.push(number);
            }
        }
        let figure = Bars { title: "scores".into(), label: judged.what.into(), bars, band: None };
        let caption =
            format!("Mean {} of {} fresh trials by {}, with 95 % intervals.", judged.what, trials.len(), p.by);
        outcome.figure("scores", "By condition", &caption, figure.svg().map_err(failed)?);
        let [values, scores, counts] = table;
        let table = Table::new().with(&p.by, values)?.with(judged.what, scores)?.with("trials", counts)?;
        outcome.table("scores", table);
        if let Some(across) = &p.across {
            judged.draw(&trials, p, (&own, across), &mut outcome)?;
        }
        Ok(outcome)
    }
}

/// Of a mean: Wilson's where every trial is right or wrong, which has a width even if all are right, Student's otherwise.
fn interval(scores: &[f64]) -> Option<Interval> {
    if scores.iter().all(|s| *s == 0.0 || *s == 1.0) {
        let right = scores.iter().filter(|s| **s == 1.0).count();
        return Some(wilson_interval(right, scores.len()));
    }
    t_interval(scores)
}

/// Trials by their value of a column, in its order.
fn divide(values: &[f64], name: &str) -> Result<Vec<(f64, Vec<usize>)>, StageError> {
    let mut all: Vec<f64> = values.to_vec();
    all.sort_by(f64::total_cmp);
    all.dedup();
    if all.len() > MOST {
        return Err(StageError::Failed(format!(
            "{name} has {} values in {} trials; conditions have at most {MOST}",
            all.len(),
            values.len()
        )));
    }
    let of = |value: &f64| (0..values.len()).filter(|k| values[*k] == *value).collect();
    Ok(all.iter().map(|value| (*value, of(value))).collect())
}

/// A number for each trial: its score, or its error where the task knows no right and wrong.
struct Judged {
    scores: Vec<f64>,
    what: &'static str,
    unit: &'static str,
}

impl Judged {
    fn of(trained: &TrainedNetwork, trials: &[Trial], responses: &[Response<f32>]) -> Result<Self, StageError> {
        let task = trained.task.task();
        let view = |k: usize| {
            ArrayView2::from_shape((trials[k].steps(), trained.network.outputs), &responses[k].read_outs)
                .map_err(failed)
        };
        let all = |judge: &dyn Fn(usize, ArrayView2<'_, f32>) -> Option<f64>| -> Result<Option<Vec<f64>>, StageError> {
            let each = (0..trials.len()).map(|k| Ok(judge(k, view(k)?))).collect::<Result<Vec<_>, StageError>>()?;
            Ok(each.into_iter().collect())
        };
        if let Some(scores) = all(&|k, y| task.score(&trials[k], y))? {
            return Ok(Self { scores, what: "score", unit: "" });
        }
        let errors = all(&|k, y| task.error(&trials[k], y))?;
        let errors = errors.ok_or_else(|| StageError::Failed("the task does not judge every trial".into()))?;
        Ok(Self { scores: errors, what: "error", unit: task.error_unit() })
    }

    /// The value of a column in every trial.
    fn values(&self, trials: &[Trial], name: &str) -> Result<Vec<f64>, StageError> {
        trials
            .iter()
            .map(|trial| {
                let known = || trial.conditions.keys().copied().collect::<Vec<_>>().join(", ");
                let missing = || StageError::Failed(format!("the trial table has no {name}; it has {}", known()));
                trial.conditions.get(name).copied().ok_or_else(missing)
            })
            .collect()
    }

    fn draw(
        &self,
        trials: &[Trial],
        p: &ConditionScoreParameters,
        (own, across): (&[f64], &str),
        outcome: &mut Outcome,
    ) -> Result<(), StageError> {
        let along = self.values(trials, across)?;
        let mut lines = vec![];
        for (value, of) in divide(own, &p.by)? {
            let places: Vec<f64> = of.iter().map(|k| along[*k]).collect();
            let points = divide(&places, across)?
                .into_iter()
                .map(|(place, within)| (place, mean(&within.iter().map(|k| self.scores[of[*k]]).collect::<Vec<_>>())));
            lines.push(series(&format!("{} {value}", p.by.replace('_', " ")), points.collect(), Marks::Joined));
        }
        let caption = format!("Mean {} across {}, a line for each {}.", self.what, across, p.by);
        let axes = [&*across.replace('_', " "), self.what];
        chart(outcome, ["across", "Across another condition", &caption], axes, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_right_is_not_certain() {
        let found = interval(&[1.0; 20]).unwrap();
        // Wilson: n / (n + z^2) for 20 of 20.
        assert!((found.low - 20.0 / (20.0 + 1.96 * 1.96)).abs() < 1e-3 && found.high > 0.999, "{found:?}");
        let shares = interval(&[0.5, 0.7, 0.9]).unwrap();
        assert!(shares.low < 0.5 && shares.high > 0.9, "{shares:?}");
    }

    #[test]
    fn trials_are_divided_by_value_and_numbers_are_no_conditions() {
        let groups = divide(&[2.0, -1.0, 2.0], "delay").unwrap();
        assert_eq!(groups, [(-1.0, vec![1]), (2.0, vec![0, 2])]);
        let many: Vec<f64> = (0..60).map(f64::from).collect();
        let StageError::Failed(said) = divide(&many, "delay").unwrap_err() else { panic!("a failure") };
        assert_eq!(said, "delay has 60 values in 60 trials; conditions have at most 50");
    }
}
