//! Neurons without shape: their responses, networks of them with the theory of their rates, plasticity, sampling and codes.

mod codes;
mod conductance;
mod digits;
mod distal_reward;
mod ganglion_chain;
mod logic;
mod network;
mod phase_diagram;
mod plasticity;
mod point_neuron;
mod potential;
mod rate_equivalent;
mod reliability;
mod sampling;
mod shunting;
mod sizes;
mod sources;
mod state_file;
mod statistics;
mod tables;

use crate::draw;

pub use codes::{MultiplexedCode, RateToSpiking};
pub use conductance::ConductanceTheoryKind;
pub use digits::DigitPlasticity;
pub use distal_reward::DistalReward;
pub use ganglion_chain::GanglionChainKind;
pub use logic::ThresholdLogic;
pub use network::SpikingNetwork;
pub use phase_diagram::PhaseDiagram;
pub use plasticity::PlasticNetwork;
pub use point_neuron::PointNeuronKind;
pub use potential::SynapticPotential;
pub use rate_equivalent::RateEquivalentKind;
pub use reliability::TimingReliability;
pub use sampling::{DualStochasticKind, NeuralSampling};
pub use shunting::ShuntingRate;
pub use sizes::{RedundantSynapses, SynapseSizes};
pub use sources::SpikeSources;
