//! The squid axon (Hodgkin & Huxley 1952), in the frame with rest at -65 mV.
//!
//! The three exponentials with 10 and 20 mV and the divisions are shared, because the step's cost is theirs: three
//! exponentials and two divisions for the six rates instead of six and eleven.

use super::{Channel, Current, Gate, MechanismInfo, conductance, factor, reversal};
use crate::math::{Real, linoid_parts_with};

/// Sodium, delayed-rectifier potassium and leak.
pub struct HodgkinHuxley;

impl Channel<3, 7> for HodgkinHuxley {
    const INFO: MechanismInfo = MechanismInfo {
        name: "hodgkin-huxley",
        about: "Squid axon: sodium m^3 h, potassium n^4, leak (Hodgkin & Huxley 1952 J Physiol 117:500)",
        states: &["m", "h", "n"],
        parameters: &[
            conductance("g_na_s_per_cm2", 0.12),
            conductance("g_k_s_per_cm2", 0.036),
            conductance("g_leak_s_per_cm2", 0.0003),
            reversal("e_na_mv", 50.0),
            reversal("e_k_mv", -77.0),
            reversal("e_leak_mv", -54.387),
            factor("rate_factor", "factor of all rates: 3^((T - 6.3) / 10)", 1.0),
        ],
        carries_calcium: false,
        reads_calcium: false,
    };

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, p: &[f64; 7]) -> [Gate<T>; 3] {
        let x = ((v + 65.0) * (-1.0 / 20.0)).exp();
        let x2 = x.squared();
        // x2 = e^(-(v + 65) / 10), so the other exponentials with 10 mV are multiples of it.
        let (m_above, m_below) = linoid_parts_with((v + 40.0) * 0.1, x2 * 12.182_493_960_703_473);
        let (n_above, n_below) = linoid_parts_with((v + 55.0) * 0.1, x2 * std::f64::consts::E);
        let h_below = x2 * 20.085_536_923_187_668 + 1.0;
        let mn = m_below * n_below;
        let inverse = (mn * h_below).recip();
        let m_open = m_above * n_below * h_below * inverse;
        let n_open = n_above * m_below * h_below * inverse * 0.1;
        let h_close = mn * inverse;
        let h_open = x * 0.07;
        let m_rate = m_open + ((v + 65.0) * (-1.0 / 18.0)).exp() * 4.0;
        let n_rate = n_open + ((v + 65.0) * (-1.0 / 80.0)).exp() * 0.125;
        let h_rate = h_open + h_close;
        let hn = h_rate * n_rate;
        let inverse = (hn * m_rate).recip();
        [
            Gate { limit: m_open * hn * inverse, rate_per_ms: m_rate * p[6] },
            Gate { limit: h_open * (m_rate * n_rate) * inverse, rate_per_ms: h_rate * p[6] },
            Gate { limit: n_open * (m_rate * h_rate) * inverse, rate_per_ms: n_rate * p[6] },
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h, n]: &[T; 3], p: &[f64; 7]) -> Current<T> {
        let sodium = *m * m.squared() * *h * p[0];
        let potassium = n.squared().squared() * p[1];
        Current { g: sodium + potassium + p[2], ge: sodium * p[3] + potassium * p[4] + p[2] * p[5] }
    }
}
