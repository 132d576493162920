//! Where spikes come from: lists, Poisson processes with any rate, gamma processes, dead time.

use rand::RngExt;
use rand_distr::{Distribution, Exp1, Gamma, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, require_range};
use crate::{Error, Result};

/// A recipe for spike times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SpikeSource {
    /// These times in ms.
    List {
        /// Times in ms.
        times_ms: Vec<f64>,
    },
    /// Equal intervals.
    Regular {
        /// First time in ms.
        start_ms: f64,
        /// Interval in ms.
        interval_ms: f64,
        /// Number of spikes.
        count: usize,
    },
    /// One spike at a time that is drawn from a normal distribution.
    Volley {
        /// Mean time in ms.
        at_ms: f64,
        /// Standard deviation in ms.
        #[serde(default)]
        jitter_ms: f64,
    },
    /// Poisson process with a constant rate, and a dead time after each spike that keeps the mean rate.
    Poisson {
        /// Rate in Hz.
        rate_hz: f64,
        /// Dead time in ms.
        #[serde(default)]
        dead_time_ms: f64,
    },
    /// Poisson process whose rate is given at equal steps of time.
    Inhomogeneous {
        /// Rates in Hz, one per step.
        rates_hz: Vec<f64>,
        /// Duration of a step in ms.
        step_ms: f64,
    },
    /// Renewal process with gamma-distributed intervals; the shape is 1 / CV^2.
    Gamma {
        /// Rate in Hz.
        rate_hz: f64,
        /// Shape, 1 for Poisson.
        shape: f64,
    },
}

impl SpikeSource {
    /// Sorted times in ms within `start_ms..stop_ms`.
    ///
    /// # Errors
    /// If a rate is negative, a time is not finite, or a dead time does not leave room for the rate.
    pub fn times_ms(&self, start_ms: f64, stop_ms: f64, seed: &Seed) -> Result<Vec<f64>> {
        let mut stream = seed.stream();
        match self {
            Self::List { times_ms } => {
                if let Some(bad) = times_ms.iter().find(|t| !t.is_finite()) {
                    return Err(Error::Description(format!("a spike time is {bad}; times are finite numbers in ms")));
                }
                let mut times: Vec<f64> =
                    times_ms.iter().copied().filter(|t| (start_ms..stop_ms).contains(t)).collect();
                times.sort_by(f64::total_cmp);
                Ok(times)
            }
            Self::Regular { start_ms: first, interval_ms, count } => {
                require_range("interval_ms of a regular source", *interval_ms, POSITIVE, 1e12)?;
                let times = (0..*count).map(|k| first + interval_ms * k as f64);
                Ok(times.filter(|t| (start_ms..stop_ms).contains(t)).collect())
            }
            Self::Volley { at_ms, jitter_ms } => {
                require_range("at_ms of a volley", *at_ms, -1e12, 1e12)?;
                require_range("jitter_ms of a volley", *jitter_ms, 0.0, 1e12)?;
                let normal: f64 = StandardNormal.sample(&mut stream);
                let time = at_ms + jitter_ms * normal;
                Ok(if (start_ms..stop_ms).contains(&time) { vec![time] } else { vec![] })
            }
            Self::Poisson { rate_hz, dead_time_ms } => {
                require_range("rate_hz of a Poisson source", *rate_hz, 0.0, 1e6)?;
                let most = if *rate_hz > 0.0 { 1000.0 / rate_hz * (1.0 - 1e-9) } else { 1e12 };
                require_range("dead_time_ms of a Poisson source", *dead_time_ms, 0.0, most)?;
                let free_ms = 1000.0 / rate_hz - dead_time_ms;
                // At rate 0 the first interval is infinite.
                Ok(renewal(start_ms, stop_ms, || {
                    dead_time_ms + free_ms * Distribution::<f64>::sample(&Exp1, &mut stream)
                }))
            }
            Self::Inhomogeneous { rates_hz, step_ms } => {
                require_range("step_ms of an inhomogeneous source", *step_ms, POSITIVE, 1e12)?;
                let mut times = Vec::new();
                for (k, &rate) in rates_hz.iter().enumerate() {
                    require_range("rate of an inhomogeneous source in Hz", rate, 0.0, 1e6)?;
                    let (from, to) = (k as f64 * step_ms, (k + 1) as f64 * step_ms);
                    let mut t = from;
                    if rate == 0.0 {
                        continue;
                    }
                    loop {
                        t += 1000.0 / rate * Distribution::<f64>::sample(&Exp1, &mut stream);
                        if t >= to {
                            break;
                        }
                        if (start_ms..stop_ms).contains(&t) {
                            times.push(t);
                        }
                    }
                }
                Ok(times)
            }
            Self::Gamma { rate_hz, shape } => {
                require_range("rate_hz of a gamma source", *rate_hz, POSITIVE, 1e6)?;
                require_range("shape of a gamma source", *shape, POSITIVE, 1e6)?;
                let intervals = Gamma::new(*shape, 1000.0 / rate_hz / shape)
                    .map_err(|e| Error::Description(format!("gamma source: {e}")))?;
                // The first interval is cut at a random place, so that the process has no phase.
                let first = intervals.sample(&mut stream) * stream.random::<f64>();
                let mut next = Some(first);
                Ok(renewal(start_ms, stop_ms, || next.take().unwrap_or_else(|| intervals.sample(&mut stream))))
            }
        }
    }
}

fn renewal(start_ms: f64, stop_ms: f64, mut interval: impl FnMut() -> f64) -> Vec<f64> {
    let mut times = Vec::new();
    let mut t = start_ms;
    loop {
        t += interval();
        if t.is_nan() || t >= stop_ms {
            return times;
        }
        times.push(t);
    }
}

/// Smooths values at equal steps with a Gaussian of `sigma` steps, cut at 3.5 sigma and normalised at the borders.
pub fn gaussian_smooth(values: &[f64], sigma: f64) -> Vec<f64> {
    let half = (3.5 * sigma).ceil() as usize;
    let weight = |d: usize| (-0.5 * (d as f64 / sigma).powi(2)).exp();
    (0..values.len())
        .map(|i| {
            let range = i.saturating_sub(half)..(i + half + 1).min(values.len());
            let (mut sum, mut total) = (0.0, 0.0);
            for j in range {
                let w = if sigma > 0.0 { weight(i.abs_diff(j)) } else { f64::from(u8::from(i == j)) };
                sum += w * values[j];
                total += w;
            }
            sum / total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(source: &SpikeSource) -> (f64, f64) {
        let times = source.times_ms(0.0, 1e6, &Seed::root(3)).unwrap();
        let intervals: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
        let variance = intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64;
        (1000.0 / mean, variance.sqrt() / mean)
    }

    #[test]
    fn rates_and_coefficients_of_variation_are_those_asked_for() {
        // 20,000 intervals: standard errors below 1 % for both.
        let (rate, cv) = statistics(&SpikeSource::Poisson { rate_hz: 20.0, dead_time_ms: 0.0 });
        assert!((rate - 20.0).abs() < 0.6 && (cv - 1.0).abs() < 0.03, "{rate} {cv}");
        let (rate, cv) = statistics(&SpikeSource::Poisson { rate_hz: 20.0, dead_time_ms: 25.0 });
        assert!((rate - 20.0).abs() < 0.3 && (cv - 0.5).abs() < 0.02, "{rate} {cv}");
        let volley = SpikeSource::Volley { at_ms: 50.0, jitter_ms: 2.0 };
        let volley: Vec<f64> =
            (0..2000).flat_map(|k| volley.times_ms(0.0, 100.0, &Seed::root(5).index(k)).unwrap()).collect();
        let mean = volley.iter().sum::<f64>() / 2000.0;
        let sd = (volley.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / 2000.0).sqrt();
        // Standard errors .045 and .032 ms.
        assert!(volley.len() == 2000 && (mean - 50.0).abs() < 0.14 && (sd - 2.0).abs() < 0.1, "{mean} {sd}");
        let (rate, cv) = statistics(&SpikeSource::Gamma { rate_hz: 20.0, shape: 4.0 });
        assert!((rate - 20.0).abs() < 0.3 && (cv - 0.5).abs() < 0.02, "{rate} {cv}");
        let steps = SpikeSource::Inhomogeneous { rates_hz: vec![0.0, 50.0], step_ms: 50_000.0 };
        let times = steps.times_ms(0.0, 1e6, &Seed::root(1)).unwrap();
        assert!(times[0] > 50_000.0 && (times.len() as f64 - 2500.0).abs() < 200.0);
        assert!(
            SpikeSource::Poisson { rate_hz: 0.0, dead_time_ms: 0.0 }
                .times_ms(0.0, 1e6, &Seed::root(1))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn impossible_sources_are_refused() {
        let refused = |source: SpikeSource| source.times_ms(0.0, 10.0, &Seed::root(1)).unwrap_err().to_string();
        assert!(refused(SpikeSource::Poisson { rate_hz: 100.0, dead_time_ms: 20.0 }).contains("dead_time_ms"));
        assert!(refused(SpikeSource::Gamma { rate_hz: -1.0, shape: 1.0 }).contains("rate_hz"));
        assert!(refused(SpikeSource::List { times_ms: vec![f64::NAN] }).contains("NaN"));
    }
}
