//! Linear code: y = W (x - mean). Principal components, independent components, or Hebbian features, by its learning rule.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A linear code of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearCode {
    /// Rows and columns of the images.
    pub shape: [usize; 2],
    /// Number of units.
    pub units: usize,
    /// Weights, (units, pixels).
    #[serde(skip)]
    pub weights: Vec<f32>,
    /// Mean image that is subtracted, (pixels).
    #[serde(skip)]
    pub mean: Vec<f32>,
}

impl LinearCode {
    /// A code with small random weights.
    ///
    /// # Errors
    /// If there is no unit or pixel, or there are more units than pixels.
    pub fn new(shape: [usize; 2], units: usize, seed: &Seed) -> Result<Self> {
        let pixels = shape[0] * shape[1];
        if units == 0 || units > pixels {
            return Err(Error::Architecture(format!(
                "a linear code of {shape:?} pixels has 1 to {pixels} units, found {units}"
            )));
        }
        let mut stream = seed.child("weights").stream();
        let sd = (1.0 / pixels as f64).sqrt();
        let weights = (0..units * pixels)
            .map(|_| (sd * Distribution::<f64>::sample(&StandardNormal, &mut stream)) as f32)
            .collect();
        Ok(Self { shape, units, weights, mean: vec![0.0; pixels] })
    }

    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// Activities (images, units) for images (images, pixels).
    ///
    /// # Errors
    /// If the stored weights have the wrong size.
    pub fn respond(&self, images: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let weights = ArrayView2::from_shape((self.units, self.pixels()), &self.weights)
            .map_err(|e| Error::Weights(e.to_string()))?
            .mapv(f64::from);
        let mean: Array1<f64> = ArrayView1::from(&self.mean).mapv(f64::from);
        Ok((&images - &mean).dot(&weights.t()))
    }

    /// Replaces weights and mean.
    pub(crate) fn set(&mut self, weights: ArrayView2<'_, f64>, mean: ArrayView1<'_, f64>) {
        self.weights = weights.iter().map(|&v| v as f32).collect();
        self.mean = mean.iter().map(|&v| v as f32).collect();
    }
}
