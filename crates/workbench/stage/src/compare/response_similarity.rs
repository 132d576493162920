//! Similarity of recorded populations (brain areas, animals, species) that were shown the same stimuli, over time, beside what their noise
//! allows.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, Axis};
use rheobase_core::{Estimate, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Heatmap, Marks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure::Measure;
use crate::data::responses::{MeanResponses, RecordedResponses, common};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `response-similarity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseSimilarityParameters {
    /// Responses to the same stimuli; stimuli that one of them lacks are left out.
    #[schemars(length(min = 1))]
    pub of: Vec<Input<RecordedResponses>>,
    /// What is known of the neurons (`region`, `animal`) by which they are divided into populations.
    #[serde(default)]
    pub by: Option<String>,
    /// The measure.
    #[serde(default = "cka")]
    pub measure: Measure,
    /// Permutations of the stimuli of one side.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 10_000))]
    pub permutations: usize,
}

fn cka() -> Measure {
    Measure::Cka {}
}
fn permutations() -> usize {
    99
}

/// Similarity of recorded populations.
pub struct ResponseSimilarity;

/// A population over the common stimuli.
struct Population {
    name: String,
    /// (stimuli, neurons, time bins).
    values: Array3<f64>,
    halves: Option<[Array3<f64>; 2]>,
    times_ms: Vec<f64>,
}

impl Kind for ResponseSimilarity {
    type Parameters = ResponseSimilarityParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "response-similarity";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "similarity of recorded populations shown the same stimuli, at each time, beside the similarity of their own halves";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn check(p: &ResponseSimilarityParameters) -> Vec<Complaint> {
        let one = p.of.len() == 1 && p.by.is_none();
        let message = "one recording is one population, which is compared with nothing".to_owned();
        one.then(|| complaint(&["of"], message, "name another, or divide its neurons with `by`")).into_iter().collect()
    }

    fn run(p: &ResponseSimilarityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let all = populations(p, context)?;
        let n = all[0].values.dim().0;
        let mut outcome = Outcome::default();
        outcome.metric("stimuli", Estimate::new(n as f64, "stimuli that all saw", "counted", all.len(), "populations"));
        let (mut left, mut right, mut column) = (vec![], vec![], vec![]);
        let mut map = Array2::from_elem((all.len(), all.len()), f64::NAN);
        let ceilings: Vec<Option<f64>> = all.iter().map(|a| own_halves(p, a, &context.seed)).collect();
        for (k, ceiling) in ceilings.iter().enumerate() {
            if let Some(value) = ceiling {
                map[[k, k]] = *value;
                let what = "similarity of the population's own halves";
                let estimate = Estimate::new(*value, what, &p.measure.name(), n, "stimuli");
                outcome.metric(&format!("halves.{}", all[k].name), estimate);
            }
        }
        for i in 0..all.len() {
            for j in i + 1..all.len() {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                let (a, b) = (&all[i], &all[j]);
                let (x, y) = (MeanResponses::over_time(&a.values), MeanResponses::over_time(&b.values));
                let seed = context.seed.child("pair").index(i).index(j);
                let value = p
                    .measure
                    .of(x.view(), y.view(), &seed)
                    .map_err(|e| StageError::Failed(format!("{} and {} cannot be compared: {e}", a.name, b.name)))?;
                (map[[i, j]], map[[j, i]]) = (value, value);
                let mut estimate = with_null(p, value, &x, &y, &seed);
                if let (Some(one), Some(other)) = (ceilings[i], ceilings[j])
                    && one > 0.0
                    && other > 0.0
                    && !p.measure.is_distance()
                {
                    estimate = estimate.with_constant("share_of_halves", value / (one * other).sqrt());
                }
                outcome.metric(&format!("{}~{}", a.name, b.name), estimate);
                left.push(a.name.clone());
                right.push(b.name.clone());
                column.push(value);
                over_time(p, a, b, &seed, &mut outcome)?;
            }
            context.progress.step("populations", i + 1, all.len());
        }
        outcome.table("pairs", Table::new().with("left", left)?.with("right", right)?.with("value", column)?);
        let names: Vec<String> = all.iter().map(|a| a.name.clone()).collect();
        let top = map.iter().copied().filter(|v| v.is_finite()).fold(1e-9, f64::max);
        let figure = Heatmap {
            title: p.measure.name(),
            rows: names.clone(),
            columns: names,
            values: map,
            range: (0.0, if p.measure.is_distance() { top } else { 1.0 }),
        };
        let caption = format!(
            "{} of the mean responses over time to {n} stimuli; on the diagonal that of two halves of the presentations, where stimuli were repeated.",
            p.measure.name()
        );
        outcome.figure("similarity", "Similarity of populations", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}

fn populations(p: &ResponseSimilarityParameters, context: &Context<'_>) -> Result<Vec<Population>, StageError> {
    let mut loaded = vec![];
    for input in &p.of {
        let handle = context.input(input)?;
        let name = handle.address.split_once('.').map_or(handle.address.as_str(), |(_, name)| name).to_owned();
        loaded.push((name, MeanResponses::load(handle)?));
    }
    let mut names = loaded[0].1.stimuli.clone();
    for (_, other) in &loaded[1..] {
        names.retain(|n| other.stimuli.binary_search(n).is_ok());
    }
    if names.len() < 4 {
        let counts = loaded.iter().map(|(n, r)| format!("{n} {}", r.stimuli.len())).collect::<Vec<_>>().join(", ");
        let message = format!("{} stimuli were shown to all ({counts}); at least 4 are needed", names.len());
        return Err(StageError::Failed(message));
    }
    let mut all = vec![];
    for (name, responses) in loaded {
        let rows = common(&responses.stimuli, &names);
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        match &p.by {
            None => drop(groups.insert(name.clone(), (0..responses.values.dim().1).collect())),
            Some(by) => {
                let column = responses.neurons.column(by)?;
                for neuron in 0..column.len() {
                    let group = column.text(neuron);
                    let key = if p.of.len() > 1 { format!("{name} {group}") } else { group };
                    groups.entry(key).or_default().push(neuron);
                }
            }
        }
        for (name, neurons) in groups {
            let part = |m: &Array3<f64>| m.select(Axis(0), &rows).select(Axis(1), &neurons);
            all.push(Population {
                name: name.replace(['.', '~'], "_"),
                values: part(&responses.values),
                halves: responses.halves.as_ref().map(|[a, b]| [part(a), part(b)]),
                times_ms: responses.times_ms.clone(),
            });
        }
    }
    if all.len() < 2 {
        let by = p.by.as_deref().unwrap_or_default();
        return Err(StageError::Failed(format!("all neurons have the same `{by}`, so there is one population")));
    }
    Ok(all)
}

/// Similarity of the halves of a population's presentations: what noise leaves.
fn own_halves(p: &ResponseSimilarityParameters, population: &Population, seed: &Seed) -> Option<f64> {
    let [a, b] = population.halves.as_ref()?;
    let (a, b) = (MeanResponses::over_time(a), MeanResponses::over_time(b));
    p.measure.of(a.view(), b.view(), &seed.child("halves")).ok()
}

fn with_null(p: &ResponseSimilarityParameters, value: f64, x: &Array2<f64>, y: &Array2<f64>, seed: &Seed) -> Estimate {
    let mut estimate = Estimate::new(value, "similarity of populations", &p.measure.name(), x.nrows(), "stimuli");
    let null = p.measure.permuted(x.view(), y.view(), p.permutations, seed);
    estimate.null = p.measure.judged("stimuli permuted on one side", value, &null);
    estimate
}

/// Similarity at each time bin, for populations with the same bins.
fn over_time(
    p: &ResponseSimilarityParameters,
    a: &Population,
    b: &Population,
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let bins = a.values.dim().2;
    if bins < 2 || a.times_ms != b.times_ms || a.times_ms.len() != bins {
        return Ok(());
    }
    let at = |k: usize| {
        let (x, y) = (a.values.index_axis(Axis(2), k), b.values.index_axis(Axis(2), k));
        p.measure.of(x, y, seed).unwrap_or(f64::NAN)
    };
    let points: Vec<(f64, f64)> = (0..bins).map(|k| (a.times_ms[k], at(k))).collect();
    let best = points.iter().copied().filter(|(_, v)| v.is_finite());
    let closer = |x: f64, y: f64| if p.measure.is_distance() { x < y } else { x > y };
    if let Some((time, _)) = best.reduce(|b, x| if closer(x.1, b.1) { x } else { b }) {
        let what = "time at which the populations are most alike";
        let estimate = Estimate::new(time, what, &p.measure.name(), bins, "time bins").with_unit("ms");
        outcome.metric(&format!("closest_ms.{}~{}", a.name, b.name), estimate);
    }
    let key = format!("over_time_{}_{}", a.name, b.name).replace([' ', '/'], "_");
    let table = Table::new().with("time_ms", a.times_ms.clone())?;
    outcome.table(&key, table.with("value", points.iter().map(|x| x.1).collect::<Vec<_>>())?);
    let title = format!("{} and {} over time", a.name, b.name);
    let caption = format!("{} at each time bin.", p.measure.name());
    let lines = vec![series("", points, Marks::Joined)];
    chart(outcome, [&key, &title, &caption], ["time (ms)", &p.measure.name()], lines)
}
