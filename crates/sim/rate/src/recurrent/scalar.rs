//! The number a recurrent network computes with: f32 for training, f64 for analysis and for checking gradients.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use rheobase_core::math;

/// f32 or f64, with elementary functions that are free of branches so that loops over them vectorise.
pub trait Scalar:
    Copy
    + Default
    + Debug
    + Display
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Columns of a tile of the product kernel: two vectors of 256 bits.
    const TILE: usize;

    /// The nearest number.
    fn of(value: f64) -> Self;
    /// As f64.
    fn wide(self) -> f64;
    /// self * b + c, rounded once.
    fn fused(self, b: Self, c: Self) -> Self;
    /// e to it.
    fn exp(self) -> Self;
    /// Natural logarithm of 1 + it.
    fn ln_1p(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Size.
    fn abs(self) -> Self;

    /// The larger of it and zero.
    #[inline(always)]
    fn positive(self) -> Self {
        if self > Self::ZERO { self } else { Self::ZERO }
    }

    /// 1 / (1 + e^-x).
    #[inline(always)]
    fn logistic(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }

    /// Hyperbolic tangent, 1 - 2 / (1 + e^2x): its error is one rounding of 1, not of the value.
    #[inline(always)]
    fn tanh(self) -> Self {
        let two = Self::ONE + Self::ONE;
        Self::ONE - two / (Self::ONE + (two * self).exp())
    }
}

macro_rules! scalar {
    ($type:ty, $tile:literal, $exp:path) => {
        impl Scalar for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const TILE: usize = $tile;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn fused(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            fn ln_1p(self) -> Self {
                libm::log1p(f64::from(self)) as Self
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$type>::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$type>::abs(self)
            }
        }
    };
}

scalar!(f32, 16, math::exp_f32);
scalar!(f64, 8, math::exp);
