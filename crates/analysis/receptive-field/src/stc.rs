//! Spike-triggered covariance (Schwartz, Pillow, Rust & Simoncelli 2006) with a nested test of its axes.
//!
//! Everything happens in the whitened stimulus space, where the raw covariance is the identity: axes along which spikes change
//! the variance have eigenvalues above 1 (excitatory) or below (suppressive). A spike-triggered average that is more than noise is
//! projected out first where asked, and its empty direction dropped.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::RngExt;
use rheobase_core::statistics::permutation_p;
use rheobase_core::{Seed, parallel, require_finite};
use rheobase_linalg::{eigh, gram, product, transposed_product};

use crate::{Error, Result};

/// Stimuli whitened by their own covariance.
#[derive(Debug, Clone)]
pub struct Whitened {
    /// Whitened, mean-subtracted stimuli, (time, kept dimensions).
    pub stimuli: Array2<f64>,
    /// Maps a whitened axis to the filter that computes it: (features, kept dimensions).
    pub to_filter: Array2<f64>,
}

/// Whitens stimuli (time, features): directions with less than `cut` of the largest variance are dropped, since whitening would
/// blow their noise up.
///
/// # Errors
/// If a value is not finite, there are fewer samples than features, or the stimuli do not vary.
pub fn whiten(stimuli: ArrayView2<'_, f64>, cut: f64) -> Result<Whitened> {
    require_finite("stimuli", stimuli.iter())?;
    let (time, features) = stimuli.dim();
    if time <= features {
        return Err(Error::TooFew { what: "whitening", of: "samples", needed: features + 1, found: time });
    }
    let mean = stimuli.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(features));
    let centred = &stimuli - &mean;
    let covariance = gram(centred.view()) / (time - 1) as f64;
    let eigh = eigh(covariance.view())?;
    let largest = eigh.values.iter().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return Err(Error::BadImage("the stimuli do not vary, so nothing can be related to them".into()));
    }
    let kept: Vec<usize> = (0..features).filter(|&k| eigh.values[k] > cut.max(1e-12) * largest).collect();
    let to_filter = Array2::from_shape_fn((features, kept.len()), |(i, k)| {
        eigh.vectors[[i, kept[k]]] / eigh.values[kept[k]].sqrt()
    });
    Ok(Whitened { stimuli: product(centred.view(), to_filter.view()), to_filter })
}

impl Whitened {
    /// The unit-length filter of a whitened axis.
    pub fn filter(&self, axis: &Array1<f64>) -> Array1<f64> {
        let filter = self.to_filter.dot(axis);
        let norm = filter.dot(&filter).sqrt();
        filter / norm
    }
}

/// Mean and covariance of the stimuli that came before spikes, in whitened space.
#[derive(Debug, Clone)]
pub struct SpikeTriggeredMoments {
    /// Spike-triggered average.
    pub mean: Array1<f64>,
    /// Spike-triggered covariance about that average, with divisor spikes - 1.
    pub covariance: Array2<f64>,
    /// Spikes.
    pub spikes: f64,
}

/// Mean and covariance weighted by counts: sum y (x - mean)(x - mean)' / (sum y - 1).
///
/// # Errors
/// If lengths differ, a count is negative, or there are fewer than 2 spikes.
pub fn spike_triggered_moments(stimuli: ArrayView2<'_, f64>, counts: &[f64]) -> Result<SpikeTriggeredMoments> {
    if stimuli.nrows() != counts.len() {
        return Err(Error::LengthMismatch { frames: stimuli.nrows(), responses: counts.len() });
    }
    if let Some(&smallest) = counts.iter().find(|c| !c.is_finite() || **c < 0.0) {
        return Err(Error::NegativeResponse { unit: 0, smallest });
    }
    let spikes: f64 = counts.iter().sum();
    if spikes < 2.0 {
        return Err(Error::TooFew {
            what: "a spike-triggered covariance",
            of: "spikes",
            needed: 2,
            found: spikes as usize,
        });
    }
    let frames: Vec<usize> = (0..counts.len()).filter(|&t| counts[t] > 0.0).collect();
    let mut chosen = stimuli.select(Axis(0), &frames);
    let weights = Array1::from_iter(frames.iter().map(|&t| counts[t]));
    let mean = chosen.t().dot(&weights) / spikes;
    for (mut row, weight) in chosen.rows_mut().into_iter().zip(&weights) {
        row -= &mean;
        row *= weight.sqrt();
    }
    Ok(SpikeTriggeredMoments { covariance: gram(chosen.view()) / (spikes - 1.0), mean, spikes })
}

/// An axis of significant variance change.
#[derive(Debug, Clone)]
pub struct SignificantAxis {
    /// Axis in whitened space, unit length.
    pub axis: Array1<f64>,
    /// Variance of the spike-triggered stimuli along it; 1 for none.
    pub eigenvalue: f64,
    /// p-value against shifted spike trains.
    pub p: f64,
}

/// Parameters of the nested test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestedTest {
    /// Two-sided level at which an axis is kept.
    pub level: f64,
    /// Random shifts of the spikes against the stimuli.
    pub shifts: usize,
    /// Smallest shift in frames; at least the length of the filter.
    pub least_shift: usize,
    /// Most axes looked for.
    pub most_axes: usize,
    /// Whether the spike-triggered average is projected out first, if it is longer than shifted spikes' at this level. One that is not is
    /// noise, and noise is largest along axes of raised variance: to project it out would take part of them along.
    pub project_average: bool,
    /// Threads; the result does not depend on them.
    pub threads: usize,
}

impl Default for NestedTest {
    fn default() -> Self {
        Self { level: 0.05, shifts: 500, least_shift: 20, most_axes: 10, project_average: true, threads: 1 }
    }
}

/// Spectrum of the first step of the test, and the axes found.
#[derive(Debug, Clone)]
pub struct NestedResult {
    /// Spike-triggered average in whitened space.
    pub average: Array1<f64>,
    /// p-value of its length against shifted spike trains; NaN where it is not to be projected out.
    pub average_p: f64,
    /// Eigenvalues of the spike-triggered covariance, largest first, before any axis but the average is projected out.
    pub eigenvalues: Vec<f64>,
    /// 2.5 and 97.5 % points (at level .05) of the smallest and largest eigenvalue under the null in the first step.
    pub null_band: (f64, f64),
    /// p-value of the first step's most extreme eigenvalue, kept or not.
    pub first_p: f64,
    /// Significant axes, most significant first.
    pub axes: Vec<SignificantAxis>,
}

/// Finds the axes of significant variance change one after the other: the most extreme eigenvalue is compared with the extremes
/// under random shifts of the spikes; if it lies outside, its axis is projected out and the rest is tested against fresh shifts.
///
/// # Errors
/// As for [`spike_triggered_moments`]; if the shifts do not fit into the recording.
pub fn nested_test(
    stimuli: ArrayView2<'_, f64>,
    counts: &[f64],
    test: &NestedTest,
    seed: &Seed,
) -> Result<NestedResult> {
    let (time, dimensions) = stimuli.dim();
    if 2 * test.least_shift >= time || test.shifts == 0 {
        return Err(Error::TooShort { frames: time, lags: 2 * test.least_shift });
    }
    let shifted = |name: &str, step: usize, draw: usize| {
        let mut stream = seed.child(name).index(step).index(draw).stream();
        let mut moved = counts.to_vec();
        moved.rotate_right(stream.random_range(test.least_shift..=time - test.least_shift));
        moved
    };
    let average = spike_triggered_moments(stimuli, counts)?.mean;
    let length = average.dot(&average).sqrt();
    let mut average_p = f64::NAN;
    let mut removed: Vec<Array1<f64>> = Vec::new();
    if test.project_average {
        let spikes: f64 = counts.iter().sum();
        let null = parallel::map(test.shifts, test.threads, |draw| {
            let sum = stimuli.t().dot(&Array1::from_vec(shifted("average", 0, draw)));
            sum.dot(&sum).sqrt() / spikes
        });
        average_p = permutation_p(length, &null);
        if average_p <= test.level && length > 0.0 {
            removed.push(&average / length);
        }
    }
    let mut result = NestedResult {
        average,
        average_p,
        eigenvalues: vec![],
        null_band: (f64::NAN, f64::NAN),
        first_p: f64::NAN,
        axes: vec![],
    };
    for step in 0..=test.most_axes {
        if removed.len() >= dimensions {
            break;
        }
        let basis = complement(&removed, dimensions)?;
        let rest = product(stimuli, basis.view());
        let spectrum = |counts: &[f64]| -> Result<_> {
            Ok(eigh(spike_triggered_moments(rest.view(), counts)?.covariance.view())?)
        };
        let found = spectrum(counts)?;
        let last = found.values.len() - 1;
        let extremes = parallel::try_map(test.shifts, test.threads, |draw| -> Result<(f64, f64)> {
            let null = spectrum(&shifted("shift", step, draw))?;
            Ok((null.values[last], null.values[0]))
        })?;
        let p_of = |exceeds: &dyn Fn(&(f64, f64)) -> bool| {
            (1 + extremes.iter().filter(|e| exceeds(e)).count()) as f64 / (1 + extremes.len()) as f64
        };
        let (p_low, p_high) = (p_of(&|e| e.0 <= found.values[last]), p_of(&|e| e.1 >= found.values[0]));
        // Two sides are looked at, so each counts half.
        let p = (2.0 * p_low.min(p_high)).min(1.0);
        if step == 0 {
            let side = |f: &dyn Fn(&(f64, f64)) -> f64| extremes.iter().map(f).collect::<Vec<_>>();
            let half = 0.5 * test.level;
            result.null_band = (
                rheobase_core::statistics::quantile(&side(&|e| e.0), half),
                rheobase_core::statistics::quantile(&side(&|e| e.1), 1.0 - half),
            );
            result.eigenvalues = found.values.to_vec();
            result.first_p = p;
        }
        if p > test.level || step == test.most_axes {
            break;
        }
        let at = if p_high <= p_low { 0 } else { last };
        let axis = basis.dot(&found.vectors.column(at));
        result.axes.push(SignificantAxis { axis: axis.clone(), eigenvalue: found.values[at], p });
        removed.push(axis);
    }
    Ok(result)
}

/// Orthonormal basis of what is orthogonal to some orthonormal vectors, (dimensions, dimensions - removed).
fn complement(removed: &[Array1<f64>], dimensions: usize) -> Result<Array2<f64>> {
    if removed.is_empty() {
        return Ok(Array2::eye(dimensions));
    }
    let mut projector = Array2::eye(dimensions);
    let vectors = Array2::from_shape_fn((removed.len(), dimensions), |(k, i)| removed[k][i]);
    projector -= &transposed_product(vectors.view(), vectors.view());
    // Eigenvalues of a projector are 1 and 0, largest first.
    Ok(eigh(projector.view())?.vectors.slice(s![.., ..dimensions - removed.len()]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_above_one_weigh_as_that_many_spikes() {
        let x = ndarray::array![[1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [5.0, 5.0]];
        let weighted = spike_triggered_moments(x.view(), &[1.0, 2.0, 1.0, 0.0]).unwrap();
        let repeated = ndarray::array![[1.0, 0.0], [0.0, 2.0], [0.0, 2.0], [3.0, 1.0]];
        let plain = spike_triggered_moments(repeated.view(), &[1.0; 4]).unwrap();
        assert!((&weighted.covariance - &plain.covariance).iter().all(|d| d.abs() < 1e-12));
        assert_eq!(weighted.spikes, 4.0);
        assert!(spike_triggered_moments(x.view(), &[1.0, 0.0, 0.0, 0.0]).is_err());
    }

    #[test]
    fn the_complement_is_orthonormal_and_orthogonal_to_what_was_removed() {
        let v = Array1::from(vec![0.6, 0.8, 0.0]);
        let basis = complement(std::slice::from_ref(&v), 3).unwrap();
        assert_eq!(basis.dim(), (3, 2));
        assert!(v.dot(&basis).iter().all(|d| d.abs() < 1e-12));
        assert!((basis.t().dot(&basis) - Array2::<f64>::eye(2)).iter().all(|d| d.abs() < 1e-12));
    }
}
