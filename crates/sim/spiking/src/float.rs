//! Single or double precision: the engine's loops are written once.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// `f32` or `f64`.
pub trait Float:
    Copy
    + Default
    + PartialOrd
    + Debug
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Serialize
    + DeserializeOwned
{
    /// So small that adding and subtracting it changes nothing but numbers too small for fast arithmetic, which become 0.
    const TINY: Self;
    /// The nearest number of this precision.
    fn of(value: f64) -> Self;
    /// Its value.
    fn value(self) -> f64;
    /// self a + b, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// e to it, without branches.
    fn exp(self) -> Self;
}

macro_rules! float {
    ($float:ty, $exp:path, $tiny:expr) => {
        impl Float for $float {
            const TINY: Self = $tiny;
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $float
            }
            #[inline(always)]
            fn value(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                <$float>::mul_add(self, a, b)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
        }
    };
}

float!(f32, rheobase_core::math::exp_f32, 1e-24);
float!(f64, rheobase_core::math::exp, 1e-200);
