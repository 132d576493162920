//! Gabor-energy model of V1 (Adelson & Bergen 1985): a fixed bank of quadrature pairs at several places, orientations and
//! frequencies. Layer `simple` holds the half-rectified outputs of four phases, layer `complex` the square root of the energy.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2};
use rheobase_core::LayerInfo;
use serde::{Deserialize, Serialize};

/// A Gabor-energy model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaborEnergy {
    /// Rows and columns of the images.
    pub shape: [usize; 2],
    /// Number of orientations, evenly spread over 180 degrees.
    pub orientations: usize,
    /// Spatial frequencies in cycles per px.
    pub frequencies_cycles_per_px: Vec<f64>,
    /// Places along each side of the image.
    pub places: usize,
    /// Standard deviation of the envelope times the frequency (n_x and n_y of a Gabor).
    pub cycles_per_sigma: f64,
}

impl GaborEnergy {
    /// The recordable layers.
    pub fn layers(&self) -> Vec<LayerInfo> {
        let pairs = self.places * self.places * self.orientations * self.frequencies_cycles_per_px.len();
        vec![LayerInfo { name: "simple".into(), units: 4 * pairs }, LayerInfo { name: "complex".into(), units: pairs }]
    }

    /// Responses (images, units) of one layer to images (images, pixels).
    pub fn respond(&self, images: ArrayView2<'_, f64>, layer: &str) -> Array2<f64> {
        let (even, odd) = self.filters();
        let (e, o) = (images.dot(&even.t()), images.dot(&odd.t()));
        let pairs = even.nrows();
        if layer == "complex" {
            return Array2::from_shape_fn((images.nrows(), pairs), |(i, k)| e[[i, k]].hypot(o[[i, k]]));
        }
        Array2::from_shape_fn((images.nrows(), 4 * pairs), |(i, unit)| {
            let (k, phase) = (unit / 4, unit % 4);
            [e[[i, k]], o[[i, k]], -e[[i, k]], -o[[i, k]]][phase].max(0.0)
        })
    }

    /// Even and odd filters, (pairs, pixels), of zero mean and unit norm.
    fn filters(&self) -> (Array2<f64>, Array2<f64>) {
        let [rows, columns] = self.shape;
        let mut even = Vec::new();
        let mut odd = Vec::new();
        let mut pairs = 0;
        for &frequency in &self.frequencies_cycles_per_px {
            let sigma = self.cycles_per_sigma / frequency;
            for orientation in 0..self.orientations {
                let (sin, cos) = (PI * orientation as f64 / self.orientations as f64).sin_cos();
                for place in 0..self.places * self.places {
                    let along = |k: usize, n: usize| n as f64 * (k as f64 + 0.5) / self.places as f64 - 0.5;
                    let (y0, x0) = (along(place / self.places, rows), along(place % self.places, columns));
                    let (mut a, mut b) = (Vec::with_capacity(rows * columns), Vec::with_capacity(rows * columns));
                    for row in 0..rows {
                        for column in 0..columns {
                            let (dx, dy) = (column as f64 - x0, y0 - row as f64);
                            let envelope = (-(dx * dx + dy * dy) / (2.0 * sigma * sigma)).exp();
                            let phase = 2.0 * PI * frequency * (dx * cos + dy * sin);
                            a.push(envelope * phase.cos());
                            b.push(envelope * phase.sin());
                        }
                    }
                    even.extend(normalised(a));
                    odd.extend(normalised(b));
                    pairs += 1;
                }
            }
        }
        let shape = (pairs, rows * columns);
        (
            Array2::from_shape_vec(shape, even).expect("one filter for each pair"),
            Array2::from_shape_vec(shape, odd).expect("one filter for each pair"),
        )
    }
}

fn normalised(mut filter: Vec<f64>) -> Vec<f64> {
    let mean = filter.iter().sum::<f64>() / filter.len() as f64;
    filter.iter_mut().for_each(|v| *v -= mean);
    let norm = filter.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    filter.iter_mut().for_each(|v| *v /= norm);
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complex_units_ignore_the_phase_of_a_grating_and_simple_units_do_not() {
        let model = GaborEnergy {
            shape: [32, 32],
            orientations: 4,
            frequencies_cycles_per_px: vec![0.2],
            places: 1,
            cycles_per_sigma: 0.8,
        };
        let gratings = Array2::from_shape_fn((8, 1024), |(phase, pixel)| {
            (2.0 * PI * (0.2 * (pixel % 32) as f64 + phase as f64 / 8.0)).cos()
        });
        let complex = model.respond(gratings.view(), "complex");
        let preferred = complex.column(0);
        let spread = preferred.iter().fold(0.0_f64, |m, &v| m.max((v / preferred[0] - 1.0).abs()));
        // The residual modulation comes from the mean that is taken out of the even filter only.
        assert!(spread < 0.02, "{preferred}");
        assert!(complex[[0, 2]] < 0.05 * complex[[0, 0]], "orthogonal orientation");
        let simple = model.respond(gratings.view(), "simple");
        assert!(simple.column(0).iter().any(|&v| v == 0.0));
    }
}
