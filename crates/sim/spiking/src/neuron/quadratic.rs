//! Quadratic integrate-and-fire: the normal form of a saddle-node bifurcation (Ermentrout & Kopell 1986).
//!
//! tau v' = (v - V_rest)(v - V_t) / s + I with a scale s = 1 mV.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Input, PointNeuron, STATES};
use crate::Float;
use crate::error::{POSITIVE, Result, require_range};

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quadratic {
    /// Time constant in ms.
    pub tau_ms: f64,
    /// Resting potential in mV.
    pub rest_mv: f64,
    /// Threshold in mV.
    pub threshold_mv: f64,
    /// Peak in mV.
    pub peak_mv: f64,
    /// Reset in mV.
    pub reset_mv: f64,
}

impl Default for Quadratic {
    fn default() -> Self {
        Self { tau_ms: 10.0, rest_mv: -65.0, threshold_mv: -50.0, peak_mv: 0.0, reset_mv: -100.0 }
    }
}

impl PointNeuron for Quadratic {
    const SLOW: usize = 0;

    fn start(&self) -> [f64; STATES] {
        [self.rest_mv, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn advance<F: Float>(&self, [v, x, y, z]: [F; STATES], input: Input<F>, dt_ms: F) -> [F; STATES] {
        let pull = (v - F::of(self.rest_mv)) * (v - F::of(self.threshold_mv));
        [v + dt_ms * ((pull + input.at(v)) / F::of(self.tau_ms)), x, y, z]
    }

    fn peak_mv(&self) -> f64 {
        self.peak_mv
    }

    fn reset(&self, [_, x, y, z]: [f64; STATES]) -> [f64; STATES] {
        [self.reset_mv, x, y, z]
    }

    fn check(&self, what: &str) -> Result<()> {
        require_range(format!("tau_ms of {what}"), self.tau_ms, POSITIVE, 1e9)?;
        for (name, value) in [("rest_mv", self.rest_mv), ("threshold_mv", self.threshold_mv)] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        require_range(format!("reset_mv of {what}"), self.reset_mv, -1e6, self.peak_mv - 1e-3)?;
        Ok(())
    }
}
