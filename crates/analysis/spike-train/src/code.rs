//! Codes whose information can be compared (Panzeri et al. 2010): the number of spikes, their pattern at a temporal precision, and
//! the phase of an oscillation at which they fall.

use rheobase_core::circular::Resultant;

use crate::count::{count_between, counts_in_windows};
use crate::information::dense;
use crate::{Error, Result, require_sorted};

/// Number of spikes in each window, as a symbol.
///
/// # Errors
/// As for [`counts_in_windows`].
pub fn counts(times_s: &[f64], windows_s: &[(f64, f64)]) -> Result<Vec<usize>> {
    Ok(counts_in_windows(times_s, windows_s)?.into_iter().map(|c| c as usize).collect())
}

/// Words: spikes in each of `bins` equal parts of each window, counted up to `most`, (windows, bins).
///
/// # Errors
/// If times are not sorted, there are no bins, or a window ends before it starts.
pub fn words(times_s: &[f64], windows_s: &[(f64, f64)], bins: usize, most: usize) -> Result<Vec<Vec<usize>>> {
    if bins == 0 {
        return Err(Error::Parameter { what: "bins of a word", found: 0.0, allowed: "at least 1" });
    }
    counts_in_windows(times_s, windows_s)?;
    Ok(windows_s
        .iter()
        .map(|&(start, stop)| {
            let edge = |k: usize| start + (stop - start) * k as f64 / bins as f64;
            (0..bins).map(|k| count_between(times_s, edge(k), edge(k + 1)).min(most)).collect()
        })
        .collect())
}

/// Phase of firing: spikes in each window counted by the phase sector of an oscillation they fall into (sector 0 starts at phase
/// 0), up to `most` in each, (windows, sectors). Quartiles (4 sectors) are usual (Montemurro et al. 2008).
///
/// # Errors
/// If times are not sorted, there are no sectors, or a window ends before it starts.
pub fn phase_words(
    times_s: &[f64],
    windows_s: &[(f64, f64)],
    phase_rad: impl Fn(f64) -> f64,
    sectors: usize,
    most: usize,
) -> Result<Vec<Vec<usize>>> {
    if sectors == 0 {
        return Err(Error::Parameter { what: "sectors of phase", found: 0.0, allowed: "at least 1" });
    }
    counts_in_windows(times_s, windows_s)?;
    let turn = std::f64::consts::TAU;
    Ok(windows_s
        .iter()
        .map(|&(start, stop)| {
            let mut word = vec![0; sectors];
            for &t in times_s.iter().filter(|t| **t >= start && **t < stop) {
                let sector = (phase_rad(t).rem_euclid(turn) / turn * sectors as f64) as usize;
                let entry = &mut word[sector.min(sectors - 1)];
                *entry = (*entry + 1).min(most);
            }
            word
        })
        .collect())
}

/// Sector of the mean phase of the spikes in each window; `sectors` itself for a window without spikes.
///
/// # Errors
/// As for [`phase_words`].
pub fn mean_phase(
    times_s: &[f64],
    windows_s: &[(f64, f64)],
    phase_rad: impl Fn(f64) -> f64,
    sectors: usize,
) -> Result<Vec<usize>> {
    require_sorted(times_s)?;
    if sectors == 0 {
        return Err(Error::Parameter { what: "sectors of phase", found: 0.0, allowed: "at least 1" });
    }
    let turn = std::f64::consts::TAU;
    Ok(windows_s
        .iter()
        .map(|&(start, stop)| {
            let phases: Vec<f64> =
                times_s.iter().filter(|t| **t >= start && **t < stop).map(|&t| phase_rad(t)).collect();
            Resultant::of_angles(&phases)
                .map_or(sectors, |r| ((r.direction_rad / turn * sectors as f64) as usize).min(sectors - 1))
        })
        .collect())
}

/// Two codes of the same windows as one: equal pairs get equal numbers.
///
/// # Errors
/// If the lists differ in length.
pub fn together(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    if a.len() != b.len() {
        return Err(Error::Mismatch { what: "two codes", left: a.len(), right: b.len() });
    }
    Ok(dense(&a.iter().copied().zip(b.iter().copied()).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn the_same_spikes_in_three_codes() {
        let times = [0.05, 0.3, 0.35, 1.6, 1.7];
        let windows = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)];
        assert_eq!(counts(&times, &windows).unwrap(), [3, 2, 0]);
        assert_eq!(words(&times, &windows, 4, 1).unwrap(), [vec![1, 1, 0, 0], vec![0, 0, 1, 0], vec![0; 4]]);
        let phase = |t: f64| TAU * t;
        assert_eq!(
            phase_words(&times, &windows, phase, 4, 9).unwrap(),
            [vec![1, 2, 0, 0], vec![0, 0, 2, 0], vec![0; 4]]
        );
        assert_eq!(mean_phase(&times, &windows, phase, 4).unwrap(), [0, 2, 4]);
        assert_eq!(together(&[0, 1, 0], &[5, 5, 5]).unwrap(), [0, 1, 0]);
        assert!(words(&times, &windows, 0, 1).is_err());
    }
}
