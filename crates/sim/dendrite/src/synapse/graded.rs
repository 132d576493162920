//! Release without spikes: the conductance follows the presynaptic voltage.

use serde::{Deserialize, Serialize};

/// s' = (logistic((V_pre - half) / slope) - s) / tau; conductance g s at the postsynaptic compartment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradedSynapse {
    /// Presynaptic voltage of half release in mV.
    pub half_mv: f64,
    /// Slope of release in mV.
    pub slope_mv: f64,
    /// Time constant in ms.
    pub tau_ms: f64,
    /// Largest conductance in nS.
    pub g_ns: f64,
    /// Reversal potential in mV.
    pub e_mv: f64,
}
