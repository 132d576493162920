//! Short-term plasticity of a connection (Tsodyks & Markram 1997; form of Mongillo, Barak & Tsodyks 2008).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::{POSITIVE, require_range};

/// x' = (1 - x) / tau_x - u x delta, u' = (U - u) / tau_u + U (1 - u) delta; release u x before the jump.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortTermPlasticity {
    /// Share of the resources that a first spike releases.
    pub use_share: f64,
    /// Recovery of the resources x in ms.
    pub tau_x_ms: f64,
    /// Decay of the facilitation u in ms.
    pub tau_u_ms: f64,
    /// x, u and the time of the last spike.
    #[serde(default)]
    state: Option<[f64; 3]>,
}

impl ShortTermPlasticity {
    /// At rest.
    ///
    /// # Errors
    /// If the share is not from 0 to 1 or a time constant not positive.
    pub fn new(use_share: f64, tau_x_ms: f64, tau_u_ms: f64) -> Result<Self> {
        let plasticity = Self { use_share, tau_x_ms, tau_u_ms, state: None };
        plasticity.check()?;
        Ok(plasticity)
    }

    /// Refuses what [`ShortTermPlasticity::new`] refuses, for values read from a file.
    ///
    /// # Errors
    /// Naming the field.
    pub fn check(&self) -> Result<()> {
        require_range("use_share of short-term plasticity", self.use_share, POSITIVE, 1.0)?;
        require_range("tau_x_ms of short-term plasticity", self.tau_x_ms, POSITIVE, 1e9)?;
        require_range("tau_u_ms of short-term plasticity", self.tau_u_ms, POSITIVE, 1e9)?;
        Ok(())
    }

    /// What a spike at `time_ms` releases, relative to a first spike: u x / U. Times must rise.
    pub fn release(&mut self, time_ms: f64) -> f64 {
        let (x, u) = match self.state {
            Some([x, u, last]) => (
                1.0 + (x - 1.0) * (-(time_ms - last) / self.tau_x_ms).exp(),
                self.use_share + (u - self.use_share) * (-(time_ms - last) / self.tau_u_ms).exp(),
            ),
            None => (1.0, self.use_share),
        };
        let released = u * x;
        self.state = Some([x - released, u + self.use_share * (1.0 - u), time_ms]);
        released / self.use_share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systems.md A10, at 1 %.
    #[test]
    fn pairs_and_trains_release_what_the_closed_form_says() {
        let train = |facilitating: bool, rate_hz: f64, spikes: usize| -> f64 {
            let (u, x, t) = if facilitating { (0.15, 200.0, 1500.0) } else { (0.45, 1500.0, 200.0) };
            let mut synapse = ShortTermPlasticity::new(u, x, t).unwrap();
            (0..spikes).map(|k| synapse.release(k as f64 * 1000.0 / rate_hz)).last().unwrap()
        };
        for (rate, expected) in [(10.0, 1.632), (20.0, 1.609), (50.0, 1.589)] {
            assert!((train(true, rate, 2) / expected - 1.0).abs() < 0.01);
        }
        for (rate, expected) in [(10.0, 0.772), (20.0, 0.807), (50.0, 0.833)] {
            assert!((train(false, rate, 2) / expected - 1.0).abs() < 0.01);
        }
        for (rate, expected) in [(5.0, 2.912), (10.0, 2.293), (20.0, 1.416), (50.0, 0.630)] {
            assert!((train(true, rate, 2000) / expected - 1.0).abs() < 0.01, "{rate}");
        }
        for (rate, expected) in [(5.0, 0.253), (10.0, 0.139), (20.0, 0.072), (50.0, 0.029)] {
            // The last value is given to two digits.
            assert!((train(false, rate, 2000) - expected).abs() < 0.01 * expected + 0.0005, "{rate}");
        }
        let drive = |rate: f64| rate * train(false, rate, 2000);
        assert!((drive(50.0) / drive(20.0) - 1.0).abs() < 0.05);
    }
}
