//! What a chain of ganglia consists of: strengths, sides, and what is done to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require_range};

/// Jumps of the voltage in mV by one spike, by source and target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Sensory to local interneurons.
    pub sensory_interneuron: f64,
    /// Sensory to motor neurons.
    pub sensory_motor: f64,
    /// Local interneurons to motor neurons.
    pub interneuron_motor: f64,
    /// Local interneurons to commissural, ascending and descending neurons.
    pub interneuron_projecting: f64,
    /// Commissural neurons to motor neurons and interneurons of the other half, inhibitory.
    pub commissural: f64,
    /// Ascending neurons to interneurons of the brain.
    pub ascending: f64,
    /// Descending neurons to motor neurons.
    pub descending: f64,
    /// Local interneurons to motor neurons of the ganglia before and behind.
    pub neighbour: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            sensory_interneuron: 1.5,
            sensory_motor: 1.5,
            interneuron_motor: 1.0,
            interneuron_projecting: 2.0,
            commissural: -1.5,
            ascending: 8.0,
            descending: 3.0,
            neighbour: 0.2,
        }
    }
}

impl Weights {
    pub(super) fn named(&self) -> [(&'static str, f64); 8] {
        [
            ("sensory_interneuron", self.sensory_interneuron),
            ("sensory_motor", self.sensory_motor),
            ("interneuron_motor", self.interneuron_motor),
            ("interneuron_projecting", self.interneuron_projecting),
            ("commissural", self.commissural),
            ("ascending", self.ascending),
            ("descending", self.descending),
            ("neighbour", self.neighbour),
        ]
    }
}

/// A side of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    pub(super) fn other(self) -> Self {
        if self == Self::Left { Self::Right } else { Self::Left }
    }
}

/// A cut through the connectives behind a ganglion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The ganglion, 0 for the brain.
    pub behind: usize,
    /// Which of the two; by default both.
    #[serde(default)]
    pub side: Option<Side>,
}

/// A touch of some halves of ganglia, of which all sensory neurons then fire at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Touch {
    /// Beginning in ms.
    pub start_ms: f64,
    /// Duration in ms.
    pub duration_ms: f64,
    /// Rate of a sensory neuron in Hz.
    pub rate_hz: f64,
}

impl Default for Touch {
    fn default() -> Self {
        Self { start_ms: 50.0, duration_ms: 100.0, rate_hz: 100.0 }
    }
}

impl Touch {
    /// Refuses rates and times outside their ranges.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("start_ms of the touch", self.start_ms, 0.0, 1e6)?;
        require_range("duration_ms of the touch", self.duration_ms, 0.0, 1e6)?;
        require_range("rate_hz of the touch", self.rate_hz, 0.0, 1000.0)?;
        Ok(())
    }
}
