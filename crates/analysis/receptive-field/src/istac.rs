//! Information-theoretic spike-triggered average and covariance, iSTAC (Pillow & Simoncelli 2006).
//!
//! In whitened space, spike-triggered stimuli with mean mu and covariance L carry, within the subspace of orthonormal columns B,
//! KL = 1/2 (tr B'LB + |B'mu|^2 - log det B'LB - m) nats about the spike. Dimensions are added one at a time.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rheobase_linalg::{cholesky, eigh};

use crate::{Error, Result};

/// Axes and how much they tell.
#[derive(Debug, Clone)]
pub struct InformativeAxes {
    /// Orthonormal axes in whitened space, (dimensions, axes), most informative first.
    pub axes: Array2<f64>,
    /// Information of the first 1, 2, ... axes together, in nats per spike.
    pub cumulative_nats: Vec<f64>,
    /// Information of the whole space, in nats per spike.
    pub total_nats: f64,
}

/// Information of the subspace spanned by orthonormal columns, in nats per spike.
///
/// # Errors
/// If the covariance is not positive definite within it.
pub fn subspace_nats(
    mean: ArrayView1<'_, f64>,
    covariance: ArrayView2<'_, f64>,
    axes: ArrayView2<'_, f64>,
) -> Result<f64> {
    let inner = axes.t().dot(&covariance.dot(&axes));
    let lower = cholesky(inner.view())?;
    let log_determinant: f64 = 2.0 * lower.diag().iter().map(|v| v.ln()).sum::<f64>();
    let projected = axes.t().dot(&mean);
    Ok(0.5 * (inner.diag().sum() + projected.dot(&projected) - log_determinant - axes.ncols() as f64))
}

/// The `count` axes that tell most about spikes, given the mean and covariance of whitened spike-triggered stimuli
/// ([`crate::stc::spike_triggered_moments`]).
///
/// # Errors
/// If the covariance is not positive definite (too few spikes for the dimensions), or more axes are asked for than there are.
pub fn informative_axes(
    mean: ArrayView1<'_, f64>,
    covariance: ArrayView2<'_, f64>,
    count: usize,
) -> Result<InformativeAxes> {
    let dimensions = mean.len();
    if count == 0 || count > dimensions {
        return Err(Error::Parameter {
            what: "number of axes",
            found: count as f64,
            allowed: "1 to the number of dimensions",
        });
    }
    let spectrum = eigh(covariance)?;
    if spectrum.values[dimensions - 1] <= 0.0 {
        return Err(Error::TooFew {
            what: "iSTAC",
            of: "positive eigenvalues",
            needed: dimensions,
            found: spectrum.values.iter().filter(|v| **v > 0.0).count(),
        });
    }
    let total_nats = subspace_nats(mean, covariance, Array2::eye(dimensions).view())?;
    let mut axes = Array2::zeros((dimensions, 0));
    let mut cumulative_nats = Vec::new();
    for _ in 0..count {
        let mut best: Option<(f64, Array1<f64>)> = None;
        // The eigenvectors at either end and the mean are where the largest maxima lie.
        let ends = (0..dimensions.min(4)).chain(dimensions.saturating_sub(4)..dimensions);
        let starts = ends.map(|k| spectrum.vectors.column(k).to_owned()).chain([mean.to_owned()]);
        for start in starts {
            if let Some(axis) = climb(mean, covariance, &axes, start) {
                let value = subspace_nats(mean, covariance, with(&axes, &axis).view())?;
                if best.as_ref().is_none_or(|(known, _)| value > known + 1e-12) {
                    best = Some((value, axis));
                }
            }
        }
        let (value, axis) =
            best.ok_or(Error::Parameter { what: "number of axes", found: count as f64, allowed: "fewer" })?;
        axes = with(&axes, &axis);
        cumulative_nats.push(value);
    }
    Ok(InformativeAxes { axes, cumulative_nats, total_nats })
}

fn with(axes: &Array2<f64>, axis: &Array1<f64>) -> Array2<f64> {
    let mut more = Array2::zeros((axes.nrows(), axes.ncols() + 1));
    more.slice_mut(ndarray::s![.., ..axes.ncols()]).assign(axes);
    more.column_mut(axes.ncols()).assign(axis);
    more
}

/// Steepest ascent on the sphere orthogonal to the axes so far, with steps by Barzilai & Borwein and a safeguard.
///
/// With S the covariance left after the axes so far are conditioned on, the gain of v is
/// 1/2 (v'Lv + (v'mu)^2 - log v'Sv - 1), since log det grows by log v'Sv.
fn climb(
    mean: ArrayView1<'_, f64>,
    covariance: ArrayView2<'_, f64>,
    axes: &Array2<f64>,
    start: Array1<f64>,
) -> Option<Array1<f64>> {
    let project = |v: Array1<f64>| {
        let v = &v - &axes.dot(&axes.t().dot(&v));
        let norm = v.dot(&v).sqrt();
        (norm > 1e-9).then(|| v / norm)
    };
    let left = if axes.ncols() == 0 {
        covariance.to_owned()
    } else {
        let la = covariance.dot(axes);
        let inner = axes.t().dot(&la);
        let solved = rheobase_linalg::solve(inner.view(), la.t()).ok()?;
        &covariance - &la.dot(&solved)
    };
    let value = |v: &Array1<f64>| 0.5 * (v.dot(&covariance.dot(v)) + v.dot(&mean).powi(2) - v.dot(&left.dot(v)).ln());
    let gradient = |v: &Array1<f64>| {
        let sv = left.dot(v);
        let g = covariance.dot(v) + &mean * v.dot(&mean) - &sv / v.dot(&sv);
        let g = &g - &(v * v.dot(&g));
        &g - &axes.dot(&axes.t().dot(&g))
    };
    let mut v = project(start)?;
    let (mut here, mut slope, mut step) = (value(&v), gradient(&v), 0.1);
    for _ in 0..2000 {
        let size = slope.dot(&slope).sqrt();
        if size < 1e-11 {
            break;
        }
        let mut length = step;
        let (next, there) = loop {
            let next = project(&v + &(&slope * length))?;
            let there = value(&next);
            if there >= here + 1e-4 * length * size * size || length < 1e-14 {
                break (next, there);
            }
            length *= 0.5;
        };
        if there <= here {
            break;
        }
        let new_slope = gradient(&next);
        let (moved, changed) = (&next - &v, &new_slope - &slope);
        let curvature = -moved.dot(&changed);
        step = if curvature > 0.0 { (moved.dot(&moved) / curvature).clamp(1e-6, 1e3) } else { 2.0 * length };
        (v, here, slope) = (next, there, new_slope);
    }
    Some(v)
}

/// Largest principal angle in degrees between the spaces of orthonormal columns `a` and `b`.
///
/// # Errors
/// If the numbers of rows differ or the decomposition fails.
pub fn principal_angle_deg(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<f64> {
    if a.nrows() != b.nrows() {
        return Err(Error::Mismatch { what: "dimensions of two subspaces", left: a.nrows(), right: b.nrows() });
    }
    let svd = rheobase_linalg::svd(a.t().dot(&b).view())?;
    let smallest = svd.s.iter().copied().fold(1.0, f64::min);
    Ok(smallest.clamp(0.0, 1.0).acos().to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn exact_moments_split_as_the_closed_form_says() {
        let mean = array![1.0, 0.0, 0.0];
        let covariance = array![[2.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]];
        let found = informative_axes(mean.view(), covariance.view(), 3).unwrap();
        // .75 nats in all; .653426 along the first axis, .096574 along the second, none along the third.
        let first = 0.5 * (2.0 + 1.0 - 2.0_f64.ln() - 1.0);
        assert!((found.total_nats - 0.75).abs() < 1e-12);
        for (value, expected) in found.cumulative_nats.iter().zip([first, 0.75, 0.75]) {
            assert!((value - expected).abs() < 1e-9, "{:?}", found.cumulative_nats);
        }
        assert!(found.axes[[0, 0]].abs() > 1.0 - 1e-9 && found.axes[[1, 1]].abs() > 1.0 - 1e-9);
        assert!(informative_axes(mean.view(), covariance.view(), 4).is_err());
    }

    #[test]
    fn a_rotation_of_the_problem_rotates_the_axes() {
        let (c, s) = (0.3_f64.cos(), 0.3_f64.sin());
        let turn = array![[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]];
        let covariance = turn.dot(&array![[2.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]]).dot(&turn.t());
        let mean = turn.dot(&array![1.0, 0.0, 0.0]);
        let found = informative_axes(mean.view(), covariance.view(), 1).unwrap();
        let angle = principal_angle_deg(found.axes.view(), turn.slice(ndarray::s![.., ..1])).unwrap();
        assert!(angle < 1e-3, "{angle}");
    }
}
