//! What is read off a recorded trace.

use rheobase_core::inference::t_interval;
use rheobase_core::{Estimate, statistics};
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
    /// 1 with an upward crossing of the threshold, 0 without: over trials, the share of trials that fire.
    Fires,
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
    /// The value read off a trace with a step of `dt_ms`.
    pub fn value(&self, trace: &[f64], dt_ms: f64) -> f64 {
        let last = trace.len() - 1;
        let index = |ms: f64| ((ms / dt_ms).round().max(0.0) as usize).min(last);
        let (from, to) = (index(self.from_ms), self.to_ms.map_or(last, index));
        let window = &trace[from..=to.max(from)];
        let peak = || window.iter().copied().fold(f64::MIN, f64::max);
        let trough = || window.iter().copied().fold(f64::MAX, f64::min);
        let crossings = || crossings_ms(window, self.threshold, dt_ms);
        match self.read {
            Reading::Peak => peak(),
            Reading::Trough => trough(),
            Reading::Rise => peak() - window[0],
            Reading::Range => peak() - trough(),
            Reading::Last => window[window.len() - 1],
            Reading::Mean => window.iter().sum::<f64>() / window.len() as f64,
            Reading::TimeToPeak => {
                (0..window.len()).fold(0, |best, i| if window[i] > window[best] { i } else { best }) as f64 * dt_ms
            }
            Reading::TimeAbove => window.iter().filter(|v| **v > self.threshold).count() as f64 * dt_ms,
            Reading::Spikes => crossings().count() as f64,
            Reading::Fires => f64::from(u8::from(crossings().next().is_some())),
            Reading::OnsetRapidness => onset_rapidness(window, dt_ms),
            Reading::Latency => crossings().next().unwrap_or(f64::NAN),
        }
    }

    /// The metric of the values of all trials, each read off `samples` samples.
    pub fn estimate(&self, values: &[f64], samples: usize) -> Estimate {
        let unit = match self.read {
            Reading::TimeToPeak | Reading::TimeAbove | Reading::Latency => "ms",
            Reading::Spikes | Reading::Fires => "",
            Reading::OnsetRapidness => "1/ms",
            _ => "mV",
        };
        let variant =
            serde_json::to_value(self.read).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let name = format!("{} of {}", variant.replace('-', " "), self.of);
        if values.len() == 1 {
            return Estimate::new(values[0], &name, "of one simulated trace", samples, "samples").with_unit(unit);
        }
        Estimate {
            interval: t_interval(values),
            ..Estimate::new(statistics::mean(values), &name, "mean over trials", values.len(), "trials").with_unit(unit)
        }
    }
}

/// Times in ms of upward crossings, interpolated within the step.
fn crossings_ms(trace: &[f64], threshold: f64, dt_ms: f64) -> impl Iterator<Item = f64> {
    let upward = move |(_, w): &(usize, &[f64])| w[0] < threshold && w[1] >= threshold;
    trace
        .windows(2)
        .enumerate()
        .filter(upward)
        .map(move |(i, w)| (i as f64 + (threshold - w[0]) / (w[1] - w[0])) * dt_ms)
}

/// Events that two recordings share: upward crossings gathered into groups that begin with the first and take in all
/// within a window; the metric is the share of groups with crossings of both (Francioni & Harnett 2022).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoActivity {
    /// Name; the metric is called condition_name.
    pub name: String,
    /// One recording.
    pub a: String,
    /// The other recording.
    pub b: String,
    /// Threshold of the one.
    pub threshold_a: f64,
    /// Threshold of the other.
    pub threshold_b: f64,
    /// Duration of a group in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub within_ms: f64,
    /// When counting begins, in ms.
    #[serde(default)]
    pub from_ms: f64,
}

impl CoActivity {
    /// Share of the groups of all trials that hold events of both recordings; not a number without any event.
    pub fn estimate(&self, trials: &[(&[f64], &[f64])], dt_ms: f64) -> Estimate {
        let (mut both, mut all, mut only_a, mut only_b) = (0_usize, 0_usize, 0_usize, 0_usize);
        for (a, b) in trials {
            let counted = |t: &(f64, bool)| t.0 >= self.from_ms;
            let of_a = crossings_ms(a, self.threshold_a, dt_ms).map(|t| (t, true));
            let of_b = crossings_ms(b, self.threshold_b, dt_ms).map(|t| (t, false));
            let mut events: Vec<(f64, bool)> = of_a.chain(of_b).filter(counted).collect();
            events.sort_by(|x, y| x.0.total_cmp(&y.0));
            let mut rest = &events[..];
            while let Some(&(first, _)) = rest.first() {
                let (group, later) = rest.split_at(rest.partition_point(|e| e.0 <= first + self.within_ms));
                let (has_a, has_b) = (group.iter().any(|e| e.1), group.iter().any(|e| !e.1));
                both += usize::from(has_a && has_b);
                only_a += usize::from(has_a && !has_b);
                only_b += usize::from(has_b && !has_a);
                all += 1;
                rest = later;
            }
        }
        let name = format!("share of events in both {} and {}", self.a, self.b);
        Estimate::new(both as f64 / all as f64, &name, "groups of threshold crossings", all, "events")
            .with_constant("within_ms", self.within_ms)
            .with_constant("only_a", only_a as f64)
            .with_constant("only_b", only_b as f64)
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
    fn shared_events_are_counted_once_however_many_crossings_they_hold() {
        // a at 10, 12, 50, 90 ms; b at 11, 70 ms: groups {10, 11, 12}, {50}, {70}, {90}.
        let pulses = |times: &[usize]| (0..1000).map(|i| f64::from(u8::from(times.contains(&(i / 10))))).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = (pulses(&[10, 12, 50, 90]), pulses(&[11, 70]));
        let shared = CoActivity {
            name: "shared".into(),
            a: "a".into(),
            b: "b".into(),
            threshold_a: 0.5,
            threshold_b: 0.5,
            within_ms: 5.0,
            from_ms: 0.0,
        };
        assert_eq!(shared.estimate(&[(&a, &b)], 0.1).value, 0.25);
        assert_eq!(CoActivity { from_ms: 40.0, ..shared }.estimate(&[(&a, &b)], 0.1).value, 0.0);
    }

    #[test]
    fn an_exponential_upstroke_has_its_own_rate_as_rapidness() {
        // V = e^(k t): dV/dt = k V, so the phase plot has the slope k.
        let trace: Vec<f64> = (0..4000).map(|i| (2.5 * f64::from(i) * 0.001).exp()).collect();
        assert!((onset_rapidness(&trace, 0.001) - 2.5).abs() < 0.01);
        assert!(onset_rapidness(&[0.0; 10], 0.1).is_nan());
    }
}
