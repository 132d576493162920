//! Neural sampling (Buesing, Bill, Nessler & Maass 2011 PLoS Comput Biol 7:e1002211), beside the exact distribution and Gibbs sampling.
//!
//! A neuron whose counter is at most 1 fires with the probability sigma(u - ln tau), u_k = b_k + sum W_ki z_i; a spike sets its counter
//! to tau, and z_k = 1 while the counter runs. The states visited follow p(z) ~ exp(z W z / 2 + b z).

use rand::RngExt;
use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::Seed;

use crate::error::{Result, require_range};

/// A Boltzmann machine of a few units: symmetric weights without a diagonal, and biases.
#[derive(Debug, Clone, PartialEq)]
pub struct BoltzmannMachine {
    weights: Vec<Vec<f64>>,
    biases: Vec<f64>,
}

fn logistic(x: f64) -> f64 {
    rheobase_core::math::logistic(x)
}

impl BoltzmannMachine {
    /// Random normal weights and biases.
    ///
    /// # Errors
    /// If there are more than 16 units, whose states could not be listed.
    pub fn random(units: usize, weight_sd: f64, bias_sd: f64, seed: &Seed) -> Result<Self> {
        require_range("units", units as f64, 1.0, 16.0)?;
        require_range("weight_sd", weight_sd, 0.0, 100.0)?;
        require_range("bias_sd", bias_sd, 0.0, 100.0)?;
        let mut stream = seed.stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let mut weights = vec![vec![0.0; units]; units];
        for i in 0..units {
            for j in 0..i {
                weights[i][j] = weight_sd * normal();
                weights[j][i] = weights[i][j];
            }
        }
        let biases = (0..units).map(|_| bias_sd * normal()).collect();
        Ok(Self { weights, biases })
    }

    fn potential(&self, k: usize, z: &[bool]) -> f64 {
        self.biases[k] + self.weights[k].iter().zip(z).filter(|(_, on)| **on).map(|(w, _)| w).sum::<f64>()
    }

    /// Probability of each state; bit k of its number is unit k.
    pub fn exact(&self) -> Vec<f64> {
        let n = self.biases.len();
        let energy = |state: usize| -> f64 {
            let z: Vec<bool> = (0..n).map(|k| state >> k & 1 == 1).collect();
            (0..n).filter(|k| z[*k]).map(|k| self.biases[k] + 0.5 * (self.potential(k, &z) - self.biases[k])).sum()
        };
        let all: Vec<f64> = (0..1 << n).map(|s| energy(s).exp()).collect();
        let sum: f64 = all.iter().sum();
        all.iter().map(|p| p / sum).collect()
    }

    /// Share of steps in each state, by spiking neurons with refractory counters of `tau` steps.
    pub fn sample_spiking(&self, tau: u32, steps: usize, seed: &Seed) -> Vec<f64> {
        let n = self.biases.len();
        let (mut counters, mut z) = (vec![0_u32; n], vec![false; n]);
        let (mut stream, mut visits) = (seed.stream(), vec![0.0; 1 << n]);
        for _ in 0..steps {
            for k in 0..n {
                let fires =
                    counters[k] <= 1 && stream.random::<f64>() < logistic(self.potential(k, &z) - f64::from(tau).ln());
                counters[k] = if fires { tau } else { counters[k].saturating_sub(1) };
                z[k] = counters[k] > 0;
            }
            let state = (0..n).filter(|k| z[*k]).map(|k| 1 << k).sum::<usize>();
            visits[state] += 1.0 / steps as f64;
        }
        visits
    }

    /// The same by Gibbs sampling, a whole sweep in each step.
    pub fn sample_gibbs(&self, sweeps: usize, seed: &Seed) -> Vec<f64> {
        let n = self.biases.len();
        let mut z = vec![false; n];
        let (mut stream, mut visits) = (seed.stream(), vec![0.0; 1 << n]);
        for _ in 0..sweeps {
            for k in 0..n {
                z[k] = stream.random::<f64>() < logistic(self.potential(k, &z));
            }
            visits[(0..n).filter(|k| z[*k]).map(|k| 1 << k).sum::<usize>()] += 1.0 / sweeps as f64;
        }
        visits
    }
}

/// Kullback-Leibler divergence in bits of a distribution found from the exact one.
pub fn divergence_bits(found: &[f64], exact: &[f64]) -> f64 {
    found.iter().zip(exact).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * (p / q).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systems.md B12: below .002 (in nats) with five units, tau 20, 400,000 steps.
    #[test]
    fn spiking_neurons_visit_states_as_often_as_they_should() {
        for seed in 1..=5 {
            let machine = BoltzmannMachine::random(5, 0.6, 0.6, &Seed::root(seed)).unwrap();
            let exact = machine.exact();
            assert!((exact.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let nats = |found: &[f64]| divergence_bits(found, &exact) * std::f64::consts::LN_2;
            assert!(nats(&machine.sample_spiking(20, 400_000, &Seed::root(seed).child("spikes"))) < 0.002);
            assert!(nats(&machine.sample_gibbs(400_000, &Seed::root(seed).child("gibbs"))) < 0.002);
        }
    }
}
