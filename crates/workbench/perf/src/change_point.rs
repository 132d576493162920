//! Where a trend changed its level: optimal partitioning (Jackson et al. 2005, IEEE Signal Process Lett 12:105).
//!
//! The logarithms of the values are cut into pieces of constant level such that the sum of squared deviations in units of the noise,
//! plus a penalty for each cut, is smallest. The noise is the median absolute difference of neighbours, which changes of level
//! hardly move. Estimates first pass a running median of three, which takes out a single disturbed run and leaves steps in place.

/// Penalty of a cut in units of ln n: two parameters, level and place, and some caution.
const PENALTY: f64 = 4.0;
/// Noise of exact counts: smaller changes are of no interest.
const LEAST_NOISE: f64 = 1e-3;

/// Indices at which a new level begins, rising. `exact` values may change at a single point; a level of others needs two values.
pub fn change_points(values: &[f64], exact: bool) -> Vec<usize> {
    let x: Vec<f64> = values.iter().map(|v| v.max(f64::MIN_POSITIVE).ln()).collect();
    let n = x.len();
    let shortest = if exact { 1 } else { 2 };
    if n < 2 * shortest {
        return vec![];
    }
    let (x, noise) = if exact { (x, LEAST_NOISE) } else { (medians_of_three(&x), noise(&x)) };
    let sums: Vec<(f64, f64)> = std::iter::once((0.0, 0.0))
        .chain(x.iter().scan((0.0, 0.0), |s, v| {
            *s = (s.0 + v, s.1 + v * v);
            Some(*s)
        }))
        .collect();
    let cost = |from: usize, to: usize| {
        let (a, b, count) = (sums[from], sums[to], (to - from) as f64);
        ((b.1 - a.1) - (b.0 - a.0).powi(2) / count).max(0.0) / (noise * noise)
    };
    let penalty = PENALTY * (n as f64).ln();
    // Least cost of the first `to` values, and where their last piece begins.
    let mut best = vec![(-penalty, 0_usize); n + 1];
    for to in 1..=n {
        let starts = (0..=to.saturating_sub(shortest)).filter(|s| *s == 0 || *s >= shortest);
        let least =
            starts.map(|from| (best[from].0 + cost(from, to) + penalty, from)).min_by(|a, b| a.0.total_cmp(&b.0));
        best[to] = least.unwrap_or((f64::INFINITY, 0));
    }
    let mut cuts = vec![];
    let mut end = n;
    while end > 0 {
        end = best[end].1;
        if end > 0 {
            cuts.push(end);
        }
    }
    cuts.reverse();
    cuts
}

fn medians_of_three(x: &[f64]) -> Vec<f64> {
    let mut smooth = x.to_vec();
    for i in 1..x.len() - 1 {
        let (low, high) = (x[i - 1].min(x[i + 1]), x[i - 1].max(x[i + 1]));
        smooth[i] = x[i].clamp(low, high);
    }
    smooth
}

/// Standard deviation of one value: median absolute difference of neighbours / (sqrt 2 x 0.6745).
fn noise(x: &[f64]) -> f64 {
    let mut steps: Vec<f64> = x.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    steps.sort_by(f64::total_cmp);
    let median = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
    (median / (2.0_f64.sqrt() * 0.6745)).max(LEAST_NOISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deviations of up to 3 % without order.
    fn wobble(i: usize) -> f64 {
        1.0 + 0.03 * (((i + 3).pow(5) * 48_271 % 65_537) as f64 / 32_768.0 - 1.0)
    }

    #[test]
    fn a_step_of_a_noisy_trend_is_found_where_it_is() {
        let values: Vec<f64> = (0..30).map(|i| wobble(i) * if i < 18 { 100.0 } else { 125.0 }).collect();
        assert_eq!(change_points(&values, false), [18]);
    }

    #[test]
    fn noise_and_one_disturbed_run_are_no_change() {
        let mut values: Vec<f64> = (0..30).map(wobble).collect();
        assert!(change_points(&values, false).is_empty());
        values[11] = 1.6;
        assert!(change_points(&values, false).is_empty());
    }

    #[test]
    fn exact_counts_change_at_once() {
        assert_eq!(change_points(&[1000.0, 1000.0, 1000.0, 1030.0], true), [3]);
        assert!(change_points(&[1000.0, 1000.0, 1000.0, 1001.0], true).is_empty());
        assert_eq!(change_points(&[1000.0, 900.0], true), [1]);
        assert!(change_points(&[5.0], true).is_empty());
    }
}
