//! Intervals between spikes and how irregular they are.

use crate::{Error, Result, require_sorted};

/// Intervals in s between the spikes of a train; empty for fewer than 2 spikes.
///
/// # Errors
/// If the times are not sorted or not finite.
pub fn intervals_s(times_s: &[f64]) -> Result<Vec<f64>> {
    require_sorted(times_s)?;
    Ok(times_s.windows(2).map(|w| w[1] - w[0]).collect())
}

fn require(what: &'static str, intervals: &[f64], needed: usize) -> Result<()> {
    if intervals.len() < needed {
        return Err(Error::TooFew { what, of: "intervals", needed, found: intervals.len() });
    }
    match intervals.iter().find(|i| !i.is_finite() || **i < 0.0) {
        Some(&found) => Err(Error::Parameter { what: "interval", found, allowed: "finite and not negative" }),
        None if intervals.iter().all(|i| *i == 0.0) => {
            Err(Error::Parameter { what: "mean interval", found: 0.0, allowed: "above 0" })
        }
        None => Ok(()),
    }
}

/// Coefficient of variation: standard deviation over mean, with divisor n - `ddof` in the variance (0 for the population form
/// that elephant and most papers use). 1 for a Poisson process, 0 for a regular train.
///
/// # Errors
/// With fewer than 2 intervals, or negative or only zero ones.
pub fn cv(intervals: &[f64], ddof: usize) -> Result<f64> {
    require("the coefficient of variation", intervals, 2.max(ddof + 1))?;
    Ok(rheobase_core::statistics::variance(intervals, ddof).sqrt() / rheobase_core::statistics::mean(intervals))
}

/// CV2 (Holt et al. 1996): mean of 2 |b - a| / (b + a) over successive intervals; not raised by slow changes of rate.
///
/// # Errors
/// As for [`cv`].
pub fn cv2(intervals: &[f64]) -> Result<f64> {
    require("CV2", intervals, 2)?;
    Ok(mean_over_pairs(intervals, |a, b| 2.0 * (b - a).abs() / (a + b)))
}

/// Local variation LV (Shinomoto et al. 2003): mean of 3 ((b - a) / (b + a))^2 over successive intervals.
///
/// # Errors
/// As for [`cv`].
pub fn lv(intervals: &[f64]) -> Result<f64> {
    require("LV", intervals, 2)?;
    Ok(mean_over_pairs(intervals, |a, b| 3.0 * ((b - a) / (a + b)).powi(2)))
}

/// Revised local variation LVR (Shinomoto et al. 2009): mean of 3 (1 - 4ab/(a+b)^2)(1 + 4R/(a+b)) with the refractoriness
/// constant R in the unit of the intervals (.005 s in the paper).
///
/// # Errors
/// As for [`cv`], or if R is negative.
pub fn lvr(intervals: &[f64], refractoriness: f64) -> Result<f64> {
    require("LVR", intervals, 2)?;
    if refractoriness.is_nan() || refractoriness < 0.0 {
        return Err(Error::Parameter { what: "refractoriness", found: refractoriness, allowed: "0 or more" });
    }
    Ok(mean_over_pairs(intervals, |a, b| {
        let sum = a + b;
        3.0 * (1.0 - 4.0 * a * b / (sum * sum)) * (1.0 + 4.0 * refractoriness / sum)
    }))
}

/// Mean over successive pairs; pairs of two zero intervals (three spikes at one time) say nothing and are left out.
fn mean_over_pairs(intervals: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let (sum, n) = intervals
        .windows(2)
        .filter(|w| w[0] + w[1] > 0.0)
        .fold((0.0, 0.0), |(sum, n), w| (sum + f(w[0], w[1]), n + 1.0));
    sum / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_cases_and_limits() {
        let intervals = [0.3, 4.5, 6.7, 9.3];
        assert!((cv2(&intervals).unwrap() - 0.822_619_047_619_047_8).abs() < 1e-12);
        assert!((lv(&intervals).unwrap() - 0.830_615_433_673_469_5).abs() < 1e-12);
        assert!((cv(&intervals, 0).unwrap() - 0.634_615_384_6).abs() < 1e-9);
        let regular = [2.0; 5];
        assert_eq!((cv(&regular, 0), cv2(&regular), lv(&regular)), (Ok(0.0), Ok(0.0), Ok(0.0)));
        assert_eq!(lvr(&intervals, 0.0), lv(&intervals).map(|v| lvr(&intervals, 0.0).unwrap_or(v)));
        assert!((lvr(&intervals, 0.0).unwrap() - lv(&intervals).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_exist_is_said() {
        assert_eq!(
            cv(&[1.0], 0).unwrap_err().to_string(),
            "the coefficient of variation needs at least 2 intervals, found 1"
        );
        assert!(
            intervals_s(&[0.0, 2.0, 1.0]).unwrap_err().to_string().contains("spike 2 at 1 s comes after one at 2 s")
        );
        assert!(cv2(&[0.0, 0.0]).is_err());
        assert!(cv(&[1.0, -1.0], 0).is_err());
    }
}
