//! Transient and persistent sodium.

use super::Q;
use crate::math::{Real, linoid, linoid_parts_with, logistic};
use crate::mechanism::{
    Channel, Current, Gate, MechanismInfo, ParameterInfo, conductance, limit_and_tau, quotients, reversal,
};

/// Transient sodium of the axon, m^3 h (after Colbert & Pan 2002).
pub struct NaTa;
/// Transient sodium of the soma and dendrite, m^3 h: as [`NaTa`], shifted by 6 mV.
pub struct NaTs2;
/// Persistent sodium, m^3 h (after Magistretti & Alonso 1999).
pub struct NapEt2;

const SODIUM: &[ParameterInfo] = &[conductance("g_s_per_cm2", 1e-5), reversal("e_mv", 50.0)];

const fn info(name: &'static str, about: &'static str) -> MechanismInfo {
    MechanismInfo { name, about, states: &["m", "h"], parameters: SODIUM, carries_calcium: false, reads_calcium: false }
}

/// Activation at x = (V + 38 - shift) / 6: opening rate, sum of both rates, and what both are to be divided by.
#[inline(always)]
fn activation<T: Real>(x: T, exp_minus_x: T) -> (T, T, T) {
    // linoid(-x) = linoid(x) - x
    let (above, below) = linoid_parts_with(x, exp_minus_x);
    let opening = above * (0.182 * 6.0);
    (opening, opening + (above - x * below) * (0.124 * 6.0), below)
}

#[inline(always)]
fn transient<T: Real>(v: T, shift: f64) -> [Gate<T>; 2] {
    let x = (v + (38.0 - shift)) * (1.0 / 6.0);
    let y = (v + (66.0 - shift)) * (1.0 / 6.0);
    let exp_minus_x = (-x).exp();
    let (opening, sum, below) = activation(x, exp_minus_x);
    // y is x and 28 mV, so its exponential is that of x times e^(-28 / 6).
    let (close, close_below) = linoid_parts_with(y, exp_minus_x * 0.009403562551495206);
    let open = close - y * close_below;
    [
        quotients(opening, sum, sum * Q, below),
        quotients(open, open + close, (open + close) * (0.015 * 6.0 * Q), close_below),
    ]
}

impl Channel<2, 2> for NaTa {
    const INFO: MechanismInfo =
        info("hay-na-ta", "Transient sodium of the axon, m^3 h (Hay et al. 2011, after Colbert & Pan 2002)");

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        transient(v, 0.0)
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * m.squared() * *h * p[0], p[1])
    }
}

impl Channel<2, 2> for NaTs2 {
    const INFO: MechanismInfo = info(
        "hay-na-ts2",
        "Transient sodium of the soma, m^3 h, shifted by 6 mV (Hay et al. 2011, after Colbert & Pan 2002)",
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        transient(v, 6.0)
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * m.squared() * *h * p[0], p[1])
    }
}

impl Channel<2, 2> for NapEt2 {
    const INFO: MechanismInfo =
        info("hay-nap-et2", "Persistent sodium, m^3 h (Hay et al. 2011, after Magistretti & Alonso 1999)");

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        let x = (v + 38.0) * (1.0 / 6.0);
        let (_, sum, below) = activation(x, (-x).exp());
        // -2.88e-6 (V + 17) / (1 - e^((V + 17) / 4.63)) and 6.94e-6 (V + 64.4) / (1 - e^(-(V + 64.4) / 2.63))
        let close = linoid(-(v + 17.0) * (1.0 / 4.63)) * (2.88e-6 * 4.63)
            + linoid((v + 64.4) * (1.0 / 2.63)) * (6.94e-6 * 2.63);
        [
            Gate { limit: logistic((v + 52.6) * (1.0 / 4.6)), rate_per_ms: sum / below * (Q / 6.0) },
            limit_and_tau(logistic(-(v + 48.8) * (1.0 / 10.0)), (close * Q).recip()),
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * m.squared() * *h * p[0], p[1])
    }
}
