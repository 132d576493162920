//! Synaptic input as Beniaguev, Segev & London (2021, Neuron 109:2727) draw it: rates that wander together.
//!
//! Each group (a dendritic tree) holds excitatory and inhibitory inputs. The number of excitatory spikes per 100 ms of all of them
//! together is drawn evenly, that of inhibitory ones lies a random difference away; both are held for a random time. Each input
//! takes a share by its weight (segment length + 10 um in a dendrite) times a factor of its own per hold. The rates are smoothed by
//! a Gaussian, multiplied in every millisecond by a random factor with an exponential distribution, and spikes are
//! drawn by chance: at most one a millisecond.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spikes::InputSpikes;
use crate::{Error, Result};

/// How rates are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Duration of a trial in ms.
    pub duration_ms: usize,
    /// Least and most excitatory spikes per 100 ms, of all excitatory inputs of a group together.
    pub excitatory_per_100_ms: [f64; 2],
    /// Least and most difference between inhibitory and excitatory spikes per 100 ms; there are never fewer than none.
    pub inhibitory_difference: [f64; 2],
    /// Shortest and longest time for which rates are held, in ms.
    pub hold_ms: [f64; 2],
    /// Least and most standard deviation of the Gaussian that smooths rates in time, in ms; one a trial.
    pub smoothing_ms: [f64; 2],
    /// Least and most factor of an input, drawn anew with each hold.
    #[serde(default = "factor")]
    pub input_factor: [f64; 2],
    /// Whether rates are multiplied by an exponentially distributed factor in every millisecond.
    #[serde(default = "yes")]
    pub modulation: bool,
}

fn factor() -> [f64; 2] {
    [0.5, 1.5]
}

fn yes() -> bool {
    true
}

/// Inputs whose rates wander together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Group {
    /// Excitatory inputs, each with its share of the group's spikes before normalisation.
    pub excitatory: Vec<(usize, f64)>,
    /// Inhibitory inputs, likewise.
    pub inhibitory: Vec<(usize, f64)>,
}

impl Protocol {
    /// For the leaky integrate-and-fire neuron with 80 excitatory and 20 inhibitory inputs of E1.
    pub fn leaky() -> Self {
        Self {
            duration_ms: 6000,
            excitatory_per_100_ms: [0.0, 50.0],
            inhibitory_difference: [-50.0, -15.0],
            hold_ms: [25.0, 100.0],
            smoothing_ms: [40.0, 100.0],
            input_factor: factor(),
            modulation: true,
        }
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the range and what would be right.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("excitatory_per_100_ms", self.excitatory_per_100_ms, 0.0),
            ("inhibitory_difference", self.inhibitory_difference, f64::MIN),
            ("hold_ms", self.hold_ms, 1.0),
            ("smoothing_ms", self.smoothing_ms, 0.0),
            ("input_factor", self.input_factor, 0.0),
        ];
        for (name, [least, most], smallest) in ranges {
            if !(least >= smallest && most >= least && most.is_finite()) {
                let bound = if smallest == f64::MIN { String::new() } else { format!(", from {smallest} up") };
                return Err(Error::Description(format!(
                    "{name} is [{least}, {most}]: give the least and the most{bound}"
                )));
            }
        }
        if self.duration_ms == 0 {
            return Err(Error::Description("duration_ms is 0: a trial lasts at least 1 ms".into()));
        }
        Ok(())
    }

    /// The input spikes of one trial.
    ///
    /// # Errors
    /// If the protocol or the groups cannot be.
    pub fn draw(&self, inputs: usize, groups: &[Group], seed: &Seed) -> Result<InputSpikes> {
        self.check()?;
        let mut stream = seed.stream();
        let smoothing = self.draw_smoothing(&mut stream);
        let mut events = Vec::new();
        for group in groups {
            let holds = self.holds(&mut stream);
            for (inhibits, members) in [(false, &group.excitatory), (true, &group.inhibitory)] {
                let total: f64 = members.iter().map(|(_, share)| share).sum();
                for &(input, share) in members {
                    let mut rates = self.rates(&holds, inhibits, &mut stream);
                    smoothing.apply(&mut rates);
                    // Spikes per 100 ms of the whole group to chance per ms of this input.
                    let scale = share / total / 100.0;
                    for (step, rate) in rates.iter().enumerate() {
                        let factor: f64 = if self.modulation { Exp1.sample(&mut stream) } else { 1.0 };
                        if stream.random::<f64>() < rate * scale * factor {
                            events.push((step as u32, input as u32));
                        }
                    }
                }
            }
        }
        InputSpikes::new(inputs, self.duration_ms, events)
    }

    fn draw_smoothing(&self, stream: &mut impl Rng) -> Smoothing {
        Smoothing::new(between(self.smoothing_ms, stream))
    }

    /// Ends of the holds in ms, with the spikes per 100 ms of excitation and inhibition.
    fn holds(&self, stream: &mut impl Rng) -> Vec<(usize, [f64; 2])> {
        let mut holds = Vec::new();
        let mut end = 0;
        while end < self.duration_ms {
            end += (between(self.hold_ms, stream).round() as usize).max(1);
            let excitatory = between(self.excitatory_per_100_ms, stream);
            let [least, most] = self.inhibitory_difference;
            let range = [(excitatory + least).max(0.0), (excitatory + most).max(0.0)];
            holds.push((end.min(self.duration_ms), [excitatory, between(range, stream)]));
        }
        holds
    }

    /// Rates of an input before smoothing.
    fn rates(&self, holds: &[(usize, [f64; 2])], inhibits: bool, stream: &mut impl Rng) -> Vec<f64> {
        let mut rates = Vec::with_capacity(self.duration_ms);
        for (end, totals) in holds {
            let rate = totals[usize::from(inhibits)] * between(self.input_factor, stream);
            rates.resize(*end, rate);
        }
        rates
    }
}

fn between([least, most]: [f64; 2], stream: &mut impl Rng) -> f64 {
    least + (most - least) * stream.random::<f64>()
}

/// A Gaussian window of 7 standard deviations.
struct Smoothing(Vec<f64>);

impl Smoothing {
    fn new(sd_ms: f64) -> Self {
        let half = (3.5 * sd_ms).ceil() as i64;
        let mut window: Vec<f64> = if sd_ms > 0.0 {
            (-half..=half).map(|k| (-0.5 * (k as f64 / sd_ms).powi(2)).exp()).collect()
        } else {
            vec![1.0]
        };
        let sum: f64 = window.iter().sum();
        window.iter_mut().for_each(|w| *w /= sum);
        Self(window)
    }

    /// Smooths in place; the ends go on as they are. Piecewise constant rates are sums of steps, so that each step costs the
    /// window's length and not each millisecond.
    fn apply(&self, rates: &mut [f64]) {
        let half = (self.0.len() / 2) as i64;
        let n = rates.len() as i64;
        let mut change = vec![0.0; rates.len()];
        // d(smooth)/dt at t = sum over jumps of size j at s: j window[t - s + half].
        let mut first = rates.first().copied().unwrap_or(0.0);
        for s in 1..rates.len() {
            let jump = rates[s] - rates[s - 1];
            if jump != 0.0 {
                for (k, w) in self.0.iter().enumerate() {
                    let t = s as i64 + k as i64 - half;
                    if t <= 0 {
                        first += jump * w;
                    } else if t < n {
                        change[t as usize] += jump * w;
                    }
                }
            }
        }
        let mut value = first;
        for (rate, change) in rates.iter_mut().zip(change) {
            value += change;
            *rate = value.max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Group {
        Group { excitatory: (0..80).map(|i| (i, 1.0)).collect(), inhibitory: (80..100).map(|i| (i, 1.0)).collect() }
    }

    #[test]
    fn smoothing_by_jumps_is_a_convolution() {
        let mut rates: Vec<f64> = (0..50).map(|t| if t < 20 { 1.0 } else { f64::from(t / 10) }).collect();
        let padded = |t: i64| rates[t.clamp(0, 49) as usize];
        let smoothing = Smoothing::new(4.0);
        let half = (smoothing.0.len() / 2) as i64;
        let direct: Vec<f64> = (0..50_i64)
            .map(|t| smoothing.0.iter().enumerate().map(|(k, w)| w * padded(t + k as i64 - half)).sum())
            .collect();
        smoothing.apply(&mut rates);
        for (a, b) in rates.iter().zip(&direct) {
            assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }

    #[test]
    fn as_many_spikes_come_as_were_asked_for() {
        let protocol = Protocol { duration_ms: 60_000, ..Protocol::leaky() };
        let spikes = protocol.draw(100, &[group()], &Seed::root(1)).unwrap();
        let counts = spikes.counts();
        let sum = |range: std::ops::Range<usize>| counts[range].iter().sum::<usize>() as f64;
        // 25 per 100 ms on average: 15,000 in a minute. Some 960 independent holds of sd 14 leave 2 %; three times that.
        assert!((sum(0..80) / 15_000.0 - 1.0).abs() < 0.06, "{}", sum(0..80));
        // Even between 0 and e - 15 where e > 15: (35^2 / 2) / 50 / 2 = 6.125 per 100 ms. Its spread is about its mean, so that 960
        // holds leave 3 to 4 %; three times that.
        let theory = 35.0_f64.powi(2) / 200.0;
        assert!((sum(80..100) / (600.0 * theory) - 1.0).abs() < 0.1, "{} {theory}", sum(80..100));
    }

    #[test]
    fn ranges_the_wrong_way_round_are_refused() {
        let protocol = Protocol { hold_ms: [100.0, 25.0], ..Protocol::leaky() };
        let error = protocol.draw(100, &[group()], &Seed::root(1)).unwrap_err().to_string();
        assert!(error.contains("hold_ms is [100, 25]"), "{error}");
    }
}
