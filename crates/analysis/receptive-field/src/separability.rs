//! Is a table of responses a product or a sum of its margins? Space-time separability and gain fields.

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::{Seed, require_finite};
use rheobase_linalg::svd;

use crate::{Error, Result};

/// Share of the energy in the first singular value of a mean-removed space x time filter: exactly 1 for a product of a spatial and
/// a temporal profile. Noise has a value well above 0, so compare with [`shuffled_separability`].
///
/// # Errors
/// If the filter is not finite or constant.
pub fn separability(filter: ArrayView2<'_, f64>) -> Result<f64> {
    require_finite("filter", filter.iter())?;
    let mean = filter.sum() / filter.len() as f64;
    let centred = filter.mapv(|v| v - mean);
    let energy: f64 = centred.iter().map(|v| v * v).sum();
    if energy <= 1e-24 * (1.0 + mean * mean) * filter.len() as f64 {
        return Err(Error::BadImage("the filter is constant, so it has no structure to separate".into()));
    }
    let values = svd(centred.view())?.s;
    Ok(values[0] * values[0] / values.iter().map(|s| s * s).sum::<f64>())
}

/// Separabilities of the filter with its entries shuffled: what a filter without structure has.
///
/// # Errors
/// As for [`separability`].
pub fn shuffled_separability(filter: ArrayView2<'_, f64>, draws: usize, seed: &Seed) -> Result<Vec<f64>> {
    let mut values: Vec<f64> = filter.iter().copied().collect();
    (0..draws)
        .map(|draw| {
            values.shuffle(&mut seed.index(draw).stream());
            let shuffled = Array2::from_shape_vec(filter.dim(), values.clone()).expect("as many entries");
            separability(shuffled.view())
        })
        .collect()
}

/// How a table of responses (retinal position x eye position) is put together (Zipser & Andersen 1988).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainField {
    /// Share of variance that a product of two profiles explains, in-sample.
    pub multiplicative_r2: f64,
    /// Share of variance that a sum of two profiles explains, in-sample.
    pub additive_r2: f64,
    /// Held-out share for the product: each entry predicted from the others.
    pub multiplicative_held_out_r2: f64,
    /// Held-out share for the sum.
    pub additive_held_out_r2: f64,
    /// (largest - smallest mean over rows) / (largest + smallest) across columns: modulation by eye position.
    pub modulation_index: f64,
    /// Share of the variance of the columns' gains that a plane explains; needs the columns' coordinates, else NaN.
    pub planarity_r2: f64,
}

/// Compares product and sum for responses (positions, gains), leaving one entry out at a time: the product predicts
/// row mean x column mean / mean of the remaining entries' fit (iterated), the sum row mean + column mean - mean.
///
/// `coordinates` of the columns, (columns, 2), are used for the plane where given.
///
/// # Errors
/// If the table is smaller than 2 x 2, not finite or constant, or coordinates do not fit.
pub fn gain_field(responses: ArrayView2<'_, f64>, coordinates: Option<ArrayView2<'_, f64>>) -> Result<GainField> {
    let (rows, columns) = responses.dim();
    if rows < 2 || columns < 2 {
        return Err(Error::TooFew {
            what: "a gain field",
            of: "rows and columns",
            needed: 2,
            found: rows.min(columns),
        });
    }
    require_finite("responses", responses.iter())?;
    let mean = responses.sum() / responses.len() as f64;
    let total: f64 = responses.iter().map(|v| (v - mean) * (v - mean)).sum();
    if total <= 0.0 {
        return Err(Error::BadTuning("the responses are all alike, so there is no gain field".into()));
    }
    let r2 = |predict: &dyn Fn(usize, usize) -> f64| {
        let error: f64 = responses.indexed_iter().map(|((i, j), v)| (v - predict(i, j)).powi(2)).sum();
        1.0 - error / total
    };
    let whole = Array2::from_elem(responses.dim(), 1.0);
    let without = |i: usize, j: usize| {
        let mut mask = whole.clone();
        mask[[i, j]] = 0.0;
        mask
    };
    let product = rank_one(responses, &whole);
    let sum = additive(responses, &whole);
    let by_column = responses.mean_axis(Axis(0)).expect("two rows at least");
    let (low, high) = by_column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let planarity_r2 = match coordinates {
        None => f64::NAN,
        Some(places) => {
            if places.dim() != (columns, 2) {
                return Err(Error::Mismatch { what: "columns and coordinates", left: columns, right: places.nrows() });
            }
            let design = Array2::from_shape_fn((columns, 3), |(j, k)| if k == 0 { 1.0 } else { places[[j, k - 1]] });
            let fit = design.dot(&rheobase_linalg::least_squares_vector(design.view(), by_column.view())?);
            let centre = by_column.mean().unwrap_or(0.0);
            let spread: f64 = by_column.iter().map(|v| (v - centre).powi(2)).sum();
            1.0 - by_column.iter().zip(&fit).map(|(v, f)| (v - f).powi(2)).sum::<f64>() / spread
        }
    };
    Ok(GainField {
        multiplicative_r2: r2(&|i, j| product[[i, j]]),
        additive_r2: r2(&|i, j| sum[[i, j]]),
        multiplicative_held_out_r2: r2(&|i, j| rank_one(responses, &without(i, j))[[i, j]]),
        additive_held_out_r2: r2(&|i, j| additive(responses, &without(i, j))[[i, j]]),
        modulation_index: if high + low > 0.0 { (high - low) / (high + low) } else { f64::NAN },
        planarity_r2,
    })
}

/// Least-squares product of two profiles over the entries with weight 1, by alternating regressions.
fn rank_one(responses: ArrayView2<'_, f64>, mask: &Array2<f64>) -> Array2<f64> {
    let (rows, columns) = responses.dim();
    let mut gain = vec![1.0; columns];
    let mut profile = vec![0.0; rows];
    for _ in 0..200 {
        for i in 0..rows {
            let (mut up, mut down) = (0.0, 0.0);
            for j in 0..columns {
                up += mask[[i, j]] * responses[[i, j]] * gain[j];
                down += mask[[i, j]] * gain[j] * gain[j];
            }
            profile[i] = if down > 0.0 { up / down } else { 0.0 };
        }
        let mut change = 0.0_f64;
        for j in 0..columns {
            let (mut up, mut down) = (0.0, 0.0);
            for i in 0..rows {
                up += mask[[i, j]] * responses[[i, j]] * profile[i];
                down += mask[[i, j]] * profile[i] * profile[i];
            }
            let new = if down > 0.0 { up / down } else { 0.0 };
            change = change.max((new - gain[j]).abs());
            gain[j] = new;
        }
        if change < 1e-14 {
            break;
        }
    }
    Array2::from_shape_fn((rows, columns), |(i, j)| profile[i] * gain[j])
}

/// Least-squares sum of two profiles over the entries with weight 1, by alternating means.
fn additive(responses: ArrayView2<'_, f64>, mask: &Array2<f64>) -> Array2<f64> {
    let (rows, columns) = responses.dim();
    let (mut a, mut b) = (vec![0.0; rows], vec![0.0; columns]);
    for _ in 0..500 {
        for i in 0..rows {
            let n: f64 = mask.row(i).sum();
            a[i] = (0..columns).map(|j| mask[[i, j]] * (responses[[i, j]] - b[j])).sum::<f64>() / n;
        }
        let mut change = 0.0_f64;
        for j in 0..columns {
            let n: f64 = mask.column(j).sum();
            let new = (0..rows).map(|i| mask[[i, j]] * (responses[[i, j]] - a[i])).sum::<f64>() / n;
            change = change.max((new - b[j]).abs());
            b[j] = new;
        }
        if change < 1e-14 {
            break;
        }
    }
    Array2::from_shape_fn((rows, columns), |(i, j)| a[i] + b[j])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outer_product_is_separable_and_noise_is_not() {
        let filter = Array2::from_shape_fn((6, 8), |(i, j)| (i as f64 - 2.5) * ((j as f64) - 3.5));
        assert!((separability(filter.view()).unwrap() - 1.0).abs() < 1e-12);
        let shuffled = shuffled_separability(filter.view(), 20, &Seed::root(1)).unwrap();
        assert!(shuffled.iter().all(|s| *s > 0.15 && *s < 0.9));
        assert!(separability(Array2::ones((3, 3)).view()).is_err());
    }

    #[test]
    fn a_product_and_a_sum_are_told_apart() {
        let (f, g) = ([1.0, 3.0, 2.0, 0.5], [0.5, 1.0, 2.0]);
        let product = gain_field(Array2::from_shape_fn((4, 3), |(i, j)| f[i] * g[j]).view(), None).unwrap();
        assert!(
            (product.multiplicative_r2 - 1.0).abs() < 1e-12 && (product.multiplicative_held_out_r2 - 1.0).abs() < 1e-9
        );
        assert!(product.additive_r2 < 0.99 && product.additive_held_out_r2 < product.multiplicative_held_out_r2);
        assert!((product.modulation_index - (2.0 - 0.5) / 2.5).abs() < 1e-12);
        let places = ndarray::array![[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]];
        let sum =
            gain_field(Array2::from_shape_fn((4, 3), |(i, j)| f[i] + j as f64).view(), Some(places.view())).unwrap();
        assert!((sum.additive_r2 - 1.0).abs() < 1e-12 && sum.multiplicative_r2 < 1.0 - 1e-3);
        assert!((sum.planarity_r2 - 1.0).abs() < 1e-12);
    }
}
