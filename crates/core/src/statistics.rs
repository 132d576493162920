//! Small statistics shared by the analyses: means, quantiles, ranks, intervals, the bootstrap and permutation p-values.

use rand::RngExt;

use crate::special::{normal_cdf, student_t_quantile};
use crate::{Interval, Seed};

/// Arithmetic mean; NaN for no values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance with denominator n - `ddof`.
pub fn variance(values: &[f64], ddof: usize) -> f64 {
    let m = mean(values);
    values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() as f64 - ddof as f64)
}

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman & Fan 1996); NaN for no values.
pub fn quantile(values: &[f64], probability: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    between(&sorted, probability.clamp(0.0, 1.0) * (sorted.len() - 1) as f64)
}

/// Value at a place, which need not be whole, among sorted ones.
fn between(sorted: &[f64], place: f64) -> f64 {
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (place - low as f64) * (sorted[high] - sorted[low])
}

/// Median.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Ranks from 1, ties sharing their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let shared = (start + end + 1) as f64 / 2.0;
        for &index in &order[start..end] {
            ranks[index] = shared;
        }
        start = end;
    }
    ranks
}

/// Pearson correlation; `None` if either side is constant or the lengths differ.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (dx, dy) = (x - mean_a, y - mean_b);
        ab += dx * dy;
        aa += dx * dx;
        bb += dy * dy;
    }
    (aa > 0.0 && bb > 0.0).then(|| (ab / (aa * bb).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman correlation (Pearson of the ranks); `None` as for [`pearson`].
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    pearson(&ranks(a), &ranks(b))
}

/// Wilson score interval of a proportion (Wilson 1927), at 95 %; everything from 0 to 1 without samples.
pub fn wilson_interval(successes: usize, n: usize) -> Interval {
    // 97.5 % quantile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return Interval { low: 0.0, high: 1.0, level: 0.95, method: "no samples".into() };
    }
    let n = n as f64;
    let p = successes as f64 / n;
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Interval {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
        level: 0.95,
        method: "Wilson score".into(),
    }
}

/// Percentile bootstrap interval of a statistic of `n` samples (Efron 1979), at 95 %, expanded for few samples: its percentiles
/// are those that make the interval of a mean as wide as Student's (Hesterberg 2015, Am Stat 69:371, "expanded percentile").
/// The plain percentiles hold the mean of 10 normal samples in 90 % of cases, these in 95 %.
///
/// The k-th of B sorted draws bounds a share of k / (B + 1) (Davison & Hinkley 1997). [`quantile`] takes it for (k - 1) / (B - 1),
/// which leaves 7 % outside of 99 draws where 5 % were asked for.
///
/// `statistic` receives the resampled indices. Draws whose statistic is not finite are left out.
pub fn bootstrap_interval(n: usize, draws: usize, seed: &Seed, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    let mut values = Vec::with_capacity(draws);
    let mut indices = vec![0; n];
    for draw in 0..draws {
        let mut stream = seed.index(draw).stream();
        indices.fill_with(|| stream.random_range(0..n));
        let value = statistic(&indices);
        if value.is_finite() {
            values.push(value);
        }
    }
    let tail = if n < 2 { 0.025 } else { expanded_tail(n as f64) };
    values.sort_by(f64::total_cmp);
    let bound = |share: f64| match values.len() {
        0 => f64::NAN,
        count => between(&values, (share * (count + 1) as f64 - 1.0).clamp(0.0, (count - 1) as f64)),
    };
    Interval {
        low: bound(tail),
        high: bound(1.0 - tail),
        level: 0.95,
        method: format!("expanded percentile bootstrap, {draws} draws"),
    }
}

/// Share of draws below a 95 % interval: draws of a mean spread by sqrt((n - 1) / n) too little, and by the normal instead of Student's law.
fn expanded_tail(n: f64) -> f64 {
    normal_cdf(-student_t_quantile(0.975, n - 1.0) * (n / (n - 1.0)).sqrt())
}

/// Jackknife interval of a statistic of `n` samples (Quenouille 1949, Tukey 1958), at 95 %: ten groups of neighbours are
/// left out in turn; Student's t with 9 degrees of freedom. `None` with fewer than 20 samples or if the statistic does
/// not exist without some group.
pub fn jackknife_interval(n: usize, statistic: impl Fn(&[usize]) -> Option<f64>) -> Option<Interval> {
    const GROUPS: usize = 10;
    // 97.5 % quantile of Student's t with 9 degrees of freedom.
    const T: f64 = 2.262_157_162_798_205;
    if n < 2 * GROUPS {
        return None;
    }
    let all: Vec<usize> = (0..n).collect();
    let whole = statistic(&all)?;
    let mut without = Vec::with_capacity(GROUPS);
    for group in 0..GROUPS {
        let kept: Vec<usize> = all.iter().copied().filter(|i| i * GROUPS / n != group).collect();
        without.push(statistic(&kept)?);
    }
    let se = ((GROUPS - 1) as f64 * variance(&without, 0)).sqrt();
    Some(Interval { low: whole - T * se, high: whole + T * se, level: 0.95, method: "jackknife over 10 groups".into() })
}

/// Permutation p-value (1 + number of null values at least as large) / (1 + number of null values).
pub fn permutation_p(observed: f64, null: &[f64]) -> f64 {
    (1 + null.iter().filter(|&&value| value >= observed).count()) as f64 / (1 + null.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_share_ties() {
        assert_eq!(ranks(&[10.0, 20.0, 20.0, 5.0]), [2.0, 3.5, 3.5, 1.0]);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[1.0], 0.9), 1.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn correlation_of_a_constant_does_not_exist() {
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[1.0, 8.0, 27.0]), Some(1.0));
    }

    #[test]
    fn wilson_interval_matches_a_hand_worked_case() {
        // 8 of 10: centre (0.8 + 0.19207) / 1.38415 = 0.71674, half-width 0.22659.
        let interval = wilson_interval(8, 10);
        assert!((interval.low - 0.49015).abs() < 1e-4 && (interval.high - 0.94333).abs() < 1e-4, "{interval:?}");
    }

    #[test]
    fn bootstrap_of_a_mean_covers_the_standard_error() {
        let values: Vec<f64> = (0..400).map(f64::from).collect();
        let interval = bootstrap_interval(400, 1000, &Seed::root(3), |indices| {
            indices.iter().map(|&i| values[i]).sum::<f64>() / 400.0
        });
        // sd of 0..399 is 115.5, so the standard error is 5.77 and the 95 % half-width 11.3 (+- 10 % from 1000 draws).
        let half = (interval.high - interval.low) / 2.0;
        assert!((half - 11.3).abs() < 1.13, "{half}");
    }

    #[test]
    fn the_jackknife_of_a_mean_gives_its_standard_error() {
        use rand::seq::SliceRandom;
        let mut values: Vec<f64> = (0..400).map(f64::from).collect();
        values.shuffle(&mut Seed::root(5).stream());
        let mean_of = |indices: &[usize]| Some(indices.iter().map(|&i| values[i]).sum::<f64>() / indices.len() as f64);
        let interval = jackknife_interval(400, mean_of).unwrap();
        // Standard error 5.77, t = 2.262: half-width 13.1; a variance from 10 groups has a relative sd of sqrt(2 / 9) = 0.47.
        let half = (interval.high - interval.low) / 2.0;
        assert!((3.0..30.0).contains(&half), "{half}");
        assert!(((interval.high + interval.low) / 2.0 - 199.5).abs() < 1e-9);
        assert!(jackknife_interval(19, mean_of).is_none());
    }

    #[test]
    fn permutation_p_is_never_zero() {
        assert_eq!(permutation_p(5.0, &[1.0, 2.0, 3.0]), 0.25);
        assert_eq!(permutation_p(2.0, &[1.0, 2.0, 3.0]), 0.75);
    }
}
