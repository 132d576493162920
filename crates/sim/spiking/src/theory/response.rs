//! Linear response of a leaky neuron under white noise: how its rate follows small modulations of mean and variance.
//!
//! Density P and flux J of the voltage obey J = ((mu - v) P - (s^2 / 2) P') / tau and dP/dt = -J'. With everything proportional to e^{z t},
//! z complex, the modulated part is integrated from the threshold, where P vanishes and J is the rate, down to where no neuron is; the
//! rate is the one that leaves no flux there (threshold integration: Richardson 2007 Phys Rev E 76:021919, with midpoints here).

use num_complex::Complex64;

use crate::neuron::Lif;

/// A neuron's stationary state, ready for its response.
#[derive(Debug, Clone)]
pub struct LinearResponse {
    tau_ms: f64,
    refractory_ms: f64,
    /// Stationary rate in events per ms.
    rate: f64,
    h_mv: f64,
    /// Number of steps from the threshold down to the reset.
    reset: usize,
    /// s^2 / 2.
    diffusion: f64,
    steps: Vec<Step>,
}

/// What a step down needs, at its middle.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// e^{G h} with G = 2 (v - mu) / s^2.
    keep: f64,
    /// (e^{G h} - 1) / G.
    reach: f64,
    /// Stationary density per mV and its slope.
    density: f64,
    slope: f64,
}

/// Response of the rate, relative to the modulation, at one z: per ms and mV, and per ms and mV^2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Susceptibility {
    /// Of the mean.
    pub mean: Complex64,
    /// Of the variance s^2.
    pub variance: Complex64,
}

/// Steps of voltage in one s.
const RESOLUTION: f64 = 150.0;

impl LinearResponse {
    /// The response of a neuron whose free voltage has the mean `mu_mv` and sqrt 2 times the standard deviation `sigma_mv`.
    pub fn new(lif: &Lif, mu_mv: f64, sigma_mv: f64) -> Self {
        let (threshold, reset) = (lif.threshold_mv, lif.reset_mv);
        // Whole steps between threshold and reset.
        let between = ((threshold - reset) / sigma_mv * RESOLUTION).ceil().max(200.0);
        let h_mv = (threshold - reset) / between;
        let bottom = (mu_mv - 5.0 * sigma_mv).min(reset - 2.0 * sigma_mv);
        let count = ((threshold - bottom) / h_mv).ceil() as usize;
        let diffusion = 0.5 * sigma_mv * sigma_mv;
        let mut steps = Vec::with_capacity(count);
        let mut density = 0.0;
        for k in 0..count {
            let middle = threshold - (k as f64 + 0.5) * h_mv;
            let g = (middle - mu_mv) / diffusion;
            let keep = (g * h_mv).exp();
            let reach = if (g * h_mv).abs() < 1e-6 { h_mv * (1.0 + 0.5 * g * h_mv) } else { (keep - 1.0) / g };
            // The flux is 1 above the reset and 0 below.
            let flux = if k < between as usize { lif.tau_ms / diffusion } else { 0.0 };
            let next = density * keep + flux * reach;
            let here = 0.5 * (density + next);
            steps.push(Step { keep, reach, density: here, slope: -(g * here + flux) });
            density = next;
        }
        let mass: f64 = steps.iter().map(|s| s.density * h_mv).sum();
        let rate = 1.0 / (lif.refractory_ms + mass);
        for step in &mut steps {
            step.density *= rate;
            step.slope *= rate;
        }
        Self {
            tau_ms: lif.tau_ms,
            refractory_ms: lif.refractory_ms,
            rate,
            h_mv,
            reset: between as usize,
            diffusion,
            steps,
        }
    }

    /// Stationary rate in Hz; the same as Siegert's.
    pub fn rate_hz(&self) -> f64 {
        1e3 * self.rate
    }

    /// Coefficient of variation of the intervals: the cumulants of the time from reset to threshold, from the logarithm of its Laplace
    /// transform around 0.
    pub fn cv(&self) -> f64 {
        let h = 0.02 * self.rate;
        let log = |z: f64| self.first_passage(z).ln();
        (log(h) + log(-h)).max(0.0).sqrt() / h * self.rate
    }

    /// Laplace transform of the time from reset to threshold, at a real z in 1/ms.
    fn first_passage(&self, z: f64) -> f64 {
        let (mut free, mut source) = ((0.0, 1.0), (0.0, 0.0));
        let (scale, half) = (self.tau_ms / self.diffusion, 0.5 * self.h_mv);
        for (k, step) in self.steps.iter().enumerate() {
            if k == self.reset {
                source.1 -= 1.0;
            }
            let down = |(p, j): &mut (f64, f64)| {
                let next = *p * step.keep + (*j + z * *p * half) * scale * step.reach;
                *j += z * (*p + next) * half;
                *p = next;
            };
            down(&mut free);
            down(&mut source);
        }
        -source.1 / free.1
    }

    /// Response to modulations e^{z t}, z in 1/ms; 2 pi i f for a frequency f.
    pub fn at(&self, z: Complex64) -> Susceptibility {
        let zero = Complex64::ZERO;
        let (mut free, mut free_flux) = (zero, Complex64::ONE);
        let (mut by_mean, mut mean_flux) = (zero, zero);
        let (mut by_variance, mut variance_flux) = (zero, zero);
        let back = (-z * self.refractory_ms).exp();
        let (scale, half) = (self.tau_ms / self.diffusion, 0.5 * self.h_mv);
        for (k, step) in self.steps.iter().enumerate() {
            if k == self.reset {
                free_flux -= back;
            }
            let forced = [0.0, -step.density / self.diffusion, 0.5 * step.slope / self.diffusion];
            let down = |p: &mut Complex64, j: &mut Complex64, force: f64| {
                let middle = *j + z * *p * half;
                let next = *p * step.keep + (middle * scale + force) * step.reach;
                *j += z * (*p + next) * half;
                *p = next;
            };
            down(&mut free, &mut free_flux, forced[0]);
            down(&mut by_mean, &mut mean_flux, forced[1]);
            down(&mut by_variance, &mut variance_flux, forced[2]);
        }
        Susceptibility { mean: -mean_flux / free_flux, variance: -variance_flux / free_flux }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::siegert_rate_hz;

    const STATES: [(f64, f64); 4] = [(15.0, 5.0), (18.0, 3.0), (22.0, 2.0), (5.0, 8.0)];

    #[test]
    fn the_stationary_rate_is_siegerts() {
        let lif = Lif::default();
        for (mu, sigma) in STATES {
            let (found, expected) =
                (LinearResponse::new(&lif, mu, sigma).rate_hz(), siegert_rate_hz(&lif, mu, sigma, 0.0));
            assert!((found / expected - 1.0).abs() < 1e-4, "{mu} {sigma}: {found} {expected}");
        }
    }

    /// Intervals of neurons far below threshold are those of a Poisson process, of driven ones regular; between, what the double
    /// integral of Brunel 2000 gives (by quadrature elsewhere), and 40 s of the equation itself.
    #[test]
    fn intervals_vary_as_they_should() {
        let lif = Lif::default();
        assert!((LinearResponse::new(&lif, 5.0, 5.0).cv() - 1.0).abs() < 0.01);
        assert!(LinearResponse::new(&lif, 60.0, 1.0).cv() < 0.05);
        assert!((LinearResponse::new(&lif, 18.0, 4.0).cv() - 0.637_346).abs() < 1e-3);
        let state = LinearResponse::new(&Lif { refractory_ms: 0.0, ..lif }, 18.0, 4.0);
        let mut stream = rheobase_core::Seed::root(1).stream();
        let (h, mut v, mut last, mut intervals) = (0.002_f64, lif.reset_mv, 0.0, vec![]);
        let (keep, noise) = ((-h / lif.tau_ms).exp(), 4.0 * (0.5 * (1.0 - (-2.0 * h / lif.tau_ms).exp())).sqrt());
        for k in 0..20_000_000 {
            let z: f64 = rand_distr::Distribution::sample(&rand_distr::StandardNormal, &mut stream);
            v = 18.0 + (v - 18.0) * keep + noise * z;
            if v >= lif.threshold_mv {
                v = lif.reset_mv;
                intervals.push(f64::from(k) * h - last);
                last = f64::from(k) * h;
            }
        }
        let mean = rheobase_core::statistics::mean(&intervals);
        let cv = rheobase_core::statistics::variance(&intervals, 1).sqrt() / mean;
        // 600 intervals: .03.
        assert!((cv - state.cv()).abs() < 0.06, "{cv} {}", state.cv());
    }

    /// The flux through the bottom is 0 for any rate when nothing moves, so the limit is taken at a frequency that is low.
    #[test]
    fn slow_modulations_follow_the_stationary_rate() {
        let lif = Lif::default();
        for (mu, sigma) in STATES {
            let response = LinearResponse::new(&lif, mu, sigma).at(Complex64::new(0.0, 1e-5));
            let h = 1e-3;
            let rate = |mu: f64, variance: f64| 1e-3 * siegert_rate_hz(&lif, mu, variance.sqrt(), 0.0);
            let variance = sigma * sigma;
            let by_mean = (rate(mu + h, variance) - rate(mu - h, variance)) / (2.0 * h);
            let by_variance = (rate(mu, variance + h) - rate(mu, variance - h)) / (2.0 * h);
            assert!((response.mean.re / by_mean - 1.0).abs() < 1e-3, "{mu} {sigma}: {response:?} {by_mean}");
            assert!(
                (response.variance.re / by_variance - 1.0).abs() < 5e-3,
                "{mu} {sigma}: {response:?} {by_variance}"
            );
        }
    }

    /// Lindner & Schimansky-Geier 2001; Brunel et al. 2001: the mean reaches the rate with 1 / sqrt(i w), the variance at once.
    #[test]
    fn fast_modulations_have_their_limits() {
        let lif = Lif::default();
        for (mu, sigma) in STATES {
            let state = LinearResponse::new(&lif, mu, sigma);
            let omega = 50.0;
            let z = Complex64::new(0.0, omega);
            let response = state.at(z);
            let variance = response.variance / state.rate * sigma * sigma;
            assert!((variance - 1.0).norm() < 0.1, "{mu} {sigma}: {variance}");
            // r / (s sqrt(i w tau)) sqrt 2 / sqrt 2: the flux that a step of the mean drives through a boundary layer.
            let limit = state.rate * std::f64::consts::SQRT_2 / sigma / (z * lif.tau_ms).sqrt();
            assert!((response.mean / limit - 1.0).norm() < 0.1, "{mu} {sigma}: {}", response.mean / limit);
        }
    }
}
