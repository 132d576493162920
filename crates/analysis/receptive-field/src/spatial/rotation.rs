//! Maps turned, or stretched, about their middle by cubic B-splines (Unser, Aldroubi & Eden 1993), as scipy's `ndimage.rotate` does.
//!
//! The spline through the bins has coefficients with (c_(k-1) + 4 c_k + c_(k+1)) / 6 = m_k for the values m of the map, mirrored at the borders.

use ndarray::{Array2, ArrayViewMut1, Axis};

/// A map ready to be turned.
#[derive(Debug, Clone)]
pub struct Rotation {
    coefficients: Array2<f64>,
    known: Array2<bool>,
}

impl Rotation {
    /// Takes a map, NaN where it is not known. The spline passes through 0 there, and what is nearest to such a bin is not known after.
    pub fn new(map: &Array2<f64>) -> Self {
        let known = map.mapv(f64::is_finite);
        let mut coefficients = map.mapv(|v| if v.is_finite() { v } else { 0.0 });
        for axis in [0, 1] {
            coefficients.lanes_mut(Axis(axis)).into_iter().for_each(filter);
        }
        Self { coefficients, known }
    }

    /// The map turned by an angle (counter-clockwise with rows counted upwards); NaN where it comes from outside or from unknown bins.
    pub fn turned(&self, angle_rad: f64) -> Array2<f64> {
        let (sin, cos) = angle_rad.sin_cos();
        self.mapped([[cos, -sin], [sin, cos]])
    }

    /// The map whose value at (y, x) from the middle is this map's at `m` (y, x).
    pub fn mapped(&self, m: [[f64; 2]; 2]) -> Array2<f64> {
        let (rows, columns) = self.known.dim();
        let (ci, cj) = ((rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0);
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            let (y, x) = (i as f64 - ci, j as f64 - cj);
            self.at(ci + m[0][0] * y + m[0][1] * x, cj + m[1][0] * y + m[1][1] * x)
        })
    }

    fn at(&self, row: f64, column: f64) -> f64 {
        let (rows, columns) = self.known.dim();
        // Rounding must not push a border outside.
        let within = |v: f64, n: usize| (-1e-9..=n as f64 - 1.0 + 1e-9).contains(&v);
        if !within(row, rows) || !within(column, columns) {
            return f64::NAN;
        }
        let nearest = |v: f64, n: usize| (v.round().max(0.0) as usize).min(n - 1);
        if !self.known[[nearest(row, rows), nearest(column, columns)]] {
            return f64::NAN;
        }
        let (bi, bj) = (row.floor(), column.floor());
        let (wi, wj) = (weights(row - bi), weights(column - bj));
        let mut sum = 0.0;
        for (a, wa) in wi.iter().enumerate() {
            let r = mirrored(bi as isize + a as isize - 1, rows);
            for (b, wb) in wj.iter().enumerate() {
                sum += wa * wb * self.coefficients[[r, mirrored(bj as isize + b as isize - 1, columns)]];
            }
        }
        sum
    }
}

/// Index reflected about the first and the last bin.
fn mirrored(k: isize, n: usize) -> usize {
    let last = n as isize - 1;
    if last == 0 {
        return 0;
    }
    let folded = k.rem_euclid(2 * last);
    folded.min(2 * last - folded) as usize
}

/// The cubic B-spline at the four bins around a point `t` (0 to 1) past the second.
fn weights(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    [
        s.powi(3) / 6.0,
        (4.0 - 6.0 * t * t + 3.0 * t.powi(3)) / 6.0,
        (4.0 - 6.0 * s * s + 3.0 * s.powi(3)) / 6.0,
        t.powi(3) / 6.0,
    ]
}

/// Spline coefficients of a line of values, in place: the tridiagonal equations with mirrored ends.
fn filter(mut line: ArrayViewMut1<'_, f64>) {
    let n = line.len();
    if n < 2 {
        return;
    }
    // 4 on the diagonal, 1 beside it, and 2 where the mirror folds both neighbours onto one; Thomas' algorithm.
    let beside = |k: usize| if k == 0 { 2.0 } else { 1.0 };
    let before = |k: usize| if k == n - 1 { 2.0 } else { 1.0 };
    let mut upper = vec![0.0; n];
    for k in 0..n {
        let (previous, carried) = if k == 0 { (0.0, 0.0) } else { (upper[k - 1], line[k - 1]) };
        let below = if k == 0 { 0.0 } else { before(k) };
        let pivot = 4.0 - below * previous;
        upper[k] = beside(k) / pivot;
        line[k] = (6.0 * line[k] - below * carried) / pivot;
    }
    for k in (0..n - 1).rev() {
        line[k] -= upper[k] * line[k + 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_turn_changes_nothing_and_a_quarter_turn_moves_bins() {
        let map = Array2::from_shape_fn((7, 7), |(i, j)| (1.3 * i as f64 + 0.4 * (j * j) as f64).sin());
        let rotation = Rotation::new(&map);
        for (found, expected) in rotation.turned(0.0).iter().zip(&map) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let quarter = rotation.turned(std::f64::consts::FRAC_PI_2);
        assert!((quarter[[1, 2]] - map[[4, 1]]).abs() < 1e-9 || (quarter[[1, 2]] - map[[2, 5]]).abs() < 1e-9);
        assert!(rotation.turned(std::f64::consts::FRAC_PI_4)[[0, 0]].is_nan(), "a corner comes from outside");
    }

    #[test]
    fn cubics_are_kept_away_from_the_borders() {
        let cubic = |y: f64, x: f64| 0.1 * y.powi(3) - 0.2 * x * y + 0.3 * x * x;
        let map = Array2::from_shape_fn((41, 41), |(i, j)| cubic(i as f64 - 20.0, j as f64 - 20.0));
        let turned = Rotation::new(&map).turned(0.5);
        let (sin, cos) = 0.5_f64.sin_cos();
        for (i, j) in [(20, 20), (18, 23), (25, 19)] {
            let (y, x) = (i as f64 - 20.0, j as f64 - 20.0);
            assert!((turned[[i, j]] - cubic(cos * y - sin * x, sin * y + cos * x)).abs() < 1e-6);
        }
    }

    #[test]
    fn unknown_bins_stay_unknown() {
        let mut map = Array2::ones((9, 9));
        map[[4, 6]] = f64::NAN;
        let quarter = Rotation::new(&map).turned(std::f64::consts::FRAC_PI_2);
        assert_eq!(quarter.iter().filter(|v| v.is_nan()).count(), 1);
    }
}
