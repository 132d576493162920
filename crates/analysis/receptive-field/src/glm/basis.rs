//! Columns of a design: polynomials, B-splines (also cyclic), raised cosines, spike history; and the roughness penalty.

use ndarray::Array2;

use crate::{Error, Result};

/// Powers 1 to `degree` of a variable, (samples, degree).
///
/// # Errors
/// If the degree is 0.
pub fn polynomial(values: &[f64], degree: usize) -> Result<Array2<f64>> {
    if degree == 0 {
        return Err(Error::Parameter { what: "degree of a polynomial", found: 0.0, allowed: "at least 1" });
    }
    Ok(Array2::from_shape_fn((values.len(), degree), |(t, k)| values[t].powi(k as i32 + 1)))
}

/// Cubic B-splines over `range` with `count` equally spaced functions, (samples, count). They sum to 1 everywhere, so a model with an
/// intercept leaves one out or penalises their roughness. Values outside the range are refused.
///
/// # Errors
/// With fewer than 4 functions, an empty range, or a value outside it.
pub fn b_spline(values: &[f64], range: (f64, f64), count: usize) -> Result<Array2<f64>> {
    if count < 4 {
        return Err(Error::Parameter { what: "number of cubic splines", found: count as f64, allowed: "at least 4" });
    }
    require_inside(values, range)?;
    let width = (range.1 - range.0) / (count - 3) as f64;
    Ok(Array2::from_shape_fn((values.len(), count), |(t, k)| cubic((values[t] - range.0) / width - k as f64 + 3.0)))
}

/// Cubic B-splines on a circle of length `period`, (samples, count): for angles and phases.
///
/// # Errors
/// With fewer than 4 functions, or if the period is not above 0.
pub fn cyclic_b_spline(values: &[f64], period: f64, count: usize) -> Result<Array2<f64>> {
    if count < 4 {
        return Err(Error::Parameter { what: "number of cyclic splines", found: count as f64, allowed: "at least 4" });
    }
    if !(period > 0.0 && period.is_finite()) {
        return Err(Error::Parameter { what: "period", found: period, allowed: "above 0" });
    }
    let width = period / count as f64;
    Ok(Array2::from_shape_fn((values.len(), count), |(t, k)| {
        cubic((values[t] / width - k as f64).rem_euclid(count as f64))
    }))
}

/// The cubic B-spline over [0, 4).
fn cubic(u: f64) -> f64 {
    let square = |v: f64| v * v * v;
    match u {
        u if (0.0..1.0).contains(&u) => square(u) / 6.0,
        u if (1.0..2.0).contains(&u) => (4.0 - 6.0 * (2.0 - u).powi(2) + 3.0 * square(2.0 - u)) / 6.0,
        u if (2.0..3.0).contains(&u) => (4.0 - 6.0 * (u - 2.0).powi(2) + 3.0 * square(u - 2.0)) / 6.0,
        u if (3.0..=4.0).contains(&u) => square(4.0 - u) / 6.0,
        _ => 0.0,
    }
}

fn require_inside(values: &[f64], range: (f64, f64)) -> Result<()> {
    if range.0.is_nan() || range.1.is_nan() || range.0 >= range.1 {
        return Err(Error::Parameter { what: "end of the range", found: range.1, allowed: "above its start" });
    }
    match values.iter().find(|v| !(range.0..=range.1).contains(*v)) {
        Some(&found) => {
            Err(Error::Parameter { what: "value of a spline's variable", found, allowed: "within the range" })
        }
        None => Ok(()),
    }
}

/// Raised cosines over log time (Pillow et al. 2008): `count` bumps from lag 1 to `lags` bins, (lags, count); narrow for short lags.
///
/// # Errors
/// With no bump, or fewer lags than bumps.
pub fn raised_cosine_log(lags: usize, count: usize) -> Result<Array2<f64>> {
    if count == 0 || lags < count {
        return Err(Error::Parameter {
            what: "number of bumps",
            found: count as f64,
            allowed: "1 to the number of lags",
        });
    }
    let place = |lag: f64| (lag + 1.0).ln();
    let (first, last) = (place(1.0), place(lags as f64));
    let spacing = if count > 1 { (last - first) / (count - 1) as f64 } else { last - first + 1.0 };
    Ok(Array2::from_shape_fn((lags, count), |(lag, k)| {
        let away = (place(lag as f64 + 1.0) - first - spacing * k as f64) / spacing * std::f64::consts::FRAC_PI_2;
        if away.abs() < std::f64::consts::PI { 0.5 * (away.cos() + 1.0) } else { 0.0 }
    }))
}

/// Spike history: counts filtered by each function of lag (rows: lag 1, 2, ... bins back), (samples, functions). The counts before
/// the recording are taken as 0.
///
/// # Errors
/// If there are no lags.
pub fn history(counts: &[f64], functions: &Array2<f64>) -> Result<Array2<f64>> {
    let (lags, count) = functions.dim();
    if lags == 0 || count == 0 {
        return Err(Error::Parameter { what: "lags of the history", found: lags as f64, allowed: "at least 1" });
    }
    let mut columns = Array2::zeros((counts.len(), count));
    for (t, &spikes) in counts.iter().enumerate().filter(|(_, c)| **c != 0.0) {
        for lag in 0..lags.min(counts.len().saturating_sub(t + 1)) {
            for k in 0..count {
                columns[[t + 1 + lag, k]] += spikes * functions[[lag, k]];
            }
        }
    }
    Ok(columns)
}

/// Roughness of neighbouring coefficients: `strength` times the squared second differences, (count, count). `cyclic` joins the ends.
pub fn roughness(count: usize, strength: f64, cyclic: bool) -> Array2<f64> {
    let mut penalty = Array2::zeros((count, count));
    let last = if cyclic { count } else { count.saturating_sub(2) };
    for start in 0..last {
        for (i, a) in [1.0, -2.0, 1.0].into_iter().enumerate() {
            for (j, b) in [1.0, -2.0, 1.0].into_iter().enumerate() {
                penalty[[(start + i) % count, (start + j) % count]] += strength * a * b;
            }
        }
    }
    penalty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splines_are_a_partition_of_unity() {
        let values: Vec<f64> = (0..=50).map(|k| f64::from(k) / 5.0).collect();
        for row in b_spline(&values, (0.0, 10.0), 7).unwrap().outer_iter() {
            assert!((row.sum() - 1.0).abs() < 1e-12);
        }
        let angles: Vec<f64> = (0..40).map(|k| f64::from(k) - 13.0).collect();
        let columns = cyclic_b_spline(&angles, 6.0, 6).unwrap();
        for row in columns.outer_iter() {
            assert!((row.sum() - 1.0).abs() < 1e-12);
        }
        // One turn on, the same columns.
        assert!((&columns.row(0) - &columns.row(6)).iter().all(|d| d.abs() < 1e-12));
        assert!(b_spline(&[11.0], (0.0, 10.0), 7).unwrap_err().to_string().contains("within the range"));
    }

    #[test]
    fn history_reaches_only_into_the_future_of_a_spike() {
        let functions = Array2::from_shape_vec((2, 1), vec![1.0, 0.5]).unwrap();
        let columns = history(&[0.0, 2.0, 0.0, 0.0, 1.0], &functions).unwrap();
        assert_eq!(columns.column(0).to_vec(), [0.0, 0.0, 2.0, 1.0, 0.0]);
        let bumps = raised_cosine_log(20, 4).unwrap();
        assert!((bumps[[0, 0]] - 1.0).abs() < 1e-12 && (bumps[[19, 3]] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn straight_lines_are_not_rough() {
        let line = ndarray::Array1::from_iter((0..6).map(f64::from));
        assert!(line.dot(&roughness(6, 2.0, false).dot(&line)).abs() < 1e-12);
        assert!(line.dot(&roughness(6, 2.0, true).dot(&line)) > 1.0);
    }
}
