//! Single or double precision of a network, whose state can be stored.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// `f32` or `f64`.
pub trait Float: rheobase_core::Float + Serialize + DeserializeOwned {
    /// So small that adding it changes nothing but 0 and numbers too small for fast arithmetic.
    const TINY: Self;
}

impl Float for f32 {
    const TINY: Self = 1e-24;
}

impl Float for f64 {
    const TINY: Self = 1e-200;
}
