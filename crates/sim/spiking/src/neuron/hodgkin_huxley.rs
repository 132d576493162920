//! A Hodgkin-Huxley neuron with the kinetics of Traub & Miles 1991, as in Brette et al. 2007 J Comput Neurosci 23:349.
//!
//! C v' = g_L (E_L - v) + g_Na m^3 h (E_Na - v) + g_K n^4 (E_K - v) + I. With u = v - V_T: a_m = .32 (13 - u) / (e^((13 - u) / 4) - 1),
//! b_m = .28 (u - 40) / (e^((u - 40) / 5) - 1), a_h = .128 e^((17 - u) / 18), b_h = 4 / (1 + e^((40 - u) / 5)),
//! a_n = .032 (15 - u) / (e^((15 - u) / 5) - 1), b_n = .5 e^((10 - u) / 40). Each step is exact for rates and conductances that stay
//! (exponential Euler); gates first, so that they stand half a step before the voltages, which makes the step of second order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Input, PointNeuron, STATES};
use crate::Float;
use crate::error::{POSITIVE, Result, require_range};

/// Parameters; the defaults are those of Brette et al. 2007.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HodgkinHuxley {
    /// Capacitance in pF.
    pub c_pf: f64,
    /// Leak in nS.
    pub g_leak_ns: f64,
    /// Reversal potential of the leak in mV.
    pub rest_mv: f64,
    /// Sodium conductance in nS.
    pub g_sodium_ns: f64,
    /// Potassium conductance in nS.
    pub g_potassium_ns: f64,
    /// Sodium's reversal potential in mV.
    pub e_sodium_mv: f64,
    /// Potassium's reversal potential in mV.
    pub e_potassium_mv: f64,
    /// V_T in mV.
    pub shift_mv: f64,
    /// Voltage above which a spike is counted, in mV.
    pub peak_mv: f64,
    /// Time after a spike in which none is counted, in ms.
    pub refractory_ms: f64,
    /// Constant current in pA.
    pub drive_pa: f64,
}

impl Default for HodgkinHuxley {
    fn default() -> Self {
        Self {
            c_pf: 200.0,
            g_leak_ns: 10.0,
            rest_mv: -60.0,
            g_sodium_ns: 20_000.0,
            g_potassium_ns: 6000.0,
            e_sodium_mv: 50.0,
            e_potassium_mv: -90.0,
            shift_mv: -63.0,
            peak_mv: -20.0,
            refractory_ms: 3.0,
            drive_pa: 0.0,
        }
    }
}

/// x / (1 - e^-x), guarded at 0.
#[inline(always)]
fn linoid<F: Float>(x: F) -> F {
    let near = x < F::of(1e-3) && x > F::of(-1e-3);
    let safe = if near { F::of(1.0) } else { x };
    let exact = safe / (F::of(1.0) - (-safe).exp());
    if near { F::of(1.0) + x * F::of(0.5) } else { exact }
}

/// A gate after a step under constant rates.
#[inline(always)]
fn gate<F: Float>(x: F, opening: F, closing: F, dt_ms: F) -> F {
    let sum = opening + closing;
    let target = opening / sum;
    (x - target).mul_add((-(sum * dt_ms)).exp(), target)
}

impl PointNeuron for HodgkinHuxley {
    const SLOW: usize = 3;

    fn start(&self) -> [f64; STATES] {
        [self.rest_mv, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn advance<F: Float>(&self, [v, m, h, n]: [F; STATES], input: Input<F>, dt_ms: F) -> [F; STATES] {
        let (of, u) = (F::of, v - F::of(self.shift_mv));
        let scaled = |at: f64, width: f64| (u - of(at)) * of(1.0 / width);
        let m = gate(m, of(1.28) * linoid(scaled(13.0, 4.0)), of(1.4) * linoid(-scaled(40.0, 5.0)), dt_ms);
        let h =
            gate(h, of(0.128) * (-scaled(17.0, 18.0)).exp(), of(4.0) / (of(1.0) + (-scaled(40.0, 5.0)).exp()), dt_ms);
        let n = gate(n, of(0.16) * linoid(scaled(15.0, 5.0)), of(0.5) * (-scaled(10.0, 40.0)).exp(), dt_ms);
        let sodium = of(self.g_sodium_ns) * m * m * m * h;
        let potassium = of(self.g_potassium_ns) * n * n * n * n;
        let total = of(self.g_leak_ns) + sodium + potassium + input.conductance;
        let pull = of(self.g_leak_ns * self.rest_mv + self.drive_pa)
            + sodium * of(self.e_sodium_mv)
            + potassium * of(self.e_potassium_mv)
            + input.pull
            + input.current;
        let target = pull / total;
        let moved = (v - target).mul_add((-(total * dt_ms * of(1.0 / self.c_pf))).exp(), target);
        [moved, m, h, n]
    }

    fn peak_mv(&self) -> f64 {
        self.peak_mv
    }

    fn reset(&self, state: [f64; STATES]) -> [f64; STATES] {
        state
    }

    fn refractory_ms(&self) -> f64 {
        self.refractory_ms
    }

    fn clamped(&self) -> bool {
        false
    }

    fn check(&self, what: &str) -> Result<()> {
        for (name, value) in [("c_pf", self.c_pf), ("g_leak_ns", self.g_leak_ns)] {
            require_range(format!("{name} of {what}"), value, POSITIVE, 1e9)?;
        }
        for (name, value) in [
            ("g_sodium_ns", self.g_sodium_ns),
            ("g_potassium_ns", self.g_potassium_ns),
            ("refractory_ms", self.refractory_ms),
        ] {
            require_range(format!("{name} of {what}"), value, 0.0, 1e9)?;
        }
        for (name, value) in [
            ("rest_mv", self.rest_mv),
            ("e_sodium_mv", self.e_sodium_mv),
            ("e_potassium_mv", self.e_potassium_mv),
            ("shift_mv", self.shift_mv),
            ("peak_mv", self.peak_mv),
            ("drive_pa", self.drive_pa),
        ] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        Ok(())
    }
}
