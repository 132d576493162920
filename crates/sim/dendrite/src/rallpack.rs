//! The exact solution of Rallpack 1 and 2 (Bhalla, Bilitch & Bower 1992): a current step into the sealed end of a finite cable.
//!
//! With T = t / tau, tau = 40 ms and rest at -65 mV, by separation of variables:
//! v = -65 + P \[cosh(b - x) / sinh b - (2 / b) (e^-T / 2 + sum_k cos(k pi x / b) e^(-q_k T) / q_k)\], q_k = 1 + (k pi / b)^2.

/// Potential in mV at time `t_ms` and distance `x` (0 to `b`) from the injected end of a cable of `b` space constants; `p_mv` is the
/// slope of the steady potential there, per space constant.
pub fn finite_cable_mv(t_ms: f64, b: f64, x: f64, p_mv: f64) -> f64 {
    let t = t_ms / 40.0;
    if t == 0.0 {
        return -65.0;
    }
    let mut sum = (-t).exp() / 2.0;
    for k in 1..2000 {
        let q = 1.0 + (f64::from(k) * std::f64::consts::PI / b).powi(2);
        let term = (f64::from(k) * std::f64::consts::PI * x / b).cos() * (-q * t).exp() / q;
        sum += term;
        if q * t > 60.0 {
            break;
        }
    }
    -65.0 + p_mv * ((b - x).cosh() / b.sinh() - 2.0 / b * sum)
}
