//! Neurons that something outside the network computes, such as cells with dendrites: they spike when they are told to
//! ([`crate::Simulation::fire`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A neuron that something outside the network computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relay {}
