//! Receptors whose conductance is a sum of decaying exponentials, with or without magnesium block.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::{POSITIVE, require_range};
use crate::math::exp;

/// Time course of the conductance after one event, with a peak of 1 (a jump to 1 for the exponential).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// e^(-t / tau).
    Exponential {
        /// Time constant in ms.
        tau_ms: f64,
    },
    /// f (e^(-t / decay) - e^(-t / rise)), f such that the peak is 1.
    DoubleExponential {
        /// Time constant of the rise in ms.
        rise_ms: f64,
        /// Time constant of the decay in ms, larger than that of the rise.
        decay_ms: f64,
    },
    /// (t / tau) e^(1 - t / tau).
    Alpha {
        /// Time constant and time of the peak in ms.
        tau_ms: f64,
    },
}

impl Shape {
    /// Time of the peak in ms.
    pub fn peak_ms(&self) -> f64 {
        match *self {
            Self::Exponential { .. } => 0.0,
            Self::DoubleExponential { rise_ms, decay_ms } => {
                (decay_ms / rise_ms).ln() * rise_ms * decay_ms / (decay_ms - rise_ms)
            }
            Self::Alpha { tau_ms } => tau_ms,
        }
    }

    fn check(&self) -> Result<()> {
        match *self {
            Self::Exponential { tau_ms } | Self::Alpha { tau_ms } => {
                require_range("tau_ms of a receptor", tau_ms, POSITIVE, 1e9)?;
            }
            Self::DoubleExponential { rise_ms, decay_ms } => {
                require_range("rise_ms of a receptor", rise_ms, POSITIVE, 1e9)?;
                require_range("decay_ms of a receptor", decay_ms, rise_ms * 1.000_001, 1e9)?;
            }
        }
        Ok(())
    }
}

/// Voltage-dependent block by magnesium: open share 1 / (1 + Mg / scale e^(-slope V)) (Jahr & Stevens 1990).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MagnesiumBlock {
    /// Magnesium concentration in mM.
    pub magnesium_mm: f64,
    /// Slope in 1/mV: .062 (Jahr & Stevens 1990), .08 (Beniaguev et al. 2021).
    pub slope_per_mv: f64,
    /// Scale in mM, 3.57 in both.
    #[serde(default = "scale")]
    pub scale_mm: f64,
}

fn scale() -> f64 {
    3.57
}

impl MagnesiumBlock {
    /// Open share at a voltage.
    pub fn open(&self, v_mv: f64) -> f64 {
        1.0 / (1.0 + self.magnesium_mm / self.scale_mm * exp(-self.slope_per_mv * v_mv))
    }
}

/// A receptor of a synapse; an event of weight 1 opens `g_ns` at the peak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receptor {
    /// Time course.
    pub shape: Shape,
    /// Largest conductance in nS.
    pub g_ns: f64,
    /// Reversal potential in mV.
    pub e_mv: f64,
    /// Magnesium block, for NMDA receptors.
    #[serde(default)]
    pub block: Option<MagnesiumBlock>,
}

impl Receptor {
    /// AMPA with .3 / 3 ms (Beniaguev et al. 2021).
    pub fn ampa(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 0.3, decay_ms: 3.0 };
        Self { shape, g_ns, e_mv: 0.0, block: None }
    }

    /// NMDA with 2 / 70 ms and a slope of .08 per mV (Beniaguev et al. 2021).
    pub fn nmda(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 2.0, decay_ms: 70.0 };
        let block = Some(MagnesiumBlock { magnesium_mm: 1.0, slope_per_mv: 0.08, scale_mm: 3.57 });
        Self { shape, g_ns, e_mv: 0.0, block }
    }

    /// GABA-A with .2 / 8 ms at -80 mV.
    pub fn gaba_a(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 0.2, decay_ms: 8.0 };
        Self { shape, g_ns, e_mv: -80.0, block: None }
    }

    /// GABA-B with 3.5 / 260.9 ms at -97 mV.
    pub fn gaba_b(g_ns: f64) -> Self {
        let shape = Shape::DoubleExponential { rise_ms: 3.5, decay_ms: 260.9 };
        Self { shape, g_ns, e_mv: -97.0, block: None }
    }

    /// Refuses time constants that are not positive, negative conductances and what is not finite.
    ///
    /// # Errors
    /// Naming the field.
    pub fn check(&self) -> Result<()> {
        self.shape.check()?;
        require_range("g_ns of a receptor", self.g_ns, 0.0, 1e9)?;
        require_range("e_mv of a receptor", self.e_mv, -500.0, 500.0)?;
        if let Some(block) = self.block {
            require_range("magnesium_mm of a receptor", block.magnesium_mm, 0.0, 1e3)?;
            require_range("slope_per_mv of a receptor", block.slope_per_mv, 0.0, 1.0)?;
            require_range("scale_mm of a receptor", block.scale_mm, POSITIVE, 1e6)?;
        }
        Ok(())
    }
}
