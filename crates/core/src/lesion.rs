//! A probe that can return itself with units silenced, clamped, noised or permuted.

use crate::{Activity, Probe, Result, Seed, Stimulus};

/// What is done to the units of a lesion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LesionManner {
    /// The activity is set to zero.
    Silence,
    /// The activity is set to each unit's mean over the shown stimuli.
    ClampToMean,
    /// Gaussian noise is added, with this many standard deviations of each unit's own activity.
    Noise {
        /// Standard deviations of the unit's activity over the shown stimuli.
        relative_sd: f64,
    },
    /// Each unit's responses are permuted over the shown stimuli.
    Permute,
}

/// Which units are lesioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LesionTarget {
    /// Name of the layer.
    pub layer: String,
    /// Indices of the units in that layer.
    pub units: Vec<usize>,
}

/// A probe with an output that lesions can change.
pub trait Lesion: Probe {
    /// Shows the stimulus while the target is lesioned; returns the output layer's activity.
    ///
    /// `seed` decides noise and permutations; the same seed gives the same lesion. An empty target is the intact probe.
    ///
    /// # Errors
    /// If the layer or a unit does not exist.
    fn output_with_lesion(
        &self,
        stimulus: &Stimulus,
        target: &LesionTarget,
        manner: LesionManner,
        seed: &Seed,
    ) -> Result<Activity>;
}
