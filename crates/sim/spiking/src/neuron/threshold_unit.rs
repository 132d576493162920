//! The threshold unit (McCulloch & Pitts 1943 Bull Math Biophys 5:115) and its stochastic form (Glauber 1963; Hinton & Sejnowski 1983).
//!
//! In every step y = [bias + sum w x >= theta], or with a temperature T: P(y = 1) = 1 / (1 + e^(-(bias + sum w x - theta) / T)).
//! An active unit sends an event in that step; its inputs are `delta` receptors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require_range};

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdUnit {
    /// Threshold theta.
    pub threshold: f64,
    /// Constant input.
    pub bias: f64,
    /// Temperature T; 0 for a unit that always decides alike.
    pub temperature: f64,
}

impl Default for ThresholdUnit {
    fn default() -> Self {
        Self { threshold: 1.0, bias: 0.0, temperature: 0.0 }
    }
}

impl ThresholdUnit {
    /// Whether a unit of temperature 0 is active for a weighted input.
    pub fn is_active(&self, input: f64) -> bool {
        self.bias + input >= self.threshold
    }

    /// Refuses numbers that are not finite and negative temperatures.
    ///
    /// # Errors
    /// Naming population and parameter.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("threshold of {what}"), self.threshold, -1e9, 1e9)?;
        require_range(format!("bias of {what}"), self.bias, -1e9, 1e9)?;
        require_range(format!("temperature of {what}"), self.temperature, 0.0, 1e9).map(|_| ())
    }
}
