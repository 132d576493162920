//! What can be read out of a population?
//!
//! | module | what | equivalent elsewhere |
//! |---|---|---|
//! | [`classify`] | accuracy on held-out groups, confusions, chance by permutation | `sklearn.model_selection.cross_val_predict`, `permutation_test_score` |
//! | [`structure`] | k-means, Gaussian mixtures, independent components, t-SNE | `sklearn.cluster`, `sklearn.manifold` |
//!
//! The learning machines are those of linfa, behind one file; partial least squares is our own and lives with the similarity measures.

pub mod classify;
mod error;
mod library;
pub mod structure;

pub use error::{Error, Result};
