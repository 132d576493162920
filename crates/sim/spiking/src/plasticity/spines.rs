//! Synapse sizes that fluctuate by themselves, and the heavy tails that come of it.
//!
//! (a) Kesten process w' = eps w + eta with eps normal and positive (Statman et al. 2014 PLoS Comput Biol 10:e1003846; Yasumatsu et al.
//! 2008 J Neurosci 28:13592). (b) Prune and regrow (Lynn, Holmes & Palmer 2024 Nat Phys 20:484): in each step some connections of a network
//! lose all their strength, and as many units of strength grow again, each with probability p where strength is already, in proportion
//! to it, else anywhere. With a mean strength s0 the stationary distribution is
//! P(s) ~ Gamma(s + s0 (1/p - 1)) / Gamma(s + s0 (1/p - 1) + 1/p + 1), whose tail falls as s^-(1 + 1/p).

use rand::RngExt;
use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// Parameters of the Kesten process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kesten {
    /// Mean of the factor.
    pub factor: f64,
    /// Standard deviation of the factor; factors below 0 are drawn again.
    pub factor_sd: f64,
    /// What is added in each step.
    pub added: f64,
}

impl Default for Kesten {
    fn default() -> Self {
        Self { factor: 0.98, factor_sd: 0.05, added: 0.02 }
    }
}

impl Kesten {
    /// Refuses factors without a stationary distribution.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("factor", self.factor, POSITIVE, 0.999_999)?;
        require_range("factor_sd", self.factor_sd, 0.0, 1.0)?;
        require_range("added", self.added, POSITIVE, 1e9).map(|_| ())
    }

    /// Sizes of synapses in each step, from the mean `added / (1 - factor)` on.
    pub fn run(&self, synapses: usize, steps: usize, seed: &Seed, mut each_step: impl FnMut(usize, &[f64])) {
        let mut sizes = vec![self.added / (1.0 - self.factor); synapses];
        let mut stream = seed.stream();
        for step in 0..steps {
            for size in &mut sizes {
                let factor = loop {
                    let normal: f64 = StandardNormal.sample(&mut stream);
                    let factor = self.factor + self.factor_sd * normal;
                    if factor > 0.0 {
                        break factor;
                    }
                };
                *size = factor * *size + self.added;
            }
            each_step(step, &sizes);
        }
    }
}

/// Parameters of prune-and-regrow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PruneRegrow {
    /// Neurons; every ordered pair is a connection.
    pub neurons: usize,
    /// Mean strength s0 of a connection.
    pub mean_strength: f64,
    /// Probability p of growth where strength is.
    pub preferential: f64,
    /// Connections pruned in a step.
    pub pruned: usize,
    /// Steps.
    pub steps: usize,
}

impl Default for PruneRegrow {
    fn default() -> Self {
        Self { neurons: 500, mean_strength: 1.0, preferential: 0.5, pruned: 100, steps: 8000 }
    }
}

/// Sums over beginnings of a list that can be changed and searched in logarithmic time (Fenwick 1994).
struct Sums(Vec<i64>);

impl Sums {
    fn add(&mut self, index: usize, change: i64) {
        let mut i = index + 1;
        while i < self.0.len() {
            self.0[i] += change;
            i += i & i.wrapping_neg();
        }
    }

    /// The first index up to which, itself included, there are more than `units`.
    fn find(&self, mut units: i64) -> usize {
        let mut at = 0;
        let mut step = self.0.len().next_power_of_two();
        while step > 0 {
            if at + step < self.0.len() && self.0[at + step] <= units {
                at += step;
                units -= self.0[at];
            }
            step /= 2;
        }
        at
    }
}

impl PruneRegrow {
    /// Refuses networks without connections and probabilities that give no tail.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("neurons", self.neurons as f64, 2.0, 5000.0)?;
        require_range("mean_strength", self.mean_strength, POSITIVE, 1e3)?;
        require_range("preferential", self.preferential, POSITIVE, 1.0)?;
        let connections = self.neurons * (self.neurons - 1);
        require_range("pruned", self.pruned as f64, 1.0, connections as f64).map(|_| ())
    }

    /// Strengths of all connections after the steps.
    pub fn run(&self, seed: &Seed) -> Vec<u32> {
        let connections = self.neurons * (self.neurons - 1);
        let mut stream = seed.stream();
        let mut strengths = vec![0_u32; connections];
        let mut sums = Sums(vec![0; connections + 1]);
        let mut total = (connections as f64 * self.mean_strength).round() as i64;
        for _ in 0..total {
            let k = stream.random_range(0..connections);
            strengths[k] += 1;
            sums.add(k, 1);
        }
        for _ in 0..self.steps {
            let mut lost = 0;
            for _ in 0..self.pruned {
                let k = stream.random_range(0..connections);
                let had = i64::from(strengths[k]);
                strengths[k] = 0;
                sums.add(k, -had);
                lost += had;
            }
            total -= lost;
            for _ in 0..lost {
                let k = if stream.random::<f64>() < self.preferential && total > 0 {
                    sums.find(stream.random_range(0..total))
                } else {
                    stream.random_range(0..connections)
                };
                strengths[k] += 1;
                sums.add(k, 1);
                total += 1;
            }
        }
        strengths
    }

    /// Exponent of the tail of the stationary distribution.
    pub fn tail_exponent(&self) -> f64 {
        1.0 + 1.0 / self.preferential
    }

    /// Exponent 1 + 1/p of the tail by maximum likelihood of the stationary distribution's own form among strengths of at least `least`,
    /// and how many those are. A pure power law ([`tail_exponent`]) is too flat there: the tail is straight only far out.
    pub fn fitted_exponent(&self, strengths: &[u32], least: u32) -> (f64, usize) {
        let tail: Vec<u32> = strengths.iter().copied().filter(|s| *s >= least).collect();
        let largest = tail.iter().copied().max().unwrap_or(least) as usize;
        let mut counts = vec![0.0; largest + 1];
        tail.iter().for_each(|s| counts[*s as usize] += 1.0);
        let likelihood = |preferential: f64| {
            let p = Self { preferential, ..*self }.stationary(largest.max(20_000));
            let total: f64 = p[least as usize..].iter().sum();
            let of = |(s, n): (usize, &f64)| if *n > 0.0 { n * (p[s] / total).ln() } else { 0.0 };
            counts.iter().enumerate().map(of).sum::<f64>()
        };
        // Golden section.
        let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
        let (mut low, mut high) = (0.05, 1.0);
        while high - low > 1e-4 {
            let (a, b) = (high - golden * (high - low), low + golden * (high - low));
            if likelihood(a) > likelihood(b) { high = b } else { low = a }
        }
        (1.0 + 2.0 / (low + high), tail.len())
    }

    /// The stationary distribution of strengths 0 to `largest`, normalised over all.
    pub fn stationary(&self, largest: usize) -> Vec<f64> {
        let shift = self.mean_strength * (1.0 / self.preferential - 1.0);
        let growth = |s: f64| self.preferential * s + (1.0 - self.preferential) * self.mean_strength;
        // Detailed flow: P(s) (1 + growth(s)) = P(s - 1) growth(s - 1), and P(0) (1 + growth(0)) = 1.
        let mut p = 1.0 / (1.0 + growth(0.0));
        let mut all = vec![p];
        for s in 1..=largest {
            p *= (s as f64 - 1.0 + shift) / (s as f64 + shift + 1.0 / self.preferential);
            all.push(p);
        }
        all
    }
}

/// Exponent of a discrete power law from the values of at least `least` (maximum likelihood; Clauset, Shalizi & Newman 2009 SIAM
/// Rev 51:661, eq 3.7), and how many those are.
pub fn tail_exponent(values: &[u32], least: u32) -> (f64, usize) {
    let (mut n, mut sum) = (0, 0.0);
    for &value in values.iter().filter(|v| **v >= least) {
        n += 1;
        sum += (f64::from(value) / (f64::from(least) - 0.5)).ln();
    }
    (1.0 + n as f64 / sum, n)
}

/// Largest distance between the distribution of values and the normal one of their mean and variance (Kolmogorov-Smirnov).
pub fn normal_distance(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mean = rheobase_core::statistics::mean(values);
    let sd = rheobase_core::statistics::variance(values, 1).sqrt();
    let n = sorted.len() as f64;
    let distance = |(i, x): (usize, &f64)| {
        let normal = 0.5 * libm::erfc((mean - x) / (sd * std::f64::consts::SQRT_2));
        (normal - i as f64 / n).abs().max((normal - (i + 1) as f64 / n).abs())
    };
    sorted.iter().enumerate().map(distance).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_reach_their_stationary_distribution() {
        let model = PruneRegrow { neurons: 100, pruned: 50, steps: 4000, ..PruneRegrow::default() };
        let strengths = model.run(&Seed::root(2));
        let expected = model.stationary(3);
        let n = strengths.len() as f64;
        for (s, p) in expected.iter().enumerate() {
            let found = strengths.iter().filter(|x| **x as usize == s).count() as f64 / n;
            // Binomial error of 9900 connections, four of them.
            assert!((found - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt(), "{s}: {found} {p}");
        }
        assert!((model.stationary(200_000).iter().sum::<f64>() - 1.0).abs() < 1e-6);
        assert_eq!(strengths.iter().map(|s| u64::from(*s)).sum::<u64>(), 9900);
    }

    #[test]
    fn the_exponent_of_a_power_law_is_found() {
        // Quantiles of P(s >= x) = (x / 4.5)^-1.5, rounded: exponent 2.5.
        let values: Vec<u32> =
            (0..100_000).map(|i| (4.5 * (1.0 - (f64::from(i) + 0.5) / 1e5).powf(-1.0 / 1.5)).round() as u32).collect();
        assert!((tail_exponent(&values, 5).0 - 2.5).abs() < 0.02);
    }
}
