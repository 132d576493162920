//! Representational dissimilarity matrices (Kriegeskorte, Mur & Bandettini 2008).

use ndarray::{Array2, ArrayView2};
use rheobase_core::require_finite;

use crate::{Error, Result};

/// How different two conditions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dissimilarity {
    /// 1 - Pearson correlation over units.
    Correlation,
    /// Squared Euclidean distance divided by the number of units.
    SquaredEuclidean,
    /// Symmetrised Kullback-Leibler divergence of Poisson rates, divided by the number of units (Schuett et al. 2023): rates
    /// r become (r + lambda w) / (1 + w) with a prior lambda = 1 of weight w = 0.1.
    Poisson,
}

/// Prior rate and prior weight of [`Dissimilarity::Poisson`].
const POISSON_PRIOR: (f64, f64) = (1.0, 0.1);

/// The dissimilarities of all pairs of conditions, as the upper triangle in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct Rdm {
    conditions: usize,
    values: Vec<f64>,
}

impl Rdm {
    /// The RDM of responses (conditions, units).
    ///
    /// # Errors
    /// If there are fewer than 3 conditions, a value is not finite, or (correlation) a condition is flat over units.
    pub fn from_responses(responses: ArrayView2<'_, f64>, dissimilarity: Dissimilarity) -> Result<Self> {
        let (conditions, units) = responses.dim();
        require_conditions(conditions)?;
        require_finite("responses", responses.iter())?;
        let rows = match dissimilarity {
            Dissimilarity::Correlation => standardised_rows(responses)?,
            Dissimilarity::SquaredEuclidean => responses.to_owned(),
            Dissimilarity::Poisson => return Self::poisson(responses),
        };
        let gram = rheobase_linalg::product(rows.view(), rows.t());
        let mut values = Vec::with_capacity(conditions * (conditions - 1) / 2);
        for i in 0..conditions {
            for j in i + 1..conditions {
                values.push(match dissimilarity {
                    Dissimilarity::Correlation => 1.0 - gram[[i, j]].clamp(-1.0, 1.0),
                    Dissimilarity::SquaredEuclidean | Dissimilarity::Poisson => {
                        (gram[[i, i]] + gram[[j, j]] - 2.0 * gram[[i, j]]).max(0.0) / units as f64
                    }
                });
            }
        }
        Ok(Self { conditions, values })
    }

    fn poisson(responses: ArrayView2<'_, f64>) -> Result<Self> {
        if let Some(&negative) = responses.iter().find(|&&r| r < 0.0) {
            return Err(Error::Parameter { what: "a rate of a Poisson RDM", found: negative, allowed: ">= 0" });
        }
        let (prior, weight) = POISSON_PRIOR;
        let rates = responses.mapv(|r| (r + prior * weight) / (1.0 + weight));
        let logs = rates.mapv(f64::ln);
        let (conditions, units) = responses.dim();
        let mut values = Vec::with_capacity(conditions * (conditions - 1) / 2);
        for i in 0..conditions {
            for j in i + 1..conditions {
                let sum: f64 =
                    (0..units).map(|u| (rates[[i, u]] - rates[[j, u]]) * (logs[[i, u]] - logs[[j, u]])).sum();
                values.push(sum / units as f64);
            }
        }
        Ok(Self { conditions, values })
    }

    /// Squared Mahalanobis distances (x_i - x_j)' P (x_i - x_j) / units with the noise precision P (units, units).
    ///
    /// # Errors
    /// If there are fewer than 3 conditions, a value is not finite, or the precision has another shape.
    pub fn mahalanobis(responses: ArrayView2<'_, f64>, precision: ArrayView2<'_, f64>) -> Result<Self> {
        let (conditions, units) = responses.dim();
        require_conditions(conditions)?;
        require_finite("responses", responses.iter())?;
        if precision.dim() != (units, units) {
            return Err(Error::UnitMismatch { what: "a noise precision", left: units, right: precision.nrows() });
        }
        let gram = rheobase_linalg::product(rheobase_linalg::product(responses, precision).view(), responses.t());
        Ok(Self::from_second_moments(&gram, units))
    }

    /// Crossnobis distances (Walther et al. 2016): the product of the pattern differences of every fold with those of the mean of
    /// all other folds, through the noise precision if one is given, divided by the units and averaged over folds. Unbiased, so
    /// it may be negative. `folds` are measurements of the same conditions, (conditions, units) each.
    ///
    /// # Errors
    /// If there are fewer than 2 folds or 3 conditions, the shapes differ, or a value is not finite.
    pub fn crossnobis(folds: &[ArrayView2<'_, f64>], precision: Option<ArrayView2<'_, f64>>) -> Result<Self> {
        let [first, ..] = folds else {
            return Err(Error::Input("crossnobis needs at least 2 folds, found 0".into()));
        };
        let (conditions, units) = first.dim();
        require_conditions(conditions)?;
        if folds.len() < 2 {
            return Err(Error::Input("crossnobis needs at least 2 folds, found 1: repeat the measurement".into()));
        }
        if let Some(odd) = folds.iter().find(|f| f.dim() != (conditions, units)) {
            return Err(Error::Input(format!(
                "folds of crossnobis must show the same conditions in the same units: {:?} and {:?}",
                first.dim(),
                odd.dim()
            )));
        }
        for fold in folds {
            require_finite("measurements", fold.iter())?;
        }
        // sum over folds of X_f P (S - X_f)' / (F - 1) = [S P S' - sum of X_f P X_f'] / (F - 1): symmetric, F + 1 products of n x units x n.
        let through = |x: ArrayView2<'_, f64>| -> Result<Array2<f64>> {
            Ok(match precision {
                None => rheobase_linalg::gram(x.t()),
                Some(p) if p.dim() == (units, units) => {
                    rheobase_linalg::product(rheobase_linalg::product(x, p).view(), x.t())
                }
                Some(p) => {
                    return Err(Error::UnitMismatch { what: "a noise precision", left: units, right: p.nrows() });
                }
            })
        };
        let mut sum = Array2::<f64>::zeros((conditions, units));
        for fold in folds {
            sum += fold;
        }
        let mut moments = through(sum.view())?;
        for fold in folds {
            moments -= &through(fold.view())?;
        }
        let count = folds.len() as f64;
        Ok(Self::from_second_moments(&(moments / (count * (count - 1.0))), units))
    }

    fn from_second_moments(g: &Array2<f64>, units: usize) -> Self {
        let conditions = g.nrows();
        let mut values = Vec::with_capacity(conditions * (conditions - 1) / 2);
        for i in 0..conditions {
            for j in i + 1..conditions {
                values.push((g[[i, i]] + g[[j, j]] - g[[i, j]] - g[[j, i]]) / units as f64);
            }
        }
        Self { conditions, values }
    }

    /// The mean of several RDMs over the same conditions.
    ///
    /// # Errors
    /// If there is none or the conditions differ.
    pub fn mean(rdms: &[Self]) -> Result<Self> {
        let [first, rest @ ..] = rdms else { return Err(Error::Input("the mean of no RDMs does not exist".into())) };
        let mut values = first.values.clone();
        for rdm in rest {
            if rdm.conditions != first.conditions {
                return Err(Error::ConditionMismatch { left: first.conditions, right: rdm.conditions });
            }
            values.iter_mut().zip(&rdm.values).for_each(|(a, b)| *a += b);
        }
        values.iter_mut().for_each(|v| *v /= rdms.len() as f64);
        Ok(Self { conditions: first.conditions, values })
    }

    /// The RDM of a categorical model: 0 within a class, 1 between classes.
    ///
    /// # Errors
    /// If there are fewer than 3 conditions.
    pub fn from_classes(classes: &[usize]) -> Result<Self> {
        require_conditions(classes.len())?;
        let mut values = Vec::with_capacity(classes.len() * (classes.len() - 1) / 2);
        for (i, a) in classes.iter().enumerate() {
            values.extend(classes[i + 1..].iter().map(|b| f64::from(u8::from(a != b))));
        }
        Ok(Self { conditions: classes.len(), values })
    }

    /// An RDM from its condensed upper triangle in row order.
    ///
    /// # Errors
    /// If the length is not that of `conditions`, or a value is not finite.
    pub fn from_condensed(conditions: usize, values: Vec<f64>) -> Result<Self> {
        require_conditions(conditions)?;
        require_finite("RDM", &values)?;
        if values.len() != conditions * (conditions - 1) / 2 {
            return Err(Error::ConditionMismatch { left: conditions * (conditions - 1) / 2, right: values.len() });
        }
        Ok(Self { conditions, values })
    }

    /// Number of conditions.
    pub fn conditions(&self) -> usize {
        self.conditions
    }

    /// Upper triangle in row order, length conditions x (conditions - 1) / 2.
    pub fn condensed(&self) -> &[f64] {
        &self.values
    }

    /// Full symmetric matrix with a zero diagonal.
    pub fn square(&self) -> Array2<f64> {
        let mut square = Array2::zeros((self.conditions, self.conditions));
        let mut values = self.values.iter();
        for i in 0..self.conditions {
            for j in i + 1..self.conditions {
                let value = values.next().copied().unwrap_or(f64::NAN);
                square[[i, j]] = value;
                square[[j, i]] = value;
            }
        }
        square
    }

    /// The RDM of a subset of conditions, in the order given.
    #[must_use]
    pub fn subset(&self, conditions: &[usize]) -> Self {
        let mut values = Vec::with_capacity(conditions.len() * conditions.len().saturating_sub(1) / 2);
        for (k, &a) in conditions.iter().enumerate() {
            values.extend(conditions[k + 1..].iter().map(|&b| self.at(a.min(b), a.max(b))));
        }
        Self { conditions: conditions.len(), values }
    }

    /// Distance of two conditions.
    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        if i == j { 0.0 } else { self.values[i * (2 * self.conditions - i - 1) / 2 + j - i - 1] }
    }
}

fn require_conditions(found: usize) -> Result<()> {
    if found < 3 { Err(Error::TooFewConditions { what: "an RDM", needed: 3, found }) } else { Ok(()) }
}

fn standardised_rows(responses: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let mut rows = responses.to_owned();
    for (condition, mut row) in rows.rows_mut().into_iter().enumerate() {
        let mean = row.sum() / row.len() as f64;
        // A flat row can leave rounding dust after centring; compare with the size of its entries.
        let size = row.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        row -= mean;
        let norm = row.dot(&row).sqrt();
        if norm <= 1e-14 * size * (row.len() as f64).sqrt() {
            return Err(Error::FlatCondition { condition, units: row.len() });
        }
        row /= norm;
    }
    Ok(rows)
}
