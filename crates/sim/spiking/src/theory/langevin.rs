//! Independent neurons under the noise that the theory assumes: what its formulas are compared with.
//!
//! v' = -(v - V_0) / tau_e + eta, eta' = -eta / tau_g + noise, with threshold, reset and refractory time; eta is exact in each step.

use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::Seed;

use super::Membrane;

/// Rates and voltages of such neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Rate in Hz.
    pub rate_hz: f64,
    /// Spikes that were counted.
    pub spikes: usize,
    /// Voltages in mV seen every ms, of neurons that are not refractory.
    pub voltages_mv: Vec<f64>,
}

impl Membrane {
    /// Simulates neurons for a time, the first 100 ms of which are not counted.
    pub fn simulate(&self, neurons: usize, duration_ms: f64, dt_ms: f64, seed: &Seed) -> Found {
        let steps = (duration_ms / dt_ms).round() as usize;
        let (settle, look) = ((100.0 / dt_ms) as usize, (1.0 / dt_ms).round().max(1.0) as usize);
        let keep = if self.tau_g_ms > 0.0 { (-dt_ms / self.tau_g_ms).exp() } else { 0.0 };
        // The white limit of eta has the intensity A^2 = sigma^2 / tau_e; eta itself a variance of A^2 / (2 tau_g).
        let intensity = self.sigma_mv.powi(2) / self.tau_e_ms;
        let sd =
            if self.tau_g_ms > 0.0 { (intensity / (2.0 * self.tau_g_ms)).sqrt() } else { (intensity / dt_ms).sqrt() };
        let fresh = sd * (1.0 - keep * keep).sqrt();
        let decay = (-dt_ms / self.tau_e_ms).exp();
        let (mut spikes, mut voltages_mv) = (0, Vec::new());
        for neuron in 0..neurons {
            let mut stream = seed.index(neuron).stream();
            let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
            let (mut v, mut eta, mut wait) = (self.lif.reset_mv, sd * normal(), 0.0);
            for step in 0..steps {
                let target = self.v0_mv + self.tau_e_ms * eta;
                if wait > 0.5 * dt_ms {
                    wait -= dt_ms;
                } else {
                    v = target + (v - target) * decay;
                    if v >= self.lif.threshold_mv {
                        v = self.lif.reset_mv;
                        wait = self.lif.refractory_ms;
                        spikes += usize::from(step >= settle);
                    } else if step >= settle && step % look == 0 {
                        voltages_mv.push(v);
                    }
                }
                eta = keep * eta + fresh * normal();
            }
        }
        let seconds = neurons as f64 * (steps - settle.min(steps)) as f64 * dt_ms * 1e-3;
        Found { rate_hz: spikes as f64 / seconds, spikes, voltages_mv }
    }

    /// Largest distance between the distribution of voltages and that of theory (Kolmogorov-Smirnov).
    pub fn density_distance(&self, voltages_mv: &[f64]) -> f64 {
        let mut sorted = voltages_mv.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let bottom = (self.v0_mv - 6.0 * self.sigma_mv).min(self.lif.reset_mv);
        let h = (self.lif.threshold_mv - bottom) / 2000.0;
        let grid: Vec<f64> = (0..2000).map(|k| bottom + (f64::from(k) + 0.5) * h).collect();
        let mut cumulative = 0.0;
        let below = |v: f64| sorted.partition_point(|x| *x < v) as f64 / n;
        let distance = |(v, p): (&f64, f64)| {
            cumulative += p * h;
            (cumulative - below(v + 0.5 * h)).abs()
        };
        grid.iter().zip(self.density(&grid)).map(distance).fold(0.0, f64::max)
    }
}
