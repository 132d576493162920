//! Responses to modulated stimuli: vector strength, F1/F0, modulation transfer functions (Koumura, Terashima & Furukawa 2019).

use std::f64::consts::TAU;

use rheobase_core::circular::Resultant;

use crate::{Error, Result};

/// Phase locking of spikes to a modulation: mean vector of the spikes' phases (Goldberg & Brown 1969); `None` without spikes.
///
/// A rate r0 (1 + m cos 2 pi f t) gives m / 2; without locking, about sqrt(pi / (4 n)).
pub fn vector_strength(times_s: &[f64], frequency_hz: f64) -> Option<Resultant> {
    let phases: Vec<f64> = times_s.iter().map(|t| (TAU * frequency_hz * t).rem_euclid(TAU)).collect();
    Resultant::of_angles(&phases)
}

/// Strength of a rate's (or a unit's) modulation: Fourier amplitude at the frequency over the mean, |sum r e^(-i 2 pi f t)| / sum r, the
/// continuous form of [`vector_strength`]. The recording should span whole cycles.
///
/// # Errors
/// If there are fewer than 2 samples, a value is not finite, the mean is not above 0 (subtract it from signed units and use their
/// amplitude instead), or the frequency is above Nyquist.
pub fn synchrony(rates: &[f64], step_s: f64, frequency_hz: f64) -> Result<f64> {
    if rates.len() < 2 {
        return Err(Error::TooFew { what: "a modulation", of: "samples", needed: 2, found: rates.len() });
    }
    rheobase_core::require_finite("rates", rates)?;
    if !(frequency_hz > 0.0 && frequency_hz * step_s <= 0.5) {
        return Err(Error::Parameter {
            what: "frequency in Hz",
            found: frequency_hz,
            allowed: "above 0, up to half the sampling rate",
        });
    }
    let total: f64 = rates.iter().sum();
    if total <= 0.0 {
        return Err(Error::Parameter { what: "mean response", found: total / rates.len() as f64, allowed: "above 0" });
    }
    let (mut re, mut im) = (0.0, 0.0);
    for (k, r) in rates.iter().enumerate() {
        let (sin, cos) = (TAU * frequency_hz * step_s * k as f64).sin_cos();
        re += r * cos;
        im += r * sin;
    }
    Ok(re.hypot(im) / total)
}

/// F1/F0 of the response to a drifting grating (Skottun et al. 1991): amplitude at the stimulus frequency over the mean, of the cycle
/// average. Above 1 for simple cells. `cycle` holds one cycle of the response.
///
/// # Errors
/// With fewer than 2 samples, or a mean that is not above 0.
pub fn f1_over_f0(cycle: &[f64]) -> Result<f64> {
    Ok(2.0 * synchrony(cycle, 1.0, 1.0 / cycle.len().max(2) as f64)?)
}

/// The cycle average of a response sampled at `rate_hz` to a stimulus at `frequency_hz`, with as many samples as a cycle has; a last part
/// cycle is left out.
///
/// # Errors
/// If a cycle has no whole number of samples, or the response is shorter than one.
pub fn cycle_average(response: &[f64], rate_hz: f64, frequency_hz: f64) -> Result<Vec<f64>> {
    let samples = rate_hz / frequency_hz;
    let length = samples.round() as usize;
    if length < 2 || (samples - samples.round()).abs() > 1e-6 * samples {
        return Err(Error::Parameter {
            what: "samples of a cycle",
            found: samples,
            allowed: "a whole number of at least 2",
        });
    }
    let cycles = response.len() / length;
    if cycles == 0 {
        return Err(Error::TooFew { what: "a cycle average", of: "samples", needed: length, found: response.len() });
    }
    Ok((0..length).map(|k| (0..cycles).map(|c| response[c * length + k]).sum::<f64>() / cycles as f64).collect())
}

/// Modulation index (Matteucci et al. 2019): how far the power at the stimulus frequency stands out of the spectrum,
/// |P(f) - mean P| / sqrt(mean P^2 - (mean P)^2), with Welch's power density (Hann windows of up to 1,024 samples, half overlapping, mean
/// removed) at the first of its frequencies that is not below `frequency_hz`, as in AllenSDK.
///
/// # Errors
/// With fewer than 4 samples, or a spectrum without variation.
pub fn modulation_index(response: &[f64], rate_hz: f64, frequency_hz: f64) -> Result<f64> {
    let n = response.len();
    if n < 4 {
        return Err(Error::TooFew { what: "a modulation index", of: "samples", needed: 4, found: n });
    }
    rheobase_core::require_finite("response", response)?;
    let length = n.min(1024);
    let window: Vec<f64> = (0..length).map(|k| 0.5 - 0.5 * (TAU * k as f64 / length as f64).cos()).collect();
    let norm: f64 = window.iter().map(|w| w * w).sum::<f64>() * rate_hz;
    let starts: Vec<usize> = (0..).map(|s| s * (length - length / 2)).take_while(|s| s + length <= n).collect();
    let bins = length / 2 + 1;
    let mut power = vec![0.0; bins];
    for &start in &starts {
        let part = &response[start..start + length];
        let mean = part.iter().sum::<f64>() / length as f64;
        for (bin, p) in power.iter_mut().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for k in 0..length {
                let (sin, cos) = (TAU * (bin * k % length) as f64 / length as f64).sin_cos();
                re += window[k] * (part[k] - mean) * cos;
                im -= window[k] * (part[k] - mean) * sin;
            }
            let both_sides = if bin == 0 || (length.is_multiple_of(2) && bin == length / 2) { 1.0 } else { 2.0 };
            *p += both_sides * (re * re + im * im) / norm / starts.len() as f64;
        }
    }
    let mean = power.iter().sum::<f64>() / bins as f64;
    let spread = (power.iter().map(|p| p * p).sum::<f64>() / bins as f64 - mean * mean).max(0.0).sqrt();
    if spread == 0.0 {
        return Err(Error::BadTuning("the response has a flat spectrum, so no frequency stands out".into()));
    }
    let step = rate_hz / length as f64;
    let at = ((frequency_hz / step - 1e-9).ceil() as usize).min(bins - 1);
    Ok((power[at] - mean).abs() / spread)
}

/// Lifetime sparseness (Vinje & Gallant 2000): (1 - (sum r)^2 / (n sum r^2)) / (1 - 1/n); 0 for equal responses, 1 for one alone.
///
/// # Errors
/// With fewer than 2 responses, negative ones, or none above 0.
pub fn lifetime_sparseness(responses: &[f64]) -> Result<f64> {
    let n = responses.len() as f64;
    if responses.len() < 2 {
        return Err(Error::TooFew { what: "sparseness", of: "responses", needed: 2, found: responses.len() });
    }
    if let Some(&negative) = responses.iter().find(|r| **r < 0.0 || !r.is_finite()) {
        return Err(Error::NegativeTuning(negative));
    }
    let (sum, squares) = responses.iter().fold((0.0, 0.0), |(s, q), r| (s + r, q + r * r));
    if squares == 0.0 {
        return Err(Error::BadTuning("the unit never responds, so its sparseness does not exist".into()));
    }
    Ok((1.0 - sum * sum / (n * squares)) / (1.0 - 1.0 / n))
}

/// A modulation transfer function: a value (synchrony, or mean rate) for each modulation frequency.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferFunction {
    frequencies_hz: Vec<f64>,
    values: Vec<f64>,
}

impl TransferFunction {
    /// Takes rising frequencies above 0 and a value for each.
    ///
    /// # Errors
    /// If lengths differ, there are fewer than 2, or frequencies do not rise.
    pub fn new(frequencies_hz: Vec<f64>, values: Vec<f64>) -> Result<Self> {
        if frequencies_hz.len() != values.len() {
            return Err(Error::Mismatch {
                what: "frequencies and values",
                left: frequencies_hz.len(),
                right: values.len(),
            });
        }
        if frequencies_hz.len() < 2 {
            return Err(Error::TooFew {
                what: "a transfer function",
                of: "frequencies",
                needed: 2,
                found: frequencies_hz.len(),
            });
        }
        if let Some(w) = frequencies_hz.windows(2).find(|w| w[0] <= 0.0 || w[0].is_nan() || w[0] >= w[1]) {
            return Err(Error::Parameter { what: "frequency in Hz", found: w[1], allowed: "above 0, rising" });
        }
        rheobase_core::require_finite("transfer function", &values)?;
        Ok(Self { frequencies_hz, values })
    }

    /// Best modulation frequency in Hz: that of the largest value.
    pub fn best_hz(&self) -> f64 {
        self.frequencies_hz[self.best()]
    }

    fn best(&self) -> usize {
        (0..self.values.len()).fold(0, |best, k| if self.values[k] > self.values[best] { k } else { best })
    }

    /// Upper cut-off in Hz: where, above the best frequency, the value first falls below `criterion`; interpolated in log frequency.
    /// `None` if it never does.
    pub fn upper_cutoff_hz(&self, criterion: f64) -> Option<f64> {
        let from = self.best();
        (from..self.values.len() - 1).find(|&k| self.values[k] >= criterion && self.values[k + 1] < criterion).map(
            |k| {
                let t = (self.values[k] - criterion) / (self.values[k] - self.values[k + 1]);
                (self.frequencies_hz[k].ln() * (1.0 - t) + self.frequencies_hz[k + 1].ln() * t).exp()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_of_the_allen_toolbox() {
        let cycle = cycle_average(&[0.0, 0.0, 1.0, 1.0, 2.0, 0.0, 5.0, 1.0], 8.0, 2.0).unwrap();
        assert!((f1_over_f0(&cycle).unwrap() - 0.894_427_190_999_916).abs() < 1e-9, "{cycle:?}");
        assert!((modulation_index(&[0.1, 0.2, 0.2, 1.1], 4.0, 2.0).unwrap() - 0.138_932_898_6).abs() < 1e-9);
        let line: Vec<f64> = (0..50).map(|k| 0.5 + 11.6 * f64::from(k) / 49.0).collect();
        assert!((modulation_index(&line, 1000.0, 8.0).unwrap() - 4.993_941).abs() < 1e-5);
        let sparseness = lifetime_sparseness(&[2.24, 3.6, 0.8, 2.4, 3.52, 5.68, 8.96, 0.0]).unwrap();
        assert!((sparseness - 0.435_000_918_498_561_15).abs() < 1e-12);
        assert!((lifetime_sparseness(&[0.0, 3.0, 0.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!(lifetime_sparseness(&[0.0, 0.0]).is_err() && lifetime_sparseness(&[1.0, -1.0]).is_err());
    }

    #[test]
    fn a_modulated_rate_locks_with_half_its_depth() {
        let rates: Vec<f64> = (0..1000).map(|k| 5.0 * (1.0 + 0.6 * (TAU * 0.01 * f64::from(k)).cos())).collect();
        assert!((synchrony(&rates, 1e-3, 10.0).unwrap() - 0.3).abs() < 1e-12);
        assert!(synchrony(&rates, 1e-3, 20.0).unwrap() < 1e-12);
        let spikes: Vec<f64> = [0.0, 0.1, 0.2, 0.9, 0.5].map(|p| p / 4.0).to_vec();
        assert!((vector_strength(&spikes, 4.0).unwrap().length - 0.429_792_228_349_927).abs() < 1e-12);
        assert!(synchrony(&rates, 1e-3, 600.0).is_err());
    }

    #[test]
    fn best_frequency_and_cutoff() {
        let curve = TransferFunction::new(vec![4.0, 8.0, 16.0, 32.0], vec![0.2, 0.6, 0.4, 0.0]).unwrap();
        assert_eq!(curve.best_hz(), 8.0);
        assert!((curve.upper_cutoff_hz(0.2).unwrap() - 16.0 * 2.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(curve.upper_cutoff_hz(-1.0), None);
        assert!(TransferFunction::new(vec![4.0, 2.0], vec![0.0, 0.0]).is_err());
    }
}
