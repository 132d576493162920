//! Neurons that watch white noise through filters in space and time which are known.
//!
//! Filters live on `positions` places and `lags` frames before the response: Gabor patches in space times a biphasic course in time.
//! A *separable* neuron has one such product; a *moving* neuron adds a second one a quarter of a cycle away in space and time, which
//! cannot be written as a product; both fire exp(b + a k.x) spikes in a frame. A *squaring* neuron fires in proportion to the sum of the
//! squares of both products, so that it has no average, but two axes of raised variance (Adelson & Bergen 1985).

use std::f64::consts::TAU;

use ndarray::Array2;
use rand_distr::{Distribution, Poisson, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Neurons and noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NoiseResponses {
    /// Places in a row.
    #[schemars(range(min = 4, max = 64))]
    pub positions: usize,
    /// Frames that a filter looks back.
    #[schemars(range(min = 2, max = 64))]
    pub lags: usize,
    /// Frames of noise.
    #[schemars(range(min = 100, max = 10_000_000))]
    pub frames: usize,
    /// Frames in a second.
    pub frame_rate_hz: f64,
    /// Neurons of each of the three kinds.
    #[schemars(range(min = 1, max = 100))]
    pub of_each: usize,
    /// Mean spikes in a frame.
    pub spikes_per_frame: f64,
    /// Strength a of the filter.
    pub strength: f64,
}

impl Default for NoiseResponses {
    fn default() -> Self {
        Self {
            positions: 12,
            lags: 8,
            frames: 40_000,
            frame_rate_hz: 60.0,
            of_each: 1,
            spikes_per_frame: 0.2,
            strength: 0.8,
        }
    }
}

/// What a neuron is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeuronKind {
    /// A product of space and time.
    Separable,
    /// Not a product: prefers motion one way.
    Moving,
    /// Squares of two products.
    Squaring,
}

impl NeuronKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Separable => "separable",
            Self::Moving => "moving",
            Self::Squaring => "squaring",
        }
    }
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Spike times of each neuron in s.
    pub spikes_s: Vec<Vec<f64>>,
    /// The noise, (frames, positions).
    pub noise: Array2<f64>,
}

impl NoiseResponses {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        require("positions", self.positions as f64, (4..=64).contains(&self.positions), "4 to 64")?;
        require("lags", self.lags as f64, (2..=64).contains(&self.lags), "2 to 64")?;
        require("frames", self.frames as f64, (100..=10_000_000).contains(&self.frames), "100 to 10,000,000")?;
        require("of_each", self.of_each as f64, (1..=100).contains(&self.of_each), "1 to 100")?;
        for (what, value) in [("frame_rate_hz", self.frame_rate_hz), ("spikes_per_frame", self.spikes_per_frame)] {
            require(what, value, value > 0.0 && value <= 1e4, "above 0, at most 10,000")?;
        }
        require("strength", self.strength, self.strength > 0.0 && self.strength <= 3.0, "above 0, at most 3")
    }

    /// Number of neurons.
    pub fn neurons(&self) -> usize {
        3 * self.of_each
    }

    /// What a neuron is.
    pub fn kind(&self, neuron: usize) -> NeuronKind {
        [NeuronKind::Separable, NeuronKind::Moving, NeuronKind::Squaring][neuron / self.of_each]
    }

    /// The filters of a neuron, (lags, positions), of unit length, lag 0 (the frame of the response) first: one, or the two of a squaring
    /// neuron.
    pub fn filters(&self, neuron: usize) -> Vec<Array2<f64>> {
        let own = neuron % self.of_each;
        let centre = self.positions as f64 * (own as f64 + 1.0) / (self.of_each as f64 + 1.0) - 0.5;
        let sd = self.positions as f64 / 7.0;
        let space = |k: usize, phase: f64| {
            let x = k as f64 - centre;
            (-0.5 * (x / sd).powi(2)).exp() * (TAU * x / (4.0 * sd) + phase).cos()
        };
        // A biphasic course and its quarter-cycle partner.
        let time = |lag: usize, phase: f64| {
            let t = (lag as f64 + 0.5) / self.lags as f64;
            (t * (1.0 - t)).powi(2) * (TAU * t + phase).sin()
        };
        let quarter = TAU / 4.0;
        let shape = (self.lags, self.positions);
        let first = Array2::from_shape_fn(shape, |(lag, k)| space(k, 0.0) * time(lag, 0.0));
        let second = Array2::from_shape_fn(shape, |(lag, k)| space(k, quarter) * time(lag, quarter));
        let unit = |filter: Array2<f64>| {
            let norm = filter.iter().map(|v| v * v).sum::<f64>().sqrt();
            filter / norm
        };
        let (first, second) = (unit(first), unit(second));
        match self.kind(neuron) {
            NeuronKind::Separable => vec![first],
            NeuronKind::Moving => vec![unit(first + second)],
            NeuronKind::Squaring => vec![first, second],
        }
    }

    /// Draws noise and spikes; a spike falls in the middle of its frame.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn record(&self, seed: &Seed) -> Result<Watched> {
        self.check()?;
        let mut stream = seed.child("noise").stream();
        let noise = Array2::from_shape_fn((self.frames, self.positions), |_| StandardNormal.sample(&mut stream));
        let of_neuron = |neuron: usize| {
            let filters = self.filters(neuron);
            let mut stream = seed.child("spikes").index(neuron).stream();
            let mut times = vec![];
            for frame in self.lags - 1..self.frames {
                let drive = |filter: &Array2<f64>| -> f64 {
                    (0..self.lags).map(|lag| filter.row(lag).dot(&noise.row(frame - lag))).sum()
                };
                let mean = self.spikes_per_frame
                    * match self.kind(neuron) {
                        NeuronKind::Squaring => filters.iter().map(|f| drive(f).powi(2)).sum::<f64>() / 2.0,
                        // The mean of exp(a z) is exp(a^2 / 2).
                        _ => (self.strength * drive(&filters[0]) - 0.5 * self.strength * self.strength).exp(),
                    };
                let count = Poisson::new(mean).map_or(0.0, |p| p.sample(&mut stream));
                times.extend((0..count as usize).map(|_| (frame as f64 + 0.5) / self.frame_rate_hz));
            }
            times
        };
        Ok(Watched { spikes_s: (0..self.neurons()).map(of_neuron).collect(), noise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_before_spikes_is_the_filter_and_of_a_squaring_neuron_nothing() {
        let own = NoiseResponses::default();
        let found = own.record(&Seed::root(1)).unwrap();
        for neuron in 0..3 {
            let mut average = Array2::<f64>::zeros((own.lags, own.positions));
            for t in &found.spikes_s[neuron] {
                let frame = (t * own.frame_rate_hz) as usize;
                for lag in 0..own.lags {
                    let mut row = average.row_mut(lag);
                    row += &found.noise.row(frame - lag);
                }
            }
            let n = found.spikes_s[neuron].len() as f64;
            assert!((n / own.frames as f64 / own.spikes_per_frame - 1.0).abs() < 0.05, "{n}");
            average /= n;
            let along: f64 = (&average * &own.filters(neuron)[0]).sum();
            // Bussgang for an exponential: the average is a times the filter.
            let expected = if neuron < 2 { own.strength } else { 0.0 };
            assert!((along - expected).abs() < 0.06, "{neuron} {along}");
        }
        let [first, second] = &own.filters(2)[..] else { panic!("two filters") };
        assert!((first * second).sum().abs() < 0.2);
        assert!(NoiseResponses { lags: 1, ..own }.check().is_err());
    }
}
