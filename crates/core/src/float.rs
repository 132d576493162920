//! Single or double precision: loops that must run in both are written once.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::math;

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
{
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
    ($float:ty, $exp:path) => {
        impl Float for $float {
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

float!(f32, math::exp_f32);
float!(f64, math::exp);
