//! Essential channels of CA1 pyramidal cells (Migliore, Hoffman, Magee & Johnston 1999 J Comput Neurosci 7:5; the family
//! used by Poirazi, Brannon & Mel 2003 Neuron 37:977), at 35 C. Constants from memory of ModelDB 2796.

use super::{Channel, Current, Gate, MechanismInfo, ParameterInfo, conductance, reversal, voltage};
use crate::math::{Real, linoid, logistic};

/// 1e-3 F / (R T) at 35 C, in 1/mV.
const F_OVER_RT: f64 = 9.648e4 * 1e-3 / (8.315 * (273.16 + 35.0));

/// Sodium, m^3 h.
pub struct Na3;
/// Delayed-rectifier potassium, n.
pub struct Kdr;
/// A-current of the proximal dendrite, n l.
pub struct KaProximal;
/// A-current of the distal dendrite, n l.
pub struct KaDistal;
/// Hyperpolarisation-activated cations, l.
pub struct Hd;

const fn info(
    name: &'static str,
    about: &'static str,
    states: &'static [&'static str],
    parameters: &'static [ParameterInfo],
) -> MechanismInfo {
    MechanismInfo { name, about, states, parameters, carries_calcium: false, reads_calcium: false }
}

/// At most this fast: 1 / max(tau, shortest).
#[inline(always)]
fn at_most<T: Real>(rate: T, shortest_ms: f64) -> T {
    T::if_else(rate.is_below(1.0 / shortest_ms), rate, T::constant(1.0 / shortest_ms))
}

impl Channel<2, 3> for Na3 {
    const INFO: MechanismInfo = info(
        "ca1-na3",
        "Sodium, m^3 h (Migliore et al. 1999)",
        &["m", "h"],
        &[
            conductance("g_s_per_cm2", 0.025),
            reversal("e_mv", 55.0),
            voltage("shift_mv", "moves the kinetics along the voltage axis, in mV", 0.0),
        ],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, p: &[f64; 3]) -> [Gate<T>; 2] {
        // 2^((35 - 24) / 10)
        const Q: f64 = 2.143_546_925_072_586;
        let v = v - p[2];
        let x = (v + 30.0) * (1.0 / 7.2);
        let up = linoid(x);
        let (open, close) = (up * (0.4 * 7.2), (up - x) * (0.124 * 7.2));
        let y = (v + 45.0) * (1.0 / 1.5);
        let back = linoid(y);
        let h_rate = back * (0.03 * 1.5) + (back - y) * (0.01 * 1.5);
        [
            Gate { limit: open / (open + close), rate_per_ms: at_most((open + close) * Q, 0.02) },
            Gate { limit: logistic(-(v + 50.0) * 0.25), rate_per_ms: at_most(h_rate * Q, 0.5) },
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 3]) -> Current<T> {
        Current::ohmic(*m * m.squared() * *h * p[0], p[1])
    }
}

const POTASSIUM: &[ParameterInfo] = &[conductance("g_s_per_cm2", 0.01), reversal("e_mv", -90.0)];

impl Channel<1, 2> for Kdr {
    const INFO: MechanismInfo =
        info("ca1-kdr", "Delayed-rectifier potassium, n (Migliore et al. 1999)", &["n"], POTASSIUM);

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        let u = (v - 13.0) * (-3.0 * F_OVER_RT);
        let rate = (u.exp() + 1.0) * (u * -0.7).exp() * 0.02;
        [Gate { limit: logistic(-u), rate_per_ms: at_most(rate, 2.0) }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [n]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*n * p[0], p[1])
    }
}

/// Activation with a slope that depends on voltage, and inactivation.
#[inline(always)]
fn a_current<T: Real>(v: T, half_mv: f64, slope: f64, share: f64, speed: f64, shortest_ms: f64) -> [Gate<T>; 2] {
    // 5^((35 - 24) / 10)
    const Q: f64 = 5.873_094_715_440_096;
    let zeta = -logistic(-(v + 40.0) * 0.2) + slope;
    let u = zeta * (v - half_mv) * F_OVER_RT;
    let n_rate = (u.exp() + 1.0) * (u * -share).exp() * (Q * speed);
    let tau = (v + 50.0) * 0.26;
    let tau = T::if_else(tau.is_below(2.0), T::constant(2.0), tau);
    [
        Gate { limit: logistic(-u), rate_per_ms: at_most(n_rate, shortest_ms) },
        Gate { limit: logistic((v + 56.0) * (-3.0 * F_OVER_RT)), rate_per_ms: tau.recip() },
    ]
}

impl Channel<2, 2> for KaProximal {
    const INFO: MechanismInfo = info(
        "ca1-ka-proximal",
        "A-current of the proximal dendrite, n l (Migliore et al. 1999)",
        &["n", "l"],
        POTASSIUM,
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        a_current(v, 11.0, -1.5, 0.55, 0.05, 0.1)
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [n, l]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*n * *l * p[0], p[1])
    }
}

impl Channel<2, 2> for KaDistal {
    const INFO: MechanismInfo =
        info("ca1-ka-distal", "A-current of the distal dendrite, n l (Migliore et al. 1999)", &["n", "l"], POTASSIUM);

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        a_current(v, -1.0, -1.8, 0.39, 0.1, 0.2)
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [n, l]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*n * *l * p[0], p[1])
    }
}

impl Channel<1, 2> for Hd {
    const INFO: MechanismInfo = info(
        "ca1-hd",
        "Hyperpolarisation-activated cations, l (Magee 1998; Migliore et al. 1999)",
        &["l"],
        &[conductance("g_s_per_cm2", 0.0001), reversal("e_mv", -30.0)],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        // 4.5^((35 - 33) / 10) .011
        const SPEED: f64 = 1.350_960_038_520_613_5 * 0.011;
        let u = (v + 75.0) * (2.2 * F_OVER_RT);
        let rate = (u.exp() + 1.0) * (u * -0.4).exp() * SPEED;
        [Gate { limit: logistic(-(v + 81.0) * 0.125), rate_per_ms: rate }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [l]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*l * p[0], p[1])
    }
}
