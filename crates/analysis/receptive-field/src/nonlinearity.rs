//! The nonlinearity behind a filter: spikes for each value of the filtered stimulus (Chichilnisky 2001), and the information a
//! single spike carries about it (Brenner et al. 2000).

use crate::{Error, Result};

/// A nonlinearity in bins of equally many samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Nonlinearity {
    /// Mean of the filtered stimulus in each bin.
    pub drive: Vec<f64>,
    /// Mean count in each bin.
    pub mean_count: Vec<f64>,
    /// Standard error of the mean count, for Poisson counts.
    pub standard_error: Vec<f64>,
    /// Information of a spike about the drive in bits (Brenner et al. 2000); biased up by about (bins - 1) / (2 spikes ln 2).
    pub bits_per_spike: f64,
}

/// Mean counts in `bins` quantiles of the filtered stimulus.
///
/// # Errors
/// If lengths differ, a value is not finite, there are fewer samples than bins, or no spikes.
pub fn nonlinearity(drive: &[f64], counts: &[f64], bins: usize) -> Result<Nonlinearity> {
    if drive.len() != counts.len() {
        return Err(Error::LengthMismatch { frames: drive.len(), responses: counts.len() });
    }
    rheobase_core::require_finite("filtered stimulus", drive)?;
    rheobase_core::require_finite("counts", counts)?;
    if bins < 2 || drive.len() < 2 * bins {
        return Err(Error::TooFew {
            what: "a nonlinearity",
            of: "samples",
            needed: 2 * bins.max(2),
            found: drive.len(),
        });
    }
    let spikes: f64 = counts.iter().sum();
    if spikes <= 0.0 {
        return Err(Error::TooFew { what: "a nonlinearity", of: "spikes", needed: 1, found: 0 });
    }
    let mut order: Vec<usize> = (0..drive.len()).collect();
    order.sort_by(|&a, &b| drive[a].total_cmp(&drive[b]));
    let edge = |bin: usize| bin * drive.len() / bins;
    let mut found = Nonlinearity { drive: vec![], mean_count: vec![], standard_error: vec![], bits_per_spike: 0.0 };
    for bin in 0..bins {
        let own = &order[edge(bin)..edge(bin + 1)];
        let n = own.len() as f64;
        let sum: f64 = own.iter().map(|&t| counts[t]).sum();
        found.drive.push(own.iter().map(|&t| drive[t]).sum::<f64>() / n);
        found.mean_count.push(sum / n);
        found.standard_error.push(sum.max(1.0).sqrt() / n);
        let (share, prior) = (sum / spikes, n / drive.len() as f64);
        if share > 0.0 {
            found.bits_per_spike += share * (share / prior).log2();
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_seen_and_worth_what_it_excludes() {
        let drive: Vec<f64> = (0..400).map(|k| f64::from(k) / 400.0).collect();
        let counts: Vec<f64> = drive.iter().map(|d| f64::from(u8::from(*d >= 0.75))).collect();
        let found = nonlinearity(&drive, &counts, 4).unwrap();
        assert_eq!(found.mean_count, [0.0, 0.0, 0.0, 1.0]);
        // Spikes in a quarter of the samples: log2 4.
        assert!((found.bits_per_spike - 2.0).abs() < 1e-12);
        assert!(nonlinearity(&drive, &[0.0; 400], 4).is_err());
    }
}
