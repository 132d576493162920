//! Recurrent networks: cells, a fused loop through time with a hand-written way back, penalties, starts, training and reservoirs.
//!
//! The loop is generic over f32 (training) and f64 (analysis, checks of gradients).
//!
//! | module | what |
//! |---|---|
//! | [`cell`] | rate equation, current equation, GRU, LSTM, subLSTM: one step and its derivative |
//! | [`nonlinearity`] | F-I curves |
//! | [`network`] | structure, parameters, Dale's law, low rank, masks |
//! | [`initial`] | spectral radius, orthogonal, balanced, ... |
//! | [`pass`] | forward and back through time |
//! | [`operation`] | the same loop as a differentiable operation on tensors, a layer among others |
//! | [`loss`] | batches of trials, task losses, cost and gradient |
//! | [`lesion`] | units silenced, clamped, noised or permuted in any window of a trial; weights removed |
//! | [`replacement`] | what stands in for the outputs of lesioned units |
//! | [`linearised`] | the network as a dynamical system, Jacobians, real-time recurrent learning |
//! | [`penalty`] | rate, weight, wiring, smooth dynamics, vanishing gradients |
//! | [`training`] | iterations, schedules, clipping, checkpoints, early stop |
//! | [`perturbation`] | node and weight perturbation |
//! | [`row_reader`] | a network that reads images row by row, for instruments that show images |
//! | [`reservoir`] | echo-state networks, FORCE |

pub mod cell;
pub mod initial;
pub mod lesion;
pub mod linearised;
pub mod loss;
pub mod network;
pub mod nonlinearity;
pub mod operation;
pub mod pass;
pub mod penalty;
pub mod perturbation;
mod readout;
pub mod replacement;
pub mod reservoir;
pub mod row_reader;
pub mod training;
mod vanishing;

pub use crate::scalar::Scalar;
pub use cell::Cell;
pub use initial::{Initial, check_longest, initial_parameters};
pub use linearised::FrozenNetwork;
pub use loss::{Backward, Batch, Cost, Response};
pub use network::{RecurrentNetwork, Weights, Wiring};
pub use nonlinearity::Nonlinearity;
pub use operation::RecurrentLayer;
pub use penalty::Penalties;
pub use row_reader::RowReader;
