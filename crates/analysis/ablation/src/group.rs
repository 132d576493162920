//! Groups of units lesioned together, each beside random groups of its size, matched on a score where one is given.
//!
//! Equivalent nowhere: lesion studies of networks usually print the accuracy alone. An effect is judged against what as many other units of
//! the same activity (or outgoing weight) do, with the same stimuli and the same noise.

use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::inference::false_discovery_rate;
use rheobase_core::statistics::{mean, permutation_p, variance};
use rheobase_core::{Lesion, LesionManner, Progress, Seed, require_layer};

use crate::effect::{Performance, TestSet, lesioned};
use crate::{Error, Result};

/// A named set of units of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Indices of its units.
    pub units: Vec<usize>,
}

/// Random groups beside a targeted one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Controls<'a> {
    /// Random groups of the same size for each group.
    pub draws: usize,
    /// Score of each unit of the layer that random groups must share (mean activity, outgoing norm): each unit is replaced by one of the
    /// units nearest in score.
    pub matched_on: Option<&'a [f64]>,
    /// Units nearest in score that a replacement is drawn from.
    pub neighbours: usize,
}

/// Effect of losing a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupEffect {
    /// Name of the group.
    pub name: String,
    /// Units lost.
    pub units: usize,
    /// Accuracy with the lesion minus intact accuracy.
    pub accuracy_change: f64,
    /// Loss with the lesion minus intact loss, in nats.
    pub loss_change_nats: f64,
    /// Change of accuracy within each class.
    pub class_accuracy_change: Vec<f64>,
    /// Loss changes of the random groups, in nats.
    pub control_loss_nats: Vec<f64>,
    /// (loss change - mean of controls) / standard deviation of controls.
    pub z: f64,
    /// p that a random group raises the loss at least as much.
    pub p_hurts_more: f64,
    /// The same, corrected over the groups (Benjamini & Hochberg).
    pub q_hurts_more: f64,
}

/// Lesions each group of a layer; all lesions share one noise seed, so that differences are paired.
///
/// # Errors
/// If the layer or a unit does not exist, a group is empty, scores do not fit, labels do not fit, or the user interrupts.
pub fn group_effects(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    (layer, groups): (&str, &[Group]),
    manner: LesionManner,
    controls: Controls<'_>,
    seed: &Seed,
    progress: &dyn Progress,
) -> Result<(Performance, Vec<GroupEffect>)> {
    let units = require_layer(probe, layer)?.units;
    if let Some(scores) = controls.matched_on
        && scores.len() != units
    {
        return Err(Error::BadOrder { found: scores.len(), expected: units });
    }
    let intact = lesioned(probe, test, layer, vec![], manner, seed)?;
    let mut effects = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        if group.units.is_empty() || group.units.iter().any(|u| *u >= units) {
            return Err(Error::BadOrder { found: group.units.len(), expected: units });
        }
        let hurt = lesioned(probe, test, layer, group.units.clone(), manner, seed)?;
        let loss_change_nats = hurt.loss_nats - intact.loss_nats;
        let mut control_loss_nats = Vec::with_capacity(controls.draws);
        for draw in 0..controls.draws {
            if progress.cancelled() {
                return Err(rheobase_core::Error::Interrupted.into());
            }
            let own = random_group(&group.units, units, controls, &seed.child("group").index(index).index(draw));
            control_loss_nats.push(lesioned(probe, test, layer, own, manner, seed)?.loss_nats - intact.loss_nats);
        }
        let sd = variance(&control_loss_nats, 0).sqrt();
        effects.push(GroupEffect {
            name: group.name.clone(),
            units: group.units.len(),
            accuracy_change: hurt.accuracy - intact.accuracy,
            loss_change_nats,
            class_accuracy_change: hurt.class_accuracy.iter().zip(&intact.class_accuracy).map(|(h, i)| h - i).collect(),
            z: if sd > 0.0 { (loss_change_nats - mean(&control_loss_nats)) / sd } else { f64::NAN },
            p_hurts_more: permutation_p(loss_change_nats, &control_loss_nats),
            q_hurts_more: f64::NAN,
            control_loss_nats,
        });
        progress.step("groups", index + 1, groups.len());
    }
    let q = false_discovery_rate(&effects.iter().map(|e| e.p_hurts_more).collect::<Vec<_>>());
    effects.iter_mut().zip(q).for_each(|(e, q)| e.q_hurts_more = q);
    Ok((intact, effects))
}

fn random_group(group: &[usize], units: usize, controls: Controls<'_>, seed: &Seed) -> Vec<usize> {
    let mut stream = seed.stream();
    let Some(scores) = controls.matched_on else {
        let mut all: Vec<usize> = (0..units).collect();
        all.shuffle(&mut stream);
        all.truncate(group.len());
        return all;
    };
    let mut taken = vec![false; units];
    group
        .iter()
        .map(|&unit| {
            let mut free: Vec<usize> = (0..units).filter(|u| !taken[*u]).collect();
            free.sort_by(|&a, &b| (scores[a] - scores[unit]).abs().total_cmp(&(scores[b] - scores[unit]).abs()));
            let chosen = free[stream.random_range(0..controls.neighbours.clamp(1, free.len()))];
            taken[chosen] = true;
            chosen
        })
        .collect()
}

/// Every layer but the last silenced (or otherwise lesioned) whole: name, accuracy change, loss change in nats.
///
/// # Errors
/// If labels do not fit or the user interrupts.
pub fn layer_effects(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    manner: LesionManner,
    seed: &Seed,
    progress: &dyn Progress,
) -> Result<Vec<(String, f64, f64)>> {
    let layers = probe.layers();
    let Some((_, hidden)) = layers.split_last() else { return Ok(vec![]) };
    let mut effects = Vec::new();
    for (index, layer) in hidden.iter().enumerate() {
        if progress.cancelled() {
            return Err(rheobase_core::Error::Interrupted.into());
        }
        let intact = lesioned(probe, test, &layer.name, vec![], manner, seed)?;
        let hurt = lesioned(probe, test, &layer.name, (0..layer.units).collect(), manner, seed)?;
        effects.push((layer.name.clone(), hurt.accuracy - intact.accuracy, hurt.loss_nats - intact.loss_nats));
        progress.step("layers", index + 1, hidden.len());
    }
    Ok(effects)
}
