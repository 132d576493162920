//! What every measure asks of its input: the same conditions on both sides, finite numbers, columns that vary.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rheobase_core::require_finite;
use rheobase_linalg::{JointProducts, joint_products};

use crate::{Error, Result};

/// Refuses pairs that do not show the same conditions, or fewer than `needed`.
fn require_shapes(what: &'static str, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, needed: usize) -> Result<()> {
    if x.nrows() != y.nrows() {
        return Err(Error::ConditionMismatch { left: x.nrows(), right: y.nrows() });
    }
    if x.nrows() < needed {
        return Err(Error::TooFewConditions { what, needed, found: x.nrows() });
    }
    Ok(())
}

/// Refuses pairs that do not show the same conditions, have fewer than `needed`, or hold non-finite values.
pub(crate) fn require_pair(
    what: &'static str,
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    needed: usize,
) -> Result<()> {
    require_shapes(what, x, y, needed)?;
    for (what, side) in [("left responses", x), ("right responses", y)] {
        // One by one only where something is wrong: a tenth of the time of a product goes into looking at every value.
        if !side.as_slice().is_some_and(all_finite) {
            require_finite(what, side.iter())?;
        }
    }
    Ok(())
}

/// Whether all values are finite: v x 0 is 0 for those, and not a number for the others.
fn all_finite(values: &[f64]) -> bool {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        for (sum, v) in sums.iter_mut().zip(chunk) {
            *sum += v * 0.0;
        }
    }
    sums.iter().sum::<f64>() == 0.0 && rest.iter().all(|v| v.is_finite())
}

/// Both sides centred by column, checked for variance.
pub(crate) fn centred_pair(
    what: &'static str,
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    needed: usize,
) -> Result<(Array2<f64>, Array2<f64>)> {
    require_pair(what, x, y, needed)?;
    let (x, y) = (centred(x), centred(y));
    for (side, m) in [("left", &x), ("right", &y)] {
        if m.iter().all(|&v| v == 0.0) {
            return Err(Error::Constant { side, what });
        }
    }
    Ok((x, y))
}

/// X'X, Y'Y and X'Y of the centred sides.
pub(crate) struct Moments {
    pub xx: Array2<f64>,
    pub yy: Array2<f64>,
    pub xy: Array2<f64>,
}

impl Moments {
    /// Of sides that are centred already.
    pub(crate) fn of(x: &Array2<f64>, y: &Array2<f64>) -> Self {
        let JointProducts { xx, yy, xy, .. } = joint_products(x.view(), y.view());
        Self { xx, yy, xy }
    }
}

/// Most of a column's sum of squares over that about its mean, up to which its mean is taken off the products instead of the column: two
/// digits are lost.
const MOST_CANCELLED: f64 = 100.0;

/// Products of the centred sides, without centring them where their means are small: X'X - n m m'.
pub(crate) fn centred_moments(
    what: &'static str,
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    needed: usize,
) -> Result<Moments> {
    require_shapes(what, x, y, needed)?;
    let n = x.nrows() as f64;
    let JointProducts { mut xx, mut yy, mut xy, x_sums, y_sums } = joint_products(x, y);
    let (x_mean, y_mean) = (x_sums / n, y_sums / n);
    // A mean that is not finite is never small: the other way looks for the value that is to blame.
    let small = |products: &Array2<f64>, mean: &Array1<f64>| {
        let about_mean = |d: f64, c: f64| MOST_CANCELLED * (d - n * c * c);
        products.diag().iter().zip(mean).all(|(&d, &c)| c.is_finite() && (d == 0.0 || d < about_mean(d, c)))
    };
    if !small(&xx, &x_mean) || !small(&yy, &y_mean) {
        let (x, y) = centred_pair(what, x, y, needed)?;
        return Ok(Moments::of(&x, &y));
    }
    for (side, products, mean) in [("left", &mut xx, &x_mean), ("right", &mut yy, &y_mean)] {
        take_off(products, mean, mean, n);
        if products.diag().iter().all(|d| *d == 0.0) {
            return Err(Error::Constant { side, what });
        }
    }
    take_off(&mut xy, &x_mean, &y_mean, n);
    Ok(Moments { xx, yy, xy })
}

fn take_off(products: &mut Array2<f64>, left: &Array1<f64>, right: &Array1<f64>, n: f64) {
    for (mut row, l) in products.rows_mut().into_iter().zip(left) {
        row.iter_mut().zip(right).for_each(|(v, r)| *v -= n * l * r);
    }
}

/// Columns minus their means; a column that never varies becomes exactly zero, whatever the rounding of its mean.
pub(crate) fn centred(m: ArrayView2<'_, f64>) -> Array2<f64> {
    let mean = m.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(m.ncols()));
    let mut centred = &m - &mean;
    if m.nrows() == 0 {
        return centred;
    }
    let first = m.row(0);
    let mut varies = vec![false; m.ncols()];
    for row in m.rows() {
        for ((flag, v), f) in varies.iter_mut().zip(row).zip(first) {
            *flag |= v != f;
        }
    }
    for (j, _) in varies.iter().enumerate().filter(|(_, varies)| !**varies) {
        centred.column_mut(j).fill(0.0);
    }
    centred
}

/// Squared Frobenius norm.
pub(crate) fn squared_norm(m: &Array2<f64>) -> f64 {
    let values = m.flatten();
    values.dot(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_finite_is_found_wherever_it_is() {
        for place in 0..40 {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut values = vec![1e300; 40];
                assert!(all_finite(&values));
                values[place] = bad;
                assert!(!all_finite(&values), "{place} {bad}");
            }
        }
    }

    #[test]
    fn products_are_those_of_centred_sides_whatever_their_means() {
        for shift in [0.0, 0.4, 3.0, 1e6] {
            let x = Array2::from_shape_fn((50, 4), |(i, j)| ((i * 7 + j * 3) as f64).sin() + shift * (j + 1) as f64);
            let y = Array2::from_shape_fn((50, 3), |(i, j)| ((i * 5 + j * 11) as f64).cos() - shift);
            let found = centred_moments("a test", x.view(), y.view(), 2).unwrap();
            let (x, y) = (centred(x.view()), centred(y.view()));
            for (m, expected) in [(found.xx, x.t().dot(&x)), (found.yy, y.t().dot(&y)), (found.xy, x.t().dot(&y))] {
                // Numbers of 1e6 are known to 1e-10 only.
                let bound = if shift > 1e3 { 1e-6 } else { 1e-11 };
                assert!((m - expected).iter().all(|d| d.abs() < bound), "{shift}");
            }
        }
        let flat = Array2::ones((9, 2));
        assert!(centred_moments("a test", flat.view(), flat.view(), 2).is_err());
        for bad in [f64::NAN, f64::INFINITY] {
            let mut spoilt = Array2::from_shape_fn((9, 2), |(i, j)| (i * 2 + j) as f64);
            spoilt[[4, 1]] = bad;
            let good = Array2::from_shape_fn((9, 3), |(i, j)| ((i * 5 + j) as f64).sin());
            for (x, y) in [(&spoilt, &good), (&good, &spoilt)] {
                assert!(matches!(centred_moments("a test", x.view(), y.view(), 2), Err(Error::Values(_))), "{bad}");
            }
        }
    }
}
