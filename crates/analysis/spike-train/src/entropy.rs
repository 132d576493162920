//! Entropy of counted symbols, in bits, with corrections for few samples.

use libm::lgamma;
use rheobase_core::special::digamma;

use crate::{Error, Result};

use std::f64::consts::LN_2;

fn total(counts: &[f64]) -> Result<f64> {
    if let Some(&found) = counts.iter().find(|c| !c.is_finite() || **c < 0.0) {
        return Err(Error::Parameter { what: "count", found, allowed: "0 or more" });
    }
    let n: f64 = counts.iter().sum();
    if n == 0.0 { Err(Error::TooFew { what: "entropy", of: "samples", needed: 1, found: 0 }) } else { Ok(n) }
}

/// Entropy of the observed frequencies: biased down by about (symbols - 1) / (2 n ln 2).
///
/// # Errors
/// Without samples, or if a count is negative.
pub fn plug_in(counts: &[f64]) -> Result<f64> {
    let n = total(counts)?;
    Ok(counts.iter().filter(|c| **c > 0.0).map(|c| -(c / n) * (c / n).log2()).sum())
}

/// Plug-in entropy plus (occupied symbols - 1) / (2 n ln 2) (Miller 1955).
///
/// # Errors
/// As for [`plug_in`].
pub fn miller_madow(counts: &[f64]) -> Result<f64> {
    let occupied = counts.iter().filter(|c| **c > 0.0).count() as f64;
    Ok(plug_in(counts)? + (occupied - 1.0) / (2.0 * total(counts)? * LN_2))
}

/// Entropy by the estimator of Nemenman, Shafee & Bialek (2002): the mean over all distributions on `counts.len()` symbols under a
/// prior that is flat in entropy. Symbols that were never seen must be in the list as 0.
///
/// Integrated over the expected prior entropy on a grid refined where the evidence lies; good to 1e-6 bits.
///
/// # Errors
/// As for [`plug_in`], or with fewer than 2 symbols.
pub fn nsb(counts: &[f64]) -> Result<f64> {
    let n = total(counts)?;
    let k = counts.len() as f64;
    if counts.len() < 2 {
        return Err(Error::TooFew { what: "the NSB entropy", of: "symbols", needed: 2, found: counts.len() });
    }
    // Equal counts give equal terms: group them.
    let mut groups: Vec<(f64, f64)> = Vec::new();
    let mut sorted = counts.to_vec();
    sorted.sort_by(f64::total_cmp);
    for c in sorted {
        match groups.last_mut() {
            Some((value, times)) if *value == c => *times += 1.0,
            _ => groups.push((c, 1.0)),
        }
    }
    let log_evidence = |beta: f64| {
        let seen: f64 = groups.iter().filter(|g| g.0 > 0.0).map(|g| g.1 * (lgamma(g.0 + beta) - lgamma(beta))).sum();
        lgamma(k * beta) - lgamma(n + k * beta) + seen
    };
    let mean_entropy = |beta: f64| {
        let sum: f64 = groups.iter().map(|g| g.1 * (g.0 + beta) / (n + k * beta) * digamma(g.0 + beta + 1.0)).sum();
        digamma(n + k * beta + 1.0) - sum
    };
    let highest = k.ln();
    let beta_of = |xi: f64| {
        let expected = |log_beta: f64| {
            let beta = log_beta.exp();
            digamma(k * beta + 1.0) - digamma(beta + 1.0)
        };
        let (mut low, mut high) = (-40.0_f64, 40.0_f64);
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if expected(middle) < xi { low = middle } else { high = middle }
        }
        (0.5 * (low + high)).exp()
    };
    let (mut from, mut to) = (1e-6 * highest, (1.0 - 1e-9) * highest);
    let mut answer = f64::NAN;
    for _ in 0..4 {
        const POINTS: usize = 400;
        let step = (to - from) / (POINTS - 1) as f64;
        let grid: Vec<(f64, f64, f64)> = (0..POINTS)
            .map(|i| {
                let xi = from + step * i as f64;
                let beta = beta_of(xi);
                (xi, log_evidence(beta), mean_entropy(beta))
            })
            .collect();
        let best = grid.iter().map(|g| g.1).fold(f64::NEG_INFINITY, f64::max);
        let (mut weight, mut sum) = (0.0, 0.0);
        for g in &grid {
            let w = (g.1 - best).exp();
            weight += w;
            sum += w * g.2;
        }
        answer = sum / weight;
        // Keep where the evidence is above e^-40 of its peak.
        let inside: Vec<f64> = grid.iter().filter(|g| g.1 > best - 40.0).map(|g| g.0).collect();
        let (low, high) = (inside[0] - step, inside[inside.len() - 1] + step);
        if high - low > 0.5 * (to - from) {
            break;
        }
        (from, to) = (low.max(from), high.min(to));
    }
    Ok(answer / LN_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn counted_coins() {
        assert_eq!(plug_in(&[5.0, 5.0]).unwrap(), 1.0);
        assert_eq!(plug_in(&[5.0, 0.0]).unwrap(), 0.0);
        assert!((miller_madow(&[5.0, 5.0]).unwrap() - 1.0 - 1.0 / (20.0 * LN_2)).abs() < 1e-12);
        assert!(plug_in(&[0.0, 0.0]).is_err() && plug_in(&[-1.0, 2.0]).is_err());
    }

    #[test]
    fn nsb_is_nearer_the_truth_than_the_plug_in_where_samples_are_few() {
        // 100 equally likely symbols (6.644 bits), 60 samples, over 20 draws.
        let (mut plain, mut better) = (0.0, 0.0);
        for draw in 0..20 {
            let mut stream = rheobase_core::Seed::root(9).index(draw).stream();
            let mut counts = vec![0.0; 100];
            (0..60).for_each(|_| counts[stream.random_range(0..100)] += 1.0);
            plain += plug_in(&counts).unwrap() / 20.0;
            better += nsb(&counts).unwrap() / 20.0;
        }
        let truth = 100.0_f64.log2();
        assert!((better - truth).abs() < 0.2, "{better}");
        assert!(truth - plain > 1.0, "{plain}");
        // Many samples: all agree.
        assert!((nsb(&[500.0, 300.0, 200.0]).unwrap() - plug_in(&[500.0, 300.0, 200.0]).unwrap()).abs() < 0.003);
    }
}
