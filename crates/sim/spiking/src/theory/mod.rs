//! Rates by mean-field theory, of the same descriptions that are simulated.

mod brunel;
mod conductance;
mod gain;
mod inputs;
mod langevin;
mod rate_equivalent;
mod rates;
mod response;
mod self_consistent;
mod siegert;
mod stability;

pub use brunel::{MeanField, mean_field};
pub use conductance::{ConductanceTheory, Membrane, Strong};
pub use gain::GainCurve;
pub use langevin::Found;
pub use rate_equivalent::{CurveMeasurement, RateEquivalent, answering, measure_curve, rate_equivalent};
pub use rates::{TheoryRates, theory_rates};
pub use response::{LinearResponse, Susceptibility};
pub use self_consistent::{Root, Search};
pub use siegert::{coloured_shift, siegert_rate_hz};
pub use stability::{Mode, Stability, stability};
