//! Sorted spike times of many units, stored ragged (flat times and end offsets) as NWB does.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, require_finite};

/// Spike times in s of several units, observed over one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpikeTrains {
    times_s: Vec<f64>,
    ends: Vec<usize>,
    span_s: (f64, f64),
}

impl SpikeTrains {
    /// Builds trains from one list of times (s) per unit; the times are sorted here.
    ///
    /// # Errors
    /// If a time is not finite or lies outside `span_s` (start, stop).
    pub fn from_units(units: Vec<Vec<f64>>, span_s: (f64, f64)) -> Result<Self> {
        let mut times_s = Vec::with_capacity(units.iter().map(Vec::len).sum());
        let mut ends = Vec::with_capacity(units.len());
        for mut unit in units {
            require_finite("spike times", &unit)?;
            unit.sort_by(f64::total_cmp);
            times_s.extend(unit);
            ends.push(times_s.len());
        }
        if let Some(&outside) = times_s.iter().find(|&&t| t < span_s.0 || t > span_s.1) {
            return Err(Error::Range { what: "spike time in s", found: outside, allowed: "within the observed span" });
        }
        Ok(Self { times_s, ends, span_s })
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.ends.len()
    }

    /// Sorted spike times in s of one unit.
    ///
    /// # Panics
    /// If `unit` is not below [`SpikeTrains::units`].
    pub fn unit(&self, unit: usize) -> &[f64] {
        let start = if unit == 0 { 0 } else { self.ends[unit - 1] };
        &self.times_s[start..self.ends[unit]]
    }

    /// Observed span (start, stop) in s.
    pub fn span_s(&self) -> (f64, f64) {
        self.span_s
    }

    /// Mean rate of one unit over the span, in Hz.
    ///
    /// # Panics
    /// If `unit` is not below [`SpikeTrains::units`].
    pub fn rate_hz(&self, unit: usize) -> f64 {
        self.unit(unit).len() as f64 / (self.span_s.1 - self.span_s.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_unsorted_units_are_kept_apart_and_sorted() {
        let trains = SpikeTrains::from_units(vec![vec![0.3, 0.1], vec![], vec![0.2]], (0.0, 2.0)).unwrap();
        assert_eq!(trains.unit(0), [0.1, 0.3]);
        assert!(trains.unit(1).is_empty());
        assert_eq!(trains.unit(2), [0.2]);
        assert_eq!(trains.rate_hz(0), 1.0);
    }

    #[test]
    fn a_spike_outside_the_span_is_refused() {
        assert!(SpikeTrains::from_units(vec![vec![2.5]], (0.0, 2.0)).is_err());
    }
}
