//! High- and low-voltage-activated calcium.

use super::Q;
use crate::math::{Real, linoid_parts};
use crate::mechanism::{
    Channel, Current, Gate, MechanismInfo, ParameterInfo, conductance, quotients, rates_over, reversal,
};

/// High-voltage-activated calcium, m^2 h (after Reuveni et al. 1993).
pub struct CaHva;
/// Low-voltage-activated calcium, m^2 h (after Avery & Johnston 1996, Randall & Tsien 1997).
pub struct CaLva;

const CALCIUM: &[ParameterInfo] = &[conductance("g_s_per_cm2", 1e-5), reversal("e_mv", 132.457_934_163_700_9)];

const fn info(name: &'static str, about: &'static str) -> MechanismInfo {
    MechanismInfo { name, about, states: &["m", "h"], parameters: CALCIUM, carries_calcium: true, reads_calcium: false }
}

impl Channel<2, 2> for CaHva {
    const INFO: MechanismInfo =
        info("hay-ca-hva", "High-voltage-activated calcium, m^2 h (Hay et al. 2011, after Reuveni et al. 1993)");

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        // .055 (-27 - V) / (e^((-27 - V) / 3.8) - 1) is linoid((V + 27) / 3.8) times .055 * 3.8.
        let (above, below) = linoid_parts((v + 27.0) * (1.0 / 3.8));
        let closed = (-(v + 15.0) * (1.0 / 28.0)).exp() + 1.0;
        let opening = (-(v + 13.0) * (1.0 / 50.0)).exp() * closed * 0.000457;
        [
            rates_over(above * (0.055 * 3.8), below, (-(v + 75.0) * (1.0 / 17.0)).exp() * 0.94),
            // Closing .0065 / (1 + e) and opening, both times 1 + e.
            quotients(opening, opening + 0.0065, opening + 0.0065, closed),
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, e_calcium: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        let g = m.squared() * *h * p[0];
        Current { g, ge: g * e_calcium }
    }
}

impl Channel<2, 2> for CaLva {
    const INFO: MechanismInfo =
        info("hay-ca-lva", "Low-voltage-activated calcium, m^2 h (Hay et al. 2011, after Avery & Johnston 1996)");

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 2]) -> [Gate<T>; 2] {
        let w = v + 10.0;
        // tau = (a + b / (1 + e)) / Q, so the rate is Q (1 + e) / (a (1 + e) + b).
        let one = T::constant(1.0);
        let (m, h) = (((w + 25.0) * (1.0 / 5.0)).exp() + 1.0, ((w + 40.0) * (1.0 / 7.0)).exp() + 1.0);
        [
            quotients(one, (-(w + 30.0) * (1.0 / 6.0)).exp() + 1.0, m * Q, m * 5.0 + 20.0),
            quotients(one, ((w + 80.0) * (1.0 / 6.4)).exp() + 1.0, h * Q, h * 20.0 + 50.0),
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, e_calcium: T, [m, h]: &[T; 2], p: &[f64; 2]) -> Current<T> {
        let g = m.squared() * *h * p[0];
        Current { g, ge: g * e_calcium }
    }
}
