//! Izhikevich's simple models (2003 IEEE Trans Neural Netw 14:1569; 2007 Dynamical Systems in Neuroscience).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Input, PointNeuron, STATES};
use crate::Float;
use crate::error::{POSITIVE, Result, require_range};

/// v' = .04 v^2 + 5 v + 140 - u + I, u' = a (b v - u); at 30 mV v = c, u += d. The default spikes regularly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Izhikevich2003 {
    /// Rate of recovery in 1/ms.
    pub a: f64,
    /// Sensitivity of recovery.
    pub b: f64,
    /// Reset in mV.
    pub c: f64,
    /// Jump of recovery at a spike.
    pub d: f64,
}

impl Default for Izhikevich2003 {
    fn default() -> Self {
        Self { a: 0.02, b: 0.2, c: -65.0, d: 8.0 }
    }
}

impl PointNeuron for Izhikevich2003 {
    const SLOW: usize = 1;

    fn start(&self) -> [f64; STATES] {
        [-65.0, -65.0 * self.b, 0.0, 0.0]
    }

    #[inline(always)]
    fn advance<F: Float>(&self, [v, u, y, z]: [F; STATES], input: Input<F>, dt_ms: F) -> [F; STATES] {
        let of = F::of;
        let rise = of(0.04) * v * v + of(5.0) * v + of(140.0) - u + input.at(v);
        [v + dt_ms * rise, u + dt_ms * (of(self.a) * (of(self.b) * v - u)), y, z]
    }

    fn peak_mv(&self) -> f64 {
        30.0
    }

    fn reset(&self, [_, u, y, z]: [f64; STATES]) -> [f64; STATES] {
        [self.c, u + self.d, y, z]
    }

    fn check(&self, what: &str) -> Result<()> {
        for (name, value) in [("a", self.a), ("b", self.b), ("d", self.d)] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        require_range(format!("c of {what}"), self.c, -1e6, 29.999)?;
        Ok(())
    }
}

/// C v' = k (v - v_r)(v - v_t) - u + I, u' = a (b (v - v_r) - u). The default spikes regularly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Izhikevich2007 {
    /// Capacitance in pF.
    pub c_pf: f64,
    /// k.
    pub k: f64,
    /// Resting potential in mV.
    pub rest_mv: f64,
    /// Instantaneous threshold in mV.
    pub threshold_mv: f64,
    /// Peak in mV.
    pub peak_mv: f64,
    /// Rate of recovery in 1/ms.
    pub a: f64,
    /// Sensitivity of recovery.
    pub b: f64,
    /// Reset in mV.
    pub reset_mv: f64,
    /// Jump of recovery at a spike in pA.
    pub d_pa: f64,
}

impl Default for Izhikevich2007 {
    fn default() -> Self {
        Self {
            c_pf: 100.0,
            k: 0.7,
            rest_mv: -60.0,
            threshold_mv: -40.0,
            peak_mv: 35.0,
            a: 0.03,
            b: -2.0,
            reset_mv: -50.0,
            d_pa: 100.0,
        }
    }
}

impl PointNeuron for Izhikevich2007 {
    const SLOW: usize = 1;

    fn start(&self) -> [f64; STATES] {
        [self.rest_mv, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn advance<F: Float>(&self, [v, u, y, z]: [F; STATES], input: Input<F>, dt_ms: F) -> [F; STATES] {
        let (above, of) = (v - F::of(self.rest_mv), F::of);
        let pull = of(self.k) * above * (v - of(self.threshold_mv));
        let rise = (pull - u + input.at(v)) / of(self.c_pf);
        [v + dt_ms * rise, u + dt_ms * (of(self.a) * (of(self.b) * above - u)), y, z]
    }

    fn peak_mv(&self) -> f64 {
        self.peak_mv
    }

    fn reset(&self, [_, u, y, z]: [f64; STATES]) -> [f64; STATES] {
        [self.reset_mv, u + self.d_pa, y, z]
    }

    fn check(&self, what: &str) -> Result<()> {
        require_range(format!("c_pf of {what}"), self.c_pf, POSITIVE, 1e9)?;
        for (name, value) in
            [("k", self.k), ("rest_mv", self.rest_mv), ("threshold_mv", self.threshold_mv), ("a", self.a)]
        {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        require_range(format!("reset_mv of {what}"), self.reset_mv, -1e6, self.peak_mv - 1e-3)?;
        Ok(())
    }
}
