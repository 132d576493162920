//! What the linearised map says about a point: stability, time constants, frequencies, left and right eigenvectors.
//!
//! In discrete time a direction shrinks where |lambda| < 1; its time constant is -dt / ln |lambda| and it turns arg(lambda) / (2 pi dt)
//! times a second. A right eigenvector is a direction of motion, a left one says which inputs move the state along it (Mante et
//! al. 2013).

use ndarray::{Array1, Array2, ArrayView1};
use rheobase_core::Dynamics;
use rheobase_linalg::{Complex, eig};

use crate::Result;

/// The linearised map at a point.
#[derive(Debug, Clone)]
pub struct Linearisation {
    /// dF/dx.
    pub jacobian: Array2<f64>,
    /// Eigenvalues by descending modulus.
    pub values: Array1<Complex>,
    /// Right eigenvectors as columns, of unit norm.
    pub right: Array2<Complex>,
    /// Left eigenvectors as columns, scaled so that l'r = 1 for each pair; zero where the pair is defective.
    pub left: Array2<Complex>,
}

impl Linearisation {
    /// Linearises a map at a state.
    ///
    /// # Errors
    /// If the eigenvalues cannot be found.
    pub fn at(dynamics: &dyn Dynamics, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Result<Self> {
        let jacobian = dynamics.jacobian(state, input);
        let direct = eig(jacobian.view())?;
        let turned = eig(jacobian.t())?;
        let n = direct.values.len();
        let mut left = Array2::zeros((n, n));
        let mut free: Vec<usize> = (0..n).collect();
        for k in 0..n {
            // The same eigenvalues in nearly the same order; pair the nearest.
            let gap = |i: &usize| (turned.values[*i] - direct.values[k]).norm();
            let Some(best) = (0..free.len()).min_by(|a, b| gap(&free[*a]).total_cmp(&gap(&free[*b]))) else { break };
            let l = turned.vectors.column(free.swap_remove(best)).to_owned();
            free.sort_unstable();
            let product: Complex = l.iter().zip(direct.vectors.column(k)).map(|(a, b)| a * b).sum();
            if product.norm() > 1e-9 {
                left.column_mut(k).assign(&l.mapv(|v| v / product));
            }
        }
        Ok(Self { jacobian, values: direct.values, right: direct.vectors, left })
    }

    /// Number of growing directions: |lambda| > 1.
    pub fn index(&self) -> usize {
        self.values.iter().filter(|v| v.norm() > 1.0).count()
    }

    /// Whether every direction shrinks.
    pub fn is_stable(&self) -> bool {
        self.values.iter().all(|v| v.norm() < 1.0)
    }

    /// Time constant of a direction, in the unit of `dt`: positive where it shrinks, negative where it grows.
    pub fn time_constant(&self, direction: usize, dt: f64) -> f64 {
        -dt / self.values[direction].norm().ln()
    }

    /// Turns per unit of `dt`.
    pub fn frequency(&self, direction: usize, dt: f64) -> f64 {
        self.values[direction].arg().abs() / (std::f64::consts::TAU * dt)
    }

    /// Henrici's departure from normality, sqrt(|J|_F^2 - sum |lambda|^2) / |J|_F: 0 for a normal matrix.
    pub fn departure_from_normality(&self) -> f64 {
        let total: f64 = self.jacobian.iter().map(|v| v * v).sum();
        let spectrum: f64 = self.values.iter().map(|v| v.norm_sqr()).sum();
        if total > 0.0 { ((total - spectrum).max(0.0) / total).sqrt() } else { 0.0 }
    }
}
