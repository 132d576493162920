//! Comparators of two RDMs.
//!
//! For model RDMs with ties (categories) use rho-a or tau-a: Spearman and tau-b reward ties
//! (Nili et al. 2014; Schuett et al. 2023). rho-a is the expectation of Spearman's rho over random tie breaking.

use rheobase_core::statistics::{pearson, ranks, spearman};

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
            Self::Cosine => "cosine",
        }
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
    let (x, y) = (a.condensed(), b.condensed());
    for (side, values) in [("left", x), ("right", y)] {
        if values.iter().all(|&v| v == values[0]) {
            return Err(Error::Constant { side, what: "RDM comparison" });
        }
    }
    let value = match comparator {
        Comparator::Pearson => pearson(x, y),
        Comparator::Spearman => spearman(x, y),
        Comparator::RhoA => Some(rho_a(x, y)),
        Comparator::TauA => Some(tau_a(x, y)),
        Comparator::Cosine => Some(cosine(x, y)),
    };
    value.ok_or(Error::Constant { side: "left", what: "RDM comparison" })
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

/// Kendall's tau-a of two vectors of equal length, in O(n log n) (Knight 1966).
pub fn tau_a(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[i].total_cmp(&a[j]).then(b[i].total_cmp(&b[j])));
    let pairs = |count: usize| (count * count.saturating_sub(1) / 2) as i64;
    let total = pairs(n);
    let ties = |same: &dyn Fn(usize, usize) -> bool, order: &[usize]| -> i64 {
        order.chunk_by(|&i, &j| same(i, j)).map(|run| pairs(run.len())).sum()
    };
    let ties_a = ties(&|i, j| a[i] == a[j], &order);
    let ties_both = ties(&|i, j| a[i] == a[j] && b[i] == b[j], &order);
    let mut by_b: Vec<f64> = order.iter().map(|&i| b[i]).collect();
    let swaps = merge_sort_swaps(&mut by_b);
    let ties_b: i64 = by_b.chunk_by(|p, q| p == q).map(|run| pairs(run.len())).sum();
    let concordant_minus_discordant = total - ties_a - ties_b + ties_both - 2 * swaps;
    concordant_minus_discordant as f64 / total as f64
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
