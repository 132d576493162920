//! Bits per spike: how much better predicted rates explain spikes than a constant rate (Pei et al. 2021, Neural Latents Benchmark).

use ndarray::ArrayView2;

use crate::{Error, Result};

/// Poisson log-likelihood of counts under expected counts, minus that under each unit's mean count, in bits per spike. Rates of 0
/// count as 1e-9, as in the benchmark.
///
/// 0 for the mean count itself; 1 for twice the likelihood per spike. Shapes (samples, units); the second value holds every
/// unit's own, NaN for units without spikes.
///
/// # Errors
/// If shapes differ, a value is negative or not finite, or there is no spike.
pub fn bits_per_spike(counts: ArrayView2<'_, f64>, expected: ArrayView2<'_, f64>) -> Result<(f64, Vec<f64>)> {
    if counts.dim() != expected.dim() {
        return Err(Error::Mismatch { what: "counts and expected counts", left: counts.len(), right: expected.len() });
    }
    if let Some(&found) = counts.iter().chain(expected).find(|v| !v.is_finite() || **v < 0.0) {
        return Err(Error::Parameter { what: "count", found, allowed: "0 or more" });
    }
    let spikes: f64 = counts.sum();
    if spikes == 0.0 {
        return Err(Error::TooFew { what: "bits per spike", of: "spikes", needed: 1, found: 0 });
    }
    // log n! is the same under both and drops out.
    let log_likelihood = |n: f64, mean: f64| n * mean.max(1e-9).ln() - mean.max(1e-9);
    let samples = counts.nrows() as f64;
    let (mut total, mut own) = (0.0, Vec::new());
    for (n, mean) in counts.columns().into_iter().zip(expected.columns()) {
        let spikes = n.sum();
        let null = spikes / samples;
        let gain: f64 = n.iter().zip(&mean).map(|(&n, &m)| log_likelihood(n, m) - log_likelihood(n, null)).sum();
        total += gain;
        own.push(gain / (spikes * std::f64::consts::LN_2));
    }
    Ok((total / (spikes * std::f64::consts::LN_2), own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn the_mean_rate_tells_nothing_and_twice_the_likelihood_is_one_bit() {
        let counts = array![[1.0, 0.0], [0.0, 2.0], [0.0, 1.0], [3.0, 1.0]];
        let (bits, own) = bits_per_spike(counts.view(), Array2::from_elem((4, 2), 1.0).view()).unwrap();
        assert!(bits.abs() < 1e-12 && own.iter().all(|b| b.abs() < 1e-12));
        // All spikes in half of the samples, predicted so: ln 2 for each spike.
        let halves = array![[2.0], [0.0], [2.0], [0.0]];
        let (bits, _) = bits_per_spike(halves.view(), halves.view()).unwrap();
        assert!((bits - 1.0).abs() < 1e-8, "{bits}");
        assert!(bits_per_spike(halves.view(), counts.view()).is_err());
    }
}
