//! Do two populations represent the same things?
//!
//! Every measure takes responses of shape (conditions, units), the conditions in the same order on both sides.
//!
//! | module | measure | equivalent elsewhere |
//! |---|---|---|
//! | [`cka`], [`kernel`] | linear and RBF CKA, biased, unbiased, zero diagonal (Kornblith 2019; Song 2012; Lange 2023) | `cka` of similarity-repository |
//! | [`cca`] | CCA, ridge CCA, SVCCA, PWCCA; held-out correlations, permutation tests | `google/svcca`, `cca_zoo` |
//! | [`shape`] | Procrustes, Bures similarity, shape metrics, permutation distance (Williams 2021) | `netrep` |
//! | [`matching`] | soft matching of units by optimal transport (Khosla & Williams 2024) | |
//! | [`neighbours`] | mutual nearest neighbours, CKNNA (Huh 2024) | `platonic-rep` |
//! | [`rdm`], [`noise`] | representational dissimilarity matrices, crossnobis, noise covariance (Kriegeskorte 2008; Walther 2016) | `rsatoolbox.rdm`, `rsatoolbox.data.noise` |
//! | [`compare`] | comparators of two RDMs | `rsatoolbox.rdm.compare` |
//! | [`inference`] | noise ceilings, bootstrap over subjects and conditions, weighted models (Nili 2014; Schuett 2023) | `rsatoolbox.inference` |

pub mod cca;
pub mod cka;
pub mod compare;
mod error;
pub mod inference;
pub mod kernel;
pub mod matching;
pub mod neighbours;
pub mod noise;
mod prepare;
pub mod rdm;
pub mod shape;

pub use cka::{Bias, linear_cka};
pub use compare::{Comparator, compare_rdms};
pub use error::{Error, Result};
pub use rdm::{Dissimilarity, Rdm};
