//! Elliptic distortion of a grid, and its removal (Brandon et al. 2011 Science 332:595; Stensola et al. 2015 Nature 518:207).
//!
//! The six peaks of the autocorrelogram nearest to its middle lie on an ellipse a y^2 + 2 b x y + c x^2 = 1. Stretched so that the
//! ellipse becomes the circle of equal area, the autocorrelogram is that of the grid without distortion.

use ndarray::Array2;

use super::rotation::Rotation;

/// The ellipse through the inner peaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ellipse {
    /// Half the long axis in bins.
    pub long_bins: f64,
    /// Half the short axis in bins.
    pub short_bins: f64,
    /// Direction of the long axis in rad from the columns' axis, 0 to pi.
    pub angle_rad: f64,
}

/// The ellipse through the six inner peaks of an autocorrelogram; `None` without three different peaks (each has its mirror image)
/// above `least` that lie on one.
pub fn inner_ellipse(correlogram: &Array2<f64>, least: f64) -> Option<Ellipse> {
    let mut peaks = peaks(correlogram, least);
    peaks.sort_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1)).then(a.partial_cmp(b).expect("finite")));
    // Of a peak and its mirror image the one in the upper half.
    let half: Vec<(f64, f64)> = peaks.into_iter().filter(|p| p.0 > 0.0 || (p.0 == 0.0 && p.1 > 0.0)).take(3).collect();
    let [p, q, r] = half[..] else { return None };
    // Three equations in (a, b, c) by Cramer's rule.
    let row = |p: (f64, f64)| [p.0 * p.0, 2.0 * p.0 * p.1, p.1 * p.1];
    let m = [row(p), row(q), row(r)];
    let whole = determinant(m);
    let scale = m.iter().flatten().fold(0.0_f64, |s, v| s.max(v.abs()));
    if whole.abs() < 1e-6 * scale.powi(3) {
        return None;
    }
    let with_ones = |column: usize| {
        let mut changed = m;
        changed.iter_mut().for_each(|row| row[column] = 1.0);
        determinant(changed) / whole
    };
    let (a, b, c) = (with_ones(0), with_ones(1), with_ones(2));
    let (mean, spread) = (0.5 * (a + c), (0.25 * (a - c).powi(2) + b * b).sqrt());
    // The larger eigenvalue belongs to the short axis.
    let (short, long) = (mean + spread, mean - spread);
    if long.is_nan() || long <= 0.0 {
        return None;
    }
    let angle = 0.5 * (2.0 * b).atan2(c - a) + std::f64::consts::FRAC_PI_2;
    Some(Ellipse {
        long_bins: long.sqrt().recip(),
        short_bins: short.sqrt().recip(),
        angle_rad: angle.rem_euclid(std::f64::consts::PI),
    })
}

impl Ellipse {
    /// Long over short axis; 1 for no distortion.
    pub fn ratio(&self) -> f64 {
        self.long_bins / self.short_bins
    }

    /// The autocorrelogram with the distortion taken out.
    pub fn corrected(&self, correlogram: &Array2<f64>) -> Array2<f64> {
        let radius = (self.long_bins * self.short_bins).sqrt();
        let (along, across) = (self.long_bins / radius, self.short_bins / radius);
        // Unit vector of the long axis as (y, x); a point of the circle is read where the ellipse had it.
        let (y, x) = self.angle_rad.sin_cos();
        let difference = along - across;
        Rotation::new(correlogram).mapped([
            [across + difference * y * y, difference * y * x],
            [difference * y * x, across + difference * x * x],
        ])
    }
}

fn determinant(m: [[f64; 3]; 3]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

/// Local maxima above `least`, without the central one, as (y, x) in bins from the middle, each refined by parabolas.
fn peaks(map: &Array2<f64>, least: f64) -> Vec<(f64, f64)> {
    let (rows, columns) = map.dim();
    let (ci, cj) = ((rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0);
    let mut found = Vec::new();
    for i in 1..rows.saturating_sub(1) {
        for j in 1..columns.saturating_sub(1) {
            let here = map[[i, j]];
            let around = (0..9).filter(|k| *k != 4).map(|k| map[[i + k / 3 - 1, j + k % 3 - 1]]);
            // Of equal neighbours the later one is the peak.
            let highest = around.enumerate().all(|(k, v)| v.is_finite() && if k < 4 { here >= v } else { here > v });
            if !here.is_finite() || here < least || !highest {
                continue;
            }
            let vertex = |before: f64, after: f64| {
                let curvature = before - 2.0 * here + after;
                if curvature < 0.0 { 0.5 * (before - after) / curvature } else { 0.0 }
            };
            let (dy, dx) = (vertex(map[[i - 1, j]], map[[i + 1, j]]), vertex(map[[i, j - 1]], map[[i, j + 1]]));
            let (y, x) = (i as f64 - ci + dy, j as f64 - cj + dx);
            if y.hypot(x) > 1.5 {
                found.push((y, x));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::autocorrelogram::autocorrelogram;
    use super::super::grid::{Likeness, Rings, grid_score, score_rings};
    use super::*;
    use std::f64::consts::PI;

    /// A hexagonal grid stretched by `ratio` along a direction, 30 bins.
    fn stretched(ratio: f64, direction_rad: f64) -> Array2<f64> {
        let wave = 2.0 * PI / (9.0 * (PI / 3.0).sin());
        let (sin, cos) = direction_rad.sin_cos();
        Array2::from_shape_fn((30, 30), |(i, j)| {
            let (y, x) = (i as f64 - 14.5, j as f64 - 14.5);
            let (along, across) = ((x * cos + y * sin) / ratio.sqrt(), (y * cos - x * sin) * ratio.sqrt());
            (0..3)
                .map(|w| (f64::from(w) * PI / 3.0 + 0.1).sin_cos())
                .map(|(s, c)| (wave * (along * c + across * s)).cos())
                .sum::<f64>()
        })
    }

    #[test]
    fn the_distortion_is_found_and_taken_out() {
        let rings = Rings::banino(Likeness::Pearson);
        let map = stretched(1.35, 0.4);
        let correlogram = autocorrelogram(&map, 20).unwrap();
        let ellipse = inner_ellipse(&correlogram, 0.1).unwrap();
        assert!((ellipse.ratio() - 1.35).abs() < 0.05, "{ellipse:?}");
        assert!((ellipse.angle_rad - 0.4).abs() < 0.06, "{ellipse:?}");
        let (before, after) =
            (grid_score(&map, &rings).unwrap(), score_rings(&ellipse.corrected(&correlogram), 30, &rings).unwrap());
        let whole = grid_score(&stretched(1.0, 0.0), &rings).unwrap();
        assert!(
            before.min_max < 0.8 * whole.min_max && after.min_max > 0.93 * whole.min_max,
            "{before:?} {after:?} {whole:?}"
        );
    }

    #[test]
    fn an_undistorted_grid_has_ratio_one_and_a_bump_has_no_ellipse() {
        let correlogram = autocorrelogram(&stretched(1.0, 0.0), 20).unwrap();
        assert!((inner_ellipse(&correlogram, 0.1).unwrap().ratio() - 1.0).abs() < 0.04);
        let bump = Array2::from_shape_fn((30, 30), |(i, j)| {
            (-0.02 * ((i as f64 - 15.0).powi(2) + (j as f64 - 15.0).powi(2))).exp()
        });
        assert_eq!(inner_ellipse(&autocorrelogram(&bump, 20).unwrap(), 0.1), None);
    }
}
