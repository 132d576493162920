//! Neurons without shape: their responses, and networks of them with the theory of their rates.

mod network;
mod point_neuron;
mod shunting;
mod statistics;
mod transmission;

pub use network::SpikingNetwork;
pub use point_neuron::PointNeuronKind;
pub use shunting::ShuntingRate;
