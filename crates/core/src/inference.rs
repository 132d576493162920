//! Tests and corrections shared by the analyses: Kolmogorov-Smirnov, Student's t, Wilcoxon's signed ranks, false discovery rate.

use crate::Interval;
use crate::special::{kolmogorov_tail, normal_cdf, student_t_quantile, student_t_tail};
use crate::statistics::{mean, ranks, variance};

/// Which side a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Larger than the reference.
    Greater,
    /// Different from the reference.
    TwoSided,
}

/// A statistic and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// Its p-value.
    pub p: f64,
}

/// Kolmogorov-Smirnov distance of a sample from a distribution, with Stephens' (1970) finite-n p-value.
///
/// NaN for an empty sample.
pub fn kolmogorov_smirnov(values: &[f64], cdf: impl Fn(f64) -> f64) -> Test {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0_f64, |most, (i, &v)| {
        let f = cdf(v);
        most.max(f - i as f64 / n).max((i + 1) as f64 / n - f)
    });
    if sorted.is_empty() {
        return Test { statistic: f64::NAN, p: f64::NAN };
    }
    Test { statistic: distance, p: kolmogorov_tail((n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance) }
}

/// One-sample t test that the mean is 0; `None` with fewer than 2 values or no variance.
pub fn t_test(values: &[f64], tail: Tail) -> Option<Test> {
    let n = values.len() as f64;
    let se = (variance(values, 1) / n).sqrt();
    if values.len() < 2 || se <= 0.0 || se.is_nan() {
        return None;
    }
    let t = mean(values) / se;
    let p = match tail {
        Tail::Greater => student_t_tail(t, n - 1.0),
        Tail::TwoSided => 2.0 * student_t_tail(t.abs(), n - 1.0),
    };
    Some(Test { statistic: t, p })
}

/// Student's interval of a mean at 95 %; `None` with fewer than 2 values.
pub fn t_interval(values: &[f64]) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let half =
        student_t_quantile(0.975, (values.len() - 1) as f64) * (variance(values, 1) / values.len() as f64).sqrt();
    let centre = mean(values);
    Some(Interval { low: centre - half, high: centre + half, level: 0.95, method: "Student's t".into() })
}

/// Wilcoxon's signed-rank test that values are symmetric about 0; zeros are dropped. Exact up to 25 values without ties,
/// otherwise the normal approximation with tie correction. `None` without non-zero values.
pub fn wilcoxon_signed_rank(values: &[f64], tail: Tail) -> Option<Test> {
    let kept: Vec<f64> = values.iter().copied().filter(|v| *v != 0.0).collect();
    if kept.is_empty() {
        return None;
    }
    let sizes: Vec<f64> = kept.iter().map(|v| v.abs()).collect();
    let rank = ranks(&sizes);
    let plus: f64 = kept.iter().zip(&rank).filter(|(v, _)| **v > 0.0).map(|(_, r)| r).sum();
    let n = kept.len();
    let untied = rank.iter().all(|r| r.fract() == 0.0);
    let above = |w: f64| -> f64 {
        if untied && n <= 25 { exact_signed_rank_tail(n, w) } else { approximate_signed_rank_tail(&rank, w) }
    };
    let p = match tail {
        Tail::Greater => above(plus),
        Tail::TwoSided => {
            let total = n as f64 * (n as f64 + 1.0) / 2.0;
            (2.0 * above(plus.max(total - plus))).min(1.0)
        }
    };
    Some(Test { statistic: plus, p })
}

/// P(W+ >= w) by counting subsets of 1..n.
fn exact_signed_rank_tail(n: usize, w: f64) -> f64 {
    let most = n * (n + 1) / 2;
    let mut ways = vec![0.0_f64; most + 1];
    ways[0] = 1.0;
    for r in 1..=n {
        for sum in (r..=most).rev() {
            ways[sum] += ways[sum - r];
        }
    }
    ways.iter().enumerate().filter(|(s, _)| *s as f64 >= w).map(|(_, c)| c).sum::<f64>() / 2.0_f64.powi(n as i32)
}

fn approximate_signed_rank_tail(rank: &[f64], w: f64) -> f64 {
    let centre = rank.iter().sum::<f64>() / 2.0;
    let sd = (rank.iter().map(|r| r * r).sum::<f64>() / 4.0).sqrt();
    normal_cdf(-(w - 0.5 - centre) / sd)
}

/// Benjamini & Hochberg's (1995) adjusted p-values, in the order given. NaN stays NaN and is not counted.
pub fn false_discovery_rate(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| p[i].is_finite()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let m = order.len() as f64;
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        smallest = smallest.min(p[index] * m / (rank + 1) as f64);
        adjusted[index] = smallest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tests() {
        // Four positive values: the exact tail is 1 / 16.
        let test = wilcoxon_signed_rank(&[1.0, 2.0, 3.0, 4.0], Tail::Greater).unwrap();
        assert_eq!((test.statistic, test.p), (10.0, 0.0625));
        // t = 2 / (1 / sqrt(3)) with 2 degrees: closed form 0.5 - t / (2 sqrt(2 + t^2)).
        let t = 2.0 * 3.0_f64.sqrt();
        let test = t_test(&[1.0, 2.0, 3.0], Tail::Greater).unwrap();
        assert!((test.statistic - t).abs() < 1e-12);
        assert!((test.p - (0.5 - t / (2.0 * (2.0 + t * t).sqrt()))).abs() < 1e-12);
        assert!(t_test(&[1.0, 1.0], Tail::Greater).is_none());
    }

    #[test]
    fn uniform_grids_fit_the_uniform_distribution_and_shifted_ones_do_not() {
        let grid: Vec<f64> = (0..100).map(|i| (i as f64 + 0.5) / 100.0).collect();
        let fit = kolmogorov_smirnov(&grid, |x| x.clamp(0.0, 1.0));
        assert!((fit.statistic - 0.005).abs() < 1e-12 && fit.p > 0.999);
        assert!(kolmogorov_smirnov(&grid, |x| (x * x).clamp(0.0, 1.0)).p < 1e-3);
    }

    #[test]
    fn false_discovery_rate_matches_a_hand_worked_case() {
        let adjusted = false_discovery_rate(&[0.01, 0.04, f64::NAN, 0.03]);
        assert!((adjusted[0] - 0.03).abs() < 1e-15 && (adjusted[1] - 0.04).abs() < 1e-15);
        assert!(adjusted[2].is_nan() && (adjusted[3] - 0.04).abs() < 1e-15);
    }
}
