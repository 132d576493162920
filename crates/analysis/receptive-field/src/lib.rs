//! Where and what does a unit respond to?
//!
//! | module | what | equivalent elsewhere |
//! |---|---|---|
//! | [`stimuli`] | white noise and gratings to show to a probe | |
//! | [`sta`] | spike-triggered average: plain, whitened, ridge, with a confidence map | `pyret.filtertools.sta` |
//! | [`gabor`] | Gabor function and its fit by Levenberg-Marquardt | |
//! | [`tuning`] | orientation and direction selectivity, both forms | `allensdk` OSI, DSI |

mod error;
pub mod gabor;
pub mod sta;
pub mod stimuli;
pub mod tuning;

pub use error::{Error, Result};
