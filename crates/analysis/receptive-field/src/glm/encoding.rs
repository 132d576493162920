//! Which features of events does a unit encode? Nested Poisson models of its counts (Truccolo et al. 2005; Paulk et al. 2022).
//!
//! A feature's contribution is what the model of all features gains over the model of the others: on held-out events in bits per spike,
//! and in the likelihood ratio 2 (L - L_without) / phi, about chi-squared with one degree of freedom, where the dispersion phi is Pearson's
//! chi-squared over its degrees of freedom, at least 1: counts that vary more than a Poisson number does would otherwise find too much.

use ndarray::{Array2, ArrayView2, Axis};
use rheobase_core::special::chi_squared_tail;

use super::{Family, GlmFit, fit};
use crate::{Error, Result};

/// How a unit encodes the features.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// Change of the logarithm of the rate for a unit of each feature.
    pub coefficients: Vec<f64>,
    /// p of each feature beside the others, by likelihood ratio.
    pub p: Vec<f64>,
    /// Held-out gain of all features over a constant rate in bits per spike.
    pub bits_per_spike: f64,
    /// Held-out gain of each feature over the others in bits per spike; negative where it only fits noise.
    pub unique_bits_per_spike: Vec<f64>,
    /// Dispersion of the counts: 1 for Poisson.
    pub dispersion: f64,
}

/// Fits counts (one for each event) to features (events, features), with events held out by `folds` (lists of events).
///
/// # Errors
/// If shapes do not fit, features are collinear, there are no spikes, or a fold leaves none to fit.
pub fn encoding(features: ArrayView2<'_, f64>, counts: &[f64], folds: &[Vec<usize>]) -> Result<Encoding> {
    let (n, k) = features.dim();
    if counts.len() != n {
        return Err(Error::LengthMismatch { frames: n, responses: counts.len() });
    }
    if k == 0 || n <= k + 1 {
        return Err(Error::TooFew { what: "an encoding model", of: "events", needed: k + 2, found: n });
    }
    let whole = fit(features, counts, Family::Poisson, None)?;
    let expected = whole.predict(features)?;
    let pearson: f64 = expected.iter().zip(counts).map(|(m, c)| (c - m).powi(2) / m.max(1e-12)).sum();
    let dispersion = (pearson / (n - k - 1) as f64).max(1.0);
    let without: Vec<Vec<usize>> = (0..k).map(|out| (0..k).filter(|j| *j != out).collect()).collect();
    let mut p = vec![];
    for columns in &without {
        let likelihood = match columns.is_empty() {
            true => whole.null_log_likelihood,
            false => fit(features.select(Axis(1), columns).view(), counts, Family::Poisson, None)?.log_likelihood,
        };
        p.push(chi_squared_tail(2.0 * (whole.log_likelihood - likelihood) / dispersion, 1.0));
    }
    let spikes: f64 = counts.iter().sum();
    let per_spike = |nats: f64| nats / (spikes * std::f64::consts::LN_2);
    let all: Vec<usize> = (0..k).collect();
    let (full, constant) = held_out(features, counts, folds, &all)?;
    let mut unique = vec![];
    for columns in &without {
        let rest = if columns.is_empty() { constant } else { held_out(features, counts, folds, columns)?.0 };
        unique.push(per_spike(full - rest));
    }
    Ok(Encoding {
        coefficients: whole.coefficients.to_vec(),
        p,
        bits_per_spike: per_spike(full - constant),
        unique_bits_per_spike: unique,
        dispersion,
    })
}

/// Log-likelihood of held-out events under the model of some features, and under the constant rate of the other events.
fn held_out(
    features: ArrayView2<'_, f64>,
    counts: &[f64],
    folds: &[Vec<usize>],
    columns: &[usize],
) -> Result<(f64, f64)> {
    let chosen = features.select(Axis(1), columns);
    let (mut model, mut constant) = (0.0, 0.0);
    for test in folds {
        let mut left_out = vec![false; counts.len()];
        test.iter().for_each(|k| left_out[*k] = true);
        let train: Vec<usize> = (0..counts.len()).filter(|k| !left_out[*k]).collect();
        let pick = |rows: &[usize]| -> (Array2<f64>, Vec<f64>) {
            (chosen.select(Axis(0), rows), rows.iter().map(|k| counts[*k]).collect())
        };
        let ((x, y), (x_test, y_test)) = (pick(&train), pick(test));
        let fitted: GlmFit = fit(x.view(), &y, Family::Poisson, None)?;
        model += fitted.log_likelihood_of(x_test.view(), &y_test)?;
        let rate = y.iter().sum::<f64>() / y.len() as f64;
        constant += y_test.iter().map(|c| Family::Poisson.log_likelihood(*c, rate.ln())).sum::<f64>();
    }
    Ok((model, constant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Gamma, Poisson, StandardNormal};
    use rheobase_core::Seed;
    use rheobase_core::inference::kolmogorov_smirnov;

    /// Three features of 200 events, the first of which moves the counts; a gain of each event makes them vary more than Poisson.
    fn unit(seed: u64, weight: f64) -> (Array2<f64>, Vec<f64>) {
        let mut stream = Seed::root(seed).stream();
        let x: Array2<f64> = Array2::from_shape_fn((200, 3), |_| StandardNormal.sample(&mut stream));
        let gain = Gamma::new(5.0, 0.2).unwrap();
        let counts = x
            .rows()
            .into_iter()
            .map(|row| {
                Poisson::new(4.0 * (weight * row[0]).exp() * gain.sample(&mut stream)).unwrap().sample(&mut stream)
            })
            .collect();
        (x, counts)
    }

    fn folds() -> Vec<Vec<usize>> {
        (0..4).map(|f| (0..200).filter(|k| k % 4 == f).collect()).collect()
    }

    #[test]
    fn the_feature_that_moves_the_counts_is_found() {
        let (x, counts) = unit(1, 0.3);
        let found = encoding(x.view(), &counts, &folds()).unwrap();
        assert!(found.p[0] < 1e-4 && found.p[1] > 0.01 && found.p[2] > 0.01, "{found:?}");
        assert!((found.coefficients[0] - 0.3).abs() < 0.12 && found.dispersion > 1.3, "{found:?}");
        assert!(
            found.bits_per_spike > 0.0 && found.unique_bits_per_spike[0] > 10.0 * found.unique_bits_per_spike[1].abs()
        );
        assert!(encoding(x.view(), &counts[1..], &folds()).is_err());
    }

    #[test]
    fn p_values_are_uniform_for_features_that_do_nothing_though_counts_vary_more_than_poisson() {
        let ps: Vec<f64> = (0..1000)
            .map(|set| {
                let (x, counts) = unit(100 + set, 0.0);
                encoding(x.view(), &counts, &folds()).unwrap().p[0]
            })
            .collect();
        let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
        assert!(test.p > 0.01, "{test:?}");
    }
}
