//! Neurons without shape. Adding one is one file here and one line in [`Neuron`].

mod described;
mod exponential;
mod graded;
mod hodgkin_huxley;
mod izhikevich;
mod lif;
mod quadratic;
mod relay;
mod source;
mod threshold_unit;

pub(crate) use described::{BlockInput, Kernel as DescribedKernel};
pub use described::{Described, Method};
pub use exponential::Adaptive;
pub use graded::Graded;
pub use hodgkin_huxley::HodgkinHuxley;
pub use izhikevich::{Izhikevich2003, Izhikevich2007};
pub use lif::{Lif, LifState};
pub use quadratic::Quadratic;
pub use relay::Relay;
pub use source::{Drawing, Renewal, SpikeTimes};
pub(crate) use source::{ProcessState, Processes};
pub use threshold_unit::ThresholdUnit;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::{Error, Float};

/// Most variables of a [`PointNeuron`], the voltage included.
pub const STATES: usize = 4;

/// What a neuron gets in a step.
#[derive(Debug, Clone, Copy)]
pub struct Input<F> {
    /// Current.
    pub current: F,
    /// Sum of the conductances.
    pub conductance: F,
    /// Sum of the conductances times their reversal potentials.
    pub pull: F,
}

impl<F: Float> Input<F> {
    /// The whole current at a voltage.
    #[inline(always)]
    pub fn at(&self, v: F) -> F {
        self.current + self.pull - self.conductance * v
    }
}

/// A neuron whose state is a voltage and up to three slow variables.
pub trait PointNeuron {
    /// Slow variables that it uses.
    const SLOW: usize;

    /// Voltage and slow variables at rest.
    fn start(&self) -> [f64; STATES];

    /// The state after a step; mark it `#[inline(always)]`.
    fn advance<F: Float>(&self, state: [F; STATES], input: Input<F>, dt_ms: F) -> [F; STATES];

    /// Voltage from which on it spikes.
    fn peak_mv(&self) -> f64;

    /// State after a spike.
    fn reset(&self, state: [f64; STATES]) -> [f64; STATES];

    /// Time after a spike without another one, in ms.
    fn refractory_ms(&self) -> f64 {
        0.0
    }

    /// Whether the voltage stays where it is in that time.
    fn clamped(&self) -> bool {
        true
    }

    /// Refuses parameters that make no neuron; `what` names the population.
    ///
    /// # Errors
    /// Naming the parameter and its range.
    fn check(&self, what: &str) -> Result<()>;
}

/// Every neuron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Hodgkin-Huxley with the kinetics of Traub and Miles.
    HodgkinHuxley(HodgkinHuxley),
    /// Threshold unit, or binary stochastic unit.
    ThresholdUnit(ThresholdUnit),
    /// Leaky neuron that releases transmitter without spikes.
    Graded(Graded),
    /// Point process.
    Renewal(Renewal),
    /// Given spikes.
    SpikeTimes(SpikeTimes),
    /// Computed outside the network.
    Relay(Relay),
    /// A model given by its equations.
    Described(Described),
}

/// Does the same with each [`PointNeuron`]; the rest is `other`.
macro_rules! with_point_neuron {
    ($neuron:expr, $n:ident => $body:expr, $other:expr) => {
        match $neuron {
            $crate::neuron::Neuron::Izhikevich2003($n) => $body,
            $crate::neuron::Neuron::Izhikevich2007($n) => $body,
            $crate::neuron::Neuron::Adaptive($n) => $body,
            $crate::neuron::Neuron::Quadratic($n) => $body,
            $crate::neuron::Neuron::HodgkinHuxley($n) => $body,
            _ => $other,
        }
    };
}
pub(crate) use with_point_neuron;

impl Neuron {
    /// Voltage and slow variables at rest.
    pub fn start(&self) -> [f64; STATES] {
        match self {
            Self::Lif(n) => [n.rest_mv, 0.0, 0.0, 0.0],
            Self::Graded(n) => [n.rest_mv, 0.0, 0.0, 0.0],
            _ => with_point_neuron!(self, n => n.start(), [0.0; STATES]),
        }
    }

    /// Voltage from which on it spikes.
    pub fn threshold_mv(&self) -> f64 {
        match self {
            Self::Lif(n) => n.threshold_mv,
            Self::ThresholdUnit(n) => n.threshold,
            _ => with_point_neuron!(self, n => n.peak_mv(), f64::MAX),
        }
    }

    /// Time after a spike without another one, in ms.
    pub fn refractory_ms(&self) -> f64 {
        match self {
            Self::Lif(n) => n.refractory_ms,
            Self::Described(n) => n.refractory_ms,
            _ => with_point_neuron!(self, n => n.refractory_ms(), 0.0),
        }
    }

    /// The same neuron with another value of one parameter.
    ///
    /// # Errors
    /// If the model has no such parameter; its parameters are listed.
    pub fn with_parameter(&self, name: &str, value: f64, what: &str) -> Result<Self> {
        let failed = |e: serde_json::Error| Error::Description(format!("{name} of {what}: {e}"));
        let mut tree = serde_json::to_value(self).map_err(failed)?;
        let serde_json::Value::Object(map) = &mut tree else {
            return Err(Error::Description(format!("{what} has no parameters that could vary")));
        };
        if matches!(self, Self::Described(_)) {
            let problem = "a described model has the same parameters for all neurons; make the one that varies a variable \
                           with an equation of 0 and give it a start";
            return Err(Error::Description(format!("{name} of {what}: {problem}")));
        }
        if !map.get(name).is_some_and(serde_json::Value::is_number) {
            let known: Vec<&str> = map.iter().filter(|(_, v)| v.is_number()).map(|(k, _)| &k[..]).collect();
            let what = format!("parameter of {what}");
            return Err(Error::Unknown { what, name: name.into(), known: known.join(", ") });
        }
        map.insert(name.into(), value.into());
        serde_json::from_value(tree).map_err(failed)
    }

    /// Refuses parameters that make no neuron.
    ///
    /// # Errors
    /// Naming the parameter, its value and its range.
    pub fn check(&self, what: &str, dt_ms: f64) -> Result<()> {
        match self {
            Self::Lif(n) => n.check(what),
            Self::ThresholdUnit(n) => n.check(what),
            Self::Graded(n) => n.check(what),
            Self::Renewal(n) => n.check(what, dt_ms),
            Self::SpikeTimes(n) => n.check(what),
            Self::Described(n) => n.check(what),
            _ => with_point_neuron!(self, n => n.check(what), Ok(())),
        }
    }

    /// Spike times in ms of one neuron under a current over time, with its own steps: for curves and tests; networks have
    /// their own loops. Sources and units without a membrane do not answer to currents.
    pub fn respond(&self, dt_ms: f64, duration_ms: f64, current: impl Fn(f64) -> f64) -> Vec<f64> {
        let steps = (duration_ms / dt_ms).round() as usize;
        if let Self::Lif(lif) = self {
            let mut state = LifState::at_rest(lif);
            let spikes = |step: &usize| state.step(lif, dt_ms, current(*step as f64 * dt_ms));
            return (0..steps).filter(spikes).map(|step| (step + 1) as f64 * dt_ms).collect();
        }
        with_point_neuron!(self, n => respond(n, dt_ms, steps, current), vec![])
    }
}

fn respond(neuron: &impl PointNeuron, dt_ms: f64, steps: usize, current: impl Fn(f64) -> f64) -> Vec<f64> {
    let (mut state, mut spikes, mut wait) = (neuron.start(), Vec::new(), 0.0);
    for step in 0..steps {
        let held = wait > 0.5;
        wait = f64::max(wait - 1.0, 0.0);
        if held && neuron.clamped() {
            continue;
        }
        let input = Input { current: current(step as f64 * dt_ms), conductance: 0.0, pull: 0.0 };
        state = neuron.advance(state, input, dt_ms);
        if state[0] >= neuron.peak_mv() && !held {
            state = neuron.reset(state);
            wait = (neuron.refractory_ms() / dt_ms).round();
            spikes.push((step + 1) as f64 * dt_ms);
        }
    }
    spikes
}
