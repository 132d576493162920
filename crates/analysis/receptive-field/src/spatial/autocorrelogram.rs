//! Correlation of a rate map with itself at each shift.

use ndarray::Array2;

use crate::{Error, Result};

/// Spatial autocorrelogram: Pearson correlation of the map with itself at each lag over the bins both know; NaN where fewer than
/// `least_overlap` bins overlap or they do not vary. Shape (2 rows - 1, 2 columns - 1).
///
/// # Errors
/// If the map is smaller than 2 x 2.
pub fn autocorrelogram(map: &Array2<f64>, least_overlap: usize) -> Result<Array2<f64>> {
    let (rows, columns) = map.dim();
    if rows < 2 || columns < 2 {
        return Err(Error::TooFew {
            what: "an autocorrelogram",
            of: "rows and columns",
            needed: 2,
            found: rows.min(columns),
        });
    }
    let mut out = Array2::from_elem((2 * rows - 1, 2 * columns - 1), f64::NAN);
    for di in 0..rows {
        for dj in 0..2 * columns - 1 {
            let shift = dj as isize - (columns as isize - 1);
            let (from, to) = (0.max(-shift) as usize, columns.min((columns as isize - shift).max(0) as usize));
            let (mut n, mut sx, mut sy, mut sxx, mut syy, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for i in 0..rows - di {
                for j in from..to {
                    let (x, y) = (map[[i, j]], map[[i + di, (j as isize + shift) as usize]]);
                    if x.is_finite() && y.is_finite() {
                        n += 1.0;
                        sx += x;
                        sy += y;
                        sxx += x * x;
                        syy += y * y;
                        sxy += x * y;
                    }
                }
            }
            if n < least_overlap as f64 {
                continue;
            }
            let (vx, vy) = (sxx - sx * sx / n, syy - sy * sy / n);
            if vx > 1e-12 * sxx && vy > 1e-12 * syy {
                let r = (sxy - sx * sy / n) / (vx * vy).sqrt();
                out[[rows - 1 + di, dj]] = r;
                out[[rows - 1 - di, (columns as isize - 1 - shift) as usize]] = r;
            }
        }
    }
    Ok(out)
}

/// Correlation of a periodic map with itself at every lag, an odd number of lags each way, zero in the middle.
///
/// # Errors
/// If the map is constant.
pub fn periodic_autocorrelogram(map: &Array2<f64>) -> Result<Array2<f64>> {
    let (rows, columns) = map.dim();
    let mean = map.mean().unwrap_or(0.0);
    let centred = map - mean;
    let power: f64 = centred.iter().map(|v| v * v).sum();
    if power.is_nan() || power <= 0.0 {
        return Err(Error::Parameter { what: "variance of a map", found: power, allowed: "above 0" });
    }
    let (half_i, half_j) = (rows / 2, columns / 2);
    Ok(Array2::from_shape_fn((2 * half_i + 1, 2 * half_j + 1), |(a, b)| {
        let mut sum = 0.0;
        for i in 0..rows {
            let from = (i + a + rows - half_i) % rows;
            for j in 0..columns {
                sum += centred[[i, j]] * centred[[from, (j + b + columns - half_j) % columns]];
            }
        }
        sum / power
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves() -> Array2<f64> {
        Array2::from_shape_fn((20, 20), |(i, j)| (0.8 * i as f64).cos() + (0.5 * j as f64 + 0.3 * i as f64).cos())
    }

    #[test]
    fn it_is_symmetric_with_one_in_the_middle_and_skips_unknown_bins() {
        let mut map = waves();
        map[[3, 4]] = f64::NAN;
        let correlogram = autocorrelogram(&map, 20).unwrap();
        assert!((correlogram[[19, 19]] - 1.0).abs() < 1e-9);
        for ((i, j), v) in correlogram.indexed_iter() {
            let mirrored = correlogram[[38 - i, 38 - j]];
            assert!((v - mirrored).abs() < 1e-9 || (v.is_nan() && mirrored.is_nan()));
        }
        assert!(correlogram[[0, 0]].is_nan());
        assert!(autocorrelogram(&Array2::zeros((1, 3)), 20).is_err());
    }

    #[test]
    fn a_periodic_map_is_itself_after_a_period() {
        let map = Array2::from_shape_fn((12, 12), |(i, j)| (std::f64::consts::PI * (i + j) as f64 / 3.0).cos());
        let correlogram = periodic_autocorrelogram(&map).unwrap();
        assert!((correlogram[[6, 6]] - 1.0).abs() < 1e-12 && (correlogram[[0, 6]] - 1.0).abs() < 1e-12);
        assert!((correlogram[[3, 6]] + 1.0).abs() < 1e-12);
        assert!(periodic_autocorrelogram(&Array2::ones((6, 6))).is_err());
    }
}
