//! Anything you can show stimuli to and record from: a network, a surrogate, a simulated cell, a recording.

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
