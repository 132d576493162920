//! CKA of any kernel, from its Gram matrices: RBF kernels, linear kernels with fewer conditions than units, and the variants
//! that features cannot give.
//!
//! RBF: K_ij = exp(-|x_i - x_j|^2 / (2 sigma^2)), sigma^2 = fraction^2 x the median of the non-zero squared distances.
//! "Zero diagonal" centres first and then removes the diagonal (Lange et al. 2023); it is neither the biased nor the
//! unbiased form, and is here because published scores use it.
//!
//! CKA needs of both Gram matrices their inner products, row sums and diagonals. These are added up over square tiles, so that no
//! matrix of conditions x conditions is ever in memory: 10,000 conditions would take .8 GB a side.

use ndarray::{Array2, ArrayView2, Axis};
use rheobase_core::math::exp;
use rheobase_core::vectorised::{Kernel, vectorised};
use rheobase_linalg::transposed_product;

use crate::cka::hsic1;
use crate::prepare::{centred, centred_pair, require_pair};
use crate::{Bias, Error, Result};

/// Conditions along a side of a tile: two tiles of this size stay in the second cache.
const TILE: usize = 256;

/// CKA with RBF kernels of both sides (conditions, units), for a fraction of the median distance; memory for the responses only.
///
/// # Errors
/// If the conditions differ or are fewer than 4, a value is not finite, no two conditions of a side differ, or the fraction is not positive.
pub fn rbf_cka(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, fraction: f64, bias: Bias) -> Result<f64> {
    require_pair("RBF CKA", x, y, 4)?;
    let side = |m: ArrayView2<'_, f64>, name| -> Result<Side> {
        let side = Side::new(&centred(m));
        let sigma_squared = sigma_squared(&side, fraction, name)?;
        Ok(Side { sigma_squared: Some(sigma_squared), ..side })
    };
    Sums::of(&side(x, "left")?, &side(y, "right")?).cka(bias)
}

/// The sigma^2 of an RBF kernel of responses (conditions, units): fraction^2 x the median of the non-zero squared distances.
///
/// # Errors
/// If no two conditions differ, or the fraction is not positive.
pub fn rbf_sigma_squared(x: ArrayView2<'_, f64>, fraction: f64) -> Result<f64> {
    sigma_squared(&Side::new(&centred(x)), fraction, "given")
}

/// Linear CKA through Gram matrices: the cheaper way with fewer conditions than units, and the only one for
/// [`Bias::ZeroDiagonal`].
///
/// # Errors
/// As for [`crate::linear_cka`].
pub fn linear_cka_by_gram(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, bias: Bias) -> Result<f64> {
    let (x, y) = centred_pair("CKA", x, y, if bias == Bias::Unbiased { 4 } else { 3 })?;
    Sums::of(&Side::new(&x), &Side::new(&y)).cka(bias)
}

fn sigma_squared(side: &Side, fraction: f64, name: &'static str) -> Result<f64> {
    if fraction.is_nan() || fraction <= 0.0 {
        return Err(Error::Parameter { what: "fraction of the median distance", found: fraction, allowed: "> 0" });
    }
    let median = side.median_squared_distance();
    Ok(fraction * fraction * median.ok_or(Error::Constant { side: name, what: "an RBF kernel" })?)
}

/// Responses of one side in blocks of conditions, and the kernel over them.
struct Side {
    /// Shape (units, conditions of the block).
    blocks: Vec<Array2<f64>>,
    /// Squared norm of each condition.
    squares: Vec<f64>,
    /// Of an RBF kernel; none of a linear one.
    sigma_squared: Option<f64>,
}

impl Side {
    fn new(x: &Array2<f64>) -> Self {
        let block = |rows: ArrayView2<'_, f64>| rows.t().as_standard_layout().into_owned();
        let mut side = Self {
            blocks: x.axis_chunks_iter(Axis(0), TILE).map(block).collect(),
            squares: vec![],
            sigma_squared: None,
        };
        side.squares = (0..side.blocks.len()).flat_map(|i| side.inner(i, i).diag().to_vec()).collect();
        side
    }

    /// Inner products of the conditions of two blocks.
    fn inner(&self, i: usize, j: usize) -> Array2<f64> {
        transposed_product(self.blocks[i].view(), self.blocks[j].view())
    }

    /// Squared distances of the conditions of two blocks; nothing where rounding could make as much of nothing.
    fn squared_distances(&self, i: usize, j: usize) -> Array2<f64> {
        let mut tile = self.inner(i, j);
        let columns = &self.squares[j * TILE..][..tile.ncols()];
        for (mut row, own) in tile.rows_mut().into_iter().zip(&self.squares[i * TILE..]) {
            for (inner, other) in row.iter_mut().zip(columns) {
                let (sum, twice) = (own + other, 2.0 * *inner);
                *inner = if sum - twice <= 32.0 * f64::EPSILON * sum { 0.0 } else { sum - twice };
            }
        }
        tile
    }

    /// A tile of the Gram matrix.
    fn tile(&self, i: usize, j: usize) -> Array2<f64> {
        let Some(sigma_squared) = self.sigma_squared else { return self.inner(i, j) };
        let mut tile = self.squared_distances(i, j);
        if let Some(values) = tile.as_slice_mut() {
            vectorised(Decay { values, per_distance: -0.5 / sigma_squared });
        }
        tile
    }

    fn each_pair_apart(&self, mut visit: impl FnMut(f64)) {
        for i in 0..self.blocks.len() {
            for j in 0..=i {
                for (r, row) in self.squared_distances(i, j).rows().into_iter().enumerate() {
                    let first = if i == j { r } else { row.len() };
                    row.iter().take(first).filter(|d| **d > 0.0).for_each(|d| visit(*d));
                }
            }
        }
    }

    /// Median of the squared distances that are not zero, by counting them first by their leading bits and then keeping those that have the
    /// median's; none if no two conditions differ.
    fn median_squared_distance(&self) -> Option<f64> {
        // Positive numbers are ordered as their bits are: 16 of those are the exponent and four of the fraction.
        let bin = |distance: f64| (distance.to_bits() >> 48) as usize;
        let mut counts = vec![0_usize; 1 << 16];
        self.each_pair_apart(|distance| counts[bin(distance)] += 1);
        let total: usize = counts.iter().sum();
        let ranks = [total.checked_sub(1)? / 2, total / 2];
        let mut upto = 0;
        let mut ends = counts.iter().map(|count| {
            upto += count;
            upto
        });
        let first = ends.position(|end| end > ranks[0])?;
        let before: usize = counts[..first].iter().sum();
        let last =
            if before + counts[first] > ranks[1] { first } else { first + 1 + ends.position(|end| end > ranks[1])? };
        let mut kept = Vec::with_capacity(counts[first..=last].iter().sum());
        self.each_pair_apart(|distance| {
            if (first..=last).contains(&bin(distance)) {
                kept.push(distance);
            }
        });
        let (below, high, _) = kept.select_nth_unstable_by(ranks[1] - before, f64::total_cmp);
        let low = if ranks[0] == ranks[1] { *high } else { below.iter().copied().fold(0.0, f64::max) };
        Some(0.5 * (low + *high))
    }
}

/// e^(factor x) of every value.
struct Decay<'a> {
    values: &'a mut [f64],
    per_distance: f64,
}

impl Kernel for Decay<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for value in self.values {
            *value = exp(self.per_distance * *value);
        }
    }
}

/// Row sums and diagonal of a Gram matrix.
struct Margins {
    rows: Vec<f64>,
    diagonal: Vec<f64>,
}

impl Margins {
    fn new(n: usize) -> Self {
        Self { rows: vec![0.0; n], diagonal: Vec::with_capacity(n) }
    }

    /// Adds the tile of blocks i and j, i not before j, and its mirror image.
    fn add(&mut self, tile: &Array2<f64>, i: usize, j: usize) {
        for (sum, row) in self.rows[i * TILE..].iter_mut().zip(tile.rows()) {
            *sum += row.sum();
        }
        if i == j {
            self.diagonal.extend(tile.diag());
        } else {
            self.rows[j * TILE..].iter_mut().zip(tile.sum_axis(Axis(0))).for_each(|(sum, v)| *sum += v);
        }
    }
}

/// What CKA needs of two Gram matrices K and L.
struct Sums {
    kk: f64,
    ll: f64,
    kl: f64,
    k: Margins,
    l: Margins,
}

impl Sums {
    fn of(left: &Side, right: &Side) -> Self {
        let n = left.squares.len();
        let mut sums = Self { kk: 0.0, ll: 0.0, kl: 0.0, k: Margins::new(n), l: Margins::new(n) };
        for i in 0..left.blocks.len() {
            for j in 0..=i {
                let (k, l) = (left.tile(i, j), right.tile(i, j));
                let times = if i == j { 1.0 } else { 2.0 };
                let inner = |a: &Array2<f64>, b: &Array2<f64>| times * a.flatten().dot(&b.flatten());
                sums.kk += inner(&k, &k);
                sums.ll += inner(&l, &l);
                sums.kl += inner(&k, &l);
                sums.k.add(&k, i, j);
                sums.l.add(&l, i, j);
            }
        }
        sums
    }

    fn cka(&self, bias: Bias) -> Result<f64> {
        let (kk, ll) = (hsic(self.kk, &self.k, &self.k, bias), hsic(self.ll, &self.l, &self.l, bias));
        if kk <= 0.0 || ll <= 0.0 {
            let side = if kk <= 0.0 { "left" } else { "right" };
            return Err(Error::Constant { side, what: "CKA (its self-similarity is not positive)" });
        }
        Ok(hsic(self.kl, &self.k, &self.l, bias) / (kk * ll).sqrt())
    }
}

/// An estimate of HSIC from the inner product of two Gram matrices and their margins: tr(K H L H) / (n - 1)^2 (Gretton et al. 2005), the same
/// without the diagonals of the centred matrices, or HSIC1 (Song et al. 2012, eq. 5).
fn hsic(product: f64, k: &Margins, l: &Margins, bias: Bias) -> f64 {
    let n = k.rows.len() as f64;
    let (k_all, l_all) = (k.rows.iter().sum::<f64>(), l.rows.iter().sum::<f64>());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    if bias == Bias::Unbiased {
        let off = |m: &Margins| m.rows.iter().zip(&m.diagonal).map(|(row, own)| row - own).collect::<Vec<_>>();
        let (ks, ls) = (off(k), off(l));
        let trace = product - dot(&k.diagonal, &l.diagonal);
        return hsic1(n, trace, ks.iter().sum::<f64>() * ls.iter().sum::<f64>(), dot(&ks, &ls));
    }
    let centred = product - 2.0 / n * dot(&k.rows, &l.rows) + k_all * l_all / (n * n);
    if bias == Bias::Biased {
        return centred / (n - 1.0).powi(2);
    }
    let own = |m: &Margins, all: f64| -> Vec<f64> {
        m.diagonal.iter().zip(&m.rows).map(|(own, row)| own - 2.0 * row / n + all / (n * n)).collect()
    };
    centred - dot(&own(k, k_all), &own(l, l_all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::statistics::median;

    fn responses(n: usize, units: usize, salt: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, units), |(i, j)| ((i * 7 + j * 3 + i * j * salt) as f64 * 0.37).sin())
    }

    /// All in memory, and by definition: centred matrices, then their products.
    fn whole(k: &Array2<f64>, l: &Array2<f64>, bias: Bias) -> f64 {
        let n = k.nrows();
        let centre = |m: &Array2<f64>| {
            let (rows, all) = (m.mean_axis(Axis(1)).unwrap(), m.mean().unwrap());
            Array2::from_shape_fn(m.dim(), |(i, j)| m[[i, j]] - rows[i] - rows[j] + all)
        };
        let hsic = |k: &Array2<f64>, l: &Array2<f64>| {
            let (mut k, mut l) = (centre(k), centre(l));
            if bias == Bias::ZeroDiagonal {
                k.diag_mut().fill(0.0);
                l.diag_mut().fill(0.0);
            }
            (&k * &l).sum() / (n as f64 - 1.0).powi(2)
        };
        hsic(k, l) / (hsic(k, k) * hsic(l, l)).sqrt()
    }

    #[test]
    fn tiles_add_up_to_the_whole_matrices() {
        // Fewer conditions than a tile, tiles and a rest, and a rest of one.
        for n in [40, 300, 2 * TILE + 1] {
            let (x, y) = (centred(responses(n, 5, 1).view()), centred(responses(n, 3, 2).view()));
            let gram = |m: &Array2<f64>| m.dot(&m.t());
            let distances = |m: &Array2<f64>| {
                Array2::from_shape_fn((n, n), |(i, j)| {
                    m.row(i).iter().zip(m.row(j)).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
                })
            };
            let rbf = |m: &Array2<f64>| {
                let d = distances(m);
                let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
                let sigma_squared = 0.25 * median(&pairs.map(|p| d[p]).filter(|d| *d > 1e-12).collect::<Vec<_>>());
                let found = rbf_sigma_squared(m.view(), 0.5).unwrap();
                assert!((found - sigma_squared).abs() < 1e-12 * sigma_squared, "{n}: {found} {sigma_squared}");
                d.mapv(|d| (-0.5 * d / sigma_squared).exp())
            };
            for bias in [Bias::Biased, Bias::ZeroDiagonal] {
                let found = linear_cka_by_gram(x.view(), y.view(), bias).unwrap();
                let expected = whole(&gram(&x), &gram(&y), bias);
                assert!((found - expected).abs() < 1e-12, "{n} {bias:?}: {found} {expected}");
                let found = rbf_cka(x.view(), y.view(), 0.5, bias).unwrap();
                let expected = whole(&rbf(&x), &rbf(&y), bias);
                assert!((found - expected).abs() < 1e-11, "RBF {n} {bias:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn conditions_that_are_the_same_are_not_apart() {
        let twice = Array2::from_shape_fn((600, 90), |(i, j)| ((i / 2 * 13 + j) as f64 * 0.71).sin() + 100.0);
        let side = Side::new(&centred(twice.view()));
        let mut apart = 0;
        side.each_pair_apart(|_| apart += 1);
        assert_eq!(apart, 600 * 599 / 2 - 300);
        let constant = Array2::from_elem((5, 2), 3.0);
        assert!(matches!(rbf_sigma_squared(constant.view(), 1.0), Err(Error::Constant { .. })));
    }
}
