//! Rate of a leaky neuron under noise (Siegert 1951; Ricciardi 1977; Brunel 2000 J Comput Neurosci 8:183).
//!
//! rate = 1 / (t_ref + tau sqrt(pi) int_{(V_r - mu) / sigma}^{(theta - mu) / sigma} e^{u^2} (1 + erf u) du). Coloured noise of time
//! constant tau_s shifts threshold and reset by sigma (a / 2) sqrt(tau_s / tau), a = sqrt 2 |zeta(1/2)| (Fourcaud & Brunel 2002 Neural
//! Comput 14:2057).

use crate::neuron::Lif;

/// sqrt(2) |zeta(1/2)|.
const ALPHA: f64 = 2.065_253_1;

/// e^{x^2} erfc(x) for x >= 0.
fn erfcx(x: f64) -> f64 {
    if x < 20.0 {
        return libm::erfc(x) * (x * x).exp();
    }
    // Asymptotic series; the fourth term is below 1e-9 of the first here.
    let q = 0.5 / (x * x);
    (1.0 - q * (1.0 - 3.0 * q * (1.0 - 5.0 * q))) / (x * std::f64::consts::PI.sqrt())
}

/// e^{u^2} (1 + erf u).
fn integrand(u: f64) -> f64 {
    if u < 0.0 { erfcx(-u) } else { 2.0 * (u * u).exp() - erfcx(u) }
}

/// Shift of threshold and reset in mV by noise of a time constant.
pub fn coloured_shift(sigma_mv: f64, tau_s_ms: f64, tau_ms: f64) -> f64 {
    0.5 * ALPHA * sigma_mv * (tau_s_ms / tau_ms).sqrt()
}

/// Rate in Hz of a leaky neuron whose free voltage has the mean `mu_mv`; `sigma_mv` is sqrt 2 times its standard deviation.
/// `tau_s_ms` is the time constant of the noise, 0 for white noise.
pub fn siegert_rate_hz(lif: &Lif, mu_mv: f64, sigma_mv: f64, tau_s_ms: f64) -> f64 {
    let shift = coloured_shift(sigma_mv, tau_s_ms, lif.tau_ms);
    if sigma_mv <= 0.0 {
        return Lif { drive_mv: 0.0, rest_mv: 0.0, ..*lif }.rate_hz(mu_mv);
    }
    let low = (lif.reset_mv + shift - mu_mv) / sigma_mv;
    let high = (lif.threshold_mv + shift - mu_mv) / sigma_mv;
    if high > 26.0 {
        return 0.0; // e^{26^2} ms between spikes
    }
    let mean_interval_ms = lif.refractory_ms + lif.tau_ms * std::f64::consts::PI.sqrt() * integral(low, high);
    1000.0 / mean_interval_ms
}

/// Gauss-Legendre with five points on pieces of at most 1/8: error below 1e-12 of the integral.
fn integral(low: f64, high: f64) -> f64 {
    const NODES: [f64; 3] = [0.0, 0.538_469_310_105_683_1, 0.906_179_845_938_664];
    const WEIGHTS: [f64; 3] = [0.568_888_888_888_888_9, 0.478_628_670_499_366_5, 0.236_926_885_056_189_1];
    let pieces = ((high - low) / 0.125).ceil().max(1.0) as usize;
    let half = 0.5 * (high - low) / pieces as f64;
    let mut sum = 0.0;
    for piece in 0..pieces {
        let middle = low + half * (2 * piece + 1) as f64;
        sum += WEIGHTS[0] * integrand(middle);
        for k in 1..3 {
            sum += WEIGHTS[k] * (integrand(middle + half * NODES[k]) + integrand(middle - half * NODES[k]));
        }
    }
    sum * half
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quadrature in 30 digits (mpmath 1.3). systems.md B5 has 9.46, 12.51 and, for the third, 29.01, which is not the
    /// integral's value.
    #[test]
    fn rates_under_white_noise_are_those_of_an_independent_quadrature() {
        let lif = Lif::default();
        for (mu, sigma, rate) in
            [(15.0, 5.0, 9.460_799_805_759_1), (18.0, 3.0, 12.511_527_707_333_4), (22.0, 2.0, 28.850_313_879_711)]
        {
            let found = siegert_rate_hz(&lif, mu, sigma, 0.0);
            assert!((found / rate - 1.0).abs() < 1e-11, "{mu} {sigma}: {found}");
        }
    }

    #[test]
    fn without_noise_it_is_the_closed_form() {
        let lif = Lif::default();
        let exact = lif.rate_hz(30.0);
        assert!((siegert_rate_hz(&lif, 30.0, 0.0, 0.0) - exact).abs() < 1e-12);
        // Little noise: the correction is of second order, sigma^2 / (mu - theta)^2 = 1e-4.
        assert!((siegert_rate_hz(&lif, 30.0, 0.1, 0.0) / exact - 1.0).abs() < 1e-3);
    }

    #[test]
    fn far_below_threshold_it_is_silent_and_nothing_overflows() {
        let lif = Lif::default();
        assert_eq!(siegert_rate_hz(&lif, -1000.0, 1.0, 0.0), 0.0);
        assert!(siegert_rate_hz(&lif, 1e6, 1.0, 0.0).is_finite());
        // Coloured noise lowers the rate.
        assert!(siegert_rate_hz(&lif, 15.0, 5.0, 2.0) < siegert_rate_hz(&lif, 15.0, 5.0, 0.0));
    }

    #[test]
    fn the_scaled_error_function_joins_smoothly() {
        let (near, far) = (erfcx(19.999_999), erfcx(20.0));
        assert!((near / far - 1.0).abs() < 1e-6, "{near} {far}");
    }
}
