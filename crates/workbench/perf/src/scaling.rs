//! Exponents: how time and memory grow with the size of a benchmark.
//!
//! A family is the benchmarks whose ids differ only in a last part that is a number. The exponent is the slope of the logarithms, by
//! least squares, with the interval of Student's distribution.

use std::collections::BTreeMap;

use crate::measurement::name;
use crate::{Measure, Measurement};

/// Fewest sizes of a family.
pub const FEWEST_SIZES: usize = 3;

/// Growth of one number of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// Id without the size.
    pub family: String,
    /// Name of the number.
    pub measure: String,
    /// Sizes with values, rising.
    pub points: Vec<(f64, f64)>,
    /// Exponent with its 95 % interval; with three sizes and one degree of freedom it is wide.
    pub exponent: Measure,
}

/// The growth of time and memory of all families.
pub fn growths(found: &[&Measurement]) -> Vec<Growth> {
    let mut families: BTreeMap<(String, &str), Vec<(f64, f64)>> = BTreeMap::new();
    for measurement in found {
        // The last part of a point of error against cost is a setting, not a size.
        if measurement.measures.contains_key(name::ERROR) {
            continue;
        }
        let Some((family, size)) = measurement.bench.rsplit_once('/') else { continue };
        let Ok(size) = size.parse::<f64>() else { continue };
        for name in [name::TIME_NS, name::PEAK_BYTES] {
            if let Some(value) = measurement.value(name).filter(|v| *v > 0.0 && size > 0.0) {
                families.entry((family.to_owned(), name)).or_default().push((size, value));
            }
        }
    }
    let mut all = vec![];
    for ((family, measure), mut points) in families {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        if let Some(exponent) = exponent(&points) {
            all.push(Growth { family, measure: measure.to_owned(), points, exponent });
        }
    }
    all
}

fn exponent(points: &[(f64, f64)]) -> Option<Measure> {
    let n = points.len();
    if n < FEWEST_SIZES {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|p| (p.0.ln(), p.1.ln())).collect();
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / n as f64;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let sxx: f64 = logs.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = logs.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let slope = sxy / sxx;
    let residual: f64 = logs.iter().map(|p| (p.1 - my - slope * (p.0 - mx)).powi(2)).sum();
    let half = student_95(n - 2) * (residual / (n - 2) as f64 / sxx).sqrt();
    slope.is_finite().then(|| Measure::estimate(slope, slope - half, slope + half))
}

/// 97.5 % quantile of Student's distribution (Student 1908; tabulated values, 1.96 from 30 degrees on is 4 % short at most).
pub(crate) fn student_95(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    match degrees {
        0 => f64::INFINITY,
        d => TABLE.get(d - 1).copied().unwrap_or(1.96),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tool;

    #[test]
    fn the_exponent_of_a_power_law_is_found_within_its_interval() {
        let family: Vec<Measurement> = [1_000.0, 2_000.0, 4_000.0, 8_000.0_f64]
            .iter()
            .enumerate()
            .map(|(i, size)| {
                let value = 3.0 * size.powf(1.5) * if i % 2 == 0 { 1.02 } else { 0.98 };
                Measurement::new(format!("a/b/{size}"), Tool::Criterion).with("time_ns", Measure::exact(value))
            })
            .collect();
        let two = Measurement::new("c/1", Tool::Criterion).with("time_ns", Measure::exact(1.0));
        let setting = |dt: f64| {
            Measurement::new(format!("w/m/{dt}"), Tool::Observation)
                .with("time_ns", Measure::exact(1.0 / dt))
                .with("error", Measure::exact(dt))
        };
        let settings = [0.1, 0.2, 0.4].map(setting);
        let all: Vec<&Measurement> = family.iter().chain([&two]).chain(&settings).collect();
        let found = growths(&all);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].family, "a/b");
        let (low, high) = found[0].exponent.interval();
        assert!(low < 1.5 && 1.5 < high && high - low < 0.3, "{:?}", found[0].exponent);
    }
}
