//! Deep surrogates of single neurons: networks that say what a neuron does with its input, millisecond by millisecond
//! (Beniaguev, Segev & London 2021; Spieler et al. 2023), and how complex that makes the neuron (Aizenbud et al. 2024).
//!
//! | module | what |
//! |---|---|
//! | [`data`] | stimulation protocols, neurons to imitate, trials in chunks that survive a kill |
//! | [`network`] | temporal convolutional network, expressive leaky memory neuron, LSTM and GRU |
//! | [`loss`] | spikes (cross-entropy, focal) and voltage |
//! | [`learner`] | one step of training, by our own kernels or on an accelerator |
//! | [`training`] | random windows, a falling step size, checkpoints |
//! | [`metrics`] | area under the curve, true positives, calibration, complexity index |
//! | [`published`] | weights that others trained |
//! | [`surrogate`] | what comes out: predictions and their judgement |
//! | [`copies`] | copies of a neuron or of its surrogate that go on a millisecond at a time |
//! | [`circuit`] | such copies inside a network of point neurons |
//! | [`classifier`] | the same networks as judges of spike patterns |
//! | [`probe`] | surrogate and neuron for instruments that show images |
//! | [`input_map`] | which input precedes a spike, and inputs that are cut off |

pub mod circuit;
pub mod classifier;
pub mod copies;
pub mod data;
pub mod dendrites;
mod error;
pub mod input_map;
pub mod learner;
pub mod loss;
pub mod metrics;
pub mod network;
pub mod probe;
pub mod published;
mod schedule;
pub mod spikes;
pub mod surrogate;
pub mod training;

pub use error::{Error, Result};
pub use learner::Learner;
pub use surrogate::Surrogate;
