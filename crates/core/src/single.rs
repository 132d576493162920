//! Kinetics in single precision: a vector holds twice as many numbers.
//!
//! `e^x - 1`: argument reduction by multiples of ln 2 (Cody & Waite 1980) and the polynomial of degree 6 with the
//! smallest relative error on [-ln 2 / 2, ln 2 / 2], 1.1e-8 (Remez exchange in 40 digits), so that rounding decides.
//! It keeps its digits near 0, where e^x less 1 has none left.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math::Real;

/// A number of 24 bits that channel kinetics can be written with; constants are rounded to it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(transparent)]
pub struct Single(pub f32);

/// 2^n and e^x / 2^n - 1, for the n nearest to x / ln 2; x saturates at +-86.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    let x = if x > 86.0 { 86.0 } else { x };
    let x = if x < -86.0 { -86.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    // Even and odd powers apart: half the latency of one chain.
    let q = r * r;
    let even = q.mul_add(8.369_076e-3, 0.166_665_06).mul_add(q, 1.0);
    let odd = q.mul_add(1.388_887_3e-3, 4.166_713_6e-2).mul_add(q, 0.5);
    (f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23)), odd.mul_add(r, even) * r)
}

/// e^x - 1 to 2e-7 of its value; saturates at arguments of +-86.
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    let (scale, share) = split(x);
    scale.mul_add(share, scale - 1.0)
}

/// e^x to 2e-7 of its value; saturates at arguments of +-86.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (scale, share) = split(x);
    scale.mul_add(share, scale)
}

/// Natural logarithm of a normal positive number, to 3e-7 of the larger of its value and 1; what is not positive is taken
/// as 1e-37. The series of atanh on (m - 1) / (m + 1), as in double precision.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let x = if x > 1e-37 { x } else { 1e-37 };
    // Bits above sqrt(1/2) move into the exponent, so that the mantissa lies in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits().wrapping_sub(0x3f35_04f3);
    let n = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let mut p = 1.0 / 9.0_f32;
    for c in [1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0] {
        p = f32::mul_add(p, q, c);
    }
    let twice = s + s;
    n.mul_add(std::f32::consts::LN_2, (twice * q).mul_add(p, twice))
}

macro_rules! single_operator {
    ($operator:ident, $method:ident) => {
        impl $operator for Single {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($operator::$method(self.0, other.0))
            }
        }
        impl $operator<f64> for Single {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f64) -> Self {
                Self($operator::$method(self.0, other as f32))
            }
        }
    };
}

single_operator!(Add, add);
single_operator!(Sub, sub);
single_operator!(Mul, mul);
single_operator!(Div, div);

impl Neg for Single {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Real for Single {
    // There the series is exact to 3e-8, and the quotient has lost two bits.
    const LINOID_SERIES_BELOW: f64 = 0.3;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self(value as f32)
    }
    #[inline(always)]
    fn value(self) -> f64 {
        f64::from(self.0)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Self(exp(self.0))
    }
    #[inline(always)]
    fn ln(self) -> Self {
        Self(ln(self.0))
    }
    fn sin(self) -> Self {
        Self(libm::sinf(self.0))
    }
    fn cos(self) -> Self {
        Self(libm::cosf(self.0))
    }
    #[inline(always)]
    fn is_within(self, limit: f64) -> bool {
        self.0.abs() < limit as f32
    }
    #[inline(always)]
    fn is_below(self, limit: f64) -> bool {
        self.0 < limit as f32
    }
    #[inline(always)]
    fn if_else(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::linoid;

    #[test]
    fn elementary_functions_keep_the_digits_they_promise() {
        for i in -8500..8500 {
            let x = i as f32 * 0.01;
            let reference = f64::from(x).exp();
            assert!((f64::from(exp(x)) / reference - 1.0).abs() < 2e-7, "exp {x}");
            for x in [x, x * 1e-3, x * 1e-6] {
                let reference = f64::from(x).exp_m1();
                assert!((f64::from(exp_m1(x)) - reference).abs() <= 2e-7 * reference.abs(), "exp_m1 {x}");
            }
            if i > 0 {
                for y in [x, 1.0 + x * 1e-4, x * 1e-30, x * 1e30] {
                    let reference = f64::from(y).ln();
                    assert!((f64::from(ln(y)) - reference).abs() <= 3e-7 * reference.abs().max(1.0), "ln {y}");
                }
            }
        }
        assert_eq!((exp(0.0), exp_m1(0.0), ln(1.0)), (1.0, 0.0, 0.0));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn linoid_keeps_its_digits_around_zero() {
        for i in -4000..4000 {
            let x = i as f32 * 1e-3;
            let wide = f64::from(x);
            let reference = if x == 0.0 { 1.0 } else { wide / -f64::exp_m1(-wide) };
            assert!((linoid(Single(x)).value() / reference - 1.0).abs() < 5e-7, "{x}");
        }
    }
}
