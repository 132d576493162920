//! Independent neurons under the noise that the theory assumes: what its formulas are compared with.
//!
//! v' = -(v - V_0) / tau_e + eta, eta' = -eta / tau_g + noise, with threshold, reset and refractory time; eta is exact in each step.

use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::{RandomStream, Seed};

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

/// One neuron under way.
struct Walk<'a> {
    membrane: &'a Membrane,
    dt_ms: f64,
    keep: f64,
    fresh: f64,
    decay: f64,
    v_mv: f64,
    eta: f64,
    wait_ms: f64,
}

/// What a step came to.
#[derive(PartialEq)]
enum Step {
    Refractory,
    Spike,
    Below,
}

fn normal(stream: &mut RandomStream) -> f64 {
    StandardNormal.sample(stream)
}

impl<'a> Walk<'a> {
    fn new(membrane: &'a Membrane, dt_ms: f64, stream: &mut RandomStream) -> Self {
        let tau_g_ms = membrane.tau_g_ms;
        let keep = if tau_g_ms > 0.0 { (-dt_ms / tau_g_ms).exp() } else { 0.0 };
        // The white limit of eta has the intensity A^2 = sigma^2 / tau_e; eta itself a variance of A^2 / (2 tau_g).
        let intensity = membrane.sigma_mv.powi(2) / membrane.tau_e_ms;
        let sd = if tau_g_ms > 0.0 { (intensity / (2.0 * tau_g_ms)).sqrt() } else { (intensity / dt_ms).sqrt() };
        Self {
            membrane,
            dt_ms,
            keep,
            fresh: sd * (1.0 - keep * keep).sqrt(),
            decay: (-dt_ms / membrane.tau_e_ms).exp(),
            v_mv: membrane.lif.reset_mv,
            eta: sd * normal(stream),
            wait_ms: 0.0,
        }
    }

    /// Moves by a step, with a jump of the voltage at its end.
    fn step(&mut self, jump_mv: f64, stream: &mut RandomStream) -> Step {
        let target = self.membrane.v0_mv + self.membrane.tau_e_ms * self.eta;
        self.eta = self.keep * self.eta + self.fresh * normal(stream);
        if self.wait_ms > 0.5 * self.dt_ms {
            self.wait_ms -= self.dt_ms;
            return Step::Refractory;
        }
        self.v_mv = target + (self.v_mv - target) * self.decay + jump_mv;
        if self.v_mv < self.membrane.lif.threshold_mv {
            return Step::Below;
        }
        self.v_mv = self.membrane.lif.reset_mv;
        self.wait_ms = self.membrane.lif.refractory_ms;
        Step::Spike
    }
}

/// Steps in one effective time constant, and time constants between events, for [`Membrane::transmission`].
const STEPS: usize = 50;
const APART: usize = 10;

impl Membrane {
    /// Simulates neurons for a time, the first 100 ms of which are not counted.
    pub fn simulate(&self, neurons: usize, duration_ms: f64, dt_ms: f64, seed: &Seed) -> Found {
        let steps = (duration_ms / dt_ms).round() as usize;
        let (settle, look) = ((100.0 / dt_ms) as usize, (1.0 / dt_ms).round().max(1.0) as usize);
        let (mut spikes, mut voltages_mv) = (0, Vec::new());
        for neuron in 0..neurons {
            let mut stream = seed.index(neuron).stream();
            let mut walk = Walk::new(self, dt_ms, &mut stream);
            for step in 0..steps {
                match walk.step(0.0, &mut stream) {
                    Step::Spike => spikes += usize::from(step >= settle),
                    Step::Below if step >= settle && step % look == 0 => voltages_mv.push(walk.v_mv),
                    _ => {}
                }
            }
        }
        let seconds = neurons as f64 * (steps - settle.min(steps)) as f64 * dt_ms * 1e-3;
        Found { rate_hz: spikes as f64 / seconds, spikes, voltages_mv }
    }

    /// Probability of a spike within one effective time constant after an event of a size, and within as long without one, from events
    /// that come every ten time constants on top of the noise.
    pub fn transmission(&self, size_mv: f64, events: usize, seed: &Seed) -> [f64; 2] {
        let mut stream = seed.stream();
        let mut walk = Walk::new(self, self.tau_e_ms / STEPS as f64, &mut stream);
        let (event, control) = (STEPS * APART / 2, STEPS * APART / 4);
        let mut followed = [0_usize; 2];
        for _ in 0..events {
            let mut spiked = [false; 2];
            for step in 0..STEPS * APART {
                if walk.step(if step == event { size_mv } else { 0.0 }, &mut stream) == Step::Spike {
                    spiked[0] |= (event..event + STEPS).contains(&step);
                    spiked[1] |= (control..control + STEPS).contains(&step);
                }
            }
            followed.iter_mut().zip(spiked).for_each(|(f, s)| *f += usize::from(s));
        }
        followed.map(|f| f as f64 / events as f64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::Lif;

    #[test]
    fn noise_helps_an_event_through_and_then_hides_it() {
        let lif = Lif { rest_mv: -70.0, threshold_mv: -50.0, reset_mv: -60.0, refractory_ms: 1.0, ..Lif::default() };
        let at = |sd: f64| {
            let sigma_mv = sd * std::f64::consts::SQRT_2;
            let membrane = Membrane { v0_mv: -60.0, tau_e_ms: 5.0, sigma_mv, tau_g_ms: 2.0, lif };
            let [with, without] = membrane.transmission(8.0, 2000, &Seed::root(1));
            with - without
        };
        // 8 mV of the 10 mV to threshold: never without noise, most often between, and lost in strong noise.
        let [low, middle, high] = [0.3, 3.0, 30.0].map(at);
        assert!(low == 0.0 && middle > 0.2 && high < 0.6 * middle, "{low} {middle} {high}");
    }
}
