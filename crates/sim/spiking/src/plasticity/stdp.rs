//! Spike-timing-dependent plasticity.
//!
//! Pairs (Markram et al. 1997; Bi & Poo 1998; Song, Miller & Abbott 2000): dw = A+ e^(-dt / tau+) for dt = t_post - t_pre >= 0 and
//! -A- e^(-|dt| / tau-) for dt < 0, in units of the largest weight, by traces x and y that jump by 1 at spikes and decay. All pairs
//! count, or (nearest) traces jump to 1, so that only the last spike does. Weight dependence (Guetig et al. 2003 J Neurosci 23:3697):
//! A+ (1 - w)^mu and A- w^mu, 0 additive, 1 multiplicative. Triplets (Pfister & Gerstner 2006 J Neurosci 26:9673) multiply by slower
//! traces: A+ + A3+ y2 and A- + A3- x2.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// Which pairs count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// All.
    #[default]
    All,
    /// Those with the last spike of the other side.
    Nearest,
}

/// Terms of three spikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Triplet {
    /// A3+.
    pub a_plus: f64,
    /// A3-.
    #[serde(default)]
    pub a_minus: f64,
    /// Time constant of the slow presynaptic trace in ms.
    pub tau_x_ms: f64,
    /// Time constant of the slow postsynaptic trace in ms.
    pub tau_y_ms: f64,
}

/// Parameters; the defaults are those of Song et al. 2000.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stdp {
    /// A+ in units of the largest weight.
    pub a_plus: f64,
    /// A-.
    pub a_minus: f64,
    /// Time constant of potentiation in ms.
    pub tau_plus_ms: f64,
    /// Time constant of depression in ms.
    pub tau_minus_ms: f64,
    /// Exponent of (1 - w) in potentiation.
    pub mu_plus: f64,
    /// Exponent of w in depression.
    pub mu_minus: f64,
    /// Which pairs count.
    pub pairing: Pairing,
    /// Terms of three spikes.
    pub triplet: Option<Triplet>,
}

impl Default for Stdp {
    fn default() -> Self {
        Self {
            a_plus: 0.005,
            a_minus: 0.00525,
            tau_plus_ms: 20.0,
            tau_minus_ms: 20.0,
            mu_plus: 0.0,
            mu_minus: 0.0,
            pairing: Pairing::All,
            triplet: None,
        }
    }
}

fn power(x: f64, exponent: f64) -> f64 {
    if exponent == 0.0 {
        1.0
    } else if exponent == 1.0 {
        x
    } else {
        libm::pow(x.max(0.0), exponent)
    }
}

impl Stdp {
    /// Change, in units of the largest weight, by a pair alone; `w` from 0 to 1.
    pub fn window(&self, lag_ms: f64, w: f64) -> f64 {
        if lag_ms >= 0.0 {
            self.a_plus * power(1.0 - w, self.mu_plus) * (-lag_ms / self.tau_plus_ms).exp()
        } else {
            -self.a_minus * power(w, self.mu_minus) * (lag_ms / self.tau_minus_ms).exp()
        }
    }

    /// Change at a postsynaptic spike.
    #[inline(always)]
    pub(crate) fn at_post(&self, w: f64, x: f64, y_slow: f64) -> f64 {
        let a = self.a_plus + self.triplet.map_or(0.0, |t| t.a_plus * y_slow);
        a * x * power(1.0 - w, self.mu_plus)
    }

    /// Change at the arrival of a presynaptic spike.
    #[inline(always)]
    pub(crate) fn at_pre(&self, w: f64, y: f64, x_slow: f64) -> f64 {
        let a = self.a_minus + self.triplet.map_or(0.0, |t| t.a_minus * x_slow);
        -a * y * power(w, self.mu_minus)
    }

    /// Refuses time constants that are not positive.
    ///
    /// # Errors
    /// Naming the projection.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("tau_plus_ms of {what}"), self.tau_plus_ms, POSITIVE, 1e12)?;
        require_range(format!("tau_minus_ms of {what}"), self.tau_minus_ms, POSITIVE, 1e12)?;
        for (name, value) in [("a_plus", self.a_plus), ("a_minus", self.a_minus)] {
            require_range(format!("{name} of {what}"), value, -1e6, 1e6)?;
        }
        for (name, value) in [("mu_plus", self.mu_plus), ("mu_minus", self.mu_minus)] {
            require_range(format!("{name} of {what}"), value, 0.0, 100.0)?;
        }
        if let Some(triplet) = self.triplet {
            require_range(format!("tau_x_ms of {what}"), triplet.tau_x_ms, POSITIVE, 1e12)?;
            require_range(format!("tau_y_ms of {what}"), triplet.tau_y_ms, POSITIVE, 1e12)?;
        }
        Ok(())
    }
}
