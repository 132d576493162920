//! Comparators of two RDMs.
//!
//! For model RDMs with ties (categories) use rho-a or tau-a: Spearman and tau-b reward ties
//! (Nili et al. 2014; Schuett et al. 2023). rho-a is the expectation of Spearman's rho over random tie breaking.

use ndarray::Array2;
use rheobase_core::statistics::{mean, pearson, ranks, spearman};

use crate::{Error, Rdm, Result};

/// A comparator of two condensed RDMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// Pearson correlation.
    Pearson,
    /// Spearman correlation (ties inflate it).
    Spearman,
    /// 12 times the sum of products of centred ranks, divided by n^3 - n.
    RhoA,
    /// Kendall's tau-a: (concordant - discordant) / all pairs.
    TauA,
    /// Kendall's tau-b, corrected for ties on both sides (and so inflated by them).
    TauB,
    /// Cosine after whitening by the covariance of distances that share a condition (Diedrichsen et al. 2021); of squared
    /// Euclidean RDMs this is linear CKA.
    CosineCov,
    /// The same after subtracting each RDM's plain mean.
    CorrCov,
    /// Cosine of the raw vectors; near 1 for almost anything when distances share a large mean.
    Cosine,
}

impl Comparator {
    /// Short name, as printed on cards.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pearson => "Pearson",
            Self::Spearman => "Spearman",
            Self::RhoA => "rho-a",
            Self::TauA => "tau-a",
            Self::TauB => "tau-b",
            Self::CosineCov => "whitened cosine",
            Self::CorrCov => "whitened correlation",
            Self::Cosine => "cosine",
        }
    }

    /// Whether it looks at ranks alone.
    pub fn is_rank(self) -> bool {
        matches!(self, Self::Spearman | Self::RhoA | Self::TauA | Self::TauB)
    }

    /// Whether it needs the distance of every pair of conditions.
    pub fn is_whitened(self) -> bool {
        matches!(self, Self::CosineCov | Self::CorrCov)
    }
}

/// Similarity of two RDMs over the same conditions.
///
/// # Errors
/// If the conditions differ or one RDM is constant.
pub fn compare_rdms(a: &Rdm, b: &Rdm, comparator: Comparator) -> Result<f64> {
    if a.conditions() != b.conditions() {
        return Err(Error::ConditionMismatch { left: a.conditions(), right: b.conditions() });
    }
    if comparator.is_whitened() {
        for (side, values) in [("left", a.condensed()), ("right", b.condensed())] {
            require_variation(side, values)?;
        }
        return Ok(whitened_cosine(a, b, comparator == Comparator::CorrCov));
    }
    compare_vectors(a.condensed(), b.condensed(), comparator)
}

fn require_variation(side: &'static str, values: &[f64]) -> Result<()> {
    if values.iter().all(|&v| v == values[0]) { Err(Error::Constant { side, what: "RDM comparison" }) } else { Ok(()) }
}

/// Similarity of two lists of distances over the same pairs; whitened comparators are refused, they need whole RDMs.
///
/// # Errors
/// If the lengths differ, a list is constant, or the comparator is whitened.
pub fn compare_vectors(x: &[f64], y: &[f64], comparator: Comparator) -> Result<f64> {
    if x.len() != y.len() || x.is_empty() {
        return Err(Error::ConditionMismatch { left: x.len(), right: y.len() });
    }
    require_variation("left", x)?;
    require_variation("right", y)?;
    let value = match comparator {
        Comparator::Pearson => pearson(x, y),
        Comparator::Spearman => spearman(x, y),
        Comparator::RhoA => Some(rho_a(x, y)),
        Comparator::TauA => Some(kendall(x, y).tau_a()),
        Comparator::TauB => Some(kendall(x, y).tau_b()),
        Comparator::Cosine => Some(cosine(x, y)),
        Comparator::CosineCov | Comparator::CorrCov => {
            return Err(Error::NeedsAllPairs { comparator: comparator.name() });
        }
    };
    value.ok_or(Error::Constant { side: "left", what: "RDM comparison" })
}

/// Cosine of the double-centred second moments -D / 2, which is the cosine whitened by V = (C C')^2.
fn whitened_cosine(a: &Rdm, b: &Rdm, subtract_mean: bool) -> f64 {
    let moments = |rdm: &Rdm| {
        let n = rdm.conditions();
        let centre = if subtract_mean { mean(rdm.condensed()) } else { 0.0 };
        let mut g = rdm.square().mapv(|d| -0.5 * (d - centre));
        g.diag_mut().fill(0.0);
        let row = g.sum_axis(ndarray::Axis(1)) / n as f64;
        let all = row.sum() / n as f64;
        Array2::from_shape_fn((n, n), |(i, j)| g[[i, j]] - row[i] - row[j] + all)
    };
    let (g, h) = (moments(a), moments(b));
    let dot = |p: &Array2<f64>, q: &Array2<f64>| p.iter().zip(q).map(|(x, y)| x * y).sum::<f64>();
    dot(&g, &h) / (dot(&g, &g) * dot(&h, &h)).sqrt()
}

/// rho-a of two vectors of equal length.
pub fn rho_a(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let centre = (n + 1.0) / 2.0;
    let products: f64 = ranks(a).iter().zip(ranks(b)).map(|(x, y)| (x - centre) * (y - centre)).sum();
    12.0 * products / (n * n * n - n)
}

/// Cosine of two vectors.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Counts of Kendall's statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kendall {
    /// Concordant minus discordant pairs.
    pub difference: i64,
    /// All pairs.
    pub pairs: i64,
    /// Pairs tied on the left.
    pub ties_left: i64,
    /// Pairs tied on the right.
    pub ties_right: i64,
}

impl Kendall {
    /// (concordant - discordant) / all pairs.
    pub fn tau_a(&self) -> f64 {
        self.difference as f64 / self.pairs as f64
    }

    /// (concordant - discordant) / the geometric mean of the pairs untied on each side.
    pub fn tau_b(&self) -> f64 {
        let untied = |ties: i64| (self.pairs - ties) as f64;
        self.difference as f64 / (untied(self.ties_left) * untied(self.ties_right)).sqrt()
    }
}

/// Kendall's tau-a of two vectors of equal length.
pub fn tau_a(a: &[f64], b: &[f64]) -> f64 {
    kendall(a, b).tau_a()
}

/// Kendall's counts of two vectors of equal length, in O(n log n) (Knight 1966).
pub fn kendall(a: &[f64], b: &[f64]) -> Kendall {
    let n = a.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[i].total_cmp(&a[j]).then(b[i].total_cmp(&b[j])));
    let pairs = |count: usize| (count * count.saturating_sub(1) / 2) as i64;
    let ties = |same: &dyn Fn(usize, usize) -> bool, order: &[usize]| -> i64 {
        order.chunk_by(|&i, &j| same(i, j)).map(|run| pairs(run.len())).sum()
    };
    let ties_left = ties(&|i, j| a[i] == a[j], &order);
    let ties_both = ties(&|i, j| a[i] == a[j] && b[i] == b[j], &order);
    let mut by_b: Vec<f64> = order.iter().map(|&i| b[i]).collect();
    let swaps = merge_sort_swaps(&mut by_b);
    let ties_right: i64 = by_b.chunk_by(|p, q| p == q).map(|run| pairs(run.len())).sum();
    let difference = pairs(n) - ties_left - ties_right + ties_both - 2 * swaps;
    Kendall { difference, pairs: pairs(n), ties_left, ties_right }
}

/// Sorts ascending and counts the strictly inverted pairs.
fn merge_sort_swaps(values: &mut [f64]) -> i64 {
    let mut buffer = values.to_vec();
    let mut swaps = 0;
    let mut width = 1;
    while width < values.len() {
        for start in (0..values.len()).step_by(2 * width) {
            let middle = (start + width).min(values.len());
            let end = (start + 2 * width).min(values.len());
            let (mut i, mut j) = (start, middle);
            for slot in &mut buffer[start..end] {
                if i < middle && (j >= end || values[i] <= values[j]) {
                    *slot = values[i];
                    i += 1;
                } else {
                    *slot = values[j];
                    swaps += (middle - i) as i64;
                    j += 1;
                }
            }
        }
        values.copy_from_slice(&buffer);
        width *= 2;
    }
    swaps
}
