//! A session of many units along a probe, some of which encode a feature of the events: whom an encoding model should find is known.
//!
//! Events carry features that are normal and correlated. A unit at depth d fires exp(b + w x_k) expected spikes in the window after each
//! event, with x_k the one feature that it encodes, or exp(b). Which feature depends on the depth: each has its own band of the probe, as
//! neighbouring neurons share their feature in human cortex (Leonard et al. 2024 Nature 626:593).

use rand::RngExt;
use rand_distr::{Distribution, Gamma, Poisson, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Units and events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureTrials {
    /// Units, evenly along the probe.
    #[schemars(range(min = 1, max = 10_000))]
    pub units: usize,
    /// Length of the probe in um.
    pub length_um: f64,
    /// Features of an event.
    #[schemars(range(min = 1, max = 50))]
    pub features: usize,
    /// Correlation of every two features.
    pub correlation: f64,
    /// Events.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub events: usize,
    /// Share of the units that encode a feature.
    pub encoding: f64,
    /// Least and largest weight: change of the logarithm of the rate for a standard deviation of the feature, of either sign.
    pub weights: [f64; 2],
    /// Rate at mean features in Hz.
    pub rate_hz: f64,
    /// Variance of a unit's counts beyond Poisson, as a share of the squared mean (a gain of its own in each event).
    pub gain_variance: f64,
    /// Window after an event in which the units respond, in s.
    pub window_s: f64,
    /// Time between events in s.
    pub interval_s: f64,
}

impl Default for FeatureTrials {
    fn default() -> Self {
        Self {
            units: 200,
            length_um: 3800.0,
            features: 4,
            correlation: 0.3,
            events: 600,
            encoding: 0.4,
            weights: [0.15, 0.4],
            rate_hz: 10.0,
            gain_variance: 0.1,
            window_s: 0.2,
            interval_s: 0.5,
        }
    }
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Featured {
    /// Spike times of each unit in s.
    pub spikes_s: Vec<Vec<f64>>,
    /// Depth of each unit in um.
    pub depths_um: Vec<f64>,
    /// Feature and weight of each unit that encodes one.
    pub encodes: Vec<Option<(usize, f64)>>,
    /// Time of each event in s.
    pub events_s: Vec<f64>,
    /// Features of each event.
    pub features: Vec<Vec<f64>>,
}

impl FeatureTrials {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        require("the number of units", self.units as f64, (1..=10_000).contains(&self.units), "1 to 10,000")?;
        require("the number of features", self.features as f64, (1..=50).contains(&self.features), "1 to 50")?;
        require(
            "the number of events",
            self.events as f64,
            (10..=1_000_000).contains(&self.events),
            "10 to 1,000,000",
        )?;
        require("correlation", self.correlation, (0.0..1.0).contains(&self.correlation), "0 to below 1")?;
        require("encoding", self.encoding, (0.0..=1.0).contains(&self.encoding), "0 to 1")?;
        let [low, high] = self.weights;
        require(
            "the largest weight",
            high,
            low >= 0.0 && high >= low && high <= 3.0,
            "at least the least one, at most 3",
        )?;
        require("gain_variance", self.gain_variance, (0.0..=10.0).contains(&self.gain_variance), "0 to 10")?;
        for (what, value) in [("rate_hz", self.rate_hz), ("window_s", self.window_s), ("length_um", self.length_um)] {
            require(what, value, value > 0.0 && value <= 1e5, "above 0, at most 100,000")?;
        }
        require("interval_s", self.interval_s, self.interval_s >= self.window_s, "at least the window")
    }

    /// Draws the session. A unit's spikes depend on its number, the events and the seed alone.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn record(&self, seed: &Seed) -> Result<Featured> {
        self.check()?;
        let events_s: Vec<f64> = (0..self.events).map(|k| self.interval_s * k as f64).collect();
        let (shared, own) = (self.correlation.sqrt(), (1.0 - self.correlation).sqrt());
        let features: Vec<Vec<f64>> = (0..self.events)
            .map(|event| {
                let mut stream = seed.child("features").index(event).stream();
                let common: f64 = StandardNormal.sample(&mut stream);
                let mut one =
                    || -> f64 { shared * common + own * Distribution::<f64>::sample(&StandardNormal, &mut stream) };
                (0..self.features).map(|_| one()).collect()
            })
            .collect();
        let place = |unit: usize| (unit as f64 + 0.5) / self.units as f64;
        let mut encodes = vec![];
        let mut spikes_s = vec![];
        for unit in 0..self.units {
            let mut stream = seed.child("units").index(unit).stream();
            let band = ((place(unit) * self.features as f64) as usize).min(self.features - 1);
            let feature = stream.random_bool(self.encoding).then(|| {
                // One of five belongs to another band.
                let feature = if stream.random_bool(0.8) { band } else { stream.random_range(0..self.features) };
                let size = self.weights[0] + (self.weights[1] - self.weights[0]) * stream.random::<f64>();
                (feature, if stream.random_bool(0.5) { size } else { -size })
            });
            let gain = (self.gain_variance > 0.0)
                .then(|| Gamma::new(self.gain_variance.recip(), self.gain_variance).ok())
                .flatten();
            let mut times = vec![];
            for (start, x) in events_s.iter().zip(&features) {
                let tuned = feature.map_or(0.0, |(k, w)| w * x[k]).exp();
                let gain = gain.as_ref().map_or(1.0, |g| g.sample(&mut stream));
                let mean = self.rate_hz * self.window_s * tuned * gain;
                let count = Poisson::new(mean).map_or(0.0, |p| p.sample(&mut stream));
                let begin = times.len();
                times.extend((0..count as usize).map(|_| start + self.window_s * stream.random::<f64>()));
                times[begin..].sort_by(f64::total_cmp);
            }
            encodes.push(feature);
            spikes_s.push(times);
        }
        let depths_um = (0..self.units).map(|u| self.length_um * place(u)).collect();
        Ok(Featured { spikes_s, depths_um, encodes, events_s, features })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_feature_and_the_gain() {
        let own = FeatureTrials { units: 40, events: 4000, encoding: 0.5, ..Default::default() };
        let found = own.record(&Seed::root(1)).unwrap();
        let counts = |unit: usize| -> Vec<f64> {
            let mut counts = vec![0.0; own.events];
            found.spikes_s[unit].iter().for_each(|t| counts[(t / own.interval_s) as usize] += 1.0);
            counts
        };
        let silent = found.encodes.iter().position(Option::is_none).unwrap();
        let n = counts(silent);
        let mean = n.iter().sum::<f64>() / n.len() as f64;
        let variance = n.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / n.len() as f64;
        assert!((mean - 2.0).abs() < 0.1 && (variance - (2.0 + 0.1 * 4.0)).abs() < 0.2, "{mean} {variance}");
        let (unit, (feature, weight)) = found.encodes.iter().enumerate().find_map(|(u, e)| e.map(|e| (u, e))).unwrap();
        let n = counts(unit);
        let side = |up: bool| {
            let chosen: Vec<f64> =
                (0..own.events).filter(|k| (found.features[*k][feature] > 0.0) == up).map(|k| n[k]).collect();
            chosen.iter().sum::<f64>() / chosen.len() as f64
        };
        assert_eq!(side(true) > side(false), weight > 0.0);
        assert!(FeatureTrials { correlation: 1.0, ..own }.check().is_err());
    }
}
