//! Do both sides put the same conditions next to each other? Mutual k nearest neighbours (Huh et al. 2024) and CKNNA.
//!
//! Neighbours are the largest inner products, of the responses as they are or scaled to unit length, the condition itself left
//! out, ties broken by order. Chance is k / (n - 1).

use ndarray::{Array2, ArrayView2, Axis};
use rheobase_linalg::product;

use crate::cka::hsic1;
use crate::prepare::require_pair;
use crate::{Error, Result};

/// What makes two conditions near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// A large inner product.
    InnerProduct,
    /// A small angle: rows are scaled to unit length first, as platonic-rep does.
    Cosine,
}

fn inner_products(x: ArrayView2<'_, f64>, closeness: Closeness) -> Result<Array2<f64>> {
    if closeness == Closeness::InnerProduct {
        return Ok(product(x, x.t()));
    }
    let mut rows = x.to_owned();
    for (condition, mut row) in rows.rows_mut().into_iter().enumerate() {
        let norm = row.dot(&row).sqrt();
        if norm == 0.0 {
            return Err(Error::FlatCondition { condition, units: x.ncols() });
        }
        row /= norm;
    }
    Ok(product(rows.view(), rows.t()))
}

fn nearest(similarity: &Array2<f64>, k: usize) -> Vec<Vec<usize>> {
    (0..similarity.nrows())
        .map(|i| {
            let mut others: Vec<usize> = (0..similarity.nrows()).filter(|&j| j != i).collect();
            others.sort_by(|&a, &b| similarity[[i, b]].total_cmp(&similarity[[i, a]]).then(a.cmp(&b)));
            others.truncate(k);
            others
        })
        .collect()
}

fn require_k(n: usize, k: usize) -> Result<()> {
    if k == 0 || k >= n {
        return Err(Error::Parameter { what: "number of neighbours", found: k as f64, allowed: "1 to conditions - 1" });
    }
    Ok(())
}

/// Mean share of each condition's `k` nearest neighbours that both sides agree on.
///
/// # Errors
/// If the conditions differ, k is 0 or not below the conditions, or (cosine) a condition has only zeros.
pub fn mutual_nearest_neighbours(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    k: usize,
    closeness: Closeness,
) -> Result<f64> {
    require_pair("mutual nearest neighbours", x, y, 3)?;
    require_k(x.nrows(), k)?;
    let (a, b) = (nearest(&inner_products(x, closeness)?, k), nearest(&inner_products(y, closeness)?, k));
    let shared: usize = a.iter().zip(&b).map(|(p, q)| p.iter().filter(|i| q.contains(i)).count()).sum();
    Ok(shared as f64 / (k * x.nrows()) as f64)
}

/// CKNNA: unbiased alignment of the inner products restricted to pairs that are neighbours on both sides.
///
/// # Errors
/// As for [`mutual_nearest_neighbours`], and if a side's restricted self-similarity is not positive.
pub fn cknna(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, k: usize, closeness: Closeness) -> Result<f64> {
    require_pair("CKNNA", x, y, 4)?;
    require_k(x.nrows(), k)?;
    let (kx, ky) = (inner_products(x, closeness)?, inner_products(y, closeness)?);
    let (a, b) = (nearest(&kx, k), nearest(&ky, k));
    let restricted = |m: &Array2<f64>, left: &[Vec<usize>], right: &[Vec<usize>]| {
        let mut kept = Array2::zeros(m.dim());
        for (i, row) in left.iter().enumerate() {
            for &j in row.iter().filter(|j| right[i].contains(j)) {
                kept[[i, j]] = m[[i, j]];
            }
        }
        kept
    };
    let self_similarity = |m: &Array2<f64>, n: &[Vec<usize>]| {
        let kept = restricted(m, n, n);
        hsic_unbiased(&kept, &kept)
    };
    let (xx, yy) = (self_similarity(&kx, &a), self_similarity(&ky, &b));
    if xx <= 0.0 || yy <= 0.0 {
        let side = if xx <= 0.0 { "left" } else { "right" };
        return Err(Error::Constant { side, what: "CKNNA (its self-similarity is not positive)" });
    }
    Ok(hsic_unbiased(&restricted(&kx, &a, &b), &restricted(&ky, &a, &b)) / (xx * yy).sqrt())
}

/// [`hsic1`] of two matrices, without copying the matrices to clear their diagonals.
fn hsic_unbiased(k: &Array2<f64>, l: &Array2<f64>) -> f64 {
    let n = k.nrows() as f64;
    let diagonal = k.diag().dot(&l.diag());
    let (ks, ls) = (k.sum_axis(Axis(1)) - k.diag(), l.sum_axis(Axis(1)) - l.diag());
    let trace = k.iter().zip(l).map(|(p, q)| p * q).sum::<f64>() - diagonal;
    hsic1(n, trace, ks.sum() * ls.sum(), ks.dot(&ls))
}
