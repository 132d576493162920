//! Channels of the reduced layer 5 pyramidal cell of Bahl et al. 2012 (J Neurosci Methods 210:22; ModelDB 146026), at 37 C.
//!
//! Where the source scales conductance and rates with temperature, both are multiplied by the same factor here.

use super::{Channel, Current, Gate, MechanismInfo, ParameterInfo, conductance, rates, reversal, voltage};
use crate::math::{Real, linoid, logistic};

/// 2.3^((37 - 23) / 10).
const Q23: f64 = 3.209_363_953_267_971_4;
/// 2.3^((37 - 21) / 10).
const Q21: f64 = 3.791_093_866_936_098_5;

/// Transient sodium, m^3 h.
pub struct Nat;
/// Fast potassium, n.
pub struct Kfast;
/// Slow potassium, a^2 (b + b1) / 2.
pub struct Kslow;
/// Persistent sodium, instantaneous.
pub struct Nap;
/// Muscarinic potassium, m.
pub struct Km;
/// Hyperpolarisation-activated cations, m.
pub struct IhBahl;
/// High-voltage-activated calcium, m^2 h.
pub struct Sca;
/// Calcium-activated potassium, n.
pub struct Kca;

const SHIFT: ParameterInfo = voltage("shift_mv", "moves the kinetics along the voltage axis, in mV", 0.0);

const fn info(
    name: &'static str,
    about: &'static str,
    states: &'static [&'static str],
    parameters: &'static [ParameterInfo],
) -> MechanismInfo {
    MechanismInfo { name, about, states, parameters, carries_calcium: false, reads_calcium: false }
}

impl Channel<2, 3> for Nat {
    const INFO: MechanismInfo = info(
        "bahl-nat",
        "Transient sodium, m^3 h (Bahl et al. 2012)",
        &["m", "h"],
        &[conductance("g_s_per_cm2", 0.01), reversal("e_mv", 55.0), SHIFT],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, p: &[f64; 3]) -> [Gate<T>; 2] {
        let v = v - p[2];
        let x = (v + 28.0) * (1.0 / 9.0);
        let up = linoid(x);
        let m = rates(up * (0.182 * 9.0), (up - x) * (0.124 * 9.0));
        let h_rate = linoid((v + 50.0) * 0.2) * (0.024 * 5.0) + linoid(-(v + 75.0) * 0.2) * (0.0091 * 5.0);
        [
            Gate { rate_per_ms: m.rate_per_ms * Q23, ..m },
            Gate { limit: logistic(-(v + 55.0) * (1.0 / 6.2)), rate_per_ms: h_rate * Q23 },
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 3]) -> Current<T> {
        Current::ohmic(*m * m.squared() * *h * (p[0] * Q23), p[1])
    }
}

impl Channel<1, 2> for Kfast {
    const INFO: MechanismInfo = info(
        "bahl-kfast",
        "Fast potassium, n (Bahl et al. 2012)",
        &["n"],
        &[conductance("g_s_per_cm2", 0.001), reversal("e_mv", -80.0)],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        let x = (v - 25.0) * (1.0 / 9.0);
        let up = linoid(x);
        let n = rates(up * (0.02 * 9.0), (up - x) * (0.002 * 9.0));
        [Gate { rate_per_ms: n.rate_per_ms * Q23, ..n }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [n]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*n * (p[0] * Q23), p[1])
    }
}

impl Channel<3, 2> for Kslow {
    const INFO: MechanismInfo = info(
        "bahl-kslow",
        "Slow potassium, a^2 (b + b1) / 2 (Bahl et al. 2012, after Korngreen & Sakmann 2000)",
        &["a", "b", "b1"],
        &[conductance("g_s_per_cm2", 0.01), reversal("e_mv", -80.0)],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 3] {
        // .0052 (v - 11.1) / (1 - e^(-(v - 11.1) / 13.1)) + .01938 e^(-(v + 1.27) / 71) - .0053
        let a_rate =
            linoid((v - 11.1) * (1.0 / 13.1)) * (0.0052 * 13.1) + (-(v + 1.27) * (1.0 / 71.0)).exp() * 0.01938 - 0.0053;
        let bell = (-((v + 75.0) * (1.0 / 48.0)).squared()).exp();
        let b_tau = ((v + 54.0) * 23.7 + 1010.0) * bell + 360.0;
        let b1_tau = (v * -0.01118).exp() * 1380.0 - (v * -0.0306).exp() * 210.0 + 2350.0;
        let b_limit = logistic(-(v + 58.0) * (1.0 / 11.0));
        [
            Gate { limit: logistic((v + 14.3) * (1.0 / 14.6)), rate_per_ms: a_rate * Q21 },
            Gate { limit: b_limit, rate_per_ms: b_tau.recip() * Q21 },
            Gate { limit: b_limit, rate_per_ms: b1_tau.recip() * Q21 },
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [a, b, b1]: &[T; 3], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(a.squared() * (*b + *b1) * (0.5 * p[0] * Q21), p[1])
    }
}

impl Channel<0, 2> for Nap {
    const INFO: MechanismInfo = info(
        "bahl-nap",
        "Persistent sodium, instantaneous (Bahl et al. 2012)",
        &[],
        &[conductance("g_s_per_cm2", 0.0001), reversal("e_mv", 55.0)],
    );

    #[inline(always)]
    fn gates<T: Real>(_: T, _: T, _: &[f64; 2]) -> [Gate<T>; 0] {
        []
    }

    #[inline(always)]
    fn current<T: Real>(v: T, _: T, _: &[T; 0], p: &[f64; 2]) -> Current<T> {
        // The gate follows the voltage at once, so the current is linearised: slope g (m + m' (v - e)).
        let m = logistic((v + 48.0) * 0.1);
        let slope = m + m * (-m + 1.0) * 0.1 * (v - p[1]);
        let current = m * (v - p[1]);
        Current { g: slope * p[0], ge: (slope * v - current) * p[0] }
    }
}

impl Channel<1, 2> for Km {
    const INFO: MechanismInfo = info(
        "bahl-km",
        "Muscarinic potassium, m (Bahl et al. 2012)",
        &["m"],
        &[conductance("g_s_per_cm2", 0.001), reversal("e_mv", -80.0)],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        let up = ((v + 35.0) * 0.05).exp();
        [Gate { limit: logistic((v + 35.0) * 0.1), rate_per_ms: (up * 3.3 + up.recip()) * 0.001 }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * p[0], p[1])
    }
}

impl Channel<1, 2> for IhBahl {
    const INFO: MechanismInfo = info(
        "bahl-ih",
        "Hyperpolarisation-activated cations, m (Bahl et al. 2012, after Kole et al. 2006)",
        &["m"],
        &[conductance("g_s_per_cm2", 0.0001), reversal("e_mv", -47.0)],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        [rates(linoid(-(v + 154.9) * (1.0 / 11.9)) * (0.00643 * 11.9), (v * (1.0 / 33.1)).exp() * 0.193)]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * p[0], p[1])
    }
}

impl Channel<2, 3> for Sca {
    const INFO: MechanismInfo = MechanismInfo {
        carries_calcium: true,
        ..info(
            "bahl-sca",
            "High-voltage-activated calcium, m^2 h (Bahl et al. 2012, after Reuveni et al. 1993)",
            &["m", "h"],
            &[conductance("g_s_per_cm2", 0.0001), reversal("e_mv", 140.0), SHIFT],
        )
    };

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, p: &[f64; 3]) -> [Gate<T>; 2] {
        let v = v - p[2];
        let m = rates(linoid((v + 27.0) * (1.0 / 3.8)) * (0.055 * 3.8), (-(v + 75.0) * (1.0 / 17.0)).exp() * 0.94);
        let h = rates(
            (-(v + 13.0) * (1.0 / 50.0)).exp() * (0.000457 / 3.0),
            logistic((v + 15.0) * (1.0 / 28.0)) * (0.0065 / 3.0),
        );
        [Gate { rate_per_ms: m.rate_per_ms * Q23, ..m }, Gate { rate_per_ms: h.rate_per_ms * Q23, ..h }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, e_calcium: T, [m, h]: &[T; 2], p: &[f64; 3]) -> Current<T> {
        let g = m.squared() * *h * (p[0] * Q23);
        Current { g, ge: g * e_calcium }
    }
}

impl Channel<1, 2> for Kca {
    const INFO: MechanismInfo = MechanismInfo {
        reads_calcium: true,
        ..info(
            "bahl-kca",
            "Calcium-activated potassium, n (Bahl et al. 2012, after Mainen & Sejnowski 1996)",
            &["n"],
            &[conductance("g_s_per_cm2", 0.0001), reversal("e_mv", -80.0)],
        )
    };

    #[inline(always)]
    fn gates<T: Real>(_: T, calcium: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        // .01 per ms and mM: with .1 uM at rest the channel is shut, and a calcium spike opens a tenth of it.
        let n = rates(calcium * 0.01, T::constant(0.02));
        [Gate { rate_per_ms: n.rate_per_ms * Q23, ..n }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [n]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*n * (p[0] * Q23), p[1])
    }
}
