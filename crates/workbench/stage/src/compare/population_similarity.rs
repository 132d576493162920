//! Any measure of similarity between all layers of several models.

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::{Estimate, NullDistribution, Seed, parallel};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Heatmap;
use rheobase_similarity::cca::{
    CrossValidation, cca, cross_validated_cca, linear_regression_r2, mean_correlation, pwcca, ridge_cca,
    significant_components, svcca,
};
use rheobase_similarity::kernel::rbf_cka;
use rheobase_similarity::matching::{soft_matching_correlation, soft_matching_distance};
use rheobase_similarity::neighbours::{Closeness, cknna, mutual_nearest_neighbours};
use rheobase_similarity::{Bias, Error, linear_cka, shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, Probed};
use crate::compare::{Population, populations};
use crate::kind::{Kind, failed, main_output, threads};

/// The measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Measure {
    /// Mean canonical correlation.
    Cca {},
    /// Mean canonical correlation on held-out images, shrinkage chosen on the others.
    CrossValidatedCca {
        /// Folds.
        #[serde(default = "five")]
        folds: usize,
    },
    /// Mean canonical correlation of the principal components that hold a share of the variance.
    Svcca {
        /// Share of the variance kept on each side.
        #[serde(default = "share")]
        variance: f64,
    },
    /// Projection-weighted canonical correlation, weights of the row's side.
    Pwcca {},
    /// Linear CKA, unbiased.
    Cka {},
    /// RBF CKA, unbiased; bandwidth as a share of the median squared distance.
    RbfCka {
        /// Bandwidth: sigma^2 = share^2 x median squared distance.
        #[serde(default = "one")]
        bandwidth: f64,
    },
    /// Angular shape metric: 1 is Procrustes, 0 ignores invertible maps. A distance in rad.
    Shape {
        /// From 0 (whitened) to 1 (Procrustes).
        #[serde(default = "one")]
        alpha: f64,
    },
    /// Angle in rad after the best rotation.
    Procrustes {},
    /// Euclidean distance after the best rotation, in the units of the responses: scale counts.
    ProcrustesDistance {},
    /// Normalised Bures similarity: the cosine of that angle.
    Bures {},
    /// Distance in rad after the best matching of units, one to one.
    Permutation {},
    /// Share of the column's variance that a linear map from the row explains, in sample.
    LinearRegression {},
    /// Correlation of units matched by optimal transport.
    SoftMatching {},
    /// Distance of units matched by optimal transport.
    SoftMatchingDistance {},
    /// Mean canonical correlation with each covariance shrunk towards its mean variance.
    RidgeCca {
        /// From 0 (CCA) to 1 (PLS).
        #[serde(default = "tenth")]
        shrinkage: f64,
    },
    /// Unbiased alignment of inner products restricted to mutual nearest neighbours (Huh et al. 2024).
    Cknna {
        /// Neighbours.
        #[serde(default = "ten")]
        k: usize,
    },
    /// Share of nearest neighbours that both sides agree on.
    MutualNeighbours {
        /// Neighbours.
        #[serde(default = "ten")]
        k: usize,
    },
}

fn one() -> f64 {
    1.0
}
fn tenth() -> f64 {
    0.1
}
fn share() -> f64 {
    0.99
}
fn five() -> usize {
    5
}
fn ten() -> usize {
    10
}

impl Measure {
    /// Name as printed.
    pub fn name(self) -> String {
        match self {
            Self::Cca {} => "mean CCA".into(),
            Self::CrossValidatedCca { folds } => format!("CCA held out, {folds} folds"),
            Self::Svcca { variance } => format!("SVCCA, {variance} of variance"),
            Self::Pwcca {} => "PWCCA".into(),
            Self::Cka {} => "linear CKA, unbiased".into(),
            Self::RbfCka { bandwidth } => format!("RBF CKA, unbiased, bandwidth {bandwidth}"),
            Self::Shape { alpha } => format!("angular shape distance, alpha {alpha} (rad)"),
            Self::Procrustes {} => "Procrustes angle (rad)".into(),
            Self::ProcrustesDistance {} => "Procrustes distance".into(),
            Self::Bures {} => "normalised Bures similarity".into(),
            Self::Permutation {} => "permutation distance (rad)".into(),
            Self::LinearRegression {} => "linear regression R2, in sample".into(),
            Self::SoftMatching {} => "soft matching correlation".into(),
            Self::SoftMatchingDistance {} => "soft matching distance".into(),
            Self::RidgeCca { shrinkage } => format!("mean ridge CCA, shrinkage {shrinkage}"),
            Self::Cknna { k } => format!("CKNNA, {k} neighbours, unbiased"),
            Self::MutualNeighbours { k } => format!("mutual {k} nearest neighbours"),
        }
    }

    /// Whether alike populations have a small value.
    pub fn is_distance(self) -> bool {
        matches!(
            self,
            Self::Shape { .. }
                | Self::SoftMatchingDistance {}
                | Self::Procrustes {}
                | Self::ProcrustesDistance {}
                | Self::Permutation {}
        )
    }

    /// Its values with the conditions of the second population permuted; those that do not exist are left out.
    pub fn permuted(self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, draws: usize, seed: &Seed) -> Vec<f64> {
        let values = parallel::map(draws, threads(), |draw| {
            let mut order: Vec<usize> = (0..y.nrows()).collect();
            order.shuffle(&mut seed.child("permutation").index(draw).stream());
            self.of(x, y.select(Axis(0), &order).view(), seed).ok()
        });
        values.into_iter().flatten().collect()
    }

    /// A value against its null: distances are extreme when small. `None` without null values.
    pub fn judged(self, method: &str, value: f64, null: &[f64]) -> Option<NullDistribution> {
        let sign = if self.is_distance() { -1.0 } else { 1.0 };
        let signed: Vec<f64> = null.iter().map(|v| sign * v).collect();
        let mut judged = NullDistribution::one_sided(method, sign * value, &signed);
        judged.mean *= sign;
        (!null.is_empty()).then_some(judged)
    }

    /// Its value for responses (conditions, units) of two populations.
    pub fn of(self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, seed: &Seed) -> Result<f64, Error> {
        match self {
            Self::Cca {} => Ok(cca(x, y)?.mean()),
            Self::CrossValidatedCca { folds } => {
                let p = CrossValidation { folds, ..CrossValidation::default() };
                let correlations = cross_validated_cca(x, y, &p, seed)?;
                Ok(mean_correlation(&correlations))
            }
            Self::Svcca { variance } => Ok(svcca(x, y, variance)?.mean()),
            Self::Pwcca {} => pwcca(x, y),
            Self::Cka {} => linear_cka(x, y, Bias::Unbiased),
            Self::RbfCka { bandwidth } => rbf_cka(x, y, bandwidth, Bias::Unbiased),
            Self::Shape { alpha } => shape::angular_distance(x, y, alpha),
            Self::Procrustes {} => shape::procrustes_angle(x, y),
            Self::ProcrustesDistance {} => shape::procrustes_distance(x, y),
            Self::Bures {} => shape::normalised_bures_similarity(x, y),
            Self::Permutation {} => shape::permutation_distance(x, y),
            Self::LinearRegression {} => linear_regression_r2(x, y),
            Self::SoftMatching {} => soft_matching_correlation(x, y),
            Self::SoftMatchingDistance {} => soft_matching_distance(x, y),
            Self::RidgeCca { shrinkage } => Ok(mean_correlation(&ridge_cca(x, y, shrinkage)?.0)),
            Self::Cknna { k } => cknna(x, y, k, Closeness::Cosine),
            Self::MutualNeighbours { k } => mutual_nearest_neighbours(x, y, k, Closeness::Cosine),
        }
    }
}

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
    const VERSION: u32 = 7;
    const ABOUT: &'static str = "similarity of all pairs of layers by CCA, SVCCA, PWCCA, CKA, shape metrics, soft matching or mutual neighbours";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn run(p: &PopulationSimilarityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let mut all = populations(&p.of, &p.layers, &images.stimulus(&rows)?, context)?;
        let flat: Vec<usize> = all.iter_mut().map(drop_flat_units).collect();
        let count = all.len();
        let mut values = Array2::from_elem((count, count), f64::NAN);
        let (mut left, mut right, mut column, mut why) = (vec![], vec![], vec![], vec![]);
        let mut outcome = Outcome::default();
        for a in 0..count {
            for b in 0..count {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                let seed = context.seed.child("pair").index(a).index(b);
                let found = p.measure.of(all[a].responses.view(), all[b].responses.view(), &seed);
                // A pair that cannot be compared (too many units, a constant layer) says why in the table.
                values[[a, b]] = *found.as_ref().unwrap_or(&f64::NAN);
                if a < b {
                    left.push(all[a].label());
                    right.push(all[b].label());
                    column.push(values[[a, b]]);
                    why.push(found.as_ref().err().map(ToString::to_string).unwrap_or_default());
                    if all[a].layer == all[b].layer
                        && let Ok(value) = found
                    {
                        let estimate = with_null(p, value, &all[a], &all[b], &seed)
                            .with_constant("flat_units_left_out", (flat[a] + flat[b]) as f64);
                        let label = format!("{}~{}.{}", all[a].model, all[b].model, all[a].layer);
                        if let Some(components) = components(p, &all[a], &all[b], &seed)? {
                            outcome.metric(&format!("components.{label}"), components);
                        }
                        outcome.metric(&label, estimate);
                    }
                }
            }
            context.progress.step("layers", a + 1, count);
        }
        if !column.is_empty() && column.iter().all(|v| v.is_nan()) {
            return Err(StageError::Failed(format!("no pair of layers could be compared; the first: {}", why[0])));
        }
        let table =
            Table::new().with("left", left)?.with("right", right)?.with("value", column)?.with("problem", why)?;
        outcome.table("pairs", table);
        identified(p, &all, &values, &mut outcome);
        let labels: Vec<String> = all.iter().map(Population::label).collect();
        let top = values.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
        let map = Heatmap {
            title: p.measure.name(),
            rows: labels.clone(),
            columns: labels,
            values,
            range: (0.0, if p.measure.is_distance() { top.max(1e-9) } else { 1.0 }),
        };
        let caption =
            format!("{} between layers, n = {} images; n/a where it does not exist.", p.measure.name(), rows.len());
        outcome.figure("similarity", "Similarity of layers", &caption, map.svg().map_err(failed)?);
        Ok(outcome)
    }
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
