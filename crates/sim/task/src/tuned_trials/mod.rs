//! Trials of neurons whose code is known: what spikes tell about the stimulus follows by enumeration, and an estimate from a few trials
//! can be held against it.
//!
//! Stimuli are directions, evenly around the circle. A *rate* neuron fires at base + peak e^(kappa (cos(s - s0) - 1)) Hz, evenly over the
//! window. A *timing* neuron fires as many spikes to every stimulus, at the mean rate of the others, but around a time that goes round
//! with the stimulus: its density over the window is a von Mises bump of concentration kappa at T (s - s0) / 2 pi. With an oscillation, whose
//! phase at the start of a trial is random, the bump lies in its cycle instead, and only who knows the phase reads the stimulus (Montemurro et
//! al. 2008). All spikes are Poisson, but for a gain e^(g z - g^2 / 2), z normal, that all neurons of a trial share. On top of them the
//! neurons of a pair may fire together, whatever the stimulus.

mod truth;

use std::f64::consts::TAU;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Poisson, StandardNormal};
use rheobase_core::{RandomStream, Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Parts of the window in which a timing neuron's density is even.
const FINE: usize = 240;

/// Neurons and trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TunedTrials {
    /// Stimuli: directions around the circle.
    #[schemars(range(min = 2, max = 64))]
    pub stimuli: usize,
    /// Trials of each.
    #[schemars(range(min = 2, max = 100_000))]
    pub repeats: usize,
    /// Neurons whose rate tells the stimulus.
    pub rate_neurons: usize,
    /// Neurons whose spike times tell it.
    pub timing_neurons: usize,
    /// Rate far from the preferred stimulus in Hz.
    pub base_hz: f64,
    /// What the preferred stimulus adds in Hz.
    pub peak_hz: f64,
    /// Concentration of the tuning.
    pub kappa: f64,
    /// Length of a stimulus in s.
    pub window_s: f64,
    /// Pause between stimuli in s, in which nothing fires.
    pub pause_s: f64,
    /// Standard deviation g of the logarithm of a gain that all neurons of a trial share.
    pub gain_sd: f64,
    /// Rate in Hz of events, while a stimulus is shown, at which neurons 0 and 1, 2 and 3, ... fire together.
    pub shared_hz: f64,
    /// Frequency in Hz of an oscillation in whose cycle timing neurons fire; 0 for none.
    pub oscillation_hz: f64,
    /// Parts of the window, or of the cycle, of the words whose information is given as the truth.
    #[schemars(range(min = 1, max = 16))]
    pub bins: usize,
    /// Spikes that are told apart in each part.
    #[schemars(range(min = 1, max = 50))]
    pub most: usize,
}

impl Default for TunedTrials {
    fn default() -> Self {
        Self {
            stimuli: 8,
            repeats: 40,
            rate_neurons: 4,
            timing_neurons: 4,
            base_hz: 2.0,
            peak_hz: 30.0,
            kappa: 2.0,
            window_s: 0.2,
            pause_s: 0.1,
            gain_sd: 0.0,
            shared_hz: 0.0,
            oscillation_hz: 0.0,
            bins: 4,
            most: 2,
        }
    }
}

/// Standard deviation in s of each neuron's spike around a shared event.
const SHARED_JITTER_S: f64 = 0.001;

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Spike times of each neuron in s, rate neurons first.
    pub spikes_s: Vec<Vec<f64>>,
    /// Begin of each trial in s.
    pub starts_s: Vec<f64>,
    /// Stimulus of each trial.
    pub stimuli: Vec<usize>,
    /// Where in its cycle the oscillation is at the begin of each trial, 0 to 1; none without one.
    pub start_cycles: Option<Vec<f64>>,
}

impl TunedTrials {
    /// Number of neurons.
    pub fn neurons(&self) -> usize {
        self.rate_neurons + self.timing_neurons
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        require("the number of stimuli", self.stimuli as f64, (2..=64).contains(&self.stimuli), "2 to 64")?;
        require("the number of repeats", self.repeats as f64, (2..=100_000).contains(&self.repeats), "2 to 100,000")?;
        let neurons = self.neurons();
        require("the number of neurons", neurons as f64, (1..=10_000).contains(&neurons), "1 to 10,000")?;
        for (what, value) in [("window_s", self.window_s), ("peak_hz", self.peak_hz)] {
            require(what, value, value > 0.0 && value <= 1e3, "above 0, at most 1,000")?;
        }
        for (what, value) in [("base_hz", self.base_hz), ("pause_s", self.pause_s), ("shared_hz", self.shared_hz)] {
            require(what, value, (0.0..=1e3).contains(&value), "0 to 1,000")?;
        }
        require("kappa", self.kappa, (0.0..=100.0).contains(&self.kappa), "0 to 100")?;
        require("gain_sd", self.gain_sd, (0.0..=2.0).contains(&self.gain_sd), "0 to 2")?;
        require("oscillation_hz", self.oscillation_hz, (0.0..=1e3).contains(&self.oscillation_hz), "0 to 1,000")?;
        if self.oscillation_hz > 0.0 {
            let cycles = self.cycles();
            // Otherwise what is expected in a part of the cycle would depend on where the trial starts in it.
            let whole = cycles >= 0.5 && (cycles - cycles.round()).abs() < 1e-6;
            require("window_s x oscillation_hz", cycles, whole, "a whole number of cycles")?;
            require(
                "pause_s beside an oscillation",
                self.pause_s,
                self.pause_s > 0.0,
                "above 0, for its phase to move on",
            )?;
        }
        truth::words_of(self.bins, self.most).map(|_| ())
    }

    /// Cycles of the oscillation in the window.
    fn cycles(&self) -> f64 {
        self.window_s * self.oscillation_hz
    }

    /// Direction of a stimulus in rad.
    pub fn direction_rad(&self, stimulus: usize) -> f64 {
        TAU * stimulus as f64 / self.stimuli as f64
    }

    /// Preferred direction of a neuron in rad: each kind evenly around the circle.
    pub fn preferred_rad(&self, neuron: usize) -> f64 {
        let (index, of) = if neuron < self.rate_neurons {
            (neuron, self.rate_neurons)
        } else {
            (neuron - self.rate_neurons, self.timing_neurons)
        };
        TAU * index as f64 / of as f64
    }

    /// Expected spikes of a neuron in each of `bins` equal parts of the window, or of the cycle of an
    /// oscillation, at a gain of 1 and beside shared events.
    pub fn expected(&self, neuron: usize, stimulus: usize, bins: usize) -> Vec<f64> {
        let off = |stimulus: usize| self.direction_rad(stimulus) - self.preferred_rad(neuron);
        let rate = |stimulus: usize| self.base_hz + self.peak_hz * (self.kappa * (off(stimulus).cos() - 1.0)).exp();
        if neuron < self.rate_neurons {
            return vec![rate(stimulus) * self.window_s / bins as f64; bins];
        }
        let all = (0..self.stimuli).map(rate).sum::<f64>() / self.stimuli as f64 * self.window_s;
        let density = |k: usize| {
            let at = TAU * (k as f64 + 0.5) / FINE as f64;
            (self.kappa * ((at - off(stimulus)).cos() - 1.0)).exp()
        };
        let total: f64 = (0..FINE).map(density).sum();
        let mut expected = vec![0.0; bins];
        (0..FINE).for_each(|k| expected[k * bins / FINE] += all * density(k) / total);
        expected
    }

    /// Draws all trials, stimuli in random order. A neuron's spikes depend on its number, the trial's and the seed alone.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn record(&self, seed: &Seed) -> Result<Recorded> {
        self.check()?;
        let mut stimuli: Vec<usize> = (0..self.stimuli * self.repeats).map(|k| k % self.stimuli).collect();
        stimuli.shuffle(&mut seed.child("order").stream());
        let starts_s: Vec<f64> = (0..stimuli.len()).map(|k| k as f64 * (self.window_s + self.pause_s)).collect();
        let gain = |trial: usize| {
            let z: f64 = StandardNormal.sample(&mut seed.child("gain").index(trial).stream());
            self.gain_of(z)
        };
        let gains: Vec<f64> = (0..stimuli.len()).map(gain).collect();
        let start_cycles = (self.oscillation_hz > 0.0).then(|| {
            let mut stream = seed.child("oscillation").stream();
            starts_s.iter().map(|_| stream.random::<f64>()).collect::<Vec<f64>>()
        });
        let of_neuron = |neuron: usize| {
            let in_cycle = start_cycles.as_ref().filter(|_| neuron >= self.rate_neurons);
            let expected: Vec<Vec<f64>> = (0..self.stimuli).map(|s| self.expected(neuron, s, FINE)).collect();
            let mut stream = seed.child("spikes").index(neuron).stream();
            let mut times = vec![];
            for (trial, ((stimulus, start), gain)) in stimuli.iter().zip(&starts_s).zip(&gains).enumerate() {
                let begin = Begin { at_s: *start, in_cycle: in_cycle.map(|all| all[trial]) };
                self.fire(&expected[*stimulus], *gain, begin, &mut stream, &mut times);
            }
            times
        };
        let mut spikes_s: Vec<Vec<f64>> = (0..self.neurons()).map(of_neuron).collect();
        for (pair, both) in spikes_s.chunks_exact_mut(2).enumerate() {
            self.fire_together(&starts_s, &seed.child("shared").index(pair), both);
        }
        Ok(Recorded { spikes_s, starts_s, stimuli, start_cycles })
    }

    fn fire_together(&self, starts_s: &[f64], seed: &Seed, pair: &mut [Vec<f64>]) {
        let mut stream = seed.stream();
        for start in starts_s {
            let count = Poisson::new(self.shared_hz * self.window_s).map_or(0.0, |p| p.sample(&mut stream));
            for _ in 0..count as usize {
                let at = self.window_s * stream.random::<f64>();
                for times in &mut *pair {
                    let normal: f64 = StandardNormal.sample(&mut stream);
                    times.push(start + (at + SHARED_JITTER_S * normal).clamp(0.0, self.window_s));
                }
            }
        }
        pair.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    }

    fn gain_of(&self, z: f64) -> f64 {
        (self.gain_sd * z - self.gain_sd.powi(2) / 2.0).exp()
    }

    fn fire(&self, expected: &[f64], gain: f64, begin: Begin, stream: &mut RandomStream, times: &mut Vec<f64>) {
        let total: f64 = expected.iter().sum::<f64>() * gain;
        // A Poisson number of spikes, each put into a part by its share.
        let count = Poisson::new(total).map_or(0.0, |p| p.sample(stream));
        for _ in 0..count as usize {
            let mut left = stream.random::<f64>() * total / gain;
            let part = expected.iter().position(|e| {
                left -= e;
                left < 0.0
            });
            let at = part.unwrap_or(expected.len() - 1) as f64 + stream.random::<f64>();
            let share = at / expected.len() as f64;
            let after_s = begin.in_cycle.map_or(self.window_s * share, |start| {
                let cycle = (stream.random::<f64>() * self.cycles()).floor();
                ((share - start).rem_euclid(1.0) + cycle) / self.oscillation_hz
            });
            times.push(begin.at_s + after_s);
        }
    }
}

/// Begin of a trial: when, and where in the cycle if that is what counts.
#[derive(Clone, Copy)]
struct Begin {
    at_s: f64,
    in_cycle: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials() -> TunedTrials {
        TunedTrials { repeats: 200, rate_neurons: 2, timing_neurons: 2, ..TunedTrials::default() }
    }

    #[test]
    fn spikes_go_with_the_oscillation_from_wherever_a_trial_starts() {
        let trials = TunedTrials { oscillation_hz: 10.0, ..trials() };
        let recorded = trials.record(&Seed::root(3)).unwrap();
        let starts = recorded.start_cycles.unwrap();
        let expected = trials.expected(2, 0, 4);
        let (mut by_phase, mut by_time) = ([0.0; 4], [0.0; 4]);
        for (trial, start) in recorded.starts_s.iter().enumerate().filter(|(k, _)| recorded.stimuli[*k] == 0) {
            for t in recorded.spikes_s[2].iter().map(|t| t - start).filter(|t| (0.0..0.2).contains(t)) {
                by_phase[((starts[trial] + 10.0 * t).fract() * 4.0) as usize % 4] += 1.0;
                by_time[(t * 20.0) as usize % 4] += 1.0;
            }
        }
        let all: f64 = by_time.iter().sum();
        for sector in 0..4 {
            let e = expected[sector] * 200.0;
            assert!((by_phase[sector] - e).abs() < 5.0 * e.sqrt() + 3.0, "{sector}: {} for {e}", by_phase[sector]);
            assert!((by_time[sector] - all / 4.0).abs() < 5.0 * (all / 4.0).sqrt(), "{by_time:?}");
        }
        assert!(TunedTrials { oscillation_hz: 7.0, ..trials }.check().is_err());
        assert!(TunedTrials { pause_s: 0.0, ..trials }.check().is_err());
    }

    #[test]
    fn pairs_share_events_that_others_do_not() {
        let together = TunedTrials { shared_hz: 10.0, ..trials() };
        let recorded = together.record(&Seed::root(2)).unwrap();
        let near = |a: usize, b: usize| -> usize {
            let close = |t: &&f64| recorded.spikes_s[b].iter().any(|u| (*t - u).abs() < 0.004);
            recorded.spikes_s[a].iter().filter(close).count()
        };
        // 1,600 trials of .2 s at 10 Hz: 3,200 shared events.
        assert!(near(0, 1) > 3000 && near(2, 3) > 3000, "{} {}", near(0, 1), near(2, 3));
        assert!(near(0, 2) < 1500, "{}", near(0, 2));
        assert!(together.information_bits(0, 1, 60).unwrap() < trials().information_bits(0, 1, 60).unwrap());
    }

    #[test]
    fn spikes_are_as_many_and_where_they_are_expected() {
        let recorded = trials().record(&Seed::root(2)).unwrap();
        for neuron in [0, 3] {
            for stimulus in [0, 5] {
                let expected = trials().expected(neuron, stimulus, 4);
                let mut found = [0.0; 4];
                let mut trials = 0.0;
                for (start, _) in recorded.starts_s.iter().zip(&recorded.stimuli).filter(|(_, s)| **s == stimulus) {
                    trials += 1.0;
                    for t in recorded.spikes_s[neuron].iter().filter(|t| **t >= *start && **t < start + 0.2) {
                        found[(((t - start) / 0.05) as usize).min(3)] += 1.0;
                    }
                }
                assert_eq!(trials, 200.0);
                for (e, f) in expected.iter().zip(found) {
                    assert!(
                        (f - e * trials).abs() < 5.0 * (e * trials).sqrt() + 3.0,
                        "{neuron} {stimulus}: {f} for {}",
                        e * trials
                    );
                }
            }
        }
    }
}
