//! How an event acts on a neuron: jumps, currents and conductances with their time courses.
//!
//! A time course is one exponential, or rise and decay (alpha where they are equal), scaled so that an event of weight 1 peaks
//! at 1. NMDA conductances are blocked by magnesium: 1 / (1 + [Mg] e^(-.062 v) / 3.57) (Jahr & Stevens 1990 J Neurosci 10:3178).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// How an event acts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Receptor {
    /// The voltage jumps by the weight in mV.
    Delta,
    /// An input current (mV for leaky neurons, else the model's unit) jumps by the weight and decays.
    ExponentialCurrent {
        /// Time constant in ms.
        tau_ms: f64,
    },
    /// A current that rises and decays; the weight is its peak.
    DoubleExponentialCurrent {
        /// Time constant of the rise in ms.
        rise_ms: f64,
        /// Time constant of the decay in ms.
        decay_ms: f64,
    },
    /// A current of shape t e^(-t / tau); the weight is its peak.
    AlphaCurrent {
        /// Time constant in ms.
        tau_ms: f64,
    },
    /// A conductance (in units of the leak for leaky neurons, else nS) jumps by the weight and decays.
    ExponentialConductance {
        /// Time constant in ms.
        tau_ms: f64,
        /// Reversal potential in mV.
        e_mv: f64,
    },
    /// A conductance that rises and decays; the weight is its peak.
    DoubleExponentialConductance {
        /// Time constant of the rise in ms.
        rise_ms: f64,
        /// Time constant of the decay in ms.
        decay_ms: f64,
        /// Reversal potential in mV.
        e_mv: f64,
    },
    /// A conductance of shape t e^(-t / tau); the weight is its peak.
    AlphaConductance {
        /// Time constant in ms.
        tau_ms: f64,
        /// Reversal potential in mV.
        e_mv: f64,
    },
    /// An NMDA conductance; the weight is its peak without block.
    Nmda {
        /// Time constant of the rise in ms.
        rise_ms: f64,
        /// Time constant of the decay in ms.
        decay_ms: f64,
        /// Reversal potential in mV.
        #[serde(default)]
        e_mv: f64,
        /// Magnesium in mM.
        #[serde(default = "magnesium")]
        magnesium_mm: f64,
    },
}

fn magnesium() -> f64 {
    1.0
}

impl Receptor {
    /// Time constants of rise and decay in ms; none for jumps, no rise for single exponentials.
    pub fn time_course_ms(&self) -> Option<(Option<f64>, f64)> {
        match *self {
            Self::Delta => None,
            Self::ExponentialCurrent { tau_ms } | Self::ExponentialConductance { tau_ms, .. } => Some((None, tau_ms)),
            Self::AlphaCurrent { tau_ms } | Self::AlphaConductance { tau_ms, .. } => Some((Some(tau_ms), tau_ms)),
            Self::DoubleExponentialCurrent { rise_ms, decay_ms }
            | Self::DoubleExponentialConductance { rise_ms, decay_ms, .. }
            | Self::Nmda { rise_ms, decay_ms, .. } => Some((Some(rise_ms), decay_ms)),
        }
    }

    /// Reversal potential in mV, of conductances.
    pub fn reversal_mv(&self) -> Option<f64> {
        match *self {
            Self::ExponentialConductance { e_mv, .. }
            | Self::DoubleExponentialConductance { e_mv, .. }
            | Self::AlphaConductance { e_mv, .. }
            | Self::Nmda { e_mv, .. } => Some(e_mv),
            _ => None,
        }
    }

    /// Rate in 1/ms at which the rising variable, set to 1 by an event, must fill the decaying one for a peak of 1.
    pub(crate) fn filling(rise_ms: f64, decay_ms: f64) -> f64 {
        if (rise_ms / decay_ms - 1.0).abs() < 1e-6 {
            return std::f64::consts::E / decay_ms;
        }
        let away = rise_ms * decay_ms / (decay_ms - rise_ms);
        let peak_ms = away * (decay_ms / rise_ms).ln();
        1.0 / (away * ((-peak_ms / decay_ms).exp() - (-peak_ms / rise_ms).exp()))
    }

    /// Refuses time constants and potentials outside their ranges.
    ///
    /// # Errors
    /// Naming the receptor.
    pub fn check(&self, what: &str) -> Result<()> {
        if let Some((rise, decay)) = self.time_course_ms() {
            let named = if rise.is_some_and(|r| r != decay) { "decay_ms" } else { "tau_ms" };
            require_range(format!("{named} of {what}"), decay, POSITIVE, 1e9)?;
            require_range(format!("rise_ms of {what}"), rise.unwrap_or(1.0), POSITIVE, 1e9)?;
        }
        if let Self::Nmda { magnesium_mm, .. } = self {
            require_range(format!("magnesium_mm of {what}"), *magnesium_mm, 0.0, 1e3)?;
        }
        self.reversal_mv().map_or(Ok(()), |e| require_range(format!("e_mv of {what}"), e, -1e3, 1e3).map(|_| ()))
    }
}
