//! The rate of a neuron as a smooth function of its mean input: a power of a softplus, which is a rectified power law far above its
//! threshold (Hansel & van Vreeswijk 2002 J Neurosci 22:5118) and an exponential below it.
//!
//! f(mu) = amplitude [ln(1 + e^((mu - threshold) / width))]^power

use rheobase_core::simplex::nelder_mead;

use crate::{Error, Result};

/// A gain (F-I) curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainCurve {
    /// Factor in Hz.
    pub amplitude_hz: f64,
    /// Where the curve bends, in mV.
    pub threshold_mv: f64,
    /// How gently, in mV.
    pub width_mv: f64,
    /// Exponent far above the threshold.
    pub power: f64,
}

fn softplus(x: f64) -> f64 {
    if x > 30.0 { x } else { x.exp().ln_1p() }
}

/// The curve without its amplitude.
fn shape([threshold, log_width, log_power]: [f64; 3], input_mv: f64) -> f64 {
    softplus((input_mv - threshold) / log_width.exp()).powf(log_power.exp())
}

impl GainCurve {
    /// Rate in Hz at a mean input in mV.
    pub fn rate_hz(&self, input_mv: f64) -> f64 {
        self.amplitude_hz * softplus((input_mv - self.threshold_mv) / self.width_mv).powf(self.power)
    }

    /// Fits rates in Hz at inputs in mV by least squares, and returns the explained variance R2 beside the curve.
    ///
    /// # Errors
    /// With fewer than 5 points, or if the rates do not differ.
    pub fn fit(inputs_mv: &[f64], rates_hz: &[f64]) -> Result<(Self, f64)> {
        let n = inputs_mv.len();
        if n < 5 || rates_hz.len() != n {
            let problem = format!("{} rates at {n} inputs make no gain curve; give at least 5 of each", rates_hz.len());
            return Err(Error::Description(problem));
        }
        let mean = rates_hz.iter().sum::<f64>() / n as f64;
        let total: f64 = rates_hz.iter().map(|r| (r - mean).powi(2)).sum();
        if total <= 0.0 {
            let problem = format!("the neuron fires at {mean} Hz at all {n} inputs; widen their range");
            return Err(Error::Description(problem));
        }
        // For a given shape the amplitude is linear.
        let amplitude = |p: [f64; 3]| {
            let pairs = || inputs_mv.iter().map(|i| shape(p, *i)).zip(rates_hz);
            let power: f64 = pairs().map(|(g, _)| g * g).sum();
            pairs().map(|(g, r)| g * r).sum::<f64>() / power.max(f64::MIN_POSITIVE)
        };
        let miss = |p: [f64; 3]| -> f64 {
            let factor = amplitude(p);
            inputs_mv.iter().zip(rates_hz).map(|(i, r)| (factor * shape(p, *i) - r).powi(2)).sum()
        };
        let of = |p: &[f64]| [p[0], p[1], p[2]];
        let explained = |p: &[f64]| {
            let r2 = 1.0 - miss(of(p)) / total;
            if r2.is_finite() { r2 } else { f64::MIN }
        };
        let (low, high) = inputs_mv.iter().fold((f64::MAX, f64::MIN), |(l, h), i| (l.min(*i), h.max(*i)));
        let mut best = (f64::MIN, [0.0; 3]);
        for share in [0.2, 0.4, 0.6, 0.8] {
            let start = [low + share * (high - low), ((high - low) / 10.0).ln(), 0.0];
            let found = nelder_mead(&nelder_mead(&start, 500, explained), 500, explained);
            let r2 = explained(&found);
            if r2 > best.0 {
                best = (r2, of(&found));
            }
        }
        let (r2, p) = best;
        let curve = Self { amplitude_hz: amplitude(p), threshold_mv: p[0], width_mv: p[1].exp(), power: p[2].exp() };
        Ok((curve, r2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::Lif;
    use crate::theory::siegert_rate_hz;

    #[test]
    fn a_planted_curve_is_found_again() {
        let planted = GainCurve { amplitude_hz: 4.0, threshold_mv: 18.0, width_mv: 1.5, power: 1.3 };
        let inputs: Vec<f64> = (0..40).map(|k| 10.0 + 0.5 * f64::from(k)).collect();
        let rates: Vec<f64> = inputs.iter().map(|i| planted.rate_hz(*i)).collect();
        let (found, r2) = GainCurve::fit(&inputs, &rates).unwrap();
        assert!(r2 > 1.0 - 1e-6, "{r2}");
        for input in [9.0, 16.0, 25.0, 32.0] {
            let (a, b) = (found.rate_hz(input), planted.rate_hz(input));
            assert!((a - b).abs() < 0.02 * b + 0.01, "{input}: {a} {b} {found:?}");
        }
    }

    #[test]
    fn it_describes_a_leaky_neuron_in_noise() {
        let inputs: Vec<f64> = (0..60).map(|k| 5.0 + 0.5 * f64::from(k)).collect();
        let rates: Vec<f64> = inputs.iter().map(|i| siegert_rate_hz(&Lif::default(), *i, 5.0, 0.0)).collect();
        let (_, r2) = GainCurve::fit(&inputs, &rates).unwrap();
        // The exact curve is concave far above its threshold, where a power law is straight on a log scale.
        assert!(r2 > 0.999, "{r2}");
    }

    #[test]
    fn what_has_no_curve_is_refused() {
        let refused = |i: &[f64], r: &[f64]| GainCurve::fit(i, r).unwrap_err().to_string();
        assert!(refused(&[1.0, 2.0], &[1.0, 2.0]).contains("at least 5"));
        assert!(refused(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.0; 5]).contains("at 0 Hz at all 5 inputs"));
    }
}
