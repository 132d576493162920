//! Spatial information and sparsity (Skaggs et al. 1993), with a null by shifting spikes along the path.

use rand::RngExt;
use rheobase_core::{NullDistribution, Seed, parallel};

use crate::spatial::map::{MapParameters, Path, RateMap, rate_map};
use crate::{Error, Result};

/// What a rate map tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpatialInformation {
    /// Mean rate over occupancy, sum P lambda, in Hz.
    pub mean_rate_hz: f64,
    /// sum P lambda log2(lambda / mean), in bits per s.
    pub bits_per_s: f64,
    /// The same over the mean rate, in bits per spike; biased up with few spikes.
    pub bits_per_spike: f64,
    /// (sum P lambda)^2 / sum P lambda^2: 1 for a flat map, the share of the space in the field for a field.
    pub sparsity: f64,
}

/// Information of a map, with occupancy as probability and the occupancy mean as mean rate.
///
/// # Errors
/// If there is no bin with a rate, or no spikes.
pub fn spatial_information(map: &RateMap) -> Result<SpatialInformation> {
    let bins: Vec<(f64, f64)> =
        map.occupancy_s.iter().zip(&map.rate_hz).filter(|(_, r)| r.is_finite()).map(|(&o, &r)| (o, r)).collect();
    let time: f64 = bins.iter().map(|b| b.0).sum();
    let moment = |f: &dyn Fn(f64) -> f64| bins.iter().map(|(o, r)| o / time * f(*r)).sum::<f64>();
    let mean_rate_hz = moment(&|r| r);
    if mean_rate_hz.is_nan() || mean_rate_hz <= 0.0 {
        return Err(Error::TooFew { what: "spatial information", of: "spikes", needed: 1, found: 0 });
    }
    let bits_per_s = moment(&|r| if r > 0.0 { r * (r / mean_rate_hz).log2() } else { 0.0 });
    Ok(SpatialInformation {
        mean_rate_hz,
        bits_per_s,
        bits_per_spike: bits_per_s / mean_rate_hz,
        sparsity: mean_rate_hz * mean_rate_hz / moment(&|r| r * r),
    })
}

/// How spikes are shuffled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shuffle {
    /// Draws.
    pub draws: usize,
    /// Smallest shift in s; 20 s or more is usual.
    pub least_shift_s: f64,
    /// Threads; the result does not depend on them.
    pub threads: usize,
}

/// A statistic of the map under spikes shifted in time along the path by at least the least shift (wrapped around): keeps the path and
/// the spikes' own order, destroys their relation.
///
/// # Errors
/// If the shift does not fit into the recording, or the map cannot be made.
pub fn shuffled(
    path: &Path,
    spikes_s: &[f64],
    p: &MapParameters,
    statistic: impl Fn(&RateMap) -> Option<f64> + Sync,
    shuffle: Shuffle,
    seed: &Seed,
) -> Result<Vec<f64>> {
    let Shuffle { draws, least_shift_s, threads } = shuffle;
    let times = path.times_s();
    let (start, length) = (times[0], times[times.len() - 1] - times[0]);
    if !(least_shift_s >= 0.0 && 2.0 * least_shift_s < length) {
        return Err(Error::Parameter {
            what: "least shift in s",
            found: least_shift_s,
            allowed: "0 to half the recording",
        });
    }
    let values = parallel::try_map(draws, threads, |draw| {
        let shift = seed.index(draw).stream().random_range(least_shift_s..=length - least_shift_s);
        let moved: Vec<f64> = spikes_s.iter().map(|t| start + (t - start + shift).rem_euclid(length)).collect();
        rate_map(path, &moved, p).map(|map| statistic(&map))
    })?;
    Ok(values.into_iter().flatten().filter(|v| v.is_finite()).collect())
}

/// Summary of shuffled values for a card.
pub fn null_of(observed: f64, shuffled: &[f64]) -> NullDistribution {
    NullDistribution::one_sided("spikes shifted along the path", observed, shuffled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn one_bin_tells_its_rarity() {
        // P = .1014 at 100 Hz, silent elsewhere.
        let occupancy = Array2::from_shape_vec((1, 2), vec![0.1014, 0.8986]).unwrap();
        let rate = Array2::from_shape_vec((1, 2), vec![100.0, 0.0]).unwrap();
        let map = RateMap { spikes: &occupancy * &rate, occupancy_s: occupancy, rate_hz: rate };
        let found = spatial_information(&map).unwrap();
        assert!((found.mean_rate_hz - 10.14).abs() < 1e-12);
        assert!((found.bits_per_s - 33.480_966).abs() < 1e-6);
        assert!((found.bits_per_spike - 3.301_870).abs() < 1e-6 && (found.sparsity - 0.1014).abs() < 1e-12);
        let silent = RateMap { rate_hz: Array2::zeros((1, 2)), ..map };
        assert!(spatial_information(&silent).is_err());
    }
}
