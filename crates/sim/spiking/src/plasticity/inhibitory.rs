//! Inhibitory plasticity towards a rate (Vogels, Sprekeler, Zenke, Clopath & Gerstner 2011 Science 334:1569).
//!
//! At a presynaptic spike dw = eta (y - 2 rho tau), at a postsynaptic one dw = eta x, with traces of the same time constant tau.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inhibitory {
    /// Learning rate eta in units of the largest weight.
    pub rate: f64,
    /// Target rho in Hz.
    pub target_hz: f64,
    /// Time constant in ms.
    pub tau_ms: f64,
}

impl Default for Inhibitory {
    fn default() -> Self {
        Self { rate: 0.001, target_hz: 5.0, tau_ms: 20.0 }
    }
}

impl Inhibitory {
    #[inline(always)]
    pub(crate) fn at_pre(&self, y: f64) -> f64 {
        self.rate * (y - 2.0 * self.target_hz * 1e-3 * self.tau_ms)
    }

    /// Refuses time constants and targets that are not positive.
    ///
    /// # Errors
    /// Naming the projection.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("tau_ms of {what}"), self.tau_ms, POSITIVE, 1e12)?;
        require_range(format!("target_hz of {what}"), self.target_hz, POSITIVE, 1e6)?;
        require_range(format!("rate of {what}"), self.rate, -1e6, 1e6).map(|_| ())
    }
}
