//! Adaptive exponential integrate-and-fire (Brette & Gerstner 2005 J Neurophysiol 94:3637).
//!
//! C v' = g_L (E_L - v) + g_L D e^((v - V_T) / D) - w + I, tau_w w' = a (v - E_L) - w; at the peak v = V_r, w += b. With
//! a = b = 0 it is the exponential integrate-and-fire neuron (Fourcaud-Trocme et al. 2003).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Input, PointNeuron, STATES};
use crate::Float;
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
    /// Time at the reset after a spike in ms.
    pub refractory_ms: f64,
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
            refractory_ms: 0.0,
        }
    }
}

impl PointNeuron for Adaptive {
    const SLOW: usize = 1;

    fn start(&self) -> [f64; STATES] {
        [self.rest_mv, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn advance<F: Float>(&self, [v, w, y, z]: [F; STATES], input: Input<F>, dt_ms: F) -> [F; STATES] {
        let of = F::of;
        // Beyond the peak the upstroke is over; the cut keeps a large step finite.
        let (cut, rest) = (of(self.peak_mv + 10.0), of(self.rest_mv));
        let upstroke = ((if v < cut { v } else { cut } - of(self.threshold_mv)) / of(self.slope_mv)).exp();
        let leak = of(self.g_leak_ns) * (rest - v + of(self.slope_mv) * upstroke);
        let rise = (leak - w + input.at(v)) / of(self.c_pf);
        [v + dt_ms * rise, w + dt_ms * ((of(self.a_ns) * (v - rest) - w) / of(self.tau_w_ms)), y, z]
    }

    fn peak_mv(&self) -> f64 {
        self.peak_mv
    }

    fn reset(&self, [_, w, y, z]: [f64; STATES]) -> [f64; STATES] {
        [self.reset_mv, w + self.b_pa, y, z]
    }

    fn refractory_ms(&self) -> f64 {
        self.refractory_ms
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
        require_range(format!("refractory_ms of {what}"), self.refractory_ms, 0.0, 1e9)?;
        require_range(format!("reset_mv of {what}"), self.reset_mv, -1e6, self.peak_mv - 1e-3)?;
        Ok(())
    }
}
