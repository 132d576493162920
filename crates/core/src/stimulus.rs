//! What is shown to a probe: frames over time.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, require_finite};

/// Frames of shape (time, features), each frame having a spatial shape such as `[rows, columns]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stimulus {
    frames: Array2<f64>,
    spatial_shape: Vec<usize>,
    interval_s: f64,
}

impl Stimulus {
    /// Builds a stimulus from frames (time, features).
    ///
    /// # Errors
    /// If the spatial shape does not multiply to the number of features, or a value is not finite.
    pub fn new(frames: Array2<f64>, spatial_shape: Vec<usize>, interval_s: f64) -> Result<Self> {
        if spatial_shape.iter().product::<usize>() != frames.ncols() {
            return Err(Error::Shape {
                what: "spatial shape of the stimulus",
                found: format!("{spatial_shape:?}"),
                expected: format!("a product of {}", frames.ncols()),
            });
        }
        require_finite("stimulus", frames.iter())?;
        Ok(Self { frames, spatial_shape, interval_s })
    }

    /// Frames, shape (time, features).
    pub fn frames(&self) -> &Array2<f64> {
        &self.frames
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.frames.nrows()
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.frames.nrows() == 0
    }

    /// Spatial shape of one frame.
    pub fn spatial_shape(&self) -> &[usize] {
        &self.spatial_shape
    }

    /// Duration of a frame in s.
    pub fn interval_s(&self) -> f64 {
        self.interval_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spatial_shape_must_hold_all_features() {
        assert!(Stimulus::new(Array2::zeros((3, 6)), vec![2, 3], 1.0).is_ok());
        assert!(Stimulus::new(Array2::zeros((3, 6)), vec![2, 2], 1.0).is_err());
    }
}
