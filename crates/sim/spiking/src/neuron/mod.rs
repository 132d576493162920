//! Neurons without shape. Adding one is one file here and one line in [`Neuron`].

mod exponential;
mod izhikevich;
mod lif;
mod quadratic;

pub use exponential::Adaptive;
pub use izhikevich::{Izhikevich2003, Izhikevich2007};
pub use lif::Lif;
pub use quadratic::Quadratic;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A neuron whose state is a voltage and one slow variable.
pub trait PointNeuron {
    /// Voltage and slow variable at rest.
    fn start(&self) -> [f64; 2];

    /// Rates of change per ms of voltage and slow variable for an input current, that of conductances included.
    fn rates(&self, state: [f64; 2], current: f64) -> [f64; 2];

    /// Voltage from which on it spikes.
    fn peak_mv(&self) -> f64;

    /// State after a spike.
    fn reset(&self, state: [f64; 2]) -> [f64; 2];

    /// Refuses parameters that make no neuron; `what` names the population.
    ///
    /// # Errors
    /// Naming the parameter and its range.
    fn check(&self, what: &str) -> Result<()>;
}

/// Every neuron.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Neuron {
    /// Leaky integrate-and-fire, exact.
    Lif(Lif),
    /// Izhikevich 2003.
    #[serde(rename = "izhikevich-2003")]
    Izhikevich2003(Izhikevich2003),
    /// Izhikevich 2007.
    #[serde(rename = "izhikevich-2007")]
    Izhikevich2007(Izhikevich2007),
    /// Exponential integrate-and-fire with adaptation (AdEx); without adaptation the EIF.
    Adaptive(Adaptive),
    /// Quadratic integrate-and-fire.
    Quadratic(Quadratic),
}

impl Neuron {
    /// The neuron with two variables, unless it is the leaky one.
    pub fn two_variables(&self) -> Option<&dyn PointNeuron> {
        match self {
            Self::Lif(_) => None,
            Self::Izhikevich2003(n) => Some(n),
            Self::Izhikevich2007(n) => Some(n),
            Self::Adaptive(n) => Some(n),
            Self::Quadratic(n) => Some(n),
        }
    }

    /// Refuses parameters that make no neuron.
    ///
    /// # Errors
    /// Naming the parameter, its value and its range.
    pub fn check(&self, what: &str) -> Result<()> {
        match self {
            Self::Lif(lif) => lif.check(what),
            _ => self.two_variables().map_or(Ok(()), |n| n.check(what)),
        }
    }

    /// Spike times in ms of one neuron under a current over time, with Euler steps: for curves and tests; networks have
    /// their own loops.
    pub fn respond(&self, dt_ms: f64, duration_ms: f64, current: impl Fn(f64) -> f64) -> Vec<f64> {
        let steps = (duration_ms / dt_ms).round() as usize;
        let mut spikes = Vec::new();
        let Some(neuron) = self.two_variables() else {
            let Self::Lif(lif) = self else { return spikes };
            let mut state = lif::LifState::at_rest(lif);
            for step in 0..steps {
                if state.step(lif, dt_ms, current(step as f64 * dt_ms)) {
                    spikes.push((step + 1) as f64 * dt_ms);
                }
            }
            return spikes;
        };
        let mut state = neuron.start();
        for step in 0..steps {
            let rates = neuron.rates(state, current(step as f64 * dt_ms));
            state = [state[0] + dt_ms * rates[0], state[1] + dt_ms * rates[1]];
            if state[0] >= neuron.peak_mv() {
                state = neuron.reset(state);
                spikes.push((step + 1) as f64 * dt_ms);
            }
        }
        spikes
    }
}
