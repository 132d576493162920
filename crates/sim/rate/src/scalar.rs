//! The number a network computes with: f32 for training, f64 for analysis and for checking gradients.

use rheobase_core::Float;

/// f32 or f64, with elementary functions that are free of branches so that loops over them vectorise.
pub trait Scalar: Float {
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Columns of a tile of the product kernel: two vectors of 256 bits.
    const TILE: usize;

    /// Natural logarithm of 1 + it.
    fn ln_1p(self) -> Self;
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
    ($type:ty, $tile:literal) => {
        impl Scalar for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const TILE: usize = $tile;

            fn ln_1p(self) -> Self {
                libm::log1p(f64::from(self)) as Self
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$type>::abs(self)
            }
        }
    };
}

scalar!(f32, 16);
scalar!(f64, 8);
