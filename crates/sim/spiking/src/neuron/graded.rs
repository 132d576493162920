//! A neuron that does not spike: it releases transmitter all the time, the more the more it is depolarised.
//!
//! tau v' = V_rest - v + I; in each step h it sends every target its weight times h / (1 + e^(-(v - V_half) / s)) (h in ms).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Lif;
use crate::error::{POSITIVE, Result, require_range};

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Graded {
    /// Time constant in ms.
    pub tau_ms: f64,
    /// Resting potential in mV.
    pub rest_mv: f64,
    /// Constant input RI in mV.
    pub drive_mv: f64,
    /// Voltage of half the greatest release in mV.
    pub half_mv: f64,
    /// Steepness of the release in mV.
    pub slope_mv: f64,
}

impl Default for Graded {
    fn default() -> Self {
        Self { tau_ms: 20.0, rest_mv: -60.0, drive_mv: 0.0, half_mv: -45.0, slope_mv: 5.0 }
    }
}

impl Graded {
    /// Its membrane, which never reaches a threshold.
    pub(crate) fn membrane(&self) -> Lif {
        Lif {
            tau_ms: self.tau_ms,
            rest_mv: self.rest_mv,
            drive_mv: self.drive_mv,
            threshold_mv: f64::MAX,
            reset_mv: self.rest_mv,
            refractory_ms: 0.0,
        }
    }

    /// Release at a voltage, from 0 to 1.
    pub fn release(&self, v_mv: f64) -> f64 {
        rheobase_core::math::logistic((v_mv - self.half_mv) / self.slope_mv)
    }

    /// Refuses time constants and slopes that are not positive.
    ///
    /// # Errors
    /// Naming population and parameter.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("tau_ms of {what}"), self.tau_ms, POSITIVE, 1e9)?;
        require_range(format!("slope_mv of {what}"), self.slope_mv, POSITIVE, 1e9)?;
        for (name, value) in [("rest_mv", self.rest_mv), ("drive_mv", self.drive_mv), ("half_mv", self.half_mv)] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        Ok(())
    }
}
