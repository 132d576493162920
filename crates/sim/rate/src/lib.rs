//! Rate networks: units whose output is a firing rate, trained on burn in f32.
//!
//! A model has three parts that vary independently (Richards et al. 2019): an architecture, an objective and a learning rule.
//!
//! | module | part | what |
//! |---|---|---|
//! | [`network`] | architecture | feed-forward networks: multi-layer perceptron, small convolutional network, one with a recurrent layer, dendritic ones |
//! | [`code`] | architecture | sparse code, linear code (PCA, ICA), fixed Gabor-energy model of V1 |
//! | [`objective`] | objective | cross-entropy, squared error, reconstruction with sparsity, independence; penalties |
//! | [`learning`] | learning rule | gradient (SGD, Adam), feedback alignment, Hebb, Oja, eigenvectors, FastICA |
//! | [`recurrent`] | architecture and more | recurrent networks of five kinds of cells, their gradients and training |
//! | [`pattern_formation`] | theory | which maps learning to read out place cells should grow |
//! | [`wilson_cowan`] | model | two populations, their active shares over time |
//! | [`product`], [`scalar`] | | packed matrix products, single and double precision |
//! | [`device`], [`optimizer`], [`tensors`] | | where tensors live, how gradients become steps |
//! | [`training`] | | the loop they share: epochs, history, checkpoints |
//!
//! [`Model`] is what comes out: a [`rheobase_core::Probe`], and for networks a [`rheobase_core::Lesion`].

pub mod code;
pub mod device;
mod error;
pub mod learning;
mod model;
pub mod network;
pub mod objective;
pub mod optimizer;
pub mod pattern_formation;
pub mod product;
pub mod recurrent;
pub mod scalar;
pub mod tensors;
pub mod training;
pub mod wilson_cowan;

pub use error::{Error, Result};
pub use model::{Model, NamedArray};
