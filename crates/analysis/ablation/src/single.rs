//! Every unit of a layer lesioned in turn.

use rheobase_core::{Lesion, LesionManner, Progress, Seed, require_layer};

use crate::Result;
use crate::effect::{Performance, TestSet, lesioned};

/// Effect of losing one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitEffect {
    /// Index of the unit in its layer.
    pub unit: usize,
    /// Accuracy with the lesion minus intact accuracy (negative: the unit helped).
    pub accuracy_change: f64,
    /// Loss with the lesion minus intact loss, in nats (positive: the unit helped).
    pub loss_change_nats: f64,
    /// Change of accuracy within each class.
    pub class_accuracy_change: Vec<f64>,
}

/// The intact performance and the effect of each unit, in unit order; all lesions share one noise seed.
///
/// # Errors
/// If the layer does not exist, the labels do not fit, or the user interrupts.
pub fn single_unit_effects(
    probe: &dyn Lesion,
    test: TestSet<'_>,
    layer: &str,
    manner: LesionManner,
    seed: &Seed,
    progress: &dyn Progress,
) -> Result<(Performance, Vec<UnitEffect>)> {
    let units = require_layer(probe, layer)?.units;
    let intact = lesioned(probe, test, layer, vec![], manner, seed)?;
    let mut effects = Vec::with_capacity(units);
    for unit in 0..units {
        if progress.cancelled() {
            return Err(rheobase_core::Error::Interrupted.into());
        }
        let hurt = lesioned(probe, test, layer, vec![unit], manner, seed)?;
        effects.push(UnitEffect {
            unit,
            accuracy_change: hurt.accuracy - intact.accuracy,
            loss_change_nats: hurt.loss_nats - intact.loss_nats,
            class_accuracy_change: hurt.class_accuracy.iter().zip(&intact.class_accuracy).map(|(h, i)| h - i).collect(),
        });
        progress.step("single-unit lesions", unit + 1, units);
    }
    Ok((intact, effects))
}
