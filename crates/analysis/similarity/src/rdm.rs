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
}

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
        };
        let gram = rows.dot(&rows.t());
        let mut values = Vec::with_capacity(conditions * (conditions - 1) / 2);
        for i in 0..conditions {
            for j in i + 1..conditions {
                values.push(match dissimilarity {
                    Dissimilarity::Correlation => 1.0 - gram[[i, j]].clamp(-1.0, 1.0),
                    Dissimilarity::SquaredEuclidean => {
                        (gram[[i, i]] + gram[[j, j]] - 2.0 * gram[[i, j]]).max(0.0) / units as f64
                    }
                });
            }
        }
        Ok(Self { conditions, values })
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

    fn at(&self, i: usize, j: usize) -> f64 {
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
