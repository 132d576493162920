//! Two-dimensional Gabor functions and their fit to receptive fields.
//!
//! G = A exp(-x'^2 / 2 sx^2 - y'^2 / 2 sy^2) cos(2 pi f x' + phi) + c, x' running across the stripes
//! (Jones & Palmer 1987). n_x = sx f and n_y = sy f place a cell in the plane of Ringach (2002).

use std::f64::consts::PI;

use ndarray::{Array1, Array2, ArrayView2};
use rheobase_core::require_finite;
use rheobase_linalg::{least_squares_vector, solve};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::{Error, Result};

/// A Gabor function; positions in pixels from the centre of the image, x to the right, y up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gabor {
    /// Amplitude, positive after a fit.
    pub amplitude: f64,
    /// Centre to the right of the image centre, in px.
    pub x_px: f64,
    /// Centre above the image centre, in px.
    pub y_px: f64,
    /// Standard deviation of the envelope across the stripes, in px.
    pub sigma_x_px: f64,
    /// Standard deviation of the envelope along the stripes, in px.
    pub sigma_y_px: f64,
    /// Direction of the wave vector in radians, in [0, pi) after a fit.
    pub theta_rad: f64,
    /// Spatial frequency in cycles per px.
    pub frequency_cycles_per_px: f64,
    /// Phase at the centre of the envelope in radians, in (-pi, pi] after a fit.
    pub phase_rad: f64,
    /// Constant offset.
    pub offset: f64,
}

const PARAMETERS: usize = 9;

impl Gabor {
    /// Value at a point, in px from the image centre, y up.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        let (sin, cos) = self.theta_rad.sin_cos();
        let (dx, dy) = (x - self.x_px, y - self.y_px);
        let (across, along) = (dx * cos + dy * sin, -dx * sin + dy * cos);
        let envelope = (-0.5 * ((across / self.sigma_x_px).powi(2) + (along / self.sigma_y_px).powi(2))).exp();
        self.amplitude * envelope * (2.0 * PI * self.frequency_cycles_per_px * across + self.phase_rad).cos()
            + self.offset
    }

    /// The function on an image of `rows` x `columns` pixels.
    pub fn image(&self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(row, column)| {
            let (x, y) = pixel(row, column, rows, columns);
            self.at(x, y)
        })
    }

    /// n_x = sigma_x f: cycles under the envelope, across the stripes.
    pub fn n_x(&self) -> f64 {
        self.sigma_x_px * self.frequency_cycles_per_px
    }

    /// n_y = sigma_y f: elongation along the stripes, in units of the period.
    pub fn n_y(&self) -> f64 {
        self.sigma_y_px * self.frequency_cycles_per_px
    }

    /// Orientation of the stripes in degrees, [0, 180), counter-clockwise from horizontal.
    pub fn orientation_deg(&self) -> f64 {
        (self.theta_rad.to_degrees() + 90.0).rem_euclid(180.0)
    }

    /// Full width at half height in octaves of spatial frequency; `None` for low-pass units, which have no lower flank.
    ///
    /// log2((f + h) / (f - h)) with h = sqrt(2 ln 2) / (2 pi sigma_x).
    pub fn bandwidth_octaves(&self) -> Option<f64> {
        let half = (2.0 * 2.0_f64.ln()).sqrt() / (2.0 * PI * self.sigma_x_px);
        let f = self.frequency_cycles_per_px;
        (f > half).then(|| ((f + half) / (f - half)).log2())
    }

    fn from_vector(p: &[f64; PARAMETERS]) -> Self {
        Self {
            amplitude: p[0].hypot(p[1]),
            phase_rad: p[1].atan2(p[0]),
            offset: p[2],
            x_px: p[3],
            y_px: p[4],
            sigma_x_px: p[5].exp(),
            sigma_y_px: p[6].exp(),
            theta_rad: p[7],
            frequency_cycles_per_px: p[8],
        }
    }

    /// The same function with f > 0, theta in [0, pi): G(theta + pi, phi) = G(theta, -phi), and f < 0 is theta + pi.
    fn canonical(mut self) -> Self {
        if self.frequency_cycles_per_px < 0.0 {
            self.frequency_cycles_per_px = -self.frequency_cycles_per_px;
            self.phase_rad = -self.phase_rad;
        }
        let turns = self.theta_rad.rem_euclid(2.0 * PI);
        if turns >= PI {
            self.theta_rad = turns - PI;
            self.phase_rad = -self.phase_rad;
        } else {
            self.theta_rad = turns;
        }
        self
    }
}

/// A Gabor fitted to an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaborFit {
    /// The function found.
    pub gabor: Gabor,
    /// Share of the image's variance explained.
    pub r_squared: f64,
    /// Iterations of the best start.
    pub iterations: usize,
    /// Starts that were tried.
    pub starts: usize,
}

impl GaborFit {
    /// Whether the envelope is local: its centre inside the image and the geometric mean of its two standard
    /// deviations at most a quarter of the shorter side.
    pub fn is_localised(&self, rows: usize, columns: usize) -> bool {
        let g = &self.gabor;
        g.x_px.abs() <= columns as f64 / 2.0
            && g.y_px.abs() <= rows as f64 / 2.0
            && (g.sigma_x_px * g.sigma_y_px).sqrt() <= rows.min(columns) as f64 / 4.0
    }
}

/// Fits a Gabor by Levenberg-Marquardt from several starts: the strongest peaks of the amplitude spectrum give frequency and
/// direction, the centre of the energy the position, and two widths each are tried.
///
/// # Errors
/// If the image is smaller than 4 x 4, not finite, or constant.
pub fn fit_gabor(image: ArrayView2<'_, f64>) -> Result<GaborFit> {
    let (rows, columns) = image.dim();
    if rows < 4 || columns < 4 {
        return Err(Error::BadImage(format!("a Gabor fit needs at least 4 x 4 pixels, found {rows} x {columns}")));
    }
    require_finite("receptive field", image.iter())?;
    let scale = image.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mean = image.sum() / image.len() as f64;
    let total: f64 = image.iter().map(|v| ((v - mean) / scale).powi(2)).sum();
    if scale == 0.0 || total < 1e-20 {
        return Err(Error::BadImage("the receptive field is constant, so it has no Gabor".into()));
    }
    let target: Vec<f64> = image.iter().map(|v| v / scale).collect();
    let points: Vec<(f64, f64)> = (0..rows * columns).map(|i| pixel(i / columns, i % columns, rows, columns)).collect();
    let (x0, y0) = energy_centre(&target, &points);
    let mut best: Option<(f64, [f64; PARAMETERS], usize)> = None;
    let mut starts = 0;
    for (theta_rad, frequency) in spectral_peaks(&target, rows, columns, mean / scale) {
        for width in [rows.min(columns) as f64 / 8.0, rows.min(columns) as f64 / 4.0] {
            let start = [0.0, 0.0, 0.0, x0, y0, width.ln(), width.ln(), theta_rad, frequency];
            let start = with_linear_part(start, &target, &points)?;
            let (error, p, iterations) = levenberg_marquardt(start, &target, &points, rows.max(columns) as f64);
            starts += 1;
            if best.as_ref().is_none_or(|(least, ..)| error < *least) {
                best = Some((error, p, iterations));
            }
        }
    }
    let (error, p, iterations) = best.ok_or_else(|| Error::BadImage("the spectrum has no peak".into()))?;
    let mut gabor = Gabor::from_vector(&p).canonical();
    gabor.amplitude *= scale;
    gabor.offset *= scale;
    Ok(GaborFit { gabor, r_squared: 1.0 - error / total, iterations, starts })
}

fn pixel(row: usize, column: usize, rows: usize, columns: usize) -> (f64, f64) {
    (column as f64 - (columns as f64 - 1.0) / 2.0, (rows as f64 - 1.0) / 2.0 - row as f64)
}

fn energy_centre(target: &[f64], points: &[(f64, f64)]) -> (f64, f64) {
    // The fourth power keeps the noise floor of a whole image from pulling the centre to the middle.
    let weights = target.iter().map(|v| v.powi(4));
    let (mut x, mut y, mut sum) = (0.0, 0.0, 0.0);
    for (w, p) in weights.zip(points) {
        x += w * p.0;
        y += w * p.1;
        sum += w;
    }
    (x / sum, y / sum)
}

/// Up to three (direction, frequency) peaks of the zero-padded amplitude spectrum, strongest first, at least one bin of the
/// unpadded spectrum apart.
fn spectral_peaks(target: &[f64], rows: usize, columns: usize, mean: f64) -> Vec<(f64, f64)> {
    const PEAKS: usize = 3;
    let n = 2 * rows.max(columns).next_power_of_two();
    let mut spectrum = vec![Complex::new(0.0, 0.0); n * n];
    for row in 0..rows {
        for column in 0..columns {
            spectrum[row * n + column].re = target[row * columns + column] - mean;
        }
    }
    let fft = FftPlanner::new().plan_fft_forward(n);
    fft.process(&mut spectrum);
    let mut transposed = vec![Complex::new(0.0, 0.0); n * n];
    for i in 0..n {
        for j in 0..n {
            transposed[j * n + i] = spectrum[i * n + j];
        }
    }
    fft.process(&mut transposed);
    let signed = |k: usize| (if k > n / 2 { k as f64 - n as f64 } else { k as f64 }) / n as f64;
    let mut candidates: Vec<(f64, f64, f64)> = Vec::new();
    for kx in 0..=n / 2 {
        for ky in 0..n {
            // Rows run downwards while y points up, hence the sign.
            let (fx, fy) = (signed(kx), -signed(ky));
            let frequency = fx.hypot(fy);
            if frequency > 0.0 && frequency <= 0.5 {
                candidates.push((transposed[kx * n + ky].norm(), fx, fy));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let apart = 1.0 / rows.max(columns) as f64;
    let mut peaks: Vec<(f64, f64)> = Vec::new();
    for (_, fx, fy) in candidates {
        if peaks.iter().all(|(px, py)| (px - fx).hypot(py - fy).min((px + fx).hypot(py + fy)) > apart) {
            peaks.push((fx, fy));
            if peaks.len() == PEAKS {
                break;
            }
        }
    }
    peaks.into_iter().map(|(fx, fy)| (fy.atan2(fx), fx.hypot(fy))).collect()
}

/// Amplitude, phase and offset enter linearly once the rest is fixed: G = a E cos - b E sin + c.
fn with_linear_part(mut p: [f64; PARAMETERS], target: &[f64], points: &[(f64, f64)]) -> Result<[f64; PARAMETERS]> {
    let mut design = Array2::zeros((points.len(), 3));
    for (mut row, &point) in design.rows_mut().into_iter().zip(points) {
        let (carrier_cos, carrier_sin) = quadrature(&p, point);
        row[0] = carrier_cos;
        row[1] = -carrier_sin;
        row[2] = 1.0;
    }
    let target = Array1::from(target.to_vec());
    let linear = least_squares_vector(design.view(), target.view())?;
    p[..3].copy_from_slice(linear.as_slice().expect("a fresh vector is contiguous"));
    Ok(p)
}

/// Envelope times cosine and sine of the carrier.
fn quadrature(p: &[f64; PARAMETERS], (x, y): (f64, f64)) -> (f64, f64) {
    let (sin, cos) = p[7].sin_cos();
    let (dx, dy) = (x - p[3], y - p[4]);
    let (across, along) = (dx * cos + dy * sin, -dx * sin + dy * cos);
    let envelope = (-0.5 * ((across * (-p[5]).exp()).powi(2) + (along * (-p[6]).exp()).powi(2))).exp();
    let (carrier_sin, carrier_cos) = (2.0 * PI * p[8] * across).sin_cos();
    (envelope * carrier_cos, envelope * carrier_sin)
}

/// Sum of squared errors, and (if asked) the normal equations J'J and J'r.
fn normal_equations(
    p: &[f64; PARAMETERS],
    target: &[f64],
    points: &[(f64, f64)],
    derivatives: Option<(&mut Array2<f64>, &mut Array2<f64>)>,
) -> f64 {
    let (sin, cos) = p[7].sin_cos();
    let (wx, wy) = ((-2.0 * p[5]).exp(), (-2.0 * p[6]).exp());
    let omega = 2.0 * PI * p[8];
    let mut error = 0.0;
    let mut jtj = [[0.0; PARAMETERS]; PARAMETERS];
    let mut jtr = [0.0; PARAMETERS];
    for (&t, &(x, y)) in target.iter().zip(points) {
        let (dx, dy) = (x - p[3], y - p[4]);
        let (across, along) = (dx * cos + dy * sin, -dx * sin + dy * cos);
        let envelope = (-0.5 * (across * across * wx + along * along * wy)).exp();
        let (s, c) = (omega * across).sin_cos();
        let wave = p[0] * c - p[1] * s;
        let residual = t - (envelope * wave + p[2]);
        error += residual * residual;
        if derivatives.is_some() {
            let slope = -p[0] * s - p[1] * c;
            // d/d(across) and d/d(along) of envelope x wave.
            let d_across = envelope * (-across * wx * wave + omega * slope);
            let d_along = envelope * (-along * wy * wave);
            let j = [
                envelope * c,
                -envelope * s,
                1.0,
                -d_across * cos + d_along * sin,
                -d_across * sin - d_along * cos,
                envelope * wave * across * across * wx,
                envelope * wave * along * along * wy,
                d_across * along - d_along * across,
                envelope * slope * 2.0 * PI * across,
            ];
            for a in 0..PARAMETERS {
                jtr[a] += j[a] * residual;
                for b in 0..=a {
                    jtj[a][b] += j[a] * j[b];
                }
            }
        }
    }
    if let Some((matrix, vector)) = derivatives {
        for a in 0..PARAMETERS {
            vector[[a, 0]] = jtr[a];
            for b in 0..=a {
                matrix[[a, b]] = jtj[a][b];
                matrix[[b, a]] = jtj[a][b];
            }
        }
    }
    error
}

/// Damped Gauss-Newton with Nyquist and the image size as bounds; returns (error, parameters, iterations).
fn levenberg_marquardt(
    mut p: [f64; PARAMETERS],
    target: &[f64],
    points: &[(f64, f64)],
    size: f64,
) -> (f64, [f64; PARAMETERS], usize) {
    const ITERATIONS: usize = 100;
    let (mut matrix, mut vector) = (Array2::zeros((PARAMETERS, PARAMETERS)), Array2::zeros((PARAMETERS, 1)));
    let mut error = normal_equations(&p, target, points, Some((&mut matrix, &mut vector)));
    let mut damping = 1e-2;
    for iteration in 0..ITERATIONS {
        let mut damped = matrix.clone();
        for a in 0..PARAMETERS {
            damped[[a, a]] += damping * matrix[[a, a]].max(1e-12);
        }
        let Ok(step) = solve(damped.view(), vector.view()) else {
            damping *= 10.0;
            continue;
        };
        let mut trial = p;
        for a in 0..PARAMETERS {
            trial[a] += step[[a, 0]];
        }
        bound(&mut trial, size);
        let trial_error = normal_equations(&trial, target, points, None);
        if trial_error < error {
            let gain = (error - trial_error) / error.max(f64::MIN_POSITIVE);
            p = trial;
            error = normal_equations(&p, target, points, Some((&mut matrix, &mut vector)));
            damping = (damping * 0.3).max(1e-9);
            if gain < 1e-10 {
                return (error, p, iteration + 1);
            }
        } else {
            damping *= 5.0;
            if damping > 1e9 {
                return (error, p, iteration + 1);
            }
        }
    }
    (error, p, ITERATIONS)
}

/// Keeps a step inside: frequency up to Nyquist, widths from 0.3 px to the image, centre within one image of the middle.
fn bound(p: &mut [f64; PARAMETERS], size: f64) {
    p[3] = p[3].clamp(-size, size);
    p[4] = p[4].clamp(-size, size);
    p[5] = p[5].clamp(0.3_f64.ln(), size.ln());
    p[6] = p[6].clamp(0.3_f64.ln(), size.ln());
    p[8] = p[8].clamp(-0.5, 0.5);
}
