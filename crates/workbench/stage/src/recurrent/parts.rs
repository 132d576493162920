//! The parts of a recurrent model as parameters: cell, wiring, penalties, learning.

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::Seed;
use rheobase_rate::optimizer::Optimizer;
use rheobase_rate::recurrent::perturbation::Estimator;
use rheobase_rate::recurrent::training::{Method, Schedule, Training};
use rheobase_rate::recurrent::{Cell, Nonlinearity, Penalties, Wiring};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::threads;

/// Kind of unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CellPart {
    /// tau r' = -r + f(W r + W_in u + b), Euler form; Elman's network when tau is one step.
    Rate {
        /// F-I curve.
        nonlinearity: Nonlinearity,
        /// Time constant in ms; one step of the task by default.
        #[serde(default)]
        tau_ms: Option<f64>,
    },
    /// tau x' = -x + W f(x) + W_in u + b, Euler form.
    Current {
        /// F-I curve.
        nonlinearity: Nonlinearity,
        /// Time constant in ms; one step of the task by default.
        #[serde(default)]
        tau_ms: Option<f64>,
    },
    /// Gated recurrent unit.
    Gru {},
    /// Long short-term memory.
    Lstm {},
    /// LSTM whose gates subtract.
    SubLstm {
        /// Whether the forget gate is a learnt constant of its unit (fix-subLSTM).
        #[serde(default)]
        fixed_forget: bool,
    },
}

impl CellPart {
    /// The cell for a step of this length.
    pub fn cell(&self, dt_ms: f64) -> Cell {
        let alpha = |tau: &Option<f64>| tau.map_or(1.0, |tau| dt_ms / tau);
        match self {
            Self::Rate { nonlinearity, tau_ms } => Cell::Rate { nonlinearity: *nonlinearity, alpha: alpha(tau_ms) },
            Self::Current { nonlinearity, tau_ms } => {
                Cell::Current { nonlinearity: *nonlinearity, alpha: alpha(tau_ms) }
            }
            Self::Gru {} => Cell::Gru,
            Self::Lstm {} => Cell::Lstm,
            Self::SubLstm { fixed_forget: false } => Cell::SubLstm,
            Self::SubLstm { fixed_forget: true } => Cell::FixedForgetSubLstm,
        }
    }
}

/// How recurrent weights are made of parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WiringPart {
    /// Every weight is free.
    Free {},
    /// Every unit excites or inhibits.
    Dale {
        /// Share of excitatory units.
        #[serde(default = "four_fifths")]
        excitatory_fraction: f64,
        /// Areas of equal size; units of one area reach those of another only if they excite, and with this density.
        #[serde(default = "one")]
        areas: usize,
        /// Share of connections between areas that exist.
        #[serde(default = "tenth")]
        between_density: f64,
    },
    /// A product of two thin matrices.
    LowRank {
        /// Rank.
        rank: usize,
    },
}

fn four_fifths() -> f64 {
    0.8
}

fn one() -> usize {
    1
}

fn tenth() -> f64 {
    0.1
}

impl WiringPart {
    /// Refuses shares and numbers that cannot be.
    ///
    /// # Errors
    /// With the parameter and what would be right.
    pub fn check(&self) -> rheobase_rate::Result<()> {
        let Self::Dale { excitatory_fraction: share, areas, between_density: density } = self else { return Ok(()) };
        let fail = |message: String| Err(rheobase_rate::Error::Architecture(message));
        if !(*share > 0.0 && *share <= 1.0) {
            return fail(format!("excitatory_fraction is {share}, it must lie in (0, 1]"));
        }
        if *areas == 0 {
            return fail("areas is 0, there is at least one".into());
        }
        if !(0.0..=1.0).contains(density) {
            return fail(format!("between_density is {density}, it must lie in [0, 1]"));
        }
        Ok(())
    }

    /// Number of excitatory units, where there are such.
    pub fn excitatory(&self, units: usize) -> Option<usize> {
        match self {
            Self::Dale { excitatory_fraction, .. } => Some((excitatory_fraction * units as f64).round() as usize),
            _ => None,
        }
    }

    /// As the network knows it.
    pub fn wiring(&self, units: usize) -> Wiring {
        match self {
            Self::Free {} => Wiring::Free,
            Self::Dale { .. } => Wiring::Dale { excitatory: self.excitatory(units).unwrap_or(units) },
            Self::LowRank { rank } => Wiring::LowRank { rank: *rank },
        }
    }

    /// Connections that exist, (sources, targets), for networks of several areas. Excitatory units of an area are every areas-th.
    pub fn mask(&self, units: usize, seed: &Seed) -> Option<Array2<f64>> {
        let Self::Dale { areas, between_density, .. } = self else { return None };
        let excitatory = self.excitatory(units)?;
        (*areas > 1).then(|| {
            let mut stream = seed.child("mask").stream();
            Array2::from_shape_fn((units, units), |(source, target)| {
                let draw: f64 = stream.random();
                let same = source % areas == target % areas;
                f64::from(u8::from(same || (source < excitatory && draw < *between_density)))
            })
        })
    }
}

/// What costs beside the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct PenaltyPart {
    /// Mean squared output of the units.
    pub rate: f64,
    /// Sum of squared weights.
    pub weight: f64,
    /// Weights times the distance between their units.
    pub wiring: f64,
    /// Mean squared size of the linearised dynamics (Sussillo et al. 2015).
    pub smooth_dynamics: f64,
    /// Errors that shrink or grow on their way back in time (Pascanu et al. 2013).
    pub vanishing_gradient: f64,
    /// Chance that an output of a unit, or of the bottleneck where there is one, does not reach the read-out in a step.
    pub dropout: f64,
}

/// How a gradient becomes a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerPart {
    /// Adam (Kingma & Ba 2015).
    Adam {},
    /// Gradient descent with momentum.
    Sgd {
        /// Share of the last step that is kept.
        #[serde(default)]
        momentum: f64,
    },
}

/// How the step size changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SchedulePart {
    /// Not at all.
    Constant {},
    /// Half a cosine down to this share.
    Cosine {
        /// Share of the rate at the end.
        #[serde(default)]
        to: f64,
    },
    /// By a factor every so many iterations.
    Steps {
        /// Factor.
        factor: f64,
        /// Iterations between.
        every: usize,
    },
}

/// Where the gradient comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MethodPart {
    /// Backpropagation through time.
    Backpropagation {
        /// Steps after which the error is cut; the whole trial by default.
        #[serde(default)]
        truncation: Option<usize>,
    },
    /// What random changes of weights or of drives do to the loss.
    Perturbation {
        /// What is perturbed.
        of: Estimator,
        /// Standard deviation of the perturbation.
        sd: f64,
    },
}

/// How a recurrent network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LearningPart {
    /// Where the gradient comes from.
    pub method: MethodPart,
    /// Iterations; 0 leaves the network as it starts.
    pub iterations: usize,
    /// Trials of an iteration, drawn anew each time.
    pub batch: usize,
    /// Step size.
    pub rate: f64,
    /// How the step size changes.
    pub schedule: SchedulePart,
    /// How a gradient becomes a step.
    pub optimizer: OptimizerPart,
    /// Largest norm of the gradient; 0 for no limit.
    pub clip: f64,
    /// Iterations between validations.
    pub report_every: usize,
    /// Trials of a validation.
    pub validation_trials: usize,
    /// Mean score at which training stops.
    pub stop_at: Option<f64>,
    /// Names of parameters that stay as they are.
    pub frozen: Vec<String>,
}

impl Default for LearningPart {
    fn default() -> Self {
        Self {
            method: MethodPart::Backpropagation { truncation: None },
            iterations: 1000,
            batch: 64,
            rate: 1e-3,
            schedule: SchedulePart::Constant {},
            optimizer: OptimizerPart::Adam {},
            clip: 1.0,
            report_every: 50,
            validation_trials: 128,
            stop_at: None,
            frozen: vec![],
        }
    }
}

impl LearningPart {
    /// As the library knows it.
    pub fn training(&self, penalties: &PenaltyPart) -> Training {
        Training {
            method: match &self.method {
                MethodPart::Backpropagation { truncation } => Method::Backpropagation { truncation: *truncation },
                MethodPart::Perturbation { of, sd } => Method::Perturbation { estimator: *of, sd: *sd },
            },
            iterations: self.iterations,
            batch: self.batch,
            rate: self.rate,
            schedule: match self.schedule {
                SchedulePart::Constant {} => Schedule::Constant,
                SchedulePart::Cosine { to } => Schedule::Cosine { to },
                SchedulePart::Steps { factor, every } => Schedule::Steps { factor, every },
            },
            optimizer: match self.optimizer {
                OptimizerPart::Adam {} => Optimizer::Adam,
                OptimizerPart::Sgd { momentum } => Optimizer::Sgd { momentum },
            },
            clip: self.clip,
            penalties: Penalties {
                rate: penalties.rate,
                weight: penalties.weight,
                wiring: penalties.wiring,
                smooth_dynamics: penalties.smooth_dynamics,
                vanishing_gradient: penalties.vanishing_gradient,
            },
            dropout: penalties.dropout,
            report_every: self.report_every,
            validation: self.validation_trials,
            stop_at: self.stop_at,
            frozen: self.frozen.clone(),
            threads: threads(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_excitatory_units_reach_another_area() {
        let wiring = WiringPart::Dale { excitatory_fraction: 0.8, areas: 2, between_density: 0.25 };
        wiring.check().unwrap();
        let mask = wiring.mask(100, &Seed::root(1)).unwrap();
        let (mut within, mut excitatory, mut inhibitory) = (vec![], vec![], vec![]);
        for ((source, target), open) in mask.indexed_iter() {
            match (source % 2 == target % 2, source < 80) {
                (true, _) => within.push(*open),
                (false, true) => excitatory.push(*open),
                (false, false) => inhibitory.push(*open),
            }
        }
        assert!(within.iter().all(|open| *open == 1.0) && inhibitory.iter().all(|open| *open == 0.0));
        // 4,000 draws of .25: standard error .007.
        let share = excitatory.iter().sum::<f64>() / excitatory.len() as f64;
        assert!((share - 0.25).abs() < 0.03, "{share}");
        let none = WiringPart::Dale { excitatory_fraction: 0.8, areas: 0, between_density: 0.25 };
        assert_eq!(none.check().unwrap_err().to_string(), "areas is 0, there is at least one");
        assert!(WiringPart::Free {}.mask(10, &Seed::root(1)).is_none());
    }
}
