//! Which units matter together? Shapley values by sampled orders, and pairwise interactions.
//!
//! Single lesions miss redundancy: of two units that do the same, neither matters alone. The Shapley value of a player (a unit, a group) is
//! its mean contribution to the performance over all orders in which players can join (Shapley 1953; Castro et al. 2009 for sampling).

use rand::seq::SliceRandom;
use rheobase_core::inference::t_interval;
use rheobase_core::statistics::mean;
use rheobase_core::{Interval, Lesion, LesionManner, Progress, Seed, require_layer};

use crate::effect::{TestSet, lesioned};
use crate::group::Group;
use crate::{Error, Result};

/// Shapley values of all players.
#[derive(Debug, Clone, PartialEq)]
pub struct Shapley {
    /// Mean contribution of each player: loss taken away by its joining, in nats. They sum to the loss with all players lost minus the
    /// intact loss, exactly, whatever the number of orders.
    pub values_nats: Vec<f64>,
    /// 95 % interval of each over orders (Student's t); `None` for fewer than 2 orders.
    pub intervals: Vec<Option<Interval>>,
    /// Loss with all players lost minus intact loss, in nats.
    pub total_nats: f64,
}

/// Samples `orders` orders (each used forwards and backwards, which halves the variance of nearly additive networks).
///
/// # Errors
/// If the layer or a unit does not exist, there is no player or order, labels do not fit, or the user interrupts.
pub fn shapley_values(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    (layer, players): (&str, &[Group]),
    manner: LesionManner,
    orders: usize,
    seed: &Seed,
    progress: &dyn Progress,
) -> Result<Shapley> {
    let units = require_layer(probe, layer)?.units;
    if players.is_empty() || orders == 0 || players.iter().flat_map(|p| &p.units).any(|u| *u >= units) {
        return Err(Error::BadOrder { found: players.len(), expected: units });
    }
    let loss = |lost: &[bool]| -> Result<f64> {
        let mut gone: Vec<usize> =
            players.iter().zip(lost).filter(|(_, l)| **l).flat_map(|(p, _)| p.units.iter().copied()).collect();
        gone.sort_unstable();
        gone.dedup();
        Ok(lesioned(probe, test, layer, gone, manner, seed)?.loss_nats)
    };
    let (intact, empty) = (loss(&vec![false; players.len()])?, loss(&vec![true; players.len()])?);
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); players.len()];
    for draw in 0..orders {
        let mut order: Vec<usize> = (0..players.len()).collect();
        order.shuffle(&mut seed.child("order").index(draw).stream());
        let mut sums = vec![0.0; players.len()];
        for backwards in [false, true] {
            if backwards {
                order.reverse();
            }
            let mut lost = vec![true; players.len()];
            let mut before = empty;
            for (place, &player) in order.iter().enumerate() {
                if progress.cancelled() {
                    return Err(rheobase_core::Error::Interrupted.into());
                }
                lost[player] = false;
                let after = if place + 1 == order.len() { intact } else { loss(&lost)? };
                sums[player] += 0.5 * (before - after);
                before = after;
            }
        }
        samples.iter_mut().zip(sums).for_each(|(s, v)| s.push(v));
        progress.step("orders", draw + 1, orders);
    }
    Ok(Shapley {
        values_nats: samples.iter().map(|s| mean(s)).collect(),
        intervals: samples.iter().map(|s| t_interval(s)).collect(),
        total_nats: empty - intact,
    })
}

/// Effect of losing two groups together beyond the sum of losing each, in nats of loss: above 0 for redundancy (either can stand in for the
/// other), below 0 for synergy, 0 for an additive network. All lesions share one noise seed.
///
/// # Errors
/// As for [`shapley_values`].
pub fn pair_interaction(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    layer: &str,
    (a, b): (&[usize], &[usize]),
    manner: LesionManner,
    seed: &Seed,
) -> Result<f64> {
    let loss = |units: Vec<usize>| -> Result<f64> { Ok(lesioned(probe, test, layer, units, manner, seed)?.loss_nats) };
    let intact = loss(vec![])?;
    let mut both = [a, b].concat();
    both.sort_unstable();
    both.dedup();
    Ok((loss(both)? - intact) - (loss(a.to_vec())? - intact) - (loss(b.to_vec())? - intact))
}
