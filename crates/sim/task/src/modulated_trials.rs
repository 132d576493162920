//! Trials of auditory neurons whose modulation tuning and gain are known: amplitude-modulated sounds heard in several states.
//!
//! A neuron's rate is R (1 + m cos(2 pi f t)), with m = depth / (1 + (f / f_c)^2), so that its spikes lock to the modulation with vector
//! strength m / 2. Its mean rate R over frequencies f and states of gain g is g (base + peak h) for the first half of the neurons, and
//! base + peak (h + (g - g_least) / 2) for the others, with h = exp(-log2(f / f_best)^2 / 2): a product and a sum.

use std::f64::consts::TAU;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Poisson};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Neurons and trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModulatedTrials {
    /// Modulation frequencies in Hz, rising.
    pub frequencies_hz: Vec<f64>,
    /// Gain of each state.
    pub gains: Vec<f64>,
    /// Trials of each frequency in each state.
    #[schemars(range(min = 1, max = 10_000))]
    pub repeats: usize,
    /// Neurons.
    #[schemars(range(min = 2, max = 1000))]
    pub neurons: usize,
    /// Rate far from the best frequency in Hz.
    pub base_hz: f64,
    /// What the best frequency adds in Hz.
    pub peak_hz: f64,
    /// Depth of the rate's modulation at slow frequencies, 0 to 1.
    pub depth: f64,
    /// Length of a sound in s.
    pub window_s: f64,
    /// Pause between sounds in s, in which nothing fires.
    pub pause_s: f64,
}

impl Default for ModulatedTrials {
    fn default() -> Self {
        Self {
            frequencies_hz: vec![4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0],
            gains: vec![0.4, 0.8, 1.2, 1.6],
            repeats: 15,
            neurons: 8,
            base_hz: 5.0,
            peak_hz: 40.0,
            depth: 0.9,
            window_s: 1.0,
            pause_s: 0.1,
        }
    }
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Modulated {
    /// Spike times of each neuron in s.
    pub spikes_s: Vec<Vec<f64>>,
    /// Begin of each trial in s.
    pub starts_s: Vec<f64>,
    /// Index of the frequency of each trial.
    pub frequencies: Vec<usize>,
    /// Index of the state of each trial.
    pub states: Vec<usize>,
}

impl ModulatedTrials {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        let n = self.frequencies_hz.len();
        require("the number of frequencies", n as f64, (2..=100).contains(&n), "2 to 100")?;
        for w in self.frequencies_hz.windows(2) {
            require(
                "a modulation frequency in Hz",
                w[1],
                w[0] > 0.0 && w[1] > w[0] && w[1] <= 1e4,
                "rising, up to 10,000",
            )?;
        }
        let states = self.gains.len();
        require("the number of gains", states as f64, (1..=100).contains(&states), "1 to 100")?;
        for gain in &self.gains {
            require("a gain", *gain, *gain > 0.0 && *gain <= 100.0, "above 0, at most 100")?;
        }
        require("the number of repeats", self.repeats as f64, (1..=10_000).contains(&self.repeats), "1 to 10,000")?;
        require("the number of neurons", self.neurons as f64, (2..=1000).contains(&self.neurons), "2 to 1,000")?;
        for (what, value) in [("window_s", self.window_s), ("base_hz", self.base_hz), ("peak_hz", self.peak_hz)] {
            require(what, value, value > 0.0 && value <= 1e3, "above 0, at most 1,000")?;
        }
        require("pause_s", self.pause_s, (0.0..=1e3).contains(&self.pause_s), "0 to 1,000")?;
        require("depth", self.depth, (0.0..=1.0).contains(&self.depth), "0 to 1")
    }

    /// Whether the state multiplies a neuron's rate (or adds to it).
    pub fn multiplies(&self, neuron: usize) -> bool {
        neuron < self.neurons / 2
    }

    /// The frequency at which a neuron fires most, in Hz: neurons of each half go through the list, its ends left out where they can be.
    pub fn best_hz(&self, neuron: usize) -> f64 {
        let own = if self.multiplies(neuron) { neuron } else { neuron - self.neurons / 2 };
        let inner = self.frequencies_hz.len().saturating_sub(2).max(1);
        let first = usize::from(self.frequencies_hz.len() > 2);
        self.frequencies_hz[first + own % inner]
    }

    /// Vector strength of a neuron's spikes to a modulation frequency.
    pub fn vector_strength(&self, neuron: usize, frequency_hz: f64) -> f64 {
        0.5 * self.depth / (1.0 + (frequency_hz / self.best_hz(neuron)).powi(2))
    }

    /// Frequency in Hz above which a neuron's vector strength is below a criterion; none if it always is.
    pub fn cutoff_hz(&self, neuron: usize, criterion: f64) -> Option<f64> {
        let excess = 0.5 * self.depth / criterion - 1.0;
        (excess > 0.0).then(|| self.best_hz(neuron) * excess.sqrt())
    }

    /// Mean rate of a neuron in Hz.
    pub fn rate_hz(&self, neuron: usize, frequency: usize, state: usize) -> f64 {
        let octaves = (self.frequencies_hz[frequency] / self.best_hz(neuron)).log2();
        let tuned = (-0.5 * octaves * octaves).exp();
        let gain = self.gains[state];
        if self.multiplies(neuron) {
            return gain * (self.base_hz + self.peak_hz * tuned);
        }
        let least = self.gains.iter().copied().fold(f64::INFINITY, f64::min);
        self.base_hz + self.peak_hz * (tuned + 0.5 * (gain - least))
    }

    /// Draws all trials in random order. A neuron's spikes depend on its number, the trials and the seed alone.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn record(&self, seed: &Seed) -> Result<Modulated> {
        self.check()?;
        let (f, s) = (self.frequencies_hz.len(), self.gains.len());
        let mut order: Vec<usize> = (0..f * s * self.repeats).map(|k| k % (f * s)).collect();
        order.shuffle(&mut seed.child("order").stream());
        let starts_s: Vec<f64> = (0..order.len()).map(|k| k as f64 * (self.window_s + self.pause_s)).collect();
        let of_neuron = |neuron: usize| {
            let mut stream = seed.child("spikes").index(neuron).stream();
            let mut times = vec![];
            for (condition, start) in order.iter().zip(&starts_s) {
                let (frequency, state) = (condition % f, condition / f);
                let hz = self.frequencies_hz[frequency];
                let (rate, depth) = (self.rate_hz(neuron, frequency, state), 2.0 * self.vector_strength(neuron, hz));
                // Thinning: spikes of the highest rate, each kept with its share of it.
                let most = rate * (1.0 + depth);
                let count = Poisson::new(most * self.window_s).map_or(0.0, |p| p.sample(&mut stream));
                let begin = times.len();
                for _ in 0..count as usize {
                    let at = self.window_s * stream.random::<f64>();
                    if stream.random::<f64>() * (1.0 + depth) < 1.0 + depth * (TAU * hz * at).cos() {
                        times.push(start + at);
                    }
                }
                times[begin..].sort_by(f64::total_cmp);
            }
            times
        };
        Ok(Modulated {
            spikes_s: (0..self.neurons).map(of_neuron).collect(),
            frequencies: order.iter().map(|c| c % f).collect(),
            states: order.iter().map(|c| c / f).collect(),
            starts_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_locking_are_what_they_are_said_to_be() {
        let own = ModulatedTrials { repeats: 60, ..Default::default() };
        let recorded = own.record(&Seed::root(1)).unwrap();
        let neuron = 5;
        let (frequency, state) = (2, 3);
        let hz = own.frequencies_hz[frequency];
        let (mut n, mut re, mut im, mut trials) = (0.0, 0.0, 0.0, 0.0);
        for (k, start) in recorded.starts_s.iter().enumerate() {
            if (recorded.frequencies[k], recorded.states[k]) != (frequency, state) {
                continue;
            }
            trials += 1.0;
            for t in recorded.spikes_s[neuron].iter().filter(|t| (*start..start + own.window_s).contains(*t)) {
                let (sin, cos) = (TAU * hz * (t - start)).sin_cos();
                (n, re, im) = (n + 1.0, re + cos, im + sin);
            }
        }
        let rate: f64 = n / trials;
        let expected = own.rate_hz(neuron, frequency, state);
        assert!((rate / expected - 1.0).abs() < 4.0 / f64::sqrt(n), "{rate} {expected}");
        let locked = f64::hypot(re, im) / n;
        assert!((locked - own.vector_strength(neuron, hz)).abs() < 4.0 / f64::sqrt(n), "{locked}");
        let cutoff = own.cutoff_hz(neuron, 0.1).unwrap();
        assert!((own.vector_strength(neuron, cutoff) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn bad_numbers_are_refused() {
        let bad = ModulatedTrials { frequencies_hz: vec![8.0, 4.0], ..Default::default() };
        assert!(bad.check().unwrap_err().to_string().contains("rising"));
        assert!(ModulatedTrials { depth: 1.5, ..Default::default() }.check().is_err());
    }
}
