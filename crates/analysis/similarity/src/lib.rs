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
//! | [`predictivity`] | ridge and PLS predictivity, nested and cross-validated; Brain-Score's splits, ceilings and aggregate | `sklearn` `RidgeCV`, `PLSRegression`; `brainscore` |
//! | [`streaming`] | CKA and CCA of any number of stimuli in memory of units x units | |
//! | [`geometry`] | participation ratio, tangling, jPCA, dPCA (Churchland 2012; Kobak 2016; Russo 2018) | `dPCA`, `jPCA` |
//! | [`dynamics`] | dynamical similarity of linear maps (Ostrow 2023) | `DSA` |
//! | [`inference`] | noise ceilings, bootstrap over subjects and conditions (Nili 2014; Schuett 2023) | `rsatoolbox.inference` |
//! | [`models`] | selected, interpolated and weighted models, judged on left-out conditions and subjects | `rsatoolbox.model` |

pub mod cca;
pub mod cka;
pub mod compare;
pub mod dynamics;
mod error;
pub mod geometry;
pub mod inference;
pub mod kernel;
pub mod matching;
pub mod models;
pub mod neighbours;
pub mod noise;
pub mod predictivity;
mod prepare;
pub mod rdm;
pub mod shape;
pub mod streaming;

pub use cka::{Bias, linear_cka};
pub use compare::{Comparator, compare_rdms};
pub use error::{Error, Result};
pub use rdm::{Dissimilarity, Rdm};
