//! Any measure of similarity between all layers of several models.

use ndarray::{Array2, Axis};
use rheobase_core::{Estimate, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Heatmap;
use rheobase_similarity::Error;
use rheobase_similarity::cca::significant_components;
use rheobase_similarity::streaming::Moments;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measure::Measure;
use crate::artifact::{Dataset, Images, Probed};
use crate::compare::{Population, populations, summed_up};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `population-similarity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PopulationSimilarityParameters {
    /// The models.
    #[schemars(length(min = 1))]
    pub of: Vec<Input<Probed>>,
    /// What they are shown; held-out images where the data set has them.
    pub stimuli: Input<Dataset>,
    /// Layers that are compared; all by default.
    #[serde(default)]
    pub layers: Vec<String>,
    /// The measure.
    pub measure: Measure,
    /// Most images.
    #[serde(default = "images")]
    #[schemars(range(min = 10, max = 1_000_000))]
    pub images: usize,
    /// Images shown at a time, for more of them than memory holds: covariances are summed up, so that memory is units x units whatever the
    /// number of images. For `cca`, `ridge-cca` and `cka`; there are no permutations then.
    #[serde(default)]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub block: Option<usize>,
    /// Permutations of the images for the null of each pair of equal layers in different models.
    #[serde(default = "draws")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

fn images() -> usize {
    1000
}
fn draws() -> usize {
    19
}

/// Similarity of populations.
pub struct PopulationSimilarity;

impl Kind for PopulationSimilarity {
    type Parameters = PopulationSimilarityParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "population-similarity";
    const VERSION: u32 = 8;
    const ABOUT: &'static str = "similarity of all pairs of layers by CCA, SVCCA, PWCCA, CKA, shape metrics, soft matching or mutual neighbours";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn check(p: &PopulationSimilarityParameters) -> Vec<Complaint> {
        if p.block.is_some() && p.measure.summed_up(&Moments::new(1, 1)).is_none() {
            let message = format!("{} needs the responses to all images at once", p.measure.name());
            let help = "leave out block, or choose cca, ridge-cca or cka";
            return vec![complaint(&["block"], message, help)];
        }
        vec![]
    }

    fn run(p: &PopulationSimilarityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let mut outcome = Outcome::default();
        let found = match p.block {
            Some(block) => from_moments(p, &images, &rows, block, context, &mut outcome)?,
            None => from_responses(p, &images, &rows, context, &mut outcome)?,
        };
        outcome.table("pairs", found.table()?);
        identified(p, &found.layers, &found.values, &mut outcome);
        let labels: Vec<String> = found.layers.iter().map(Population::label).collect();
        let top = found.values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
        let map = Heatmap {
            title: p.measure.name(),
            rows: labels.clone(),
            columns: labels,
            values: found.values,
            range: (0.0, if p.measure.is_distance() { top.max(1e-9) } else { 1.0 }),
        };
        let caption =
            format!("{} between layers, n = {} images; n/a where it does not exist.", p.measure.name(), rows.len());
        outcome.figure("similarity", "Similarity of layers", &caption, map.svg().map_err(failed)?);
        Ok(outcome)
    }
}

/// Values of all pairs of layers, and why there is none for some.
struct Found {
    layers: Vec<Population>,
    values: Array2<f64>,
    problems: Array2<String>,
}

impl Found {
    fn new(layers: Vec<Population>) -> Self {
        let shape = (layers.len(), layers.len());
        Self { layers, values: Array2::from_elem(shape, f64::NAN), problems: Array2::default(shape) }
    }

    /// A pair that cannot be compared (too many units, a constant layer) says why in the table.
    fn put(&mut self, place: (usize, usize), found: &Result<f64, Error>) {
        match found {
            Ok(value) => self.values[place] = *value,
            Err(error) => self.problems[place] = error.to_string(),
        }
    }

    /// Key of the metric of a pair of equal layers of different models.
    fn key(&self, a: usize, b: usize) -> Option<String> {
        let (left, right) = (&self.layers[a], &self.layers[b]);
        (a < b && left.layer == right.layer).then(|| format!("{}~{}.{}", left.model, right.model, left.layer))
    }

    fn table(&self) -> Result<Table, StageError> {
        let count = self.layers.len();
        let pairs: Vec<(usize, usize)> = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
        let values: Vec<f64> = pairs.iter().map(|pair| self.values[*pair]).collect();
        if !values.is_empty() && values.iter().all(|v| v.is_nan()) {
            let first = &self.problems[pairs[0]];
            return Err(StageError::Failed(format!("no pair of layers could be compared; the first: {first}")));
        }
        let label = |k: usize| self.layers[k].label();
        Ok(Table::new()
            .with("left", pairs.iter().map(|(a, _)| label(*a)).collect::<Vec<String>>())?
            .with("right", pairs.iter().map(|(_, b)| label(*b)).collect::<Vec<String>>())?
            .with("value", values)?
            .with("problem", pairs.iter().map(|pair| self.problems[*pair].clone()).collect::<Vec<String>>())?)
    }
}

fn from_responses(
    p: &PopulationSimilarityParameters,
    images: &Images,
    rows: &[usize],
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<Found, StageError> {
    let mut all = populations(&p.of, &p.layers, &images.stimulus(rows)?, context)?;
    let flat: Vec<usize> = all.iter_mut().map(drop_flat_units).collect();
    let mut found = Found::new(all);
    let count = found.layers.len();
    for a in 0..count {
        for b in 0..count {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let seed = context.seed.child("pair").index(a).index(b);
            let (left, right) = (&found.layers[a], &found.layers[b]);
            let value = p.measure.of(left.responses.view(), right.responses.view(), &seed);
            if let (Some(key), Ok(value)) = (found.key(a, b), &value) {
                let estimate = with_null(p, *value, left, right, &seed)
                    .with_constant("flat_units_left_out", (flat[a] + flat[b]) as f64);
                if let Some(components) = components(p, left, right, &seed)? {
                    outcome.metric(&format!("components.{key}"), components);
                }
                outcome.metric(&key, estimate);
            }
            found.put((a, b), &value);
        }
        context.progress.step("layers", a + 1, count);
    }
    Ok(found)
}

/// The measures that know moments are the same both ways.
fn from_moments(
    p: &PopulationSimilarityParameters,
    images: &Images,
    rows: &[usize],
    block: usize,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<Found, StageError> {
    let (layers, moments) = summed_up(&p.of, &p.layers, images, rows, block, context)?;
    let mut found = Found::new(layers);
    for ((a, b), sums) in &moments {
        let Some(value) = p.measure.summed_up(sums) else { continue };
        if let (Some(key), Ok(value)) = (found.key(*a, *b), &value) {
            let variant = format!("{}, summed up over blocks of {block} images", p.measure.name());
            let flat = sums.flat_units();
            let estimate = Estimate::new(*value, "similarity of populations", &variant, rows.len(), "images")
                .with_constant("flat_units_left_out", (flat.0 + flat.1) as f64);
            outcome.metric(&key, estimate);
        }
        found.put((*a, *b), &value);
        found.put((*b, *a), &value);
    }
    Ok(found)
}

/// Of the layers of one model, the share whose most similar layer in the other is the one of the same name (Kornblith et al. 2019);
/// both ways, for models with the same layers.
fn identified(p: &PopulationSimilarityParameters, all: &[Population], values: &Array2<f64>, outcome: &mut Outcome) {
    let mut models: Vec<&str> = all.iter().map(|a| a.model.as_str()).collect();
    models.dedup();
    let of = |model: &str| (0..all.len()).filter(|k| all[*k].model == model).collect::<Vec<usize>>();
    let (mut all_found, mut all_n) = (0, 0);
    let mut put = |key: &str, what: &str, found: usize, n: usize| {
        let estimate = Estimate::new(found as f64 / n as f64, what, &p.measure.name(), n, "layers");
        outcome.metric(key, estimate.with_interval(rheobase_core::statistics::wilson_interval(found, n)));
    };
    for (k, a) in models.iter().enumerate() {
        for b in &models[k + 1..] {
            let (left, right) = (of(a), of(b));
            let same =
                left.len() == right.len() && left.iter().zip(&right).all(|(i, j)| all[*i].layer == all[*j].layer);
            if !same || left.len() < 2 {
                continue;
            }
            let better = |x: f64, y: f64| if p.measure.is_distance() { x < y } else { x > y };
            let best = |from: usize, among: &[usize]| {
                let known = among.iter().copied().filter(|j| values[[from, *j]].is_finite());
                known.reduce(|b, j| if better(values[[from, j]], values[[from, b]]) { j } else { b })
            };
            let hits = |from: &[usize], to: &[usize]| {
                from.iter().enumerate().filter(|(rank, i)| best(**i, to) == Some(to[*rank])).count()
            };
            let found = hits(&left, &right) + hits(&right, &left);
            let n = 2 * left.len();
            all_found += found;
            all_n += n;
            put(&format!("identified.{a}~{b}"), "layers identified in the other model", found, n);
        }
    }
    if all_n > 0 {
        put("identified", "layers identified in another model, all pairs of models", all_found, all_n);
    }
}

/// Units that respond alike to all images have no place in a similarity; returns how many were left out.
fn drop_flat_units(population: &mut Population) -> usize {
    let responses = &population.responses;
    let varies = |u: &usize| responses.column(*u).iter().any(|v| *v != responses[[0, *u]]);
    let kept: Vec<usize> = (0..responses.ncols()).filter(varies).collect();
    let dropped = responses.ncols() - kept.len();
    population.responses = responses.select(Axis(1), &kept);
    dropped
}

/// Level at which a canonical component counts as significant.
const LEVEL: f64 = 0.05;

/// How many canonical components two layers share beyond chance; for `cca` with enough permutations to tell.
fn components(
    p: &PopulationSimilarityParameters,
    a: &Population,
    b: &Population,
    seed: &Seed,
) -> Result<Option<Estimate>, StageError> {
    if !matches!(p.measure, Measure::Cca {}) || ((p.permutations + 1) as f64) < 1.0 / LEVEL {
        return Ok(None);
    }
    let seed = seed.child("components");
    let (x, y) = (a.responses.view(), b.responses.view());
    let tested = significant_components(x, y, p.permutations, LEVEL, threads(), &seed).map_err(failed)?;
    let found = tested.iter().filter(|v| **v <= LEVEL).count();
    let variant = "one after another against permutations of what earlier ones leave (Winkler et al. 2020)";
    let estimate = Estimate::new(found as f64, "canonical components beyond chance", variant, x.nrows(), "images");
    Ok(Some(estimate.with_constant("level", LEVEL).with_constant("permutations", p.permutations as f64)))
}

fn with_null(p: &PopulationSimilarityParameters, value: f64, a: &Population, b: &Population, seed: &Seed) -> Estimate {
    let n = a.responses.nrows();
    let mut estimate = Estimate::new(value, "similarity of populations", &p.measure.name(), n, "images");
    let null = p.measure.permuted(a.responses.view(), b.responses.view(), p.permutations, seed);
    estimate.null = p.measure.judged("images permuted on one side", value, &null);
    estimate
}
