//! Excitability in two dimensionless variables (FitzHugh 1961): v' = v - v^3/3 - w + I, w' = .08 (v + .7 - .8 w).

use super::{Channel, Current, Gate, MechanismInfo, ParameterInfo, factor};
use crate::math::Real;

/// Voltage and time have no units here: 1 stands for 1 mV and 1 ms, and the capacitance must be 1 nF.
pub struct FitzHughNagumo;

const fn number(name: &'static str, default: f64) -> ParameterInfo {
    ParameterInfo { name, about: "constant of the recovery variable", default, low: -100.0, high: 100.0 }
}

impl Channel<1, 4> for FitzHughNagumo {
    const INFO: MechanismInfo = MechanismInfo {
        name: "fitzhugh-nagumo",
        about: "Dimensionless excitable membrane with one recovery variable (FitzHugh 1961 Biophys J 1:445)",
        states: &["w"],
        parameters: &[
            factor("conductance_us", "conductance of one unit: 1 with a capacitance of 1 nF", 1.0),
            number("speed", 0.08),
            number("offset", 0.7),
            number("damping", 0.8),
        ],
        carries_calcium: false,
        reads_calcium: false,
    };

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, p: &[f64; 4]) -> [Gate<T>; 1] {
        [Gate { limit: (v + p[2]) / p[3], rate_per_ms: T::constant(p[1] * p[3]) }]
    }

    #[inline(always)]
    fn current<T: Real>(v: T, _: T, [w]: &[T; 1], p: &[f64; 4]) -> Current<T> {
        // i = v^3/3 - v + w, linear around v: slope v^2 - 1.
        let slope = v.squared() - 1.0;
        let current = v.squared() * v / 3.0 - v + *w;
        Current { g: slope * p[0], ge: (slope * v - current) * p[0] }
    }
}
