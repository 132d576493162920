//! Fixed and slow points of a dynamical system, their stability, and the attractors they form.
//!
//! | module | what | in FixedPointFinder (Golub & Sussillo 2018) |
//! |---|---|---|
//! | [`search`] | minima of q = &#124;F(x, u) - x&#124;^2 / 2 from many starts, polished by Newton's method | `find_fixed_points` |
//! | [`stability`] | eigenvalues, time constants, frequencies, left and right eigenvectors | `_run_joint_optimization`, `decompose_jacobians` |
//! | [`manifold`] | line and ring attractors among the points | none |
//! | [`continuation`] | a point followed along a line of inputs, through folds | none |
//! | [`basin`] | which stable point each state ends in | none |
//!
//! The system is any [`rheobase_core::Dynamics`].

pub mod basin;
pub mod continuation;
mod error;
pub mod manifold;
pub mod search;
pub mod stability;

pub use continuation::Continuation;
pub use error::{Error, Result};
pub use manifold::{Manifold, Shape, manifolds};
pub use search::{Candidate, Found, Search};
pub use stability::Linearisation;
