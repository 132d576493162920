//! What is read off a recorded trace.

use rheobase_core::Estimate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to read off a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// Largest value.
    Peak,
    /// Smallest value.
    Trough,
    /// Largest value minus the value at the beginning of the window.
    Rise,
    /// Value at the end of the window.
    Last,
    /// Mean over the window.
    Mean,
    /// Time in ms from the beginning of the window to the largest value.
    TimeToPeak,
    /// Time in ms spent above the threshold.
    TimeAbove,
    /// Upward crossings of the threshold.
    Spikes,
    /// Time in ms from the beginning of the window to the first upward crossing; not a number without one.
    Latency,
    /// Largest minus smallest value.
    Range,
    /// Rapidness of the first spike's onset in 1/ms: slope of the phase plot (dV/dt over V) where dV/dt passes 10 mV/ms.
    OnsetRapidness,
}

/// A measurement of one recording in every condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Name; the metric is called condition_name.
    pub name: String,
    /// The recording.
    pub of: String,
    /// What to read off.
    pub read: Reading,
    /// Beginning of the window in ms.
    #[serde(default)]
    pub from_ms: f64,
    /// End of the window in ms; by default that of the run.
    #[serde(default)]
    pub to_ms: Option<f64>,
    /// Threshold in the unit of the recording.
    #[serde(default)]
    pub threshold: f64,
    /// Conditions in which it is read; all by default.
    #[serde(default)]
    pub conditions: Vec<String>,
}

impl Measure {
    /// The metric of a trace with a step of `dt_ms`.
    pub fn read(&self, trace: &[f64], dt_ms: f64) -> Estimate {
        let last = trace.len() - 1;
        let index = |ms: f64| ((ms / dt_ms).round().max(0.0) as usize).min(last);
        let (from, to) = (index(self.from_ms), self.to_ms.map_or(last, index));
        let window = &trace[from..=to.max(from)];
        let peak = || window.iter().copied().fold(f64::MIN, f64::max);
        let trough = || window.iter().copied().fold(f64::MAX, f64::min);
        let crossings =
            || window.windows(2).enumerate().filter(|(_, w)| w[0] < self.threshold && w[1] >= self.threshold);
        let (value, unit) = match self.read {
            Reading::Peak => (peak(), "mV"),
            Reading::Trough => (trough(), "mV"),
            Reading::Rise => (peak() - window[0], "mV"),
            Reading::Range => (peak() - trough(), "mV"),
            Reading::Last => (window[window.len() - 1], "mV"),
            Reading::Mean => (window.iter().sum::<f64>() / window.len() as f64, "mV"),
            Reading::TimeToPeak => {
                let top = (0..window.len()).fold(0, |best, i| if window[i] > window[best] { i } else { best });
                (top as f64 * dt_ms, "ms")
            }
            Reading::TimeAbove => (window.iter().filter(|v| **v > self.threshold).count() as f64 * dt_ms, "ms"),
            Reading::Spikes => (crossings().count() as f64, ""),
            Reading::OnsetRapidness => (onset_rapidness(window, dt_ms), "1/ms"),
            Reading::Latency => (
                crossings()
                    .next()
                    .map_or(f64::NAN, |(i, w)| (i as f64 + (self.threshold - w[0]) / (w[1] - w[0])) * dt_ms),
                "ms",
            ),
        };
        let variant =
            serde_json::to_value(self.read).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let name = format!("{} of {}", variant.replace('-', " "), self.of);
        Estimate::new(value, &name, "of one simulated trace", window.len(), "samples").with_unit(unit)
    }
}

/// Slope of the phase plot where dV/dt first passes 10 mV/ms; not a number if it never does.
fn onset_rapidness(trace: &[f64], dt_ms: f64) -> f64 {
    const LIMIT_MV_PER_MS: f64 = 10.0;
    let speed: Vec<f64> = trace.windows(2).map(|w| (w[1] - w[0]) / dt_ms).collect();
    let passed = speed.windows(2).position(|w| w[0] < LIMIT_MV_PER_MS && w[1] >= LIMIT_MV_PER_MS);
    passed.map_or(f64::NAN, |i| (speed[i + 1] - speed[i]) / (trace[i + 1] - trace[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_upstroke_has_its_own_rate_as_rapidness() {
        // V = e^(k t): dV/dt = k V, so the phase plot has the slope k.
        let trace: Vec<f64> = (0..4000).map(|i| (2.5 * f64::from(i) * 0.001).exp()).collect();
        assert!((onset_rapidness(&trace, 0.001) - 2.5).abs() < 0.01);
        assert!(onset_rapidness(&[0.0; 10], 0.1).is_nan());
    }
}
