//! Networks of point neurons with delays, and the theory of their rates.
//!
//! A [`Network`](network::NetworkDescription) is populations and projections between them; [`Simulation`] moves it in time on any number of
//! threads with the same bytes, and [`theory`] predicts the rates of the same description.
//!
//! ```
//! use rheobase_core::{Seed, Silent};
//! use rheobase_spiking::network::NetworkDescription;
//! use rheobase_spiking::Simulation;
//!
//! # fn main() -> rheobase_spiking::Result<()> {
//! // Two neurons: the first fires by itself and excites the second, 1.5 ms later.
//! let text = r#"{
//!   "dt_ms": 0.1,
//!   "populations": {
//!     "driver": { "size": 1, "neuron": { "kind": "lif", "drive_mv": 30.0 } },
//!     "follower": { "size": 1, "neuron": { "kind": "lif" }, "receptors": { "fast": { "kind": "delta" } } }
//!   },
//!   "projections": [{ "from": "driver", "to": "follower", "receptor": "fast", "rule": { "kind": "all-to-all" },
//!                     "weight": { "kind": "constant", "value": 25.0 }, "delay_ms": { "kind": "constant", "value": 1.5 } }]
//! }"#;
//! let network: NetworkDescription = serde_json::from_str(text).expect("a network");
//! let mut simulation = Simulation::new(&network, &Seed::root(1), 1)?;
//! simulation.run_ms(100.0, &Silent)?;
//! let (drivers, followers) = (simulation.spike_trains("driver")?, simulation.spike_trains("follower")?);
//! assert!((followers.unit(0)[0] - drivers.unit(0)[0] - 0.0015).abs() < 1e-9);
//! # Ok(())
//! # }
//! ```
//!
//! Times are in ms, voltages in mV; inputs of leaky neurons are in mV of steady depolarisation and conductances in units of
//! the leak; the other models take the units of their papers (pA and nS, or Izhikevich's).

pub mod codes;
pub mod conversion;
mod error;
mod float;
pub mod logic;
mod memory;
pub mod network;
pub mod neuron;
pub mod plasticity;
mod propagator;
mod random;
pub mod sampling;
mod simulation;
pub mod theory;

pub use error::{Error, Result};
pub use float::Float;
pub use simulation::{Alone, Companion, Ending, Recording, Simulation, Snapshot, StopWhen, WeightRecording};
