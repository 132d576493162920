//! How long an epoch lasts.

use rand::RngExt;
use rheobase_core::RandomStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Length of an epoch: fixed, or drawn anew for each trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Timing {
    /// Always the same.
    Fixed {
        /// Length in ms.
        ms: f64,
    },
    /// Any length between two with equal chance.
    Uniform {
        /// Shortest in ms.
        from_ms: f64,
        /// Longest in ms.
        to_ms: f64,
    },
    /// Exponential, cut at both ends: the chance to end does not depend on the time waited.
    Exponential {
        /// Mean of the distribution before it is cut, in ms.
        mean_ms: f64,
        /// Shortest in ms.
        from_ms: f64,
        /// Longest in ms.
        to_ms: f64,
    },
    /// One of a list.
    Choice {
        /// Lengths in ms.
        ms: Vec<f64>,
    },
}

impl Timing {
    /// A fixed length.
    pub const fn fixed(ms: f64) -> Self {
        Self::Fixed { ms }
    }

    /// Refuses lengths below zero, ranges upside down and empty lists.
    ///
    /// # Errors
    /// With `what` and the value.
    pub fn check(&self, what: &'static str) -> Result<()> {
        let positive = |ms: f64| require(what, ms, ms >= 0.0 && ms.is_finite(), "0 ms or more");
        match self {
            Self::Fixed { ms } => positive(*ms),
            Self::Uniform { from_ms, to_ms } => {
                positive(*from_ms)?;
                require(what, *to_ms, to_ms >= from_ms && to_ms.is_finite(), "to_ms at or above from_ms")
            }
            Self::Exponential { mean_ms, from_ms, to_ms } => {
                positive(*from_ms)?;
                require(what, *mean_ms, *mean_ms > 0.0 && mean_ms.is_finite(), "a mean above 0 ms")?;
                require(what, *to_ms, to_ms > from_ms && to_ms.is_finite(), "to_ms above from_ms")
            }
            Self::Choice { ms } => {
                require(what, 0.0, !ms.is_empty(), "a list with at least one length")?;
                ms.iter().try_for_each(|ms| positive(*ms))
            }
        }
    }

    /// [`Timing::check`] for each of a list.
    ///
    /// # Errors
    /// For the first that fails.
    pub(crate) fn check_all(list: &[(&'static str, &Self)]) -> Result<()> {
        list.iter().try_for_each(|(what, timing)| timing.check(what))
    }

    /// A length in steps.
    pub fn steps(&self, dt_ms: f64, stream: &mut RandomStream) -> usize {
        let ms = match self {
            Self::Fixed { ms } => *ms,
            Self::Uniform { from_ms, to_ms } => from_ms + (to_ms - from_ms) * stream.random::<f64>(),
            Self::Exponential { mean_ms, from_ms, to_ms } => {
                // Inversion of the distribution function between the cuts.
                let share = 1.0 - (-(to_ms - from_ms) / mean_ms).exp();
                from_ms - mean_ms * (1.0 - share * stream.random::<f64>()).ln()
            }
            Self::Choice { ms } => ms[stream.random_range(0..ms.len())],
        };
        (ms / dt_ms).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Seed;

    #[test]
    fn lengths_stay_in_their_range_and_have_the_right_mean() {
        let mut stream = Seed::root(1).stream();
        let mut mean = |timing: &Timing| {
            let all: Vec<f64> = (0..20_000).map(|_| timing.steps(1.0, &mut stream) as f64).collect();
            assert!(all.iter().all(|ms| (100.0..=500.0).contains(ms)));
            all.iter().sum::<f64>() / all.len() as f64
        };
        // Standard errors: 115 / sqrt(20000) = 0.8 and less.
        assert!((mean(&Timing::Uniform { from_ms: 100.0, to_ms: 500.0 }) - 300.0).abs() < 4.0);
        assert!((mean(&Timing::Choice { ms: vec![100.0, 500.0] }) - 300.0).abs() < 7.0);
        // Mean of an exponential of mean m cut at L: m - L / (e^(L/m) - 1).
        let exact = 100.0 + 200.0 - 400.0 / (2.0_f64.exp() - 1.0);
        assert!((mean(&Timing::Exponential { mean_ms: 200.0, from_ms: 100.0, to_ms: 500.0 }) - exact).abs() < 4.0);
        assert!(Timing::Uniform { from_ms: 5.0, to_ms: 1.0 }.check("delay").is_err());
        assert!(Timing::Choice { ms: vec![] }.check("delay").is_err());
    }
}
