//! What simulated trials tell at best: information enumerated over words, and the ideal observer.

use rand_distr::{Distribution, Poisson};
use rheobase_core::{RandomStream, Seed};

use super::TunedTrials;
use crate::error::{Result, require};

/// Values of the normal variable of the gain, from -5 to 5, over which the truth is integrated.
const GAINS: usize = 81;

impl TunedTrials {
    /// Information in bits that a neuron's word gives about the stimulus, all equally likely: the spikes in each of `bins` parts of the
    /// window, or of the cycle of an oscillation, `most` standing for as many or more.
    ///
    /// # Errors
    /// If there are no bins, or more than 100,000 words.
    pub fn information_bits(&self, neuron: usize, bins: usize, most: usize) -> Result<f64> {
        self.check()?;
        let words = words_of(bins, most)?;
        let given: Vec<Vec<f64>> =
            (0..self.stimuli).map(|s| self.words_given(neuron, &self.expected(neuron, s, bins), most, words)).collect();
        let mut bits = 0.0;
        for word in 0..words {
            let all = given.iter().map(|p| p[word]).sum::<f64>() / self.stimuli as f64;
            for p in given.iter().map(|p| p[word]).filter(|p| *p > 0.0) {
                bits += p / self.stimuli as f64 * (p / all).log2();
            }
        }
        Ok(bits)
    }

    /// Share of `trials` fresh trials whose stimulus the best possible observer of all neurons' spikes in `bins` parts of the window, or of the cycle of an oscillation whose
    /// phase it knows, names:
    /// the likeliest stimulus under the true rates. None with a shared gain, for which it would have to be integrated out.
    pub fn ideal_accuracy(&self, bins: usize, trials: usize, seed: &Seed) -> Option<f64> {
        if self.gain_sd > 0.0 || self.shared_hz > 0.0 || bins == 0 || trials == 0 {
            return None;
        }
        let expected: Vec<Vec<f64>> =
            (0..self.stimuli).map(|s| (0..self.neurons()).flat_map(|n| self.expected(n, s, bins)).collect()).collect();
        let right = (0..trials).filter(|trial| {
            let stimulus = trial % self.stimuli;
            let mut stream = seed.index(*trial).stream();
            let draw = |e: &f64, stream: &mut RandomStream| Poisson::new(*e).map_or(0.0, |p| p.sample(stream));
            let counts: Vec<f64> = expected[stimulus].iter().map(|e| draw(e, &mut stream)).collect();
            let likelihood = |s: usize| -> f64 {
                // An expected number of 0 forbids spikes.
                counts.iter().zip(&expected[s]).map(|(n, e)| if *n > 0.0 { n * e.ln() - e } else { -e }).sum()
            };
            let own = likelihood(stimulus);
            (0..self.stimuli).all(|s| s == stimulus || likelihood(s) < own)
        });
        Some(right.count() as f64 / trials as f64)
    }

    /// Probability of each word, the gain integrated out.
    fn words_given(&self, neuron: usize, expected: &[f64], most: usize, words: usize) -> Vec<f64> {
        // The last of an odd number of neurons shares nothing.
        let paired = neuron / 2 * 2 + 1 < self.neurons();
        let shared = if paired { self.shared_hz * self.window_s / expected.len() as f64 } else { 0.0 };
        let gains: Vec<(f64, f64)> = if self.gain_sd == 0.0 {
            vec![(1.0, 1.0)]
        } else {
            let z = |k: usize| -5.0 + 10.0 * k as f64 / (GAINS - 1) as f64;
            let total: f64 = (0..GAINS).map(|k| (-0.5 * z(k).powi(2)).exp()).sum();
            (0..GAINS).map(|k| (self.gain_of(z(k)), (-0.5 * z(k).powi(2)).exp() / total)).collect()
        };
        let mut probabilities = vec![0.0; words];
        for (gain, weight) in gains {
            let by_bin: Vec<Vec<f64>> = expected.iter().map(|e| counts_up_to(e * gain + shared, most)).collect();
            for (word, p) in probabilities.iter_mut().enumerate() {
                let mut rest = word;
                let mut product = weight;
                for bin in &by_bin {
                    product *= bin[rest % (most + 1)];
                    rest /= most + 1;
                }
                *p += product;
            }
        }
        probabilities
    }
}

/// How many words there are.
pub(super) fn words_of(bins: usize, most: usize) -> Result<usize> {
    let words = (most + 1).checked_pow(bins as u32).unwrap_or(usize::MAX);
    let few = bins >= 1 && words <= 100_000;
    require("the number of words", words as f64, few, "at most 100,000, of at least 1 bin")?;
    Ok(words)
}

/// Poisson probabilities of 0, 1, ... and of `most` or more.
fn counts_up_to(mean: f64, most: usize) -> Vec<f64> {
    let mut p = vec![(-mean).exp()];
    for n in 1..most {
        p.push(p[n - 1] * mean / n as f64);
    }
    if most > 0 {
        p.push((1.0 - p.iter().sum::<f64>()).max(0.0));
    } else {
        p = vec![1.0];
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials() -> TunedTrials {
        TunedTrials { repeats: 200, rate_neurons: 2, timing_neurons: 2, ..TunedTrials::default() }
    }

    #[test]
    fn two_stimuli_that_never_overlap_give_one_bit_and_equal_ones_none() {
        // Nothing against so many spikes that none is impossible.
        let sharp = TunedTrials { stimuli: 2, base_hz: 0.0, peak_hz: 1000.0, kappa: 100.0, window_s: 1.0, ..trials() };
        assert!((sharp.information_bits(0, 1, 5).unwrap() - 1.0).abs() < 1e-12);
        let flat = TunedTrials { kappa: 0.0, ..trials() };
        assert!(flat.information_bits(0, 2, 4).unwrap().abs() < 1e-12);
        assert!(flat.information_bits(2, 4, 3).unwrap().abs() < 1e-12);
    }

    #[test]
    fn timing_neurons_tell_nothing_by_their_count_and_much_by_their_words() {
        assert!(trials().information_bits(2, 1, 40).unwrap() < 1e-9);
        assert!(trials().information_bits(2, 4, 3).unwrap() > 0.3);
        // Parts of the window add nothing to a rate neuron's count, which is a sufficient statistic.
        let (count, word) =
            (trials().information_bits(0, 1, 60).unwrap(), trials().information_bits(0, 2, 60).unwrap());
        assert!((count - word).abs() < 1e-6, "{count} {word}");
    }

    #[test]
    fn the_ideal_observer_is_perfect_where_nothing_overlaps_and_guesses_where_all_is_alike() {
        let sharp =
            TunedTrials { base_hz: 0.0, peak_hz: 1000.0, kappa: 100.0, rate_neurons: 8, window_s: 1.0, ..trials() };
        assert_eq!(sharp.ideal_accuracy(1, 400, &Seed::root(1)), Some(1.0));
        let one_of_two = TunedTrials { stimuli: 2, kappa: 0.01, ..trials() }.ideal_accuracy(1, 2000, &Seed::root(1));
        assert!((one_of_two.unwrap() - 0.5).abs() < 0.05);
        assert_eq!(TunedTrials { gain_sd: 0.1, ..trials() }.ideal_accuracy(1, 10, &Seed::root(1)), None);
    }

    #[test]
    fn a_shared_gain_takes_information_away() {
        let noisy = TunedTrials { gain_sd: 0.5, ..trials() };
        assert!(noisy.information_bits(0, 1, 60).unwrap() < 0.9 * trials().information_bits(0, 1, 60).unwrap());
    }
}
