//! Steps whose size follows the error.
//!
//! Each attempt takes one step of h and, from the same state, two of h/2; a third of the largest difference of the
//! voltages estimates the error of the two (the method is of second order), and decides whether they are kept and how
//! large the next step is. Steps end at the jumps of injected currents and at events.

use super::Simulation;
use crate::error::{POSITIVE, require_range};
use crate::{Error, Result};

/// What an adaptive run did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AdaptiveReport {
    /// Pairs of half steps that were kept.
    pub accepted: usize,
    /// Attempts that were thrown away.
    pub rejected: usize,
    /// Smallest and largest step in ms.
    pub step_range_ms: (f64, f64),
    /// Times in ms at which recordings were taken: the start of every kept step.
    pub times_ms: Vec<f64>,
}

impl Simulation {
    /// Runs until a time with an error of at most `tolerance_mv` a step, and steps from 1e-5 ms to `max_step_ms`.
    ///
    /// Recordings are taken at the start of every step, at the times of the report.
    ///
    /// # Errors
    /// If the tolerance is not positive, a voltage diverges, or the smallest step still misses the tolerance.
    pub fn run_adaptive_until(&mut self, stop_ms: f64, tolerance_mv: f64, max_step_ms: f64) -> Result<AdaptiveReport> {
        require_range("tolerance_mv", tolerance_mv, POSITIVE, 100.0)?;
        require_range("max_step_ms", max_step_ms, 1e-4, 1e3)?;
        const SMALLEST_MS: f64 = 1e-5;
        let mut report = AdaptiveReport { step_range_ms: (f64::MAX, 0.0), ..AdaptiveReport::default() };
        let mut h = self.settings.dt_ms.min(max_step_ms);
        while self.time_ms < stop_ms - 1e-9 {
            let end = self.next_jump_ms(stop_ms);
            let step = if self.time_ms + 1.000_001 * h >= end { end - self.time_ms } else { h };
            let recordings = std::mem::take(&mut self.recordings);
            let start = self.snapshot();
            self.advance(step)?;
            let coarse = self.v.clone();
            self.restore(&start)?;
            for _ in 0..2 {
                self.advance(0.5 * step)?;
                self.time_ms += 0.5 * step;
            }
            let difference = coarse.iter().zip(&self.v).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let error = difference / 3.0;
            if error > tolerance_mv && step > SMALLEST_MS {
                self.restore(&start)?;
                self.recordings = recordings;
                report.rejected += 1;
                h = (step * (0.9 * (tolerance_mv / error).cbrt()).clamp(0.1, 0.7)).max(SMALLEST_MS);
                continue;
            }
            if error > tolerance_mv {
                return Err(Error::Diverged {
                    time_ms: self.time_ms,
                    compartment: 0,
                    place: "any compartment".into(),
                    cause: format!("a step of {step:e} ms still has an error of {error:.3} mV"),
                });
            }
            // Recordings hold the start of the step: back for them, then forward again by the kept state.
            self.recordings = recordings;
            if !self.recordings.is_empty() {
                let mut end = self.snapshot();
                let mut back = start.clone();
                back.take_recordings_of(self);
                self.restore(&back)?;
                self.take_recordings();
                end.take_recordings_of(self);
                self.restore(&end)?;
            }
            report.times_ms.push(self.time_ms - step);
            report.accepted += 1;
            report.step_range_ms = (report.step_range_ms.0.min(step), report.step_range_ms.1.max(step));
            h = (step * (0.9 * (tolerance_mv / error.max(1e-12)).cbrt()).clamp(0.5, 2.0)).min(max_step_ms);
            if (self.time_ms - end).abs() < 1e-9 {
                self.time_ms = end;
            }
        }
        // Fixed steps may follow: their clock begins here.
        (self.origin_ms, self.steps, self.factored_for_ms) = (self.time_ms, 0, None);
        Ok(report)
    }

    /// The next time at which something jumps, at most `stop_ms`.
    fn next_jump_ms(&self, stop_ms: f64) -> f64 {
        let t = self.time_ms;
        let edges = self.clamps.currents.iter().filter_map(|(_, _, current)| current.next_edge_ms(t));
        let commands = self.clamps.voltages.iter().flat_map(|(_, _, clamp)| {
            let times = clamp.commands.iter().map(|(from, _)| *from).chain([clamp.stop_ms]);
            times.filter(|e| *e > t + 1e-9).collect::<Vec<_>>()
        });
        let event = self.queue.heap.iter().map(|e| e.time_ms).filter(|e| *e > t + 1e-9);
        edges.chain(commands).chain(event).fold(stop_ms, f64::min)
    }
}
