//! Spoken digits as spikes of an auditory nerve: a stand-in for recordings such as the Heidelberg digits (Cramer et al. 2020, IEEE TNNLS
//! 33:2744) whose every utterance is new.
//!
//! A digit is three bands of energy that move smoothly over frequency and wax and wane, drawn once for all from `voice`. An utterance shifts
//! them along frequency (the speaker), stretches and delays them in time, and scales each band's loudness. Channels are spaced evenly over
//! frequency; each fires as a Poisson process at a base rate plus what the bands give it, a Gaussian of the distance.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{RandomStream, Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::require;

/// How digits are spoken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpokenDigits {
    /// Number of digits.
    pub classes: usize,
    /// Channels of the nerve.
    pub channels: usize,
    /// Duration in ms.
    pub duration_ms: usize,
    /// Rate of a channel in silence in Hz.
    pub base_hz: f64,
    /// Rate of a channel in the middle of a band in Hz.
    pub peak_hz: f64,
    /// Standard deviation of a band in channels.
    pub width_channels: f64,
    /// Standard deviation of the shift of an utterance in channels.
    pub shift_channels: f64,
    /// Standard deviation of the logarithm of its tempo.
    pub tempo_sd: f64,
    /// Latest beginning in ms.
    pub onset_ms: f64,
    /// Standard deviation of the logarithm of a band's loudness.
    pub loudness_sd: f64,
}

impl Default for SpokenDigits {
    fn default() -> Self {
        Self {
            classes: 10,
            channels: 100,
            duration_ms: 400,
            base_hz: 3.0,
            peak_hz: 60.0,
            width_channels: 4.0,
            shift_channels: 3.0,
            tempo_sd: 0.1,
            onset_ms: 60.0,
            loudness_sd: 0.3,
        }
    }
}

/// Bands of a digit, and points between which each moves.
const BANDS: usize = 3;
const KNOTS: usize = 5;

/// A digit: places of the bands as a share of the channels, and their loudness, at evenly spaced times.
#[derive(Debug, Clone, PartialEq)]
struct Digit([[[f64; 2]; KNOTS]; BANDS]);

/// An utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// (ms, channel) of every spike.
    pub spikes: Vec<(u32, u32)>,
    /// Which digit.
    pub class: usize,
}

impl SpokenDigits {
    /// Refuses what cannot be spoken.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        require("classes of spoken digits", self.classes as f64, self.classes >= 2, "at least 2")?;
        require("channels of spoken digits", self.channels as f64, self.channels >= 4, "at least 4")?;
        require("duration_ms of spoken digits", self.duration_ms as f64, self.duration_ms >= 20, "at least 20")?;
        let room = self.onset_ms >= 0.0 && self.onset_ms < 0.5 * self.duration_ms as f64;
        require("onset_ms of spoken digits", self.onset_ms, room, "from 0 to half of the duration")?;
        for (name, value) in [
            ("base_hz", self.base_hz),
            ("peak_hz", self.peak_hz),
            ("shift_channels", self.shift_channels),
            ("tempo_sd", self.tempo_sd),
            ("loudness_sd", self.loudness_sd),
        ] {
            require(name, value, (0.0..=1000.0).contains(&value), "0 to 1000")?;
        }
        let positive = self.width_channels > 0.0 && self.width_channels.is_finite();
        require("width_channels of spoken digits", self.width_channels, positive, "above 0")?;
        Ok(())
    }

    /// Speaks `count` utterances, digit after digit; one depends on its number and the seeds alone. `voice` draws the digits.
    ///
    /// # Errors
    /// If they cannot be spoken.
    pub fn speak(&self, count: usize, voice: &Seed, seed: &Seed) -> Result<Vec<Utterance>> {
        self.check()?;
        let digits: Vec<Digit> = (0..self.classes).map(|class| Digit::draw(&mut voice.index(class).stream())).collect();
        let speak = |k: usize| {
            let class = k % self.classes;
            Utterance { spikes: self.utter(&digits[class], &mut seed.index(k).stream()), class }
        };
        Ok((0..count).map(speak).collect())
    }

    fn utter(&self, digit: &Digit, stream: &mut RandomStream) -> Vec<(u32, u32)> {
        let mut normal = || -> f64 { StandardNormal.sample(stream) };
        let shift = self.shift_channels * normal();
        let tempo = (self.tempo_sd * normal()).exp();
        let loudness: [f64; BANDS] = std::array::from_fn(|_| (self.loudness_sd * normal()).exp());
        let onset_ms = self.onset_ms * stream.random::<f64>();
        let spoken_ms = (self.duration_ms as f64 - self.onset_ms) / tempo;
        let mut spikes = Vec::new();
        for step in 0..self.duration_ms {
            let time = (step as f64 + 0.5 - onset_ms) / spoken_ms;
            let bands = digit.at(time);
            for channel in 0..self.channels {
                let mut rate_hz = self.base_hz;
                for ([place, loud], own) in bands.iter().zip(&loudness) {
                    let distance = (channel as f64 - place * self.channels as f64 - shift) / self.width_channels;
                    rate_hz += self.peak_hz * own * loud * (-0.5 * distance * distance).exp();
                }
                if stream.random::<f64>() < 1e-3 * rate_hz {
                    spikes.push((step as u32, channel as u32));
                }
            }
        }
        spikes
    }
}

impl Digit {
    fn draw(stream: &mut RandomStream) -> Self {
        // Each band keeps to its third of the channels, as formants do.
        let knot = |band: usize, stream: &mut RandomStream| {
            let place = (band as f64 + 0.1 + 0.8 * stream.random::<f64>()) / BANDS as f64;
            [place, stream.random::<f64>()]
        };
        Self(std::array::from_fn(|band| std::array::from_fn(|_| knot(band, stream))))
    }

    /// Place and loudness of the bands at a share of the digit's time; silence outside.
    fn at(&self, time: f64) -> [[f64; 2]; BANDS] {
        let along = time * (KNOTS - 1) as f64;
        let first = (along.floor().max(0.0) as usize).min(KNOTS - 2);
        // Half a cosine between knots.
        let share = 0.5 - 0.5 * (std::f64::consts::PI * (along - first as f64).clamp(0.0, 1.0)).cos();
        let sounds = (0.0..=1.0).contains(&time);
        std::array::from_fn(|band| {
            let [a, b] = [self.0[band][first], self.0[band][first + 1]];
            let between = |k: usize| a[k] + (b[k] - a[k]) * share;
            [between(0), if sounds { between(1) } else { 0.0 }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_spikes_come_as_bands_and_base_give() {
        let quiet = SpokenDigits { peak_hz: 0.0, base_hz: 10.0, ..SpokenDigits::default() };
        let all = quiet.speak(20, &Seed::root(1), &Seed::root(2)).unwrap();
        let count: usize = all.iter().map(|u| u.spikes.len()).sum();
        // 100 channels x .4 s x 10 Hz x 20 utterances, a standard deviation of 90.
        assert!(count.abs_diff(8000) < 400, "{count}");
        assert!(all.iter().enumerate().all(|(k, u)| u.class == k % 10));
        // Without any jitter the rate is that of the bands, which lie within the nerve.
        let plain =
            SpokenDigits { base_hz: 0.0, shift_channels: 0.0, tempo_sd: 0.0, onset_ms: 0.0, loudness_sd: 0.0, ..quiet };
        let loud = SpokenDigits { peak_hz: 100.0, ..plain };
        let many = loud.speak(200, &Seed::root(1), &Seed::root(3)).unwrap();
        let digit = Digit::draw(&mut Seed::root(1).index(0).stream());
        let expected: f64 = (0..400)
            .flat_map(|t| digit.at((f64::from(t) + 0.5) / 400.0))
            .map(|[_, loud]| 0.1 * loud * 4.0 * (2.0 * std::f64::consts::PI).sqrt())
            .sum();
        let found = many.iter().filter(|u| u.class == 0).map(|u| u.spikes.len()).sum::<usize>() as f64 / 20.0;
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    }

    #[test]
    fn an_utterance_depends_on_its_number_alone_and_mistakes_are_named() {
        let digits = SpokenDigits::default();
        let (few, many) = (
            digits.speak(3, &Seed::root(1), &Seed::root(2)).unwrap(),
            digits.speak(12, &Seed::root(1), &Seed::root(2)).unwrap(),
        );
        assert_eq!(few[..], many[..3]);
        assert_ne!(many[0].spikes, many[10].spikes);
        let wrong = SpokenDigits { onset_ms: 300.0, ..digits };
        assert!(wrong.check().unwrap_err().to_string().contains("onset_ms"));
    }
}
