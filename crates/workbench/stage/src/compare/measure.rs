//! Measures of similarity between two populations.

use ndarray::{ArrayView2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::{NullDistribution, Seed, parallel};
use rheobase_similarity::cca::{
    CrossValidation, cca, cross_validated_cca, linear_regression_r2, mean_correlation, pwcca, ridge_cca, svcca,
};
use rheobase_similarity::kernel::rbf_cka;
use rheobase_similarity::matching::{soft_matching_correlation, soft_matching_distance};
use rheobase_similarity::neighbours::{Closeness, cknna, mutual_nearest_neighbours};
use rheobase_similarity::streaming::Moments;
use rheobase_similarity::{Bias, Error, linear_cka, shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::threads;

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

    /// Its value from moments that were summed up; `None` for a measure that needs all responses at once.
    pub fn summed_up(self, moments: &Moments) -> Option<Result<f64, Error>> {
        let shrunk = |shrinkage| moments.canonical_correlations(shrinkage).map(|r| mean_correlation(&r));
        match self {
            Self::Cca {} => Some(shrunk(0.0)),
            Self::RidgeCca { shrinkage } => Some(shrunk(shrinkage)),
            Self::Cka {} => Some(moments.cka_unbiased()),
            _ => None,
        }
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

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};
    use rand::RngExt;

    use super::*;

    #[test]
    fn values_from_moments_are_those_of_all_responses_at_once() {
        let mut stream = Seed::root(5).stream();
        let x = Array2::from_shape_fn((60, 5), |_| stream.random::<f64>());
        let mut y = Array2::from_shape_fn((60, 4), |(i, k)| x[[i, k]] + 0.5 * stream.random::<f64>());
        // A unit that never changes has no part in either.
        y.column_mut(2).fill(0.1);
        let mut moments = Moments::new(5, 4);
        for first in (0..60).step_by(25) {
            let block = s![first..(first + 25).min(60), ..];
            moments.add(x.slice(block), y.slice(block)).unwrap();
        }
        assert_eq!(moments.flat_units(), (0, 1));
        let varying = y.select(Axis(1), &[0, 1, 3]);
        for measure in [Measure::Cca {}, Measure::RidgeCca { shrinkage: 0.2 }, Measure::Cka {}] {
            let whole = measure.of(x.view(), varying.view(), &Seed::root(1)).unwrap();
            let summed_up = measure.summed_up(&moments).unwrap().unwrap();
            assert!((whole - summed_up).abs() < 1e-10 && whole > 0.3, "{measure:?}: {whole} {summed_up}");
        }
        assert!(Measure::Pwcca {}.summed_up(&moments).is_none());
    }
}
