//! What accompanies a simulation: neurons that are computed elsewhere, states that are kept.

use super::Simulation;
use crate::Result;

/// Something that acts on a simulation while it runs.
pub trait Companion {
    /// Time between two acts in ms; none if it only watches.
    fn every_ms(&self) -> Option<f64> {
        None
    }

    /// Acts at a multiple of that time, before the step that begins there.
    ///
    /// # Errors
    /// What ends the run.
    fn act(&mut self, simulation: &mut Simulation) -> Result<()> {
        let _ = simulation;
        Ok(())
    }

    /// Looks at the state, every 100 ms of biology, before it acts then.
    ///
    /// # Errors
    /// What ends the run.
    fn watch(&mut self, simulation: &Simulation) -> Result<()> {
        let _ = simulation;
        Ok(())
    }
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Companion for Alone {}
