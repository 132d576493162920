//! Statistics of angles (Mardia & Jupp 2000): mean direction, mean vector length, Rayleigh's test.

/// Mean direction and length of the resultant of angles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resultant {
    /// Mean direction in rad, [0, 2 pi).
    pub direction_rad: f64,
    /// Mean vector length R, 0 to 1; the vector strength of Goldberg & Brown 1969.
    pub length: f64,
    /// Total weight (the number of angles where weights are 1).
    pub n: f64,
}

impl Resultant {
    /// Of angles in rad, all of weight 1; `None` without angles.
    pub fn of_angles(angles_rad: &[f64]) -> Option<Self> {
        Self::of_weighted(angles_rad.iter().map(|&a| (a, 1.0)))
    }

    /// Of pairs (angle in rad, weight); `None` if the weights sum to 0.
    pub fn of_weighted(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let (mut re, mut im, mut n) = (0.0, 0.0, 0.0);
        for (angle, weight) in pairs {
            re += weight * angle.cos();
            im += weight * angle.sin();
            n += weight;
        }
        (n > 0.0).then(|| Self {
            direction_rad: im.atan2(re).rem_euclid(2.0 * std::f64::consts::PI),
            length: re.hypot(im) / n,
            n,
        })
    }

    /// Rayleigh's p-value that angles are uniform (Zar 1999, eq. 27.4; good to 1e-3 from n = 5). Weights are taken as counts.
    pub fn rayleigh_p(&self) -> f64 {
        let r = self.n * self.length;
        ((1.0 + 4.0 * self.n + 4.0 * (self.n * self.n - r * r)).sqrt() - (1.0 + 2.0 * self.n)).exp().min(1.0)
    }

    /// Rayleigh's statistic 2 n R^2, about chi-squared with 2 degrees of freedom for uniform angles.
    pub fn rayleigh_statistic(&self) -> f64 {
        2.0 * self.n * self.length * self.length
    }

    /// R corrected for binning into `bins` equal bins: times (pi / bins) / sin(pi / bins) (Zar 1999, eq. 26.16).
    pub fn length_corrected_for_bins(&self, bins: usize) -> f64 {
        let half = std::f64::consts::PI / bins as f64;
        (self.length * half / half.sin()).min(1.0)
    }

    /// Circular standard deviation sqrt(-2 ln R), in rad.
    pub fn circular_sd_rad(&self) -> f64 {
        (-2.0 * self.length.ln()).sqrt()
    }
}

/// Signed difference a - b of two angles in rad, in (-pi, pi].
pub fn difference_rad(a: f64, b: f64) -> f64 {
    let turn = 2.0 * std::f64::consts::PI;
    let d = (a - b).rem_euclid(turn);
    if d > std::f64::consts::PI { d - turn } else { d }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn published_vector_strength_and_its_rayleigh_statistic() {
        let angles = [0.0, 0.1, 0.2, 0.9, 0.5].map(|p| 2.0 * PI * p);
        let resultant = Resultant::of_angles(&angles).unwrap();
        // Phases 0, .1, .2, .9, .5 of a cycle: vector strength .42979222834992703.
        assert!((resultant.length - 0.429_792_228_349_927_03).abs() < 1e-14);
        assert!((resultant.rayleigh_statistic() - 10.0 * 0.429_792_228_349_927_03_f64.powi(2)).abs() < 1e-12);
        assert!(Resultant::of_angles(&[]).is_none());
    }

    #[test]
    fn differences_of_angles_wrap() {
        assert!((difference_rad(0.1, 2.0 * PI - 0.1) - 0.2).abs() < 1e-12);
        assert!((difference_rad(2.0 * PI - 0.1, 0.1) + 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_flat_density_within_a_bin_is_what_the_correction_undoes() {
        // A cosine density r = 1 + cos(angle) has R = 1/2; binned into 6 bins it is shortened by sin(pi/6) / (pi/6).
        let bins = 6;
        let edge = |i: usize| 2.0 * PI * i as f64 / bins as f64;
        let mass = |i: usize| (edge(i + 1) - edge(i)) + edge(i + 1).sin() - edge(i).sin();
        let pairs = (0..bins).map(|i| (0.5 * (edge(i) + edge(i + 1)), mass(i)));
        let resultant = Resultant::of_weighted(pairs).unwrap();
        assert!((resultant.length_corrected_for_bins(bins) - 0.5).abs() < 1e-12);
    }
}
