//! The words that every other crate of Rheobase shares.
//!
//! Simulators and analyses never know each other: a simulator returns [`Activity`] or [`SpikeTrains`] and implements
//! [`Probe`] (and perhaps [`Lesion`] or [`Dynamics`]); an analysis takes those and returns [`Estimate`]s.
//! Randomness comes from a [`Seed`] alone, and long work reports to a [`Progress`].

mod activity;
pub mod circular;
mod dynamics;
mod error;
mod estimate;
pub mod expression;
mod float;
pub mod inference;
mod lesion;
pub mod math;
pub mod parallel;
pub mod prefetch;
mod probe;
mod progress;
pub mod relative_exponential;
mod seed;
pub mod simplex;
pub mod single;
pub mod special;
mod spike_trains;
pub mod statistics;
mod stimulus;
pub mod vectorised;

pub use activity::Activity;
pub use dynamics::Dynamics;
pub use error::{Error, Result, require_finite};
pub use estimate::{Card, Estimate, Interval, NanPolicy, NullDistribution};
pub use float::Float;
pub use lesion::{Lesion, LesionManner, LesionTarget};
pub use probe::{LayerInfo, Probe, require_layer};
pub use progress::{Progress, Silent};
pub use seed::{RandomStream, Seed};
pub use spike_trains::SpikeTrains;
pub use stimulus::Stimulus;
