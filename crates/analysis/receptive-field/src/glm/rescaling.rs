//! Time rescaling (Brown et al. 2002): under the right model, the integrals of the rate between spikes are exponential.

use rheobase_core::inference::{Test, kolmogorov_smirnov};

use crate::{Error, Result};

/// Rescaled intervals, and the test that they are what the model says.
#[derive(Debug, Clone, PartialEq)]
pub struct Rescaled {
    /// 1 - exp(-integral) for each interval, sorted: uniform in (0, 1) under the model.
    pub quantiles: Vec<f64>,
    /// Kolmogorov-Smirnov distance to the uniform distribution, and its p-value.
    pub test: Test,
    /// Distance that 95 % of samples stay below, 1.36 / sqrt(n).
    pub bound_95: f64,
}

/// Rescales time by expected counts of bins and tests the intervals. Bins should be so short that a second spike in one is rare.
///
/// # Errors
/// If lengths differ, or there are fewer than 3 spikes.
pub fn time_rescaling(expected: &[f64], counts: &[f64]) -> Result<Rescaled> {
    if expected.len() != counts.len() {
        return Err(Error::LengthMismatch { frames: expected.len(), responses: counts.len() });
    }
    let (mut integral, mut seen, mut quantiles) = (0.0, false, Vec::new());
    for (&mean, &count) in expected.iter().zip(counts) {
        integral += mean;
        if count > 0.0 {
            if seen {
                quantiles.push(1.0 - (-integral).exp());
            }
            (integral, seen) = (0.0, true);
        }
    }
    if quantiles.len() < 2 {
        return Err(Error::TooFew { what: "time rescaling", of: "intervals", needed: 2, found: quantiles.len() });
    }
    quantiles.sort_by(f64::total_cmp);
    let bound_95 = 1.36 / (quantiles.len() as f64).sqrt();
    let test = kolmogorov_smirnov(&quantiles, |q| q.clamp(0.0, 1.0));
    Ok(Rescaled { quantiles, test, bound_95 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rheobase_core::Seed;

    #[test]
    fn the_true_rate_passes_and_a_constant_one_fails() {
        let mut stream = Seed::root(2).stream();
        let rate: Vec<f64> = (0..200_000).map(|t| 0.005 * (1.0 + (f64::from(t) * 2e-3).sin())).collect();
        let counts: Vec<f64> = rate.iter().map(|&r| f64::from(u8::from(stream.random_bool(r)))).collect();
        let right = time_rescaling(&rate, &counts).unwrap();
        assert!(right.test.statistic < right.bound_95 && right.test.p > 0.05, "{:?}", right.test);
        let wrong = time_rescaling(&vec![0.005; rate.len()], &counts).unwrap();
        assert!(wrong.test.statistic > 2.0 * wrong.bound_95, "{:?}", wrong.test);
        assert!(time_rescaling(&rate[..10], &[0.0; 10]).is_err());
    }
}
