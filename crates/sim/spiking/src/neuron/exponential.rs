//! Adaptive exponential integrate-and-fire (Brette & Gerstner 2005 J Neurophysiol 94:3637).
//!
//! C v' = g_L (E_L - v) + g_L D e^((v - V_T) / D) - w + I, tau_w w' = a (v - E_L) - w; at the peak v = V_r, w += b. With
//! a = b = 0 it is the exponential integrate-and-fire neuron (Fourcaud-Trocme et al. 2003).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PointNeuron;
use crate::error::{POSITIVE, Result, require_range};

/// Parameters; the defaults are those of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptive {
    /// Capacitance in pF.
    pub c_pf: f64,
    /// Leak in nS.
    pub g_leak_ns: f64,
    /// Resting potential in mV.
    pub rest_mv: f64,
    /// Threshold of the upstroke in mV.
    pub threshold_mv: f64,
    /// Slope factor in mV.
    pub slope_mv: f64,
    /// Time constant of adaptation in ms.
    pub tau_w_ms: f64,
    /// Adaptation by voltage in nS.
    pub a_ns: f64,
    /// Adaptation by a spike in pA.
    pub b_pa: f64,
    /// Reset in mV.
    pub reset_mv: f64,
    /// Voltage at which a spike is counted, in mV.
    pub peak_mv: f64,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            c_pf: 281.0,
            g_leak_ns: 30.0,
            rest_mv: -70.6,
            threshold_mv: -50.4,
            slope_mv: 2.0,
            tau_w_ms: 144.0,
            a_ns: 4.0,
            b_pa: 80.5,
            reset_mv: -70.6,
            peak_mv: 0.0,
        }
    }
}

impl PointNeuron for Adaptive {
    fn start(&self) -> [f64; 2] {
        [self.rest_mv, 0.0]
    }

    fn rates(&self, [v, w]: [f64; 2], current: f64) -> [f64; 2] {
        // Beyond the peak the upstroke is over; the cut keeps a large step finite.
        let upstroke = rheobase_core::math::exp((v.min(self.peak_mv + 10.0) - self.threshold_mv) / self.slope_mv);
        let leak = self.g_leak_ns * (self.rest_mv - v + self.slope_mv * upstroke);
        [(leak - w + current) / self.c_pf, (self.a_ns * (v - self.rest_mv) - w) / self.tau_w_ms]
    }

    fn peak_mv(&self) -> f64 {
        self.peak_mv
    }

    fn reset(&self, [_, w]: [f64; 2]) -> [f64; 2] {
        [self.reset_mv, w + self.b_pa]
    }

    fn check(&self, what: &str) -> Result<()> {
        for (name, value) in [
            ("c_pf", self.c_pf),
            ("g_leak_ns", self.g_leak_ns),
            ("slope_mv", self.slope_mv),
            ("tau_w_ms", self.tau_w_ms),
        ] {
            require_range(format!("{name} of {what}"), value, POSITIVE, 1e9)?;
        }
        for (name, value) in [("rest_mv", self.rest_mv), ("threshold_mv", self.threshold_mv), ("a_ns", self.a_ns)] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        require_range(format!("reset_mv of {what}"), self.reset_mv, -1e6, self.peak_mv - 1e-3)?;
        Ok(())
    }
}
