//! A Hodgkin-Huxley neuron with the kinetics of Traub & Miles 1991, as in Brette et al. 2007 J Comput Neurosci 23:349.
//!
//! C v' = g_L (E_L - v) + g_Na m^3 h (E_Na - v) + g_K n^4 (E_K - v) + I. With u = v - V_T: a_m = .32 (13 - u) / (e^((13 - u) / 4) - 1),
//! b_m = .28 (u - 40) / (e^((u - 40) / 5) - 1), a_h = .128 e^((17 - u) / 18), b_h = 4 / (1 + e^((40 - u) / 5)),
//! a_n = .032 (15 - u) / (e^((15 - u) / 5) - 1), b_n = .5 e^((10 - u) / 40). Each step is exact for rates and conductances that stay
//! (exponential Euler); gates first, so that they stand half a step before the voltages, which makes the step of second order.

use rheobase_core::math;
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

/// x / (1 - e^-x) of x and e^-x; a series near 0, where the difference loses digits.
#[inline(always)]
fn linoid<F: Float>(x: F, decay: F) -> F {
    let of = F::of;
    let near = x < of(0.1) && x > of(-0.1);
    let exact = x / (of(1.0) - if near { F::default() } else { decay });
    let square = x * x;
    let even = square.mul_add(of(1.0 / 30_240.0), of(-1.0 / 720.0)).mul_add(square, of(1.0 / 12.0));
    if near { even.mul_add(square, x.mul_add(of(0.5), of(1.0))) } else { exact }
}

/// Opening and closing rates of m, h and n in 1 / ms at a voltage above V_T. All but one of their exponentials are powers of one.
#[inline(always)]
fn rates<F: Float>(u: F) -> [[F; 2]; 3] {
    let of = F::of;
    let scaled = |at: f64, width: f64| (u - of(at)) * of(1.0 / width);
    let factor = |x: f64| of(math::exp(x));
    // Beyond 320 mV rates stay as they are, so that powers stay numbers.
    let down = u * of(-1.0 / 40.0);
    let down = if down > of(8.0) { of(8.0) } else { down };
    let by_40 = (if down < of(-8.0) { of(-8.0) } else { down }).exp();
    let by_20 = by_40 * by_40;
    let by_5 = (by_20 * by_20) * (by_20 * by_20);
    let by_4 = by_5 * by_20;
    let at_40 = by_5 * factor(40.0 / 5.0);
    [
        [
            of(1.28) * linoid(scaled(13.0, 4.0), by_4 * factor(13.0 / 4.0)),
            of(1.4) * at_40 * linoid(scaled(40.0, 5.0), at_40),
        ],
        [of(0.128) * (-scaled(17.0, 18.0)).exp(), of(4.0) / (of(1.0) + at_40)],
        [of(0.16) * linoid(scaled(15.0, 5.0), by_5 * factor(15.0 / 5.0)), of(0.5) * by_40 * factor(10.0 / 40.0)],
    ]
}

/// A gate after a step under constant rates.
#[inline(always)]
fn gate<F: Float>(x: F, [opening, closing]: [F; 2], dt_ms: F) -> F {
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
        let of = F::of;
        let [of_m, of_h, of_n] = rates(v - of(self.shift_mv));
        let [m, h, n] = [gate(m, of_m, dt_ms), gate(h, of_h, dt_ms), gate(n, of_n, dt_ms)];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_formulas() {
        let quotient = |x: f64| if x == 0.0 { 1.0 } else { x / x.exp_m1() };
        for k in -600..=1500 {
            let u = 0.1 * f64::from(k);
            let expected = [
                [1.28 * quotient((13.0 - u) / 4.0), 1.4 * quotient((u - 40.0) / 5.0)],
                [0.128 * ((17.0 - u) / 18.0).exp(), 4.0 / (1.0 + ((40.0 - u) / 5.0).exp())],
                [0.16 * quotient((15.0 - u) / 5.0), 0.5 * ((10.0 - u) / 40.0).exp()],
            ];
            let (double, single) = (rates(u), rates(u as f32));
            for (gate, way) in (0..3).flat_map(|gate| [(gate, 0), (gate, 1)]) {
                let expected: f64 = expected[gate][way];
                // Rounding of the tenth power of an exponential, tenfold where the difference from 1 is a tenth.
                assert!((double[gate][way] / expected - 1.0).abs() < 1e-13, "{u} {gate} {way}");
                assert!((f64::from(single[gate][way]) / expected - 1.0).abs() < 2e-5, "{u} {gate} {way}");
            }
        }
        assert!(rates(-1e5_f32).iter().chain(&rates(1e5_f32)).flatten().all(|r| r.is_finite()));
    }
}
