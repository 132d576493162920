//! What a membrane consists of: one file per mechanism, one line in [`MECHANISMS`].
//!
//! A mechanism is written once, as a [`Channel`]: how its gates move and what current flows, for any [`Real`] number.
//! From that come the vectorised step and the derivatives for gradients. Conductances are densities in S/cm2 where a
//! user gives them, and uS per compartment inside.

mod bahl;
mod bank;
mod ca1;
mod calcium;
mod channel_bank;
mod connor_stevens;
mod dendritic_calcium_spike;
mod described;

mod fitzhugh_nagumo;
mod hay;
mod hodgkin_huxley;
mod step_in_double;
mod step_in_single;

pub(crate) use bank::{BLOCK, padded};
pub use bank::{Bank, Channel, Current, Gate, Membrane, Pullback, StepRecord, Stretch};
pub use calcium::CalciumPool;
pub(crate) use calcium::Pools;
pub use described::DescribedChannel;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::math::Real;
use crate::{Error, Result};

/// With how many bits membranes are computed: gates and their rates, conductances and currents, receptors and their magnesium block, and the
/// reversal potential of calcium. Voltages, concentrations, capacitance, leak and the cable always have 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kinetics {
    /// 53 bits, as NEURON.
    #[default]
    Double,
    /// 24 bits: rates and currents are rounded to some 1e-7 of their value, far less than the step's own error, and vectors hold twice
    /// as many. What rounding leaves of a gate enters its next step, so that slow gates lose nothing. Mechanisms given as text, and the
    /// dendritic calcium spike, keep 53.
    Single,
}

/// A parameter of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterInfo {
    /// Name with its unit, such as `g_s_per_cm2`.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Value where none is given.
    pub default: f64,
    /// Smallest allowed value.
    pub low: f64,
    /// Largest allowed value.
    pub high: f64,
}

/// A density of conductance in S/cm2, which is turned into uS per compartment.
pub const fn conductance(name: &'static str, default: f64) -> ParameterInfo {
    ParameterInfo { name, about: "largest conductance in S/cm2", default, low: 0.0, high: 1e3 }
}

/// A reversal potential in mV.
pub const fn reversal(name: &'static str, default: f64) -> ParameterInfo {
    ParameterInfo { name, about: "reversal potential in mV", default, low: -500.0, high: 500.0 }
}

/// A voltage in mV.
pub const fn voltage(name: &'static str, about: &'static str, default: f64) -> ParameterInfo {
    ParameterInfo { name, about, default, low: -500.0, high: 500.0 }
}

/// A positive factor.
pub const fn factor(name: &'static str, about: &'static str, default: f64) -> ParameterInfo {
    ParameterInfo { name, about, default, low: 1e-9, high: 1e9 }
}

/// Name, source and parameters of a mechanism.
#[derive(Debug, Clone, Copy)]
pub struct MechanismInfo {
    /// Name by which cells insert it.
    pub name: &'static str,
    /// What it is, with its source.
    pub about: &'static str,
    /// Names of its states.
    pub states: &'static [&'static str],
    /// Parameters; those whose unit is S/cm2 are scaled by the area of each compartment.
    pub parameters: &'static [ParameterInfo],
    /// Whether its current is carried by calcium, flows into a calcium pool and has the pool's reversal potential.
    pub carries_calcium: bool,
    /// Whether it reads the calcium concentration.
    pub reads_calcium: bool,
}

/// Makes a [`Bank`] from values of shape (parameters, compartments).
pub type BankMaker = fn(parameters: Vec<Vec<f64>>, lanes: usize, kinetics: Kinetics) -> Box<dyn Bank>;

/// A known mechanism.
pub struct MechanismEntry {
    /// Description.
    pub info: &'static MechanismInfo,
    /// Constructor.
    pub make: BankMaker,
}

const fn channel<const S: usize, const P: usize, C: Channel<S, P>>() -> MechanismEntry {
    MechanismEntry { info: &C::INFO, make: channel_bank::make::<S, P, C> }
}

/// Every channel; the passive leak and the calcium pool are part of the cable itself.
pub const MECHANISMS: &[MechanismEntry] = &[
    channel::<_, _, hodgkin_huxley::HodgkinHuxley>(),
    channel::<_, _, connor_stevens::ConnorStevens>(),
    channel::<_, _, fitzhugh_nagumo::FitzHughNagumo>(),
    channel::<_, _, hay::CaHva>(),
    channel::<_, _, hay::CaLva>(),
    channel::<_, _, hay::Ih>(),
    channel::<_, _, hay::Im>(),
    channel::<_, _, hay::KPst>(),
    channel::<_, _, hay::KTst>(),
    channel::<_, _, hay::NaTa>(),
    channel::<_, _, hay::NaTs2>(),
    channel::<_, _, hay::NapEt2>(),
    channel::<_, _, hay::SkE2>(),
    channel::<_, _, hay::Skv3>(),
    channel::<_, _, bahl::Nat>(),
    channel::<_, _, bahl::Kfast>(),
    channel::<_, _, bahl::Kslow>(),
    channel::<_, _, bahl::Nap>(),
    channel::<_, _, bahl::Km>(),
    channel::<_, _, bahl::IhBahl>(),
    channel::<_, _, bahl::Sca>(),
    channel::<_, _, bahl::Kca>(),
    channel::<_, _, ca1::Na3>(),
    channel::<_, _, ca1::Kdr>(),
    channel::<_, _, ca1::KaProximal>(),
    channel::<_, _, ca1::KaDistal>(),
    channel::<_, _, ca1::Hd>(),
    dendritic_calcium_spike::ENTRY,
];

/// Finds a mechanism.
///
/// # Errors
/// If there is none of this name; the known ones are listed.
pub fn find(name: &str) -> Result<&'static MechanismEntry> {
    MECHANISMS.iter().find(|entry| entry.info.name == name).ok_or_else(|| {
        let mut known: Vec<&str> = MECHANISMS.iter().map(|e| e.info.name).collect();
        known.extend(["passive", "calcium-pool"]);
        Error::Unknown { what: "mechanism".into(), name: name.into(), known: known.join(", ") }
    })
}

/// A gate with opening and closing rates in 1/ms.
#[inline(always)]
pub fn rates<T: Real>(opening: T, closing: T) -> Gate<T> {
    let rate = opening + closing;
    Gate { limit: opening / rate, rate_per_ms: rate }
}

/// The same with an opening rate that is a quotient, of which `opening` is above the line; with one division for all.
#[inline(always)]
pub fn rates_over<T: Real>(opening: T, below: T, closing: T) -> Gate<T> {
    let sum = opening + closing * below;
    quotients(opening, sum, sum, below)
}

/// A gate whose limit and rate are quotients, a / b and c / d, with one division for both.
#[inline(always)]
pub fn quotients<T: Real>(a: T, b: T, c: T, d: T) -> Gate<T> {
    let inverse = (b * d).recip();
    Gate { limit: a * d * inverse, rate_per_ms: c * b * inverse }
}

/// A gate with limit and time constant in ms.
#[inline(always)]
pub fn limit_and_tau<T: Real>(limit: T, tau_ms: T) -> Gate<T> {
    Gate { limit, rate_per_ms: tau_ms.recip() }
}
