//! Maximally informative dimension (Sharpee, Rust & Bialek 2004): the filter whose output a spike tells most about.
//!
//! With a nonlinearity in bins this is the maximum-likelihood filter of an LNP model (Williamson, Sahani & Pillow 2015). The
//! objective has local maxima, so the climb starts from the spike-triggered average and from random filters, and a held-out part
//! of the recording chooses between them and says when to stop.

use ndarray::{Array1, ArrayView2};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Seed, require_finite};

use crate::nonlinearity::nonlinearity;
use crate::{Error, Result};

/// Parameters of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MidParameters {
    /// Bins of the nonlinearity.
    pub bins: usize,
    /// Random starts beside the spike-triggered average.
    pub random_starts: usize,
    /// Steps of each climb.
    pub steps: usize,
    /// Share of the recording, at its end, that is held out.
    pub held_out: f64,
}

impl Default for MidParameters {
    fn default() -> Self {
        Self { bins: 16, random_starts: 4, steps: 200, held_out: 0.2 }
    }
}

/// The filter found.
#[derive(Debug, Clone)]
pub struct InformativeDimension {
    /// Filter of unit length, with the sign of the spike-triggered average.
    pub filter: Array1<f64>,
    /// Information per spike on the part it was fitted to, in bits.
    pub training_bits: f64,
    /// Information per spike on the part held out, in bits.
    pub held_out_bits: f64,
}

/// Finds the most informative filter for mean-subtracted, lag-embedded stimuli (time, features) and counts.
///
/// # Errors
/// If lengths differ, values are not finite, or there are too few spikes in either part.
pub fn informative_dimension(
    stimuli: ArrayView2<'_, f64>,
    counts: &[f64],
    p: &MidParameters,
    seed: &Seed,
) -> Result<InformativeDimension> {
    require_finite("stimuli", stimuli.iter())?;
    let (time, features) = stimuli.dim();
    if time != counts.len() {
        return Err(Error::LengthMismatch { frames: time, responses: counts.len() });
    }
    if !(p.held_out > 0.0 && p.held_out < 1.0) {
        return Err(Error::Parameter { what: "share held out", found: p.held_out, allowed: "above 0, below 1" });
    }
    let cut = (time as f64 * (1.0 - p.held_out)) as usize;
    let (fitted, tested) = stimuli.split_at(ndarray::Axis(0), cut);
    let (fitted_counts, tested_counts) = counts.split_at(cut);
    let bits = |x: ArrayView2<'_, f64>, y: &[f64], v: &Array1<f64>| -> Result<f64> {
        Ok(nonlinearity(&x.dot(v).to_vec(), y, p.bins)?.bits_per_spike)
    };
    let unit = |v: Array1<f64>| {
        let norm = v.dot(&v).sqrt();
        if norm > 0.0 { v / norm } else { v }
    };
    let average = unit(fitted.t().dot(&Array1::from(fitted_counts.to_vec())));
    let random = (0..p.random_starts).map(|start| {
        let mut stream = seed.child("start").index(start).stream();
        unit(Array1::from_shape_fn(features, |_| Distribution::<f64>::sample(&StandardNormal, &mut stream)))
    });
    let mut best: Option<InformativeDimension> = None;
    for start in std::iter::once(average.clone()).chain(random) {
        let mut v = start;
        let mut here = bits(fitted, fitted_counts, &v)?;
        let mut kept = (bits(tested, tested_counts, &v)?, v.clone(), here);
        let mut size = 0.5;
        for _ in 0..p.steps {
            let slope = slope(fitted, fitted_counts, &v, p.bins)?;
            let slope = unit(&slope - &(&v * v.dot(&slope)));
            let next = loop {
                let next = unit(&v + &(&slope * size));
                let there = bits(fitted, fitted_counts, &next)?;
                if there > here || size < 1e-4 {
                    break (next, there);
                }
                size *= 0.5;
            };
            if next.1 <= here {
                break;
            }
            (v, here) = next;
            size *= 1.5;
            let outside = bits(tested, tested_counts, &v)?;
            if outside > kept.0 {
                kept = (outside, v.clone(), here);
            }
        }
        if best.as_ref().is_none_or(|b| kept.0 > b.held_out_bits) {
            let filter = if kept.1.dot(&average) < 0.0 { -kept.1 } else { kept.1 };
            best = Some(InformativeDimension { filter, training_bits: kept.2, held_out_bits: kept.0 });
        }
    }
    best.ok_or(Error::TooFew { what: "an informative dimension", of: "starts", needed: 1, found: 0 })
}

/// Gradient of the information: sum over bins of (mean stimulus before spikes - mean stimulus) times P(x) times the slope of
/// P(x | spike) / P(x).
fn slope(stimuli: ArrayView2<'_, f64>, counts: &[f64], v: &Array1<f64>, bins: usize) -> Result<Array1<f64>> {
    let drive = stimuli.dot(v).to_vec();
    let curve = nonlinearity(&drive, counts, bins)?;
    let mut order: Vec<usize> = (0..drive.len()).collect();
    order.sort_by(|&a, &b| drive[a].total_cmp(&drive[b]));
    let total: f64 = counts.iter().sum::<f64>() / counts.len() as f64;
    let ratio: Vec<f64> = curve.mean_count.iter().map(|m| m / total).collect();
    let mut gradient = Array1::zeros(v.len());
    for bin in 0..bins {
        let (below, above) = (bin.saturating_sub(1), (bin + 1).min(bins - 1));
        let steepness = (ratio[above] - ratio[below]) / (curve.drive[above] - curve.drive[below]).max(1e-12);
        let own = &order[bin * drive.len() / bins..(bin + 1) * drive.len() / bins];
        let spikes: f64 = own.iter().map(|&t| counts[t]).sum();
        if spikes == 0.0 {
            continue;
        }
        let (mut triggered, mut plain) = (Array1::<f64>::zeros(v.len()), Array1::<f64>::zeros(v.len()));
        for &t in own {
            plain += &stimuli.row(t);
            if counts[t] > 0.0 {
                triggered.scaled_add(counts[t], &stimuli.row(t));
            }
        }
        gradient.scaled_add(steepness / bins as f64, &(triggered / spikes - plain / own.len() as f64));
    }
    Ok(gradient)
}
