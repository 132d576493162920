//! A cell in time: one or more lanes of the same cell, each with its own inputs and parameters.
//!
//! Each step of length h goes from t to t + h:
//! 1. gates move to the time at which their conductances are used, exactly for the present voltage;
//! 2. conductances, currents and axial coupling make one linear system, solved by elimination;
//! 3. voltages move, spikes are detected, and events are sent.
//!
//! With [`Method::CrankNicolson`] gates, synapses and inputs are taken at t + h/2 and the voltage step is the doubled half
//! step: second order, the default. With [`Method::BackwardEuler`] they are taken at t: first order, as NEURON's default.
//! Recordings hold values at the beginning of a step; gates and conductances those used in the step.

mod adaptive;
mod build;
mod clamp;
mod domain;
mod events;
mod gradient;
mod impedance;
mod network;
mod probe;
mod snapshot;
mod step;

pub use adaptive::AdaptiveReport;
pub use clamp::{Current, VoltageClamp};
pub use gradient::{Gradient, Loss};
pub use impedance::Impedance;
pub use network::{Link, Network};
pub use probe::Probe;
pub use snapshot::Snapshot;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mechanism::Kinetics;
use crate::solver::{CableTree, Elimination};
use crate::synapse::{GradedSynapse, KineticBank, ReceptorBank};
use clamp::PlacedClamps;
use domain::Domain;
use events::{Connection, Detector, Event, Queue};
use probe::Recording;

/// How a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Second order: conductances at the middle of the step.
    #[default]
    CrankNicolson,
    /// First order.
    BackwardEuler,
}

/// Numbers of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Step in ms.
    pub dt_ms: f64,
    /// Method.
    pub method: Method,
    /// Voltage at the start in mV, everywhere.
    pub v_init_mv: f64,
    /// Lanes: 1, 2, 4, 8 or 16.
    pub lanes: usize,
    /// Bits of the kinetics.
    pub kinetics: Kinetics,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dt_ms: 0.025, method: Method::default(), v_init_mv: -65.0, lanes: 1, kinetics: Kinetics::default() }
    }
}

/// Place of the bank of kinetic receptors, which are all in one.
const KINETIC: usize = usize::MAX;

/// A synapse as the user sees it: several receptors.
#[derive(Debug, Clone)]
pub(crate) struct Synapse {
    /// Bank, [`KINETIC`] for that of the kinetic ones, and index in it.
    pub receptors: Vec<(usize, usize)>,
}

/// A graded synapse and its state in every lane.
#[derive(Debug, Clone)]
struct PlacedGraded {
    synapse: GradedSynapse,
    from: usize,
    to: usize,
    state: Vec<f64>,
}

/// A cell under simulation.
pub struct Simulation {
    settings: Settings,
    tree: CableTree,
    places: Vec<String>,
    /// Shape (nodes, lanes).
    v: Vec<f64>,
    elimination: Elimination,
    domains: Vec<Domain>,
    /// Nodes without membrane.
    bare_nodes: Vec<usize>,
    /// Domain and place in it of every compartment.
    home: Vec<(usize, usize)>,
    /// Receptors of one kind each.
    receptors: Vec<ReceptorBank>,
    kinetic: KineticBank,
    synapses: Vec<Synapse>,
    graded: Vec<PlacedGraded>,
    gaps: Vec<(usize, usize, f64)>,
    clamps: PlacedClamps,
    queue: Queue,
    connections: Vec<Connection>,
    detectors: Vec<Detector>,
    recordings: Vec<Recording>,
    record_every: usize,
    /// Steps of `dt_ms` done since `origin_ms`.
    steps: u64,
    origin_ms: f64,
    time_ms: f64,
    /// By how much gates and synapses lag behind the time at which the next step uses them, but for that step's share.
    lag_ms: f64,
    /// Whether the matrix of the last step still holds.
    factored_for_ms: Option<f64>,
    conductances_change: bool,
    /// Events of the present step with their age at use, while a gradient is computed.
    delivered: Option<Vec<(Event, f64)>>,
}
