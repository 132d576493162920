//! What an electrode does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::{POSITIVE, require_range};

/// A current over time, in nA, positive into the cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Current {
    /// Constant between two times.
    Step {
        /// Beginning in ms.
        start_ms: f64,
        /// Duration in ms.
        duration_ms: f64,
        /// Amplitude in nA.
        amplitude_na: f64,
    },
    /// The shape of an EPSP: e^(-t / decay) - e^(-t / rise) scaled to the peak.
    DoubleExponential {
        /// Onset in ms.
        start_ms: f64,
        /// Rise in ms.
        rise_ms: f64,
        /// Decay in ms.
        decay_ms: f64,
        /// Peak in nA.
        peak_na: f64,
    },
    /// offset + amplitude sin(2 pi f t).
    Sine {
        /// Frequency in Hz.
        frequency_hz: f64,
        /// Amplitude in nA.
        amplitude_na: f64,
        /// Offset in nA.
        #[serde(default)]
        offset_na: f64,
    },
    /// Rises or falls linearly between two times, then stops.
    Ramp {
        /// Beginning in ms.
        start_ms: f64,
        /// Duration in ms.
        duration_ms: f64,
        /// At the beginning in nA.
        from_na: f64,
        /// At the end in nA.
        to_na: f64,
    },
    /// Samples at equal steps from time 0, held until the next.
    Samples {
        /// Step in ms.
        step_ms: f64,
        /// Values in nA.
        values_na: Vec<f64>,
    },
}

impl Current {
    /// Value in nA at a time in ms.
    pub fn at(&self, t: f64) -> f64 {
        match self {
            Self::Step { start_ms, duration_ms, amplitude_na } => {
                if t >= *start_ms && t < start_ms + duration_ms {
                    *amplitude_na
                } else {
                    0.0
                }
            }
            Self::DoubleExponential { start_ms, rise_ms, decay_ms, peak_na } => {
                let s = t - start_ms;
                if s <= 0.0 {
                    return 0.0;
                }
                let peak = (decay_ms / rise_ms).ln() * rise_ms * decay_ms / (decay_ms - rise_ms);
                let height = (-peak / decay_ms).exp() - (-peak / rise_ms).exp();
                peak_na * ((-s / decay_ms).exp() - (-s / rise_ms).exp()) / height
            }
            Self::Sine { frequency_hz, amplitude_na, offset_na } => {
                offset_na + amplitude_na * (std::f64::consts::TAU * frequency_hz * t * 1e-3).sin()
            }
            Self::Ramp { start_ms, duration_ms, from_na, to_na } => {
                let share = (t - start_ms) / duration_ms;
                if (0.0..1.0).contains(&share) { from_na + (to_na - from_na) * share } else { 0.0 }
            }
            Self::Samples { step_ms, values_na } => {
                let index = (t / step_ms).floor();
                if index < 0.0 { 0.0 } else { values_na.get(index as usize).copied().unwrap_or(0.0) }
            }
        }
    }

    /// Next time after `t` at which the current jumps.
    pub(super) fn next_edge_ms(&self, t: f64) -> Option<f64> {
        let edges: Vec<f64> = match self {
            Self::Step { start_ms, duration_ms, .. } | Self::Ramp { start_ms, duration_ms, .. } => {
                vec![*start_ms, start_ms + duration_ms]
            }
            Self::DoubleExponential { start_ms, .. } => vec![*start_ms],
            Self::Sine { .. } => vec![],
            Self::Samples { step_ms, values_na } => {
                let next = (t / step_ms + 1e-9).floor() + 1.0;
                if next <= values_na.len() as f64 { vec![next.max(0.0) * step_ms] } else { vec![] }
            }
        };
        edges.into_iter().find(|e| *e > t + 1e-9)
    }

    pub(super) fn check(&self) -> Result<()> {
        let finite =
            |name: &str, value: f64| require_range(format!("{name} of a current"), value, -1e9, 1e9).map(|_| ());
        let positive =
            |name: &str, value: f64| require_range(format!("{name} of a current"), value, POSITIVE, 1e15).map(|_| ());
        match self {
            Self::Step { start_ms, duration_ms, amplitude_na } => {
                finite("start_ms", *start_ms)?;
                positive("duration_ms", *duration_ms)?;
                finite("amplitude_na", *amplitude_na)
            }
            Self::DoubleExponential { start_ms, rise_ms, decay_ms, peak_na } => {
                finite("start_ms", *start_ms)?;
                positive("rise_ms", *rise_ms)?;
                require_range("decay_ms of a current", *decay_ms, rise_ms * 1.000_001, 1e9)?;
                finite("peak_na", *peak_na)
            }
            Self::Sine { frequency_hz, amplitude_na, offset_na } => {
                finite("frequency_hz", *frequency_hz)?;
                finite("amplitude_na", *amplitude_na)?;
                finite("offset_na", *offset_na)
            }
            Self::Ramp { start_ms, duration_ms, from_na, to_na } => {
                finite("start_ms", *start_ms)?;
                positive("duration_ms", *duration_ms)?;
                finite("from_na", *from_na)?;
                finite("to_na", *to_na)
            }
            Self::Samples { step_ms, values_na } => {
                positive("step_ms", *step_ms)?;
                values_na.iter().try_for_each(|v| finite("a sample", *v))
            }
        }
    }
}

/// A single-electrode voltage clamp: drives the compartment to a command through a series resistance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoltageClamp {
    /// Series resistance in Mohm.
    pub series_mohm: f64,
    /// Command: from each time in ms, a voltage in mV; before the first the clamp is off.
    pub commands: Vec<(f64, f64)>,
    /// When it is switched off, in ms.
    pub stop_ms: f64,
}

impl VoltageClamp {
    /// Command in mV, if the clamp is on.
    pub fn command_mv(&self, t: f64) -> Option<f64> {
        if t >= self.stop_ms {
            return None;
        }
        self.commands.iter().rev().find(|(from, _)| t >= *from).map(|(_, mv)| *mv)
    }

    pub(super) fn check(&self) -> Result<()> {
        require_range("series_mohm of a voltage clamp", self.series_mohm, 1e-6, 1e9)?;
        for (from, mv) in &self.commands {
            require_range("time of a voltage command in ms", *from, -1e12, 1e12)?;
            require_range("voltage command in mV", *mv, -1e3, 1e3)?;
        }
        Ok(())
    }
}

/// All electrodes: node, lane (all if `None`), what.
#[derive(Default)]
pub(super) struct PlacedClamps {
    pub currents: Vec<(usize, Option<usize>, Current)>,
    pub voltages: Vec<(usize, Option<usize>, VoltageClamp)>,
}

/// Lanes meant by an electrode.
pub(super) fn lanes_of(lane: Option<usize>, lanes: usize) -> std::ops::Range<usize> {
    lane.map_or(0..lanes, |l| l..l + 1)
}
