//! Type I excitability by an A-current (Connor & Stevens 1971; Connor, Walter & McKown 1977; form of Dayan & Abbott).

use super::{Channel, Current, Gate, MechanismInfo, conductance, limit_and_tau, rates, reversal};
use crate::math::{Real, linoid, logistic};

/// Sodium, potassium, A-current and leak.
pub struct ConnorStevens;

impl Channel<5, 8> for ConnorStevens {
    const INFO: MechanismInfo = MechanismInfo {
        name: "connor-stevens",
        about: "Type I membrane: sodium m^3 h, potassium n^4, A-current a^3 b, leak (Connor, Walter & McKown 1977 Biophys J 18:81)",
        states: &["m", "h", "n", "a", "b"],
        parameters: &[
            conductance("g_na_s_per_cm2", 0.12),
            conductance("g_k_s_per_cm2", 0.02),
            conductance("g_a_s_per_cm2", 0.0477),
            conductance("g_leak_s_per_cm2", 0.0003),
            reversal("e_na_mv", 55.0),
            reversal("e_k_mv", -72.0),
            reversal("e_a_mv", -75.0),
            reversal("e_leak_mv", -17.0),
        ],
        carries_calcium: false,
        reads_calcium: false,
    };

    #[inline(always)]
    fn gates<T: Real>(v: T, _: T, _: &[f64; 8]) -> [Gate<T>; 5] {
        let ratio = ((v + 94.22) * (1.0 / 31.84)).exp() * 0.0761 / (((v + 1.17) * (1.0 / 28.93)).exp() + 1.0);
        let b_limit = logistic(-(v + 53.3) * (1.0 / 14.54)).squared();
        [
            rates(linoid((v + 29.7) * 0.1) * 3.8, (-(v + 54.7) * (1.0 / 18.0)).exp() * 15.2),
            rates((-(v + 48.0) * 0.05).exp() * 0.266, logistic((v + 18.0) * 0.1) * 3.8),
            rates(linoid((v + 45.7) * 0.1) * 0.2, (-(v + 55.7) * 0.0125).exp() * 0.25),
            limit_and_tau(ratio.power(1.0 / 3.0), logistic(-(v + 55.96) * (1.0 / 20.12)) * 1.158 + 0.3632),
            limit_and_tau(b_limit.squared(), logistic(-(v + 50.0) * (1.0 / 16.027)) * 2.678 + 1.24),
        ]
    }

    #[inline(always)]
    fn current<T: Real>(_: T, _: T, [m, h, n, a, b]: &[T; 5], p: &[f64; 8]) -> Current<T> {
        let sodium = *m * m.squared() * *h * p[0];
        let potassium = n.squared().squared() * p[1];
        let transient = *a * a.squared() * *b * p[2];
        Current {
            g: sodium + potassium + transient + p[3],
            ge: sodium * p[4] + potassium * p[5] + transient * p[6] + p[3] * p[7],
        }
    }
}
