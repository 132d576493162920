//! What every measure asks of its input: the same conditions on both sides, finite numbers, columns that vary.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rheobase_core::require_finite;

use crate::{Error, Result};

/// Refuses pairs that do not show the same conditions, have fewer than `needed`, or hold non-finite values.
pub(crate) fn require_pair(
    what: &'static str,
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    needed: usize,
) -> Result<()> {
    if x.nrows() != y.nrows() {
        return Err(Error::ConditionMismatch { left: x.nrows(), right: y.nrows() });
    }
    if x.nrows() < needed {
        return Err(Error::TooFewConditions { what, needed, found: x.nrows() });
    }
    require_finite("left responses", x.iter())?;
    require_finite("right responses", y.iter())?;
    Ok(())
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
    m.iter().map(|v| v * v).sum()
}
