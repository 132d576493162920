//! What a recorded population tells apart, and how, at each time after an event: cross-validated dissimilarities of the conditions against
//! models, against themselves at other times (King & Dehaene 2014), and against another recording.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, permutation_p, quantile};
use rheobase_core::{Estimate, NullDistribution, Seed, parallel};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Matrix, Panel};
use rheobase_similarity::noise::{NoiseCovariance, Shrinkage};
use rheobase_similarity::{Comparator, Rdm, compare_rdms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{conditions, population_counts, window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::recording::{Recorded, load};

/// Folds of trials: two for each half of the recording.
const FOLDS: usize = 4;

/// A model of how different conditions are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionModel {
    /// Its name in the report.
    pub name: String,
    /// Column of the trials with a value of each condition: numbers differ by their distance, names by being equal or not.
    pub column: String,
    /// Numbers go round: a value and itself plus this are the same (360 for degrees).
    #[serde(default)]
    pub period: Option<f64>,
}

/// Parameters of `representation-over-time`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepresentationParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Another recording with the same conditions, compared at equal times.
    #[serde(default)]
    pub with: Option<Input<Recorded>>,
    /// Column of the trials with the condition.
    pub by: String,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window in s from the event.
    pub window_s: [f64; 2],
    /// Parts of the window.
    #[serde(default = "bins")]
    #[schemars(range(min = 2, max = 1000))]
    pub bins: usize,
    /// Whether units are weighted by the inverse covariance of their noise: residuals of the trials from their condition's mean at that
    /// time, shrunk towards the diagonal (Walther et al. 2016).
    #[serde(default)]
    pub noise_normalised: bool,
    /// Models of the dissimilarities.
    #[serde(default)]
    pub models: Vec<ConditionModel>,
    /// Permutations of the conditions; the largest similarity over time of each makes the null.
    #[serde(default = "permutations")]
    #[schemars(range(min = 19, max = 100_000))]
    pub permutations: usize,
}

fn start() -> String {
    "start_time".into()
}
fn bins() -> usize {
    10
}
fn permutations() -> usize {
    199
}

/// Representations over time.
pub struct RepresentationOverTime;

impl Kind for RepresentationOverTime {
    type Parameters = RepresentationParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "representation-over-time";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "cross-validated dissimilarities of conditions at each time, against models, other times and another recording";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("representations")];

    fn check(p: &RepresentationParameters) -> Vec<Complaint> {
        let mut all: Vec<Complaint> = window_complaint(p.window_s).into_iter().collect();
        for (k, model) in p.models.iter().enumerate() {
            if p.models[..k].iter().any(|m| m.name == model.name) {
                all.push(complaint(
                    &["models"],
                    format!("two models are called `{}`", model.name),
                    "give each its name",
                ));
            }
            if let Some(period) = model.period
                && (period.is_nan() || period <= 0.0)
            {
                let message = format!("the period of `{}` is {period}", model.name);
                all.push(complaint(&["models"], message, "above 0"));
            }
        }
        all
    }

    fn run(p: &RepresentationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let own = Patterns::of(p, &recording, &context.seed.child("folds"))?;
        let mut outcome = Outcome::default();
        own.strength(p, &mut outcome)?;
        let across = own.across_times(p, &mut outcome)?;
        let mut judged = vec![];
        for model in &p.models {
            let rdm = own.model(model, p, &recording)?;
            judged.push((model.name.clone(), vec![rdm; p.bins]));
        }
        if let Some(with) = &p.with {
            let other = load(context.input(with)?)?;
            let other = Patterns::of(p, &other, &context.seed.child("folds of the other"))?;
            if other.names != own.names {
                return Err(StageError::Failed(format!(
                    "the other recording has other values of `{}`: {} instead of {}",
                    p.by,
                    other.names.join(", "),
                    own.names.join(", ")
                )));
            }
            judged.push(("the other recording".into(), other.whole));
        }
        own.against(p, &judged, &across, &context.seed.child("permutations"), &mut outcome)?;
        Ok(outcome)
    }
}

/// Dissimilarities at each time.
struct Patterns {
    names: Vec<String>,
    trials: usize,
    /// From all folds.
    whole: Vec<Rdm>,
    /// From the first and from the second half of the folds.
    halves: [Vec<Rdm>; 2],
}

impl Patterns {
    fn of(p: &RepresentationParameters, recording: &Recording, seed: &Seed) -> Result<Self, StageError> {
        let spans = windows(recording, &p.align, p.window_s)?;
        let (names, labels) = conditions(recording, Some(&p.by))?;
        let folds = folds_of(&labels, &names, seed)?;
        let counts = population_counts(recording, &spans, p.bins)?;
        let units = counts.dim().2;
        // Mean counts, (folds, conditions, units), in each part of the window.
        let patterns = |bin: usize| {
            let mut sums = Array3::<f64>::zeros((FOLDS, names.len(), units));
            let mut members = Array2::<f64>::zeros((FOLDS, names.len()));
            for (trial, (label, fold)) in labels.iter().zip(&folds).enumerate() {
                let mut sum = sums.slice_mut(ndarray::s![*fold, *label, ..]);
                sum += &counts.slice(ndarray::s![trial, bin, ..]);
                members[[*fold, *label]] += 1.0;
            }
            sums / &members.insert_axis(Axis(2))
        };
        let (mut whole, mut first, mut second) = (vec![], vec![], vec![]);
        for bin in 0..p.bins {
            let found = patterns(bin);
            let views: Vec<_> = found.axis_iter(Axis(0)).collect();
            let precision = p
                .noise_normalised
                .then(|| precision(counts.slice(ndarray::s![.., bin, ..]), &labels, &names))
                .transpose()?;
            let precision = precision.as_ref().map(|m| m.view());
            let crossnobis = |from: usize, to: usize| Rdm::crossnobis(&views[from..to], precision).map_err(failed);
            whole.push(crossnobis(0, FOLDS)?);
            first.push(crossnobis(0, FOLDS / 2)?);
            second.push(crossnobis(FOLDS / 2, FOLDS)?);
        }
        Ok(Self { names, trials: labels.len(), whole, halves: [first, second] })
    }

    fn time_s(p: &RepresentationParameters, bin: usize) -> f64 {
        p.window_s[0] + (p.window_s[1] - p.window_s[0]) * (bin as f64 + 0.5) / p.bins as f64
    }

    /// Mean cross-validated distance at each time: 0 on average where nothing is told apart.
    fn strength(&self, p: &RepresentationParameters, outcome: &mut Outcome) -> Result<(), StageError> {
        let strength: Vec<f64> = self.whole.iter().map(|r| mean(r.condensed())).collect();
        let best = (0..p.bins).fold(0, |b, k| if strength[k] > strength[b] { k } else { b });
        let estimate = |value: f64, what: &str| {
            let variant = format!(
                "crossnobis of {FOLDS} folds, {}",
                if p.noise_normalised { "noise normalised" } else { "no noise precision" }
            );
            Estimate::new(value, what, &variant, self.trials, "trials")
        };
        outcome.metric(
            "distance_peak_s",
            estimate(Self::time_s(p, best), "time of the largest mean distance").with_unit("s"),
        );
        outcome.metric("distance_peak", estimate(strength[best], "largest mean distance of conditions"));
        let points = strength.iter().enumerate().map(|(k, v)| (Self::time_s(p, k), *v)).collect();
        let lines = vec![series("", points, Marks::Joined)];
        let caption = format!(
            "Mean cross-validated squared distance of the {} conditions, by unit; 0 on average where they are not told apart.",
            self.names.len()
        );
        chart(
            outcome,
            ["distance", "Distance of conditions", &caption],
            ["time from the event (s)", "crossnobis"],
            lines,
        )
    }

    /// Correlation of the dissimilarities of one half at each time with those of the other half at each time.
    fn across_times(&self, p: &RepresentationParameters, outcome: &mut Outcome) -> Result<Array2<f64>, StageError> {
        let alike = |a: &Rdm, b: &Rdm| compare_rdms(a, b, Comparator::Pearson).unwrap_or(f64::NAN);
        let map = Array2::from_shape_fn((p.bins, p.bins), |(i, j)| {
            0.5 * (alike(&self.halves[0][i], &self.halves[1][j]) + alike(&self.halves[1][i], &self.halves[0][j]))
        });
        let estimate = |value: f64, what: &str| {
            Estimate::new(value, what, "Pearson, two folds of trials on each side", self.trials, "trials")
        };
        let diagonal: Vec<f64> = map.diag().iter().copied().filter(|v| v.is_finite()).collect();
        let off: Vec<f64> = map.indexed_iter().filter(|((i, j), v)| i != j && v.is_finite()).map(|(_, v)| *v).collect();
        if !diagonal.is_empty() && !off.is_empty() {
            outcome.metric("same_time", estimate(mean(&diagonal), "similarity of the halves at equal times, mean"));
            outcome.metric("other_times", estimate(mean(&off), "similarity of the halves at different times, mean"));
        }
        let figure = Matrix {
            title: "similarity across times".into(),
            label: "r".into(),
            panels: vec![Panel { name: "one half by the other".into(), values: map.clone() }],
            across: 1,
            range: Some((-1.0, 1.0)),
        };
        let caption = "Correlation of the dissimilarities in one half of the trials at each time (rows, from the begin of the window) with those in the other half at each time: a band along the diagonal is a code that changes, a square one that stays.";
        outcome.figure("across_times", "Across times", caption, figure.svg().map_err(failed)?);
        Ok(map)
    }

    fn model(
        &self,
        model: &ConditionModel,
        p: &RepresentationParameters,
        recording: &Recording,
    ) -> Result<Rdm, StageError> {
        let column = recording.trials.column(&model.column)?;
        let by = recording.trials.column(&p.by)?;
        let mut values: Vec<Option<String>> = vec![None; self.names.len()];
        for trial in 0..recording.trials.rows() {
            let place = self.names.iter().position(|n| *n == by.text(trial)).expect("a condition of its trials");
            let own = column.text(trial);
            match &values[place] {
                Some(known) if *known != own => {
                    return Err(StageError::Failed(format!(
                        "model `{}`: trials with {} {} have {} {known} and {own}; a condition has one value",
                        model.name, p.by, self.names[place], model.column
                    )));
                }
                _ => values[place] = Some(own),
            }
        }
        let values: Vec<String> = values.into_iter().flatten().collect();
        let numbers: Option<Vec<f64>> = values.iter().map(|v| v.parse().ok()).collect();
        let mut condensed = vec![];
        for i in 0..values.len() {
            for j in i + 1..values.len() {
                condensed.push(match (&numbers, model.period) {
                    (Some(n), None) => (n[i] - n[j]).abs(),
                    // The chord, so that the model is a distance on the circle.
                    (Some(n), Some(period)) => ((n[i] - n[j]) / period * std::f64::consts::PI).sin().abs(),
                    (None, _) => f64::from(u8::from(values[i] != values[j])),
                });
            }
        }
        Rdm::from_condensed(values.len(), condensed).map_err(failed)
    }

    /// Similarity at each time to what is given at each time, with the null of the largest value over time.
    fn against(
        &self,
        p: &RepresentationParameters,
        judged: &[(String, Vec<Rdm>)],
        across: &Array2<f64>,
        seed: &Seed,
        outcome: &mut Outcome,
    ) -> Result<(), StageError> {
        let times: Vec<f64> = (0..p.bins).map(|k| Self::time_s(p, k)).collect();
        let mut table = Table::new()
            .with("time_s", times.clone())?
            .with("distance", self.whole.iter().map(|r| mean(r.condensed())).collect::<Vec<_>>())?
            .with("reliability", across.diag().to_vec())?;
        let mut lines = vec![];
        for (name, rdms) in judged {
            let over_time = |order: Option<&[usize]>| -> Vec<f64> {
                let one = |(own, other): (&Rdm, &Rdm)| {
                    let own = order.map_or_else(|| own.clone(), |o| own.subset(o));
                    compare_rdms(&own, other, Comparator::Pearson).unwrap_or(f64::NAN)
                };
                self.whole.iter().zip(rdms).map(one).collect()
            };
            let found = over_time(None);
            if found.iter().all(|v| v.is_nan()) {
                return Err(StageError::Failed(format!(
                    "`{name}` does not differ over conditions, so nothing is like it"
                )));
            }
            let largest =
                |values: &[f64]| values.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
            let null = parallel::map(p.permutations, threads(), |draw| {
                let mut order: Vec<usize> = (0..self.names.len()).collect();
                order.shuffle(&mut seed.child(name).index(draw).stream());
                largest(&over_time(Some(&order)))
            });
            let peak = largest(&found);
            let at = found.iter().position(|v| *v == peak).unwrap_or(0);
            let key = name.replace([' ', '.'], "_");
            let mut estimate = Estimate::new(
                peak,
                &format!("largest similarity to {name} over time"),
                "Pearson",
                self.names.len(),
                "conditions",
            );
            let method = "conditions permuted, largest over time";
            estimate.null = Some(NullDistribution::one_sided(method, peak, &null));
            outcome.metric(&key, estimate);
            let when = Estimate::new(
                times[at],
                &format!("time of the largest similarity to {name}"),
                "Pearson",
                p.bins,
                "times",
            );
            outcome.metric(&format!("{key}_s"), when.with_unit("s"));
            let p_value = permutation_p(peak, &null);
            outcome.metric(&format!("{key}_p"), Estimate::new(p_value, "p-value", method, null.len(), "permutations"));
            let bound = quantile(&null, 0.95);
            lines.push(series(name, times.iter().copied().zip(found.iter().copied()).collect(), Marks::Joined));
            let ends = vec![(times[0], bound), (times[p.bins - 1], bound)];
            lines.push(series(&format!("{name}: 95 % of permutations"), ends, Marks::Dashed));
            table = table.with(&key, found)?;
        }
        outcome.table("over_time", table);
        if lines.is_empty() {
            return Ok(());
        }
        let caption = "Correlation of the dissimilarities at each time with each model; dashed, what 95 % of permutations of the conditions stay below at all times.";
        chart(outcome, ["models", "Models over time", caption], ["time from the event (s)", "r"], lines)
    }
}

/// Inverse covariance of the noise of counts (trials, units): of residuals from each condition's mean, shrunk towards the diagonal.
fn precision(counts: ArrayView2<'_, f64>, labels: &[usize], names: &[String]) -> Result<Array2<f64>, StageError> {
    let mut means = Array2::<f64>::zeros((names.len(), counts.ncols()));
    let mut members = vec![0.0; names.len()];
    for (row, label) in counts.rows().into_iter().zip(labels) {
        let mut mean = means.row_mut(*label);
        mean += &row;
        members[*label] += 1.0;
    }
    means.rows_mut().into_iter().zip(&members).for_each(|(mut mean, n)| mean /= *n);
    let mut residuals = counts.to_owned();
    for (mut row, label) in residuals.rows_mut().into_iter().zip(labels) {
        row -= &means.row(*label);
    }
    // A unit that is silent at this time has no noise; a little of everyone's keeps the covariance invertible.
    let level = residuals.iter().map(|v| v * v).sum::<f64>() / residuals.len() as f64;
    let degrees = counts.nrows() - names.len();
    if level <= 0.0 {
        return Ok(Array2::eye(counts.ncols()));
    }
    let varies = |u: &usize| residuals.column(*u).iter().any(|v| *v != 0.0);
    let varying: Vec<usize> = (0..counts.ncols()).filter(varies).collect();
    let known = residuals.select(Axis(1), &varying);
    let noise = NoiseCovariance::from_residuals(known.view(), degrees, Shrinkage::Diagonal).map_err(failed)?;
    let inner = noise.precision().map_err(failed)?;
    let mut whole = Array2::eye(counts.ncols()) / level;
    for (a, u) in varying.iter().enumerate() {
        for (b, v) in varying.iter().enumerate() {
            whole[[*u, *v]] = inner[[a, b]];
        }
    }
    Ok(whole)
}

/// Fold of each trial: trials of a condition are dealt out in random order.
fn folds_of(labels: &[usize], names: &[String], seed: &Seed) -> Result<Vec<usize>, StageError> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.shuffle(&mut seed.stream());
    let mut dealt = vec![0; names.len()];
    let mut folds = vec![0; labels.len()];
    for trial in order {
        folds[trial] = dealt[labels[trial]] % FOLDS;
        dealt[labels[trial]] += 1;
    }
    if let Some(few) = dealt.iter().position(|n| *n < FOLDS) {
        return Err(StageError::Failed(format!(
            "condition {} has {} trials; cross-validated distances need {FOLDS} or more",
            names[few], dealt[few]
        )));
    }
    Ok(folds)
}

#[cfg(test)]
mod tests;
