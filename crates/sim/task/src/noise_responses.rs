//! Neurons that watch white noise through filters in space and time which are known.
//!
//! Filters live on `positions` places and `lags` frames before the response: Gabor patches in space times a biphasic course in time.
//! A *separable* neuron has one such product; a *moving* neuron adds a second one a quarter of a cycle away in space and time, which
//! cannot be written as a product; both fire exp(b + a k.x) spikes in a frame. A *squaring* neuron fires in proportion to the sum of the
//! squares of both products, so that it has no average, but two axes of raised variance (Adelson & Bergen 1985). Two further kinds fire one
//! spike a frame at most, with a probability that saturates: a *logistic* neuron with s(3 k.x - 3), s(u) = 1 / (1 + e^-u), and an *opposing*
//! one with s((k.x)^2 - (k'.x)^2 - 3), k and k' orthogonal, before whose spikes the variance is raised along k and lowered along k'.
//!
//! Noise may be correlated from place to place, as natural stimuli are: then the average before spikes is no longer the filter, but the
//! filter seen through the covariance of the noise.

use std::f64::consts::TAU;

use ndarray::Array2;
use rand::RngExt;
use rand_distr::{Distribution, Poisson, StandardNormal};
use rheobase_core::{RandomStream, Seed};
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
    /// Neurons of each of the two kinds that fire one spike a frame at most: logistic and opposing.
    #[schemars(range(min = 0, max = 100))]
    pub saturating: usize,
    /// Correlation of the noise at neighbouring places, which falls by the same factor with each further place.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub correlation: f64,
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
            saturating: 0,
            correlation: 0.0,
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
    /// A product through a logistic function.
    Logistic,
    /// The square of a product less that of another, through a logistic function.
    Opposing,
}

/// Slope and offset of the logistic neuron's drive, and the offset of the opposing one's.
const LOGISTIC: f64 = 3.0;

impl NeuronKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Separable => "separable",
            Self::Moving => "moving",
            Self::Squaring => "squaring",
            Self::Logistic => "logistic",
            Self::Opposing => "opposing",
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
        require("saturating", self.saturating as f64, self.saturating <= 100, "0 to 100")?;
        require("correlation", self.correlation, (0.0..=0.95).contains(&self.correlation), "0 to .95")?;
        require("strength", self.strength, self.strength > 0.0 && self.strength <= 3.0, "above 0, at most 3")
    }

    /// Number of neurons.
    pub fn neurons(&self) -> usize {
        3 * self.of_each + 2 * self.saturating
    }

    /// What a neuron is.
    pub fn kind(&self, neuron: usize) -> NeuronKind {
        match neuron.checked_sub(3 * self.of_each) {
            None => [NeuronKind::Separable, NeuronKind::Moving, NeuronKind::Squaring][neuron / self.of_each],
            Some(further) if further < self.saturating => NeuronKind::Logistic,
            Some(_) => NeuronKind::Opposing,
        }
    }

    /// Which neuron of its kind, and how many there are of it.
    fn place_in_kind(&self, neuron: usize) -> (usize, usize) {
        match neuron.checked_sub(3 * self.of_each) {
            None => (neuron % self.of_each, self.of_each),
            Some(further) => (further % self.saturating, self.saturating),
        }
    }

    /// The filters of a neuron, (lags, positions), of unit length, lag 0 (the frame of the response) first: one, or the two of a squaring
    /// or an opposing neuron.
    pub fn filters(&self, neuron: usize) -> Vec<Array2<f64>> {
        let (own, of) = self.place_in_kind(neuron);
        let centre = self.positions as f64 * (own as f64 + 1.0) / (of as f64 + 1.0) - 0.5;
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
            NeuronKind::Separable | NeuronKind::Logistic => vec![first],
            NeuronKind::Moving => vec![unit(first + second)],
            NeuronKind::Squaring => vec![first, second],
            NeuronKind::Opposing => {
                let along = (&first * &second).sum();
                let second = unit(second - along * &first);
                vec![first, second]
            }
        }
    }

    /// Variances of white noise along the two filters of an opposing neuron before its spikes, by quadrature: raised, lowered. None of
    /// other neurons, and where the noise is not white.
    pub fn variances(&self, neuron: usize) -> Option<(f64, f64)> {
        if self.kind(neuron) != NeuronKind::Opposing || self.correlation > 0.0 {
            return None;
        }
        const STEPS: usize = 400;
        const REACH: f64 = 7.0;
        let at = |k: usize| REACH * (2.0 * (k as f64 + 0.5) / STEPS as f64 - 1.0);
        let (mut all, mut raised, mut lowered) = (0.0, 0.0, 0.0);
        for x in (0..STEPS).map(at) {
            for y in (0..STEPS).map(at) {
                let weight = (-0.5 * (x * x + y * y)).exp() * logistic(x * x - y * y - LOGISTIC);
                all += weight;
                raised += weight * x * x;
                lowered += weight * y * y;
            }
        }
        Some((raised / all, lowered / all))
    }

    /// White noise, or noise that is correlated from place to place, of variance 1.
    fn noise(&self, seed: &Seed) -> Array2<f64> {
        let mut stream = seed.child("noise").stream();
        let mut noise = Array2::from_shape_fn((self.frames, self.positions), |_| StandardNormal.sample(&mut stream));
        if self.correlation > 0.0 {
            let fresh = (1.0 - self.correlation * self.correlation).sqrt();
            for mut frame in noise.rows_mut() {
                for k in 1..self.positions {
                    frame[k] = self.correlation * frame[k - 1] + fresh * frame[k];
                }
            }
        }
        noise
    }

    /// Draws noise and spikes; a spike falls in the middle of its frame.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn record(&self, seed: &Seed) -> Result<Watched> {
        self.check()?;
        let noise = self.noise(seed);
        let of_neuron = |neuron: usize| {
            let filters = self.filters(neuron);
            let mut stream = seed.child("spikes").index(neuron).stream();
            let mut times = vec![];
            for frame in self.lags - 1..self.frames {
                let drive = |filter: &Array2<f64>| -> f64 {
                    (0..self.lags).map(|lag| filter.row(lag).dot(&noise.row(frame - lag))).sum()
                };
                let mut poisson = |rate: f64| -> f64 {
                    Poisson::new(self.spikes_per_frame * rate).map_or(0.0, |p| p.sample(&mut stream))
                };
                let count = match self.kind(neuron) {
                    NeuronKind::Squaring => poisson(filters.iter().map(|f| drive(f).powi(2)).sum::<f64>() / 2.0),
                    // The mean of exp(a z) is exp(a^2 / 2).
                    NeuronKind::Separable | NeuronKind::Moving => {
                        poisson((self.strength * drive(&filters[0]) - 0.5 * self.strength * self.strength).exp())
                    }
                    NeuronKind::Logistic => fires(logistic(LOGISTIC * drive(&filters[0]) - LOGISTIC), &mut stream),
                    NeuronKind::Opposing => {
                        let [along, against] = [drive(&filters[0]), drive(&filters[1])];
                        fires(logistic(along * along - against * against - LOGISTIC), &mut stream)
                    }
                };
                times.extend((0..count as usize).map(|_| (frame as f64 + 0.5) / self.frame_rate_hz));
            }
            times
        };
        Ok(Watched { spikes_s: (0..self.neurons()).map(of_neuron).collect(), noise })
    }
}

/// 1 / (1 + e^-u).
fn logistic(u: f64) -> f64 {
    1.0 / (1.0 + (-u).exp())
}

/// A spike with this probability.
fn fires(probability: f64, stream: &mut RandomStream) -> f64 {
    if stream.random::<f64>() < probability { 1.0 } else { 0.0 }
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

    #[test]
    fn an_opposing_neuron_raises_and_lowers_variances_as_quadrature_says() {
        let own = NoiseResponses { frames: 100_000, positions: 5, lags: 4, saturating: 1, ..NoiseResponses::default() };
        let found = own.record(&Seed::root(1)).unwrap();
        let filters = own.filters(4);
        assert!((&filters[0] * &filters[1]).sum().abs() < 1e-12);
        let mut variances = [0.0; 2];
        for t in &found.spikes_s[4] {
            let frame = (t * own.frame_rate_hz) as usize;
            for (variance, filter) in variances.iter_mut().zip(&filters) {
                let z: f64 = (0..own.lags).map(|lag| filter.row(lag).dot(&found.noise.row(frame - lag))).sum();
                *variance += z * z / found.spikes_s[4].len() as f64;
            }
        }
        let (raised, lowered) = own.variances(4).unwrap();
        assert!((raised - 3.086).abs() < 1e-3 && (lowered - 0.459).abs() < 1e-3, "{raised} {lowered}");
        assert!((variances[0] - raised).abs() < 0.1 && (variances[1] - lowered).abs() < 0.03, "{variances:?}");
        assert_eq!(own.variances(3), None);
    }

    #[test]
    fn noise_is_correlated_as_asked() {
        let own = NoiseResponses { correlation: 0.8, ..NoiseResponses::default() };
        let noise = own.noise(&Seed::root(1));
        let n = own.frames as f64;
        let product = |a: usize, b: usize| noise.column(a).dot(&noise.column(b)) / n;
        assert!((product(9, 9) - 1.0).abs() < 0.03 && (product(5, 6) - 0.8).abs() < 0.03);
        assert!((product(5, 7) - 0.64).abs() < 0.03);
    }
}
