//! The leaky integrate-and-fire neuron (Lapicque 1907; Abbott 1999 Brain Res Bull 50:303).
//!
//! tau v' = V_rest - v + RI; at the threshold v goes to the reset and stays there for the refractory time. Between spikes the
//! solution is exact for an input that is constant within a step. Its rate under a constant input is
//! 1 / (t_ref + tau ln((RI + V_rest - V_reset) / (RI + V_rest - V_threshold))).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{POSITIVE, Result, require_range};

/// Parameters; the defaults are those of Brunel 2000 with the rest at 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lif {
    /// Membrane time constant in ms.
    pub tau_ms: f64,
    /// Resting potential in mV.
    pub rest_mv: f64,
    /// Threshold in mV.
    pub threshold_mv: f64,
    /// Reset in mV.
    pub reset_mv: f64,
    /// Refractory time in ms.
    pub refractory_ms: f64,
    /// Constant input RI in mV.
    pub drive_mv: f64,
}

impl Default for Lif {
    fn default() -> Self {
        Self { tau_ms: 20.0, rest_mv: 0.0, threshold_mv: 20.0, reset_mv: 10.0, refractory_ms: 2.0, drive_mv: 0.0 }
    }
}

impl Lif {
    /// Rate in Hz under a constant input in mV (closed form); 0 at or below threshold.
    pub fn rate_hz(&self, input_mv: f64) -> f64 {
        let above = |v: f64| input_mv + self.rest_mv - v;
        if above(self.threshold_mv) <= 0.0 {
            return 0.0;
        }
        1000.0 / (self.refractory_ms + self.tau_ms * (above(self.reset_mv) / above(self.threshold_mv)).ln())
    }

    /// Refuses time constants that are not positive and a reset at or above the threshold.
    ///
    /// # Errors
    /// Naming population and parameter.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("tau_ms of {what}"), self.tau_ms, POSITIVE, 1e9)?;
        require_range(format!("refractory_ms of {what}"), self.refractory_ms, 0.0, 1e9)?;
        for (name, value) in [
            ("rest_mv", self.rest_mv),
            ("threshold_mv", self.threshold_mv),
            ("reset_mv", self.reset_mv),
            ("drive_mv", self.drive_mv),
        ] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        if self.reset_mv >= self.threshold_mv {
            let (reset, threshold) = (self.reset_mv, self.threshold_mv);
            return Err(Error::Description(format!(
                "reset_mv of {what} is {reset}, not below its threshold of {threshold}: it would spike for ever"
            )));
        }
        Ok(())
    }
}

/// One leaky neuron under an input over time.
#[derive(Debug, Clone, Copy)]
pub struct LifState {
    /// Voltage in mV.
    pub v: f64,
    refractory_ms: f64,
}

impl LifState {
    /// At rest.
    pub fn at_rest(lif: &Lif) -> Self {
        Self { v: lif.rest_mv, refractory_ms: 0.0 }
    }

    /// A step under an input in mV; true for a spike.
    pub fn step(&mut self, lif: &Lif, dt_ms: f64, input_mv: f64) -> bool {
        if self.refractory_ms > 0.5 * dt_ms {
            self.refractory_ms -= dt_ms;
            return false;
        }
        let target = lif.rest_mv + lif.drive_mv + input_mv;
        self.v = target + (self.v - target) * (-dt_ms / lif.tau_ms).exp();
        let fires = self.v >= lif.threshold_mv;
        if fires {
            self.v = lif.reset_mv;
            self.refractory_ms = lif.refractory_ms;
        }
        fires
    }
}
