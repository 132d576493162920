//! Rates by mean-field theory, of the same descriptions that are simulated.

mod brunel;
mod siegert;

pub use brunel::{MeanField, mean_field};
pub use siegert::{coloured_shift, siegert_rate_hz};
