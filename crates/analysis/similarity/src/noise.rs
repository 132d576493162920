//! Covariance of the noise for Mahalanobis and crossnobis distances, with shrinkage that keeps it invertible.
//!
//! "Diagonal" shrinks correlations by the factor of Schaefer & Strimmer (2005); "identity" shrinks towards a multiple of the
//! identity (Ledoit & Wolf 2004). Both intensities are sums over samples of squared outer products, which are themselves one
//! product of the squared data: sum_t x_ti^2 x_tj^2 = (X o X)'(X o X).

use ndarray::{Array1, Array2, ArrayView2};
use rheobase_core::require_finite;
use rheobase_linalg::{gram, solve_positive_definite};

use crate::{Error, Result};

/// How the covariance is regularised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shrinkage {
    /// None; needs more samples than units.
    None,
    /// Towards its own diagonal (Schaefer & Strimmer 2005).
    Diagonal,
    /// Towards a multiple of the identity (Ledoit & Wolf 2004).
    Identity,
    /// Only the diagonal is kept.
    VariancesOnly,
}

/// A covariance with the intensity of its shrinkage.
#[derive(Debug, Clone)]
pub struct NoiseCovariance {
    /// Covariance, (units, units).
    pub covariance: Array2<f64>,
    /// 0 (the sample's own) to 1 (the target alone).
    pub intensity: f64,
}

impl NoiseCovariance {
    /// From residuals (samples, units) whose means are already removed, costing `degrees` degrees of freedom in all.
    ///
    /// # Errors
    /// If there are fewer than 2 samples or degrees, a value is not finite, or a unit never varies.
    pub fn from_residuals(residuals: ArrayView2<'_, f64>, degrees: usize, shrinkage: Shrinkage) -> Result<Self> {
        let (samples, units) = residuals.dim();
        if samples < 2 || degrees < 1 {
            return Err(Error::TooFewConditions {
                what: "a noise covariance",
                needed: 2,
                found: samples.min(degrees + 1),
            });
        }
        require_finite("residuals", residuals.iter())?;
        let (n, degrees) = (samples as f64, degrees as f64);
        let sums = gram(residuals);
        if let Some(unit) = sums.diag().iter().position(|&v| v <= 0.0) {
            return Err(Error::Input(format!("unit {unit} has no noise, so no covariance can be inverted; drop it")));
        }
        let mut covariance = &sums / degrees;
        let off = |m: &Array2<f64>| m.sum() - m.diag().sum();
        let intensity = match shrinkage {
            Shrinkage::None => 0.0,
            Shrinkage::VariancesOnly => 1.0,
            Shrinkage::Diagonal => {
                let fourth = gram(residuals.mapv(|v| v * v).view());
                let variance = covariance.diag().to_owned();
                let scaled = |m: &Array2<f64>, root: &Array1<f64>| {
                    Array2::from_shape_fn((units, units), |(i, j)| m[[i, j]] / (root[i] * root[j]) / (n - 1.0))
                };
                let mean = scaled(&sums, &variance.mapv(f64::sqrt));
                let squares = mean.mapv(|v| v * v);
                let spread = (scaled(&fourth, &variance) - &squares) * (n / (degrees * degrees));
                (off(&spread) / off(&squares)).clamp(0.0, 1.0)
            }
            Shrinkage::Identity => {
                let fourth = gram(residuals.mapv(|v| v * v).view());
                let s = &sums / n;
                let spread = (fourth / n - s.mapv(|v| v * v)).sum() / n;
                let level = s.diag().mean().unwrap_or(0.0);
                let distance = (&s - &(Array2::<f64>::eye(units) * level)).mapv(|v| v * v).sum();
                spread.min(distance) / distance
            }
        };
        let level = covariance.diag().mean().unwrap_or(0.0);
        for ((i, j), value) in covariance.indexed_iter_mut() {
            if i != j {
                *value *= 1.0 - intensity;
            } else if shrinkage == Shrinkage::Identity {
                *value = (1.0 - intensity) * *value + intensity * level;
            }
        }
        Ok(Self { covariance, intensity })
    }

    /// From repeated measurements, each (conditions, units): the mean pattern of every condition is removed.
    ///
    /// # Errors
    /// If the shapes differ, there are fewer than 2 repeats, or as for [`NoiseCovariance::from_residuals`].
    pub fn from_measurements(repeats: &[ArrayView2<'_, f64>], shrinkage: Shrinkage) -> Result<Self> {
        let [first, ..] = repeats else { return Err(Error::Input("a noise covariance needs repeats, found 0".into())) };
        let (conditions, units) = first.dim();
        if repeats.len() < 2 || repeats.iter().any(|r| r.dim() != (conditions, units)) {
            let found = repeats.len();
            return Err(Error::Input(format!(
                "a noise covariance needs 2 or more repeats of one shape, found {found}"
            )));
        }
        let mut mean = Array2::<f64>::zeros((conditions, units));
        for repeat in repeats {
            mean += repeat;
        }
        mean /= repeats.len() as f64;
        let mut residuals = Array2::zeros((repeats.len() * conditions, units));
        for (k, repeat) in repeats.iter().enumerate() {
            residuals.slice_mut(ndarray::s![k * conditions..(k + 1) * conditions, ..]).assign(&(repeat - &mean));
        }
        Self::from_residuals(residuals.view(), (repeats.len() - 1) * conditions, shrinkage)
    }

    /// The inverse.
    ///
    /// # Errors
    /// If the covariance is singular: shrink it.
    pub fn precision(&self) -> Result<Array2<f64>> {
        Ok(solve_positive_definite(self.covariance.view(), Array2::eye(self.covariance.nrows()).view())?)
    }
}
