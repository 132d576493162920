//! Short-term plasticity of all synapses of a source (Tsodyks, Pawelzik & Markram 1998 Neural Comput 10:821).
//!
//! x recovers to 1 with tau_rec, u falls to 0 with tau_facil; a spike first sets u += U (1 - u), sends u x, then x -= u x. Without
//! facilitation u = U. The weight of a projection is that of u x = 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortTermPlasticity {
    /// Share of resources that a first spike uses.
    pub utilisation: f64,
    /// Time constant of recovery in ms.
    pub recovery_ms: f64,
    /// Time constant of facilitation in ms; 0 for none.
    #[serde(default)]
    pub facilitation_ms: f64,
}

/// State of one source after its last spike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resources {
    pub u: f64,
    pub x: f64,
    pub step: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self { u: 0.0, x: 1.0, step: 0 }
    }
}

impl ShortTermPlasticity {
    /// Refuses shares outside 0 to 1 and negative times.
    ///
    /// # Errors
    /// Naming the projection.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("utilisation of {what}"), self.utilisation, 0.0, 1.0)?;
        require_range(format!("recovery_ms of {what}"), self.recovery_ms, POSITIVE, 1e9)?;
        require_range(format!("facilitation_ms of {what}"), self.facilitation_ms, 0.0, 1e9).map(|_| ())
    }

    /// What a spike at a step sends.
    pub(crate) fn send(&self, state: &mut Resources, step: u64, dt_ms: f64) -> f64 {
        let gap_ms = (step - state.step) as f64 * dt_ms;
        state.x = 1.0 - (1.0 - state.x) * (-gap_ms / self.recovery_ms).exp();
        state.u = if self.facilitation_ms > 0.0 {
            let left = state.u * (-gap_ms / self.facilitation_ms).exp();
            left + self.utilisation * (1.0 - left)
        } else {
            self.utilisation
        };
        let sent = state.u * state.x;
        state.x -= sent;
        state.step = step;
        sent
    }
}
