//! Natural photographs, whitened as Olshausen & Field did, and patches cut from them.

use std::f64::consts::PI;

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::Seed;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::library::Library;
use crate::{Error, Result, image};

/// One photograph.
#[derive(Debug, Clone, PartialEq)]
pub struct Photograph {
    /// Name of the file without extension.
    pub name: String,
    /// Grey levels, or filtered values, shape (rows, columns).
    pub pixels: Array2<f64>,
}

/// The embedded photographs, grey levels from 0 to 1.
///
/// # Errors
/// Only if a local copy is damaged.
pub fn load(library: &Library) -> Result<Vec<Photograph>> {
    let files = library.manifest("photographs")?.files.clone();
    files
        .into_iter()
        .map(|file| {
            let pixels = image::read_png(&file.name, &library.bytes("photographs", &file.name)?)?;
            Ok(Photograph { name: file.name.trim_end_matches(".png").to_owned(), pixels })
        })
        .collect()
}

/// Whitens with the filter R(f) = f exp(-(f / f0)^4), f0 = `cutoff_cycles_per_px` (Olshausen & Field 1996: 200 cycles per 512
/// px), then scales to `variance`. The mean is removed.
pub fn whiten(pixels: &Array2<f64>, cutoff_cycles_per_px: f64, variance: f64) -> Array2<f64> {
    let (rows, columns) = pixels.dim();
    let mean = pixels.sum() / pixels.len() as f64;
    let mut spectrum: Vec<Complex<f64>> = pixels.iter().map(|v| Complex::new(v - mean, 0.0)).collect();
    let mut planner = FftPlanner::new();
    let mut transform = |data: &mut Vec<Complex<f64>>, inverse: bool| {
        for (height, width) in [(rows, columns), (columns, rows)] {
            let fft = if inverse { planner.plan_fft_inverse(width) } else { planner.plan_fft_forward(width) };
            fft.process(data);
            let mut turned = vec![Complex::new(0.0, 0.0); data.len()];
            for i in 0..height {
                for j in 0..width {
                    turned[j * height + i] = data[i * width + j];
                }
            }
            *data = turned;
        }
    };
    transform(&mut spectrum, false);
    let frequency = |k: usize, n: usize| (if 2 * k > n { k as f64 - n as f64 } else { k as f64 }) / n as f64;
    for i in 0..rows {
        for j in 0..columns {
            let f = frequency(i, rows).hypot(frequency(j, columns));
            spectrum[i * columns + j] *= f * (-(f / cutoff_cycles_per_px).powi(4)).exp();
        }
    }
    transform(&mut spectrum, true);
    let filtered: Vec<f64> = spectrum.iter().map(|c| c.re).collect();
    let power = filtered.iter().map(|v| v * v).sum::<f64>() / filtered.len() as f64;
    let scale = if power > 0.0 { (variance / power).sqrt() } else { 0.0 };
    Array2::from_shape_fn((rows, columns), |(i, j)| scale * filtered[i * columns + j])
}

/// A patch and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    /// Pixels, shape (patches, size x size).
    pub pixels: Array2<f64>,
    /// Index of the photograph of each patch.
    pub photograph: Vec<usize>,
    /// Quarter turns applied to each patch, 0 to 3.
    pub quarter_turns: Vec<usize>,
}

/// Cuts `count` square patches at random places, evenly from all photographs; `rotate` turns each by a random multiple of a
/// quarter turn.
///
/// # Errors
/// If `size_px` (with `margin_px` on each side) does not fit into the smallest photograph.
pub fn cut_patches(
    photographs: &[Photograph],
    size_px: usize,
    margin_px: usize,
    count: usize,
    rotate: bool,
    seed: &Seed,
) -> Result<Patches> {
    let need = size_px + 2 * margin_px;
    if let Some(small) = photographs.iter().find(|p| p.pixels.nrows() < need || p.pixels.ncols() < need) {
        let (rows, columns) = small.pixels.dim();
        let reason = format!(
            "patches of {size_px} px with a margin of {margin_px} px need {need} px; {} has {rows} x {columns}",
            small.name
        );
        return Err(Error::format("photographs", "patch source", reason));
    }
    let mut pixels = Array2::zeros((count, size_px * size_px));
    let (mut sources, mut turns) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut stream = seed.stream();
    for (index, mut patch) in pixels.rows_mut().into_iter().enumerate() {
        let source = index % photographs.len();
        let image = &photographs[source].pixels;
        let row = stream.random_range(margin_px..=image.nrows() - margin_px - size_px);
        let column = stream.random_range(margin_px..=image.ncols() - margin_px - size_px);
        let turn: usize = if rotate { stream.random_range(0..4) } else { 0 };
        for i in 0..size_px {
            for j in 0..size_px {
                let last = size_px - 1;
                let (a, b) = match turn {
                    0 => (i, j),
                    1 => (j, last - i),
                    2 => (last - i, last - j),
                    _ => (last - j, i),
                };
                patch[i * size_px + j] = image[[row + a, column + b]];
            }
        }
        sources.push(source);
        turns.push(turn);
    }
    Ok(Patches { pixels, photograph: sources, quarter_turns: turns })
}

/// Dead leaves: occluding discs of random grey, radius density ~ r^-3 from 3 to 60 px; an artificial scene with the edges and
/// the power spectrum of natural ones (Lee, Mumford & Huang 2001).
pub fn dead_leaves(size_px: usize, seed: &Seed) -> Array2<f64> {
    const RADII_PX: (f64, f64) = (3.0, 60.0);
    let mut stream = seed.stream();
    let mut pixels = Array2::from_elem((size_px, size_px), f64::NAN);
    let mut bare = size_px * size_px;
    // Leaves are laid from the top down: a pixel keeps the first disc that covers it. 20,000 discs cover all but specks.
    for _ in 0..20_000 {
        if bare == 0 {
            break;
        }
        let u: f64 = stream.random();
        let (low, high) = (RADII_PX.0.powi(-2), RADII_PX.1.powi(-2));
        let radius = (low + u * (high - low)).powf(-0.5);
        let x = stream.random::<f64>() * (size_px as f64 + 2.0 * radius) - radius;
        let y = stream.random::<f64>() * (size_px as f64 + 2.0 * radius) - radius;
        let grey: f64 = stream.random();
        let range = |centre: f64| {
            let from = (centre - radius).max(0.0) as usize;
            from..((centre + radius).max(0.0) as usize + 1).min(size_px)
        };
        for i in range(y) {
            for j in range(x) {
                if pixels[[i, j]].is_nan() && (i as f64 - y).hypot(j as f64 - x) <= radius {
                    pixels[[i, j]] = grey;
                    bare -= 1;
                }
            }
        }
    }
    pixels.mapv_inplace(|v| if v.is_nan() { 0.5 } else { v });
    pixels
}

/// Slope of the log power against log frequency of an image, between 0.02 and 0.2 cycles per px: near -2 for natural scenes
/// (Field 1987).
pub fn power_slope(pixels: &Array2<f64>) -> f64 {
    let n = pixels.nrows().min(pixels.ncols());
    let mean = pixels.sum() / pixels.len() as f64;
    // Rows are enough for the slope, with a Hann window against the border step.
    let fft = FftPlanner::new().plan_fft_forward(n);
    let mut power = vec![0.0; n / 2];
    for row in pixels.rows() {
        let mut line: Vec<Complex<f64>> = (0..n)
            .map(|j| Complex::new((row[j] - mean) * (0.5 - 0.5 * (2.0 * PI * j as f64 / n as f64).cos()), 0.0))
            .collect();
        fft.process(&mut line);
        for (sum, c) in power.iter_mut().zip(&line) {
            *sum += c.norm_sqr();
        }
    }
    let points: Vec<(f64, f64)> = (1..n / 2)
        .map(|k| (k as f64 / n as f64, power[k]))
        .filter(|(f, p)| (0.02..0.2).contains(f) && *p > 0.0)
        .map(|(f, p)| (f.ln(), p.ln()))
        .collect();
    let count = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / count, points.iter().map(|p| p.1).sum::<f64>() / count);
    points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_photographs_are_natural_and_large_enough() {
        let photographs = load(&Library::new("nowhere").unwrap()).unwrap();
        assert_eq!(photographs.len(), 8);
        assert!(photographs.iter().filter(|p| p.pixels.dim().1 >= 512).count() >= 6);
        for photograph in &photographs {
            let slope = power_slope(&photograph.pixels);
            // Row spectra of natural scenes fall as f^-1 to f^-3 (one frequency dimension of an f^-2 spectrum keeps about f^-1).
            assert!((-3.2..-0.6).contains(&slope), "{} {slope}", photograph.name);
        }
    }

    #[test]
    fn whitening_flattens_the_spectrum_and_sets_the_variance() {
        let photographs = load(&Library::new("nowhere").unwrap()).unwrap();
        let white = whiten(&photographs[0].pixels, 200.0 / 512.0, 0.1);
        let variance = white.iter().map(|v| v * v).sum::<f64>() / white.len() as f64;
        assert!((variance - 0.1).abs() < 1e-9);
        assert!(power_slope(&white) > power_slope(&photographs[0].pixels) + 1.0);
    }

    #[test]
    fn patches_are_reproducible_rotated_copies_of_the_image() {
        let pixels = Array2::from_shape_fn((20, 30), |(i, j)| (i * 30 + j) as f64);
        let photographs = [Photograph { name: "ramp".into(), pixels }];
        let a = cut_patches(&photographs, 4, 2, 50, true, &Seed::root(1)).unwrap();
        assert_eq!(a, cut_patches(&photographs, 4, 2, 50, true, &Seed::root(1)).unwrap());
        for (patch, turn) in a.pixels.rows().into_iter().zip(&a.quarter_turns) {
            // On this ramp one step along a row adds 1 and one step down adds 30, before rotation.
            let step = patch[1] - patch[0];
            assert_eq!(step, [1.0, 30.0, -1.0, -30.0][*turn]);
        }
        assert!(cut_patches(&photographs, 18, 2, 1, false, &Seed::root(1)).is_err());
    }

    #[test]
    fn dead_leaves_have_a_natural_spectrum() {
        let slope = power_slope(&dead_leaves(256, &Seed::root(1)));
        assert!((-3.0..-1.0).contains(&slope), "{slope}");
    }
}
