//! Do two populations represent the same things?
//!
//! Every measure takes responses of shape (conditions, units), the conditions in the same order on both sides.
//!
//! | module | measure | equivalent elsewhere |
//! |---|---|---|
//! | [`cka`] | linear CKA, biased and unbiased (Kornblith 2019; Song 2012) | `cka` of similarity-repository |
//! | [`rdm`] | representational dissimilarity matrices (Kriegeskorte 2008) | `rsatoolbox.rdm.calc_rdm` |
//! | [`compare`] | comparators of two RDMs: Pearson, Spearman, rho-a, tau-a, cosine | `rsatoolbox.rdm.compare` |

pub mod cka;
pub mod compare;
mod error;
pub mod rdm;

pub use cka::{Bias, linear_cka};
pub use compare::{Comparator, compare_rdms};
pub use error::{Error, Result};
pub use rdm::{Dissimilarity, Rdm};
