//! Phase of an oscillation at any time, from samples of it.

use std::f64::consts::TAU;

use rheobase_data::recording::Signal;
use rheobase_pipeline::StageError;

/// The samples, unwrapped.
pub(super) struct Phases<'a> {
    times_s: &'a [f64],
    unwrapped_rad: Vec<f64>,
}

impl<'a> Phases<'a> {
    /// Of a signal with one value at a time, in rad, wrapped to a turn or not.
    pub(super) fn of(signal: &'a Signal, name: &str) -> Result<Self, StageError> {
        if signal.values.ncols() != 1 {
            let found = signal.values.ncols();
            return Err(StageError::Failed(format!(
                "signal `{name}` has {found} values at a time; a phase is one, in rad"
            )));
        }
        let values = signal.values.column(0);
        if let Some(k) = values.iter().position(|v| !v.is_finite()) {
            let (value, time_s) = (values[k], signal.times_s[k]);
            return Err(StageError::Failed(format!(
                "signal `{name}` is {value} at {time_s} s; a phase is a number in rad"
            )));
        }
        let wrapped = values.iter().all(|v| v.abs() <= TAU + 1e-6);
        let mut turns = 0.0;
        let unwrapped = (0..values.len()).map(|k| {
            if wrapped && k > 0 {
                let step = values[k] - values[k - 1];
                turns -= TAU * (step / TAU).round();
            }
            values[k] + turns
        });
        Ok(Self { times_s: &signal.times_s, unwrapped_rad: unwrapped.collect() })
    }

    /// Phase at a time, between samples; none outside them.
    pub(super) fn at(&self, time_s: f64) -> Option<f64> {
        let next = self.times_s.partition_point(|t| *t <= time_s);
        let k = next.checked_sub(1).filter(|k| *k + 1 < self.times_s.len())?;
        let share = (time_s - self.times_s[k]) / (self.times_s[k + 1] - self.times_s[k]);
        Some(self.unwrapped_rad[k] + share * (self.unwrapped_rad[k + 1] - self.unwrapped_rad[k]))
    }
}
