//! A soma drawn as a contour, turned into a stack of cylinders along its principal axis.
//!
//! The method is that of NEURON's Import3D (Hines & Carnevale): 101 points at equal steps along the contour from its first
//! to its last point, the principal axis of their scatter, and at 21 places along it, from the second lowest to the second
//! highest point, the width between the two sides.

use super::AxisPoint;

const AROUND: usize = 101;
const ALONG: usize = 21;

/// Axis points of the soma, or `None` if the contour has no extent.
pub(crate) fn contour_to_axis(contour: &[AxisPoint]) -> Option<Vec<AxisPoint>> {
    let ring = resample(contour)?;
    let mean: [f64; 3] = std::array::from_fn(|k| ring.iter().map(|p| p[k]).sum::<f64>() / AROUND as f64);
    let centred: Vec<[f64; 3]> = ring.iter().map(|p| std::array::from_fn(|k| p[k] - mean[k])).collect();
    let mut major = principal_axis(&centred);
    let largest = (0..3).fold(0, |best, k| if major[k].abs() > major[best].abs() { k } else { best });
    if major[largest] < 0.0 {
        major = major.map(|m| -m);
    }
    let flat = major[0].hypot(major[1]);
    if flat == 0.0 {
        return None;
    }
    let minor = [major[1] / flat, -major[0] / flat, 0.0];
    let dot = |p: &[f64; 3], axis: &[f64; 3]| p.iter().zip(axis).map(|(a, b)| a * b).sum::<f64>();
    let mut along: Vec<f64> = centred.iter().map(|p| dot(p, &major)).collect();
    let mut across: Vec<f64> = centred.iter().map(|p| dot(p, &minor)).collect();
    let top = argmax(&along, 1.0);
    along.rotate_left(top);
    across.rotate_left(top);
    let bottom = argmax(&along, -1.0);
    if bottom == 0 {
        return None;
    }
    // Each side from low to high; what turns back is left out. The lowest point belongs to one side, the highest to the other.
    let side = |indices: Vec<usize>| -> (Vec<f64>, Vec<f64>) {
        let mut x: Vec<f64> = vec![];
        let mut y: Vec<f64> = vec![];
        for i in indices {
            if x.last().is_none_or(|last| along[i] > *last) {
                x.push(along[i]);
                y.push(across[i]);
            }
        }
        (x, y)
    };
    let one = side((0..bottom).rev().collect());
    let other = side((bottom..AROUND).collect());
    let mut ends: Vec<f64> = one.0.iter().chain(&other.0).copied().collect();
    ends.sort_by(f64::total_cmp);
    if ends.len() < 4 {
        return None;
    }
    let (low, high) = (ends[1], ends[ends.len() - 2]);
    let mut axis: Vec<AxisPoint> = (0..ALONG)
        .map(|i| {
            let d = low + (high - low) * i as f64 / (ALONG - 1) as f64;
            let width = (interpolate(&one, d) - interpolate(&other, d)).abs();
            AxisPoint { position_um: std::array::from_fn(|k| mean[k] + d * major[k]), diameter_um: width }
        })
        .collect();
    // The ends of a points contour have no width.
    axis[0].diameter_um = 0.5 * (axis[0].diameter_um + axis[1].diameter_um);
    axis[ALONG - 1].diameter_um = 0.5 * (axis[ALONG - 1].diameter_um + axis[ALONG - 2].diameter_um);
    axis.iter().all(|p| p.diameter_um > 0.0).then_some(axis)
}

/// Points at equal steps along the contour from its first to its last point; heights do not count as length.
fn resample(contour: &[AxisPoint]) -> Option<Vec<[f64; 3]>> {
    let points: Vec<[f64; 3]> = contour.iter().map(|p| p.position_um).collect();
    let mut lengths = vec![0.0];
    for pair in points.windows(2) {
        let step = (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1]);
        lengths.push(lengths[lengths.len() - 1] + step);
    }
    let total = lengths[lengths.len() - 1];
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    let mut k = 0;
    let ring = (0..AROUND).map(|i| {
        let at = total * i as f64 / (AROUND - 1) as f64;
        while k + 2 < lengths.len() && lengths[k + 1] < at {
            k += 1;
        }
        let span = lengths[k + 1] - lengths[k];
        let f = if span > 0.0 { ((at - lengths[k]) / span).min(1.0) } else { 0.0 };
        std::array::from_fn(|axis| points[k][axis] + f * (points[k + 1][axis] - points[k][axis]))
    });
    Some(ring.collect())
}

/// Direction of largest scatter, by Jacobi rotations of the 3 x 3 scatter matrix.
fn principal_axis(points: &[[f64; 3]]) -> [f64; 3] {
    let mut a = [[0.0; 3]; 3];
    for p in points {
        for i in 0..3 {
            for j in 0..3 {
                a[i][j] += p[i] * p[j];
            }
        }
    }
    let mut v = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..50 {
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            if a[i][j].abs() < 1e-300 {
                continue;
            }
            let theta = 0.5 * (2.0 * a[i][j]).atan2(a[j][j] - a[i][i]);
            let (s, c) = theta.sin_cos();
            for row in &mut a {
                (row[i], row[j]) = (c * row[i] - s * row[j], s * row[i] + c * row[j]);
            }
            for k in 0..3 {
                (a[i][k], a[j][k]) = (c * a[i][k] - s * a[j][k], s * a[i][k] + c * a[j][k]);
                (v[k][i], v[k][j]) = (c * v[k][i] - s * v[k][j], s * v[k][i] + c * v[k][j]);
            }
        }
    }
    let largest = (0..3).fold(0, |best, i| if a[i][i] > a[best][best] { i } else { best });
    std::array::from_fn(|k| v[k][largest])
}

fn argmax(values: &[f64], sign: f64) -> usize {
    (0..values.len()).fold(0, |best, i| if sign * values[i] > sign * values[best] { i } else { best })
}

/// Linear interpolation in rising x, constant outside.
fn interpolate((x, y): &(Vec<f64>, Vec<f64>), at: f64) -> f64 {
    let k = x.partition_point(|&v| v < at);
    if k == 0 {
        return y[0];
    }
    if k == x.len() {
        return y[k - 1];
    }
    y[k - 1] + (y[k] - y[k - 1]) * (at - x[k - 1]) / (x[k] - x[k - 1])
}
