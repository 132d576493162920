//! Stimuli of the classical experiments: Gaussian white noise and sinusoidal gratings.

use std::f64::consts::PI;

use ndarray::Array2;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Result, Seed, Stimulus};

/// Gaussian white noise: `frames` frames of `rows` x `columns` pixels with standard deviation `sd`.
///
/// Frames are drawn in blocks of 1,024, each from its own stream, so a prefix of a longer stimulus is the shorter one.
///
/// # Errors
/// If `sd` is not finite.
pub fn white_noise(frames: usize, shape: [usize; 2], sd: f64, seed: &Seed) -> Result<Stimulus> {
    const BLOCK: usize = 1024;
    let pixels = shape[0] * shape[1];
    let mut values = Vec::with_capacity(frames * pixels);
    for block in 0..frames.div_ceil(BLOCK) {
        let mut stream = seed.index(block).stream();
        let count = BLOCK.min(frames - block * BLOCK) * pixels;
        values.extend((0..count).map(|_| sd * Distribution::<f64>::sample(&StandardNormal, &mut stream)));
    }
    let frames = Array2::from_shape_vec((frames, pixels), values).expect("blocks add up to the frames");
    Stimulus::new(frames, shape.to_vec(), 1.0)
}

/// A sinusoidal grating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grating {
    /// Orientation of the stripes in degrees, counter-clockwise from horizontal, the image's first row at the top.
    pub orientation_deg: f64,
    /// Spatial frequency in cycles per pixel.
    pub frequency_cycles_per_px: f64,
    /// Phase in degrees.
    pub phase_deg: f64,
    /// Peak amplitude.
    pub contrast: f64,
}

impl Grating {
    /// The grating as pixel values in row order, centred on the image.
    pub fn frame(&self, shape: [usize; 2]) -> Vec<f64> {
        let [rows, columns] = shape;
        // The wave vector is orthogonal to the stripes; y points up.
        let normal = (self.orientation_deg + 90.0).to_radians();
        let mut frame = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            let y = (rows as f64 - 1.0) / 2.0 - row as f64;
            for column in 0..columns {
                let x = column as f64 - (columns as f64 - 1.0) / 2.0;
                let along = x * normal.cos() + y * normal.sin();
                let angle = 2.0 * PI * self.frequency_cycles_per_px * along + self.phase_deg.to_radians();
                frame.push(self.contrast * angle.cos());
            }
        }
        frame
    }
}

/// Gratings at every combination of orientation and frequency, each at `phases` phases spread over a cycle.
///
/// Frames are ordered by orientation, then frequency, then phase.
///
/// # Errors
/// If a value is not finite.
pub fn grating_set(
    shape: [usize; 2],
    orientations_deg: &[f64],
    frequencies_cycles_per_px: &[f64],
    phases: usize,
    contrast: f64,
) -> Result<Stimulus> {
    let mut values = Vec::new();
    for &orientation_deg in orientations_deg {
        for &frequency_cycles_per_px in frequencies_cycles_per_px {
            for phase in 0..phases {
                let phase_deg = 360.0 * phase as f64 / phases as f64;
                values.extend(Grating { orientation_deg, frequency_cycles_per_px, phase_deg, contrast }.frame(shape));
            }
        }
    }
    let count = orientations_deg.len() * frequencies_cycles_per_px.len() * phases;
    let frames = Array2::from_shape_vec((count, shape[0] * shape[1]), values).expect("one frame per combination");
    Stimulus::new(frames, shape.to_vec(), 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_white_and_a_prefix_of_longer_noise() {
        let seed = Seed::root(1);
        let long = white_noise(3000, [2, 2], 1.5, &seed).unwrap();
        let short = white_noise(1500, [2, 2], 1.5, &seed).unwrap();
        assert_eq!(long.frames().slice(ndarray::s![..1500, ..]), short.frames());
        let covariance = long.frames().t().dot(long.frames()) / 3000.0;
        for ((i, j), v) in covariance.indexed_iter() {
            // Standard error of a covariance of 3000 samples with variance 2.25: 2.25 sqrt(2 / 3000) = 0.058; four of them.
            assert!((v - if i == j { 2.25 } else { 0.0 }).abs() < 0.24, "{covariance}");
        }
    }

    #[test]
    fn a_horizontal_grating_is_constant_along_rows() {
        let grating = Grating { orientation_deg: 0.0, frequency_cycles_per_px: 0.25, phase_deg: 30.0, contrast: 1.0 };
        let frame = grating.frame([4, 3]);
        for row in frame.chunks(3) {
            assert!(row.iter().all(|v| (v - row[0]).abs() < 1e-12));
        }
        assert!((frame[0] - frame[3]).abs() > 0.1);
    }
}
