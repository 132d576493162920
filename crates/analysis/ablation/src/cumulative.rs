//! Units removed one after another: by a score, or in random orders as the control (Morcos et al. 2018).

use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, permutation_p, quantile};
use rheobase_core::{Lesion, LesionManner, Progress, Seed, require_layer};

use crate::effect::{TestSet, lesioned};
use crate::{Error, Result};

/// Accuracy against the share of units removed.
#[derive(Debug, Clone, PartialEq)]
pub struct AblationCurve {
    /// Number of units removed at each point, from 0 to all.
    pub removed: Vec<usize>,
    /// Accuracy at each point.
    pub accuracy: Vec<f64>,
}

impl AblationCurve {
    /// Area under accuracy against the share removed (trapezoids), 0 to 1: high for robust networks.
    pub fn area(&self) -> f64 {
        let all = self.removed.last().copied().unwrap_or(0).max(1) as f64;
        self.removed
            .windows(2)
            .zip(self.accuracy.windows(2))
            .map(|(r, a)| (r[1] - r[0]) as f64 / all * (a[0] + a[1]) / 2.0)
            .sum()
    }
}

/// A targeted curve beside its random controls.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlledCurve {
    /// Removal in the order given.
    pub targeted: AblationCurve,
    /// Mean accuracy of the random orders at each point.
    pub control_mean: Vec<f64>,
    /// 5 % quantile of the random orders at each point.
    pub control_low: Vec<f64>,
    /// 95 % quantile of the random orders at each point.
    pub control_high: Vec<f64>,
    /// Area under the curve of each random order.
    pub control_areas: Vec<f64>,
    /// p that a random order hurts at least as much: (1 + areas <= targeted) / (1 + controls).
    pub p_hurts_more: f64,
}

/// Numbers of removed units at which a curve is measured: 0, then about `points` even steps, ending with all.
pub fn removal_grid(units: usize, points: usize) -> Vec<usize> {
    let points = points.clamp(1, units.max(1));
    let mut grid: Vec<usize> = (0..=points).map(|i| (i * units + points / 2) / points).collect();
    grid.dedup();
    grid
}

/// Measures removal in `order` (a permutation of the layer's units) and in `controls` random orders.
///
/// # Errors
/// If the layer does not exist, the order is not a permutation, the labels do not fit, or the user interrupts.
#[expect(clippy::too_many_arguments, reason = "an experiment has this many parts; a struct would only rename them")]
pub fn cumulative_ablation(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    layer: &str,
    order: &[usize],
    points: usize,
    controls: usize,
    manner: LesionManner,
    seed: &Seed,
    progress: &dyn Progress,
) -> Result<ControlledCurve> {
    let units = require_layer(probe, layer)?.units;
    let mut seen = order.to_vec();
    seen.sort_unstable();
    if !seen.iter().copied().eq(0..units) {
        return Err(Error::BadOrder { found: order.len(), expected: units });
    }
    let removed = removal_grid(units, points);
    let curve = |order: &[usize]| -> Result<AblationCurve> {
        let mut accuracy = Vec::with_capacity(removed.len());
        for &count in &removed {
            if progress.cancelled() {
                return Err(rheobase_core::Error::Interrupted.into());
            }
            accuracy.push(lesioned(probe, test, layer, order[..count].to_vec(), manner, seed)?.accuracy);
        }
        Ok(AblationCurve { removed: removed.clone(), accuracy })
    };
    let targeted = curve(order)?;
    let mut random = Vec::with_capacity(controls);
    for control in 0..controls {
        let mut shuffled: Vec<usize> = (0..units).collect();
        shuffled.shuffle(&mut seed.child("control").index(control).stream());
        random.push(curve(&shuffled)?);
        progress.step("random ablation orders", control + 1, controls);
    }
    let across = |summary: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
        (0..removed.len()).map(|i| summary(&random.iter().map(|c| c.accuracy[i]).collect::<Vec<_>>())).collect()
    };
    let control_areas: Vec<f64> = random.iter().map(AblationCurve::area).collect();
    let negative: Vec<f64> = control_areas.iter().map(|a| -a).collect();
    Ok(ControlledCurve {
        p_hurts_more: permutation_p(-targeted.area(), &negative),
        control_mean: across(&|v| mean(v)),
        control_low: across(&|v| quantile(v, 0.05)),
        control_high: across(&|v| quantile(v, 0.95)),
        control_areas,
        targeted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_starts_with_none_and_ends_with_all() {
        assert_eq!(removal_grid(4, 10), [0, 1, 2, 3, 4]);
        assert_eq!(removal_grid(10, 3), [0, 3, 7, 10]);
        assert_eq!(removal_grid(1, 5), [0, 1]);
    }

    #[test]
    fn the_area_of_a_straight_line_is_one_half() {
        let curve = AblationCurve { removed: vec![0, 2, 4], accuracy: vec![1.0, 0.5, 0.0] };
        assert!((curve.area() - 0.5).abs() < 1e-12);
    }
}
