//! Anything you can show stimuli to and record from: a network, a surrogate, a simulated cell, a recording.

use std::ops::Range;

use crate::{Activity, Error, Result, Stimulus};

/// One recordable population of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Name used to address the layer.
    pub name: String,
    /// Number of units.
    pub units: usize,
}

/// A system under study.
pub trait Probe: Send + Sync {
    /// Spatial shape of one stimulus frame, for example `[rows, columns]`.
    fn stimulus_shape(&self) -> Vec<usize>;

    /// The populations one can record from, from input to output.
    fn layers(&self) -> Vec<LayerInfo>;

    /// Shows the stimulus and records one layer: one condition per frame, one time point.
    ///
    /// # Errors
    /// If the layer does not exist or the frames do not fit the probe.
    fn record(&self, stimulus: &Stimulus, layer: &str) -> Result<Activity>;

    /// The part of a frame that can reach a unit, as ranges of rows and columns; `None` where it is the whole frame or not known.
    fn input_window(&self, layer: &str, unit: usize) -> Option<[Range<usize>; 2]> {
        let _ = (layer, unit);
        None
    }

    /// Units that stand for a layer when one place of it is enough: for a map of repeated filters one unit of each filter, near
    /// the middle of the frame; otherwise all units.
    ///
    /// # Errors
    /// If the layer does not exist.
    fn representative_units(&self, layer: &str) -> Result<Vec<usize>> {
        Ok((0..require_layer(self, layer)?.units).collect())
    }
}

/// Finds a layer by name.
///
/// # Errors
/// [`Error::UnknownLayer`] that lists the layers that exist.
pub fn require_layer(probe: &(impl Probe + ?Sized), layer: &str) -> Result<LayerInfo> {
    let layers = probe.layers();
    layers.iter().find(|known| known.name == layer).cloned().ok_or_else(|| Error::UnknownLayer {
        found: layer.to_owned(),
        known: layers.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}
