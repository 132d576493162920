//! Where and what does a unit respond to?
//!
//! | module | what | equivalent elsewhere |
//! |---|---|---|
//! | [`stimuli`] | white noise and gratings to show to a probe | |
//! | [`sta`] | spike-triggered average: plain, whitened, ridge, with a confidence map | `pyret.filtertools.sta` |
//! | [`stc`] | spike-triggered covariance in whitened space, nested test of its axes | `RFEst`, `pyret.filtertools.stc` |
//! | [`istac`] | most informative axes from mean and covariance | `compiSTAC` (MATLAB) |
//! | [`mid`] | most informative filter with a nonlinearity in bins | |
//! | [`glm`] | Poisson and Bernoulli regression, spline and history bases, time rescaling | `statsmodels.GLM`, `nemos.glm` |
//! | [`smooth_prior`] | linear filters with ridge, smooth (ASD) and local (ALD) priors by evidence | `RFEst.EvidenceOptimizer` |
//! | [`nonlinearity`] | spikes by filtered stimulus, information per spike | `pyret.nonlinearities.Binterp` |
//! | [`separability`] | space-time separability, gain fields | |
//! | [`spatial`] | rate maps, spatial information, grid, border, head direction, phase precession | `opexebo`, `pynapple` |
//! | [`modulation`] | vector strength, F1/F0, modulation index and transfer functions, lifetime sparseness | `allensdk` |
//! | [`von_mises`] | von Mises tuning, one bump or two | |
//! | [`gabor`] | Gabor function and its fit by Levenberg-Marquardt | |
//! | [`tuning`] | orientation and direction selectivity, both forms | `allensdk` OSI, DSI |

mod error;
pub mod gabor;
pub mod glm;
pub mod istac;
pub mod mid;
pub mod modulation;
pub mod nonlinearity;
pub mod separability;
pub mod smooth_prior;
pub mod spatial;
pub mod sta;
pub mod stc;
pub mod stimuli;
pub mod tuning;
pub mod von_mises;

pub use error::{Error, Result};
