//! A network that is one matrix.

use ndarray::Array2;
use rheobase_core::{
    Activity, LayerInfo, Lesion, LesionManner, LesionTarget, Probe, Result, Seed, Stimulus, require_layer,
};

/// y = W h with h = the stimulus itself.
pub struct Linear {
    /// Weights, (outputs, hidden units).
    pub w: Array2<f64>,
}

impl Probe for Linear {
    fn stimulus_shape(&self) -> Vec<usize> {
        vec![self.w.ncols()]
    }
    fn layers(&self) -> Vec<LayerInfo> {
        vec![
            LayerInfo { name: "hidden".into(), units: self.w.ncols() },
            LayerInfo { name: "output".into(), units: self.w.nrows() },
        ]
    }
    fn record(&self, stimulus: &Stimulus, layer: &str) -> Result<Activity> {
        require_layer(self, layer)?;
        Activity::from_static(if layer == "hidden" {
            stimulus.frames().clone()
        } else {
            stimulus.frames().dot(&self.w.t())
        })
    }
}

impl Lesion for Linear {
    fn output_with_lesion(
        &self,
        stimulus: &Stimulus,
        target: &LesionTarget,
        manner: LesionManner,
        _seed: &Seed,
    ) -> Result<Activity> {
        require_layer(self, &target.layer)?;
        let mut hidden = stimulus.frames().clone();
        for &unit in &target.units {
            let mean = hidden.column(unit).mean().unwrap();
            hidden.column_mut(unit).fill(if manner == LesionManner::ClampToMean { mean } else { 0.0 });
        }
        Activity::from_static(hidden.dot(&self.w.t()))
    }
}
