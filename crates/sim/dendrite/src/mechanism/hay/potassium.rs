//! Potassium channels and the hyperpolarisation-activated current.

use super::Q;
use crate::math::{Real, linoid_parts, logistic};
use crate::mechanism::{
    Channel, Current, Gate, MechanismInfo, ParameterInfo, conductance, limit_and_tau, quotients, rates_over, reversal,
};

/// Hyperpolarisation-activated cation current, m (after Kole, Hallermann & Stuart 2006).
pub struct Ih;
/// Muscarinic potassium, m (after Adams, Brown & Constanti 1982).
pub struct Im;
/// Slow inactivating ("persistent") potassium, m^2 h (after Korngreen & Sakmann 2000).
pub struct KPst;
/// Fast inactivating ("transient") potassium, m^4 h (after Korngreen & Sakmann 2000).
pub struct KTst;
/// Small-conductance calcium-activated potassium, z (after Kohler et al. 1996).
pub struct SkE2;
/// Fast non-inactivating potassium Kv3.1, m (after Rettig et al. 1992).
pub struct Skv3;

const POTASSIUM: &[ParameterInfo] = &[conductance("g_s_per_cm2", 1e-5), reversal("e_mv", -85.0)];

const fn info(name: &'static str, about: &'static str, states: &'static [&'static str]) -> MechanismInfo {
    MechanismInfo { name, about, states, parameters: POTASSIUM, carries_calcium: false, reads_calcium: false }
}

impl Channel<1, 2> for Ih {
    const INFO: MechanismInfo = MechanismInfo {
        parameters: &[conductance("g_s_per_cm2", 1e-5), reversal("e_mv", -45.0)],
        ..info("hay-ih", "Hyperpolarisation-activated cations, m (Hay et al. 2011, after Kole et al. 2006)", &["m"])
    };

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        // .00643 (V + 154.9) / (e^((V + 154.9) / 11.9) - 1)
        let (above, below) = linoid_parts(-(v + 154.9) * (1.0 / 11.9));
        [rates_over(above * (0.00643 * 11.9), below, (v * (1.0 / 33.1)).exp() * 0.193)]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * p[0], p[1])
    }
}

impl Channel<1, 2> for Im {
    const INFO: MechanismInfo =
        info("hay-im", "Muscarinic potassium, m (Hay et al. 2011, after Adams et al. 1982)", &["m"]);

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        // Opening .0033 e^x, closing .0033 e^-x: their ratio is e^2x.
        let up = ((v + 35.0) * 0.1).exp();
        let ratio = up.squared();
        [quotients(ratio, ratio + 1.0, (ratio + 1.0) * (0.0033 * Q), up)]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * p[0], p[1])
    }
}

impl Channel<2, 2> for KPst {
    const INFO: MechanismInfo = info(
        "hay-k-pst",
        "Slow inactivating potassium, m^2 h (Hay et al. 2011, after Korngreen & Sakmann 2000)",
        &["m", "h"],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        let w = v + 10.0;
        // The branch of the source tests the shifted voltage.
        let low = w.is_below(-50.0);
        let exponent = T::if_else(low, w * 0.026, w * -0.026);
        let height = T::if_else(low, T::constant(175.03), T::constant(13.0));
        let m_tau = (exponent.exp() * height + 1.25) * (1.0 / Q);
        let bell = (-((w + 75.0) * (1.0 / 48.0)).squared()).exp();
        let h_tau = (((w + 55.0) * 24.0 + 1010.0) * bell + 360.0) * (1.0 / Q);
        [
            limit_and_tau(logistic((w + 1.0) * (1.0 / 12.0)), m_tau),
            limit_and_tau(logistic(-(w + 54.0) * (1.0 / 11.0)), h_tau),
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(m.squared() * *h * p[0], p[1])
    }
}

impl Channel<2, 2> for KTst {
    const INFO: MechanismInfo = info(
        "hay-k-tst",
        "Fast inactivating potassium, m^4 h (Hay et al. 2011, after Korngreen & Sakmann 2000)",
        &["m", "h"],
    );

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        let w = v + 10.0;
        let m_tau = ((-((w + 71.0) * (1.0 / 59.0)).squared()).exp() * 0.92 + 0.34) * (1.0 / Q);
        let h_tau = ((-((w + 73.0) * (1.0 / 23.0)).squared()).exp() * 49.0 + 8.0) * (1.0 / Q);
        [limit_and_tau(logistic(w * (1.0 / 19.0)), m_tau), limit_and_tau(logistic(-(w + 66.0) * (1.0 / 10.0)), h_tau)]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(m.squared().squared() * *h * p[0], p[1])
    }
}

impl Channel<1, 2> for SkE2 {
    const INFO: MechanismInfo = MechanismInfo {
        reads_calcium: true,
        ..info("hay-sk-e2", "Calcium-activated potassium, z (Hay et al. 2011, after Kohler et al. 1996)", &["z"])
    };

    #[inline(always)]
    fn gates<T: Real>(_: T, calcium: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        let calcium = T::if_else(calcium.is_below(1e-7), calcium + 1e-7, calcium);
        // 1 / (1 + (.00043 / ca)^4.8)
        let ratio = ((calcium * (1.0 / 0.00043)).ln() * -4.8).exp();
        [Gate { limit: (ratio + 1.0).recip(), rate_per_ms: T::constant(1.0) }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [z]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*z * p[0], p[1])
    }
}

impl Channel<1, 2> for Skv3 {
    const INFO: MechanismInfo =
        info("hay-skv3-1", "Kv3.1 potassium, m (Hay et al. 2011, after Rettig et al. 1992)", &["m"]);

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 1] {
        // tau = 4 / (1 + e^(-(V + 46.56) / 44.14))
        let rate = ((-(v + 46.56) * (1.0 / 44.14)).exp() + 1.0) * 0.25;
        [Gate { limit: logistic((v - 18.7) * (1.0 / 9.7)), rate_per_ms: rate }]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m]: &[T; 1], p: &[f64; 2]) -> Current<T> {
        Current::ohmic(*m * p[0], p[1])
    }
}
