//! Why a network that learns to read out place cells may grow grids: pattern formation on the covariance of the targets (Sorscher,
//! Mel, Ganguli & Ocko 2019; Dordek et al. 2016, eLife 5:e10094).
//!
//! Learning amplifies hidden maps g by Sigma^2, the square of the target's spatial covariance, a filter on a periodic floor. With
//! the constraint that rates are not negative, the maps that win have the frequency of Sigma's peak: three plane waves at 60
//! degrees, a hexagonal lattice. Centre-surround targets have that peak off zero; Gaussian ones, without their mean, at the size of
//! the box.

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::Seed;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Profile of the place cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Profile {
    /// A Gaussian.
    Gaussian,
    /// A Gaussian centre less a Gaussian surround of this variance ratio, each of sum 1.
    DifferenceOfGaussians {
        /// Variance of the surround over that of the centre.
        surround_ratio: f64,
    },
}

/// A pattern-formation run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatternFormation {
    /// Bins along a side of the floor.
    pub bins: usize,
    /// Side in m.
    pub side_m: f64,
    /// Width of place fields in m.
    pub sd_m: f64,
    /// Their profile.
    pub profile: Profile,
    /// Whether rates are held at zero or above.
    pub non_negative: bool,
    /// Steps of the power iteration.
    pub steps: usize,
}

/// Two-dimensional Fourier transform of a square.
struct Plane {
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
    bins: usize,
}

impl Plane {
    fn new(bins: usize) -> Self {
        let mut planner = FftPlanner::new();
        Self { forward: planner.plan_fft_forward(bins), inverse: planner.plan_fft_inverse(bins), bins }
    }

    fn transform(&self, fft: &Arc<dyn Fft<f64>>, values: &mut Vec<Complex<f64>>) {
        let n = self.bins;
        for _ in 0..2 {
            values.chunks_exact_mut(n).for_each(|row| fft.process(row));
            *values = (0..n * n).map(|k| values[(k % n) * n + k / n]).collect();
        }
    }
}

impl PatternFormation {
    /// Power of the target's covariance at every frequency: Sigma^2 as a filter, without the mean.
    fn filter(&self, plane: &Plane) -> Vec<f64> {
        let n = self.bins;
        let bin = self.side_m / n as f64;
        let gaussian = |variance: f64| -> Vec<f64> {
            let along = |k: usize| {
                let d = bin * k.min(n - k) as f64;
                (-d * d / (2.0 * variance)).exp()
            };
            let values: Vec<f64> = (0..n * n).map(|k| along(k / n) * along(k % n)).collect();
            let sum: f64 = values.iter().sum();
            values.into_iter().map(|v| v / sum).collect()
        };
        let variance = self.sd_m * self.sd_m;
        let mut profile = gaussian(variance);
        if let Profile::DifferenceOfGaussians { surround_ratio } = self.profile {
            profile.iter_mut().zip(gaussian(variance * surround_ratio)).for_each(|(p, s)| *p -= s);
        }
        let mut spectrum: Vec<Complex<f64>> = profile.into_iter().map(|v| Complex::new(v, 0.0)).collect();
        plane.transform(&plane.forward, &mut spectrum);
        // Sigma is the autocorrelation of the profile, |p|^2; its square is |p|^4.
        let mut filter: Vec<f64> = spectrum.iter().map(|v| v.norm_sqr() * v.norm_sqr()).collect();
        filter[0] = 0.0;
        let top = filter.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        filter.iter_mut().for_each(|f| *f /= top);
        filter
    }

    /// Grows a map from noise.
    pub fn grow(&self, seed: &Seed) -> Array2<f64> {
        let n = self.bins;
        let plane = Plane::new(n);
        let filter = self.filter(&plane);
        let mut stream = seed.stream();
        let mut map: Vec<f64> = (0..n * n).map(|_| stream.random::<f64>()).collect();
        for _ in 0..self.steps {
            let mut spectrum: Vec<Complex<f64>> = map.iter().map(|v| Complex::new(*v, 0.0)).collect();
            plane.transform(&plane.forward, &mut spectrum);
            spectrum.iter_mut().zip(&filter).for_each(|(v, f)| *v *= *f);
            plane.transform(&plane.inverse, &mut spectrum);
            map = spectrum.iter().map(|v| if self.non_negative { v.re.max(0.0) } else { v.re }).collect();
            let size = map.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
            map.iter_mut().for_each(|v| *v /= size);
        }
        Array2::from_shape_fn((n, n), |(i, j)| map[i * n + j])
    }

    /// Period in m of the waves that together have most power, those of one frequency in all directions, the mean taken off.
    pub fn period_m(&self, map: &Array2<f64>) -> f64 {
        let n = self.bins;
        let plane = Plane::new(n);
        let mut spectrum: Vec<Complex<f64>> = map.iter().map(|v| Complex::new(*v, 0.0)).collect();
        plane.transform(&plane.forward, &mut spectrum);
        let signed = |k: usize| if k <= n / 2 { k as i64 } else { k as i64 - n as i64 };
        let mut rings = std::collections::BTreeMap::<i64, f64>::new();
        for (k, value) in spectrum.iter().enumerate().skip(1) {
            let squared = signed(k / n).pow(2) + signed(k % n).pow(2);
            *rings.entry(squared).or_default() += value.norm_sqr();
        }
        let best = rings.iter().fold((1, 0.0), |b, (k, v)| if *v > b.1 { (*k, *v) } else { b });
        self.side_m / (best.0 as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_is_that_of_the_filters_peak() {
        // |p| of a difference of Gaussians peaks at k^2 = 2 ln(ratio) / (sd^2 (ratio - 1)).
        let run = PatternFormation {
            bins: 44,
            side_m: 2.2,
            sd_m: 0.12,
            profile: Profile::DifferenceOfGaussians { surround_ratio: 2.0 },
            non_negative: true,
            steps: 500,
        };
        let map = run.grow(&Seed::root(1));
        assert!(map.iter().all(|v| *v >= 0.0));
        let exact = std::f64::consts::TAU * 0.12 / (2.0 * 2.0_f64.ln()).sqrt();
        // The box holds whole waves only, so the period is off by up to a tenth.
        assert!((run.period_m(&map) / exact - 1.0).abs() < 0.12, "{} {exact}", run.period_m(&map));
    }
}
