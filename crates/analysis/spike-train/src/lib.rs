//! Spike trains: how regular, how alike, how much they tell.
//!
//! Times are in s throughout and sorted; every function checks that they are. In brackets the equivalents people know.
//!
//! | module | what |
//! |---|---|
//! | [`interval`] | intervals and their irregularity: CV, CV2, LV, LVR (elephant `statistics`) |
//! | [`count`] | counts in windows, Fano factor, PSTH, count correlations (elephant `fanofactor`, `time_histogram`, `correlation_coefficient`) |
//! | [`distance`] | Victor-Purpura and van Rossum distances (elephant `spike_train_dissimilarity`) |
//! | [`profile`] | ISI-distance, SPIKE-distance, SPIKE-synchronisation (PySpike) |
//! | [`tiling`] | spike time tiling coefficient (elephant `spike_time_tiling_coefficient`) |
//! | [`correlogram`] | auto- and cross-correlation histograms (elephant `cross_correlation_histogram`) |
//! | [`surrogate`] | trains without what a null hypothesis denies: shifted, dithered, shuffled (elephant `spike_train_surrogates`) |
//! | [`unitary_event`] | coincidences in excess of the rates' (elephant `unitary_event_analysis`) |
//! | [`entropy`], [`information`] | entropy and mutual information with bias corrections (pyentropy) |
//! | [`code`] | words of spikes at a precision, phase of firing: codes whose information is compared (Panzeri 2010) |
//! | [`likelihood`] | bits per spike of predicted rates (nlb_tools) |
//! | [`spectrum`] | power spectrum of the population's count |

pub mod code;
pub mod correlogram;
pub mod count;
pub mod distance;
pub mod entropy;
mod error;
pub mod information;
pub mod interval;
pub mod likelihood;
pub mod profile;
pub mod spectrum;
pub mod surrogate;
pub mod tiling;
pub mod unitary_event;

pub use error::{Error, Result};

/// Refuses times that are not finite or not in order.
pub(crate) fn require_sorted(times_s: &[f64]) -> Result<()> {
    if let Some(index) = times_s.iter().position(|t| !t.is_finite()) {
        return Err(Error::NotFinite { index });
    }
    match times_s.windows(2).position(|w| w[0] > w[1]) {
        Some(index) => Err(Error::Unsorted { index: index + 1, before: times_s[index], at: times_s[index + 1] }),
        None => Ok(()),
    }
}

/// Refuses times outside a span.
pub(crate) fn require_within(times_s: &[f64], span_s: (f64, f64)) -> Result<()> {
    require_sorted(times_s)?;
    if span_s.0.is_nan() || span_s.1.is_nan() || span_s.0 >= span_s.1 {
        return Err(Error::Parameter { what: "end of the span in s", found: span_s.1, allowed: "above its start" });
    }
    match times_s.iter().find(|t| **t < span_s.0 || **t > span_s.1) {
        Some(&found) => Err(Error::Parameter { what: "spike time in s", found, allowed: "within the span" }),
        None => Ok(()),
    }
}
