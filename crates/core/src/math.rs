//! Elementary functions without branches, so that loops over them vectorise, and numbers that carry a derivative.
//!
//! `exp`: argument reduction by multiples of ln 2 (Cody & Waite 1980) and the polynomial of degree 10 with the smallest
//! relative error on [-ln 2 / 2, ln 2 / 2], 2.1e-16 (Remez exchange in 40 digits).
//! `ln`: the series of atanh on (m - 1)/(m + 1). Both are within 3 units in the last place (tested against std).

use std::ops::{Add, Div, Mul, Neg, Sub};

const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: adding it leaves the nearest integer in the low bits
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// e to the x; saturates below 1e-307 and above 1e307, keeps NaN.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let x = if x > 708.0 { 708.0 } else { x };
    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_HIGH, x);
    let r = n.mul_add(-LN2_LOW, r);
    // Even and odd powers apart: half the latency of one chain.
    let q = r * r;
    let mut even = 2.748_837_471_607_109e-7;
    for c in [
        2.480_191_834_822_578_8e-5,
        1.388_888_849_796_952_9e-3,
        4.166_666_666_843_305e-2,
        4.999_999_999_999_727_4e-1,
        1.0,
    ] {
        even = f64::mul_add(even, q, c);
    }
    let mut odd = 2.763_985_041_994_804e-6;
    for c in [1.984_117_118_810_067_6e-4, 8.333_333_384_819_086e-3, 1.666_666_666_655_731e-1, 1.000_000_000_000_006_4] {
        odd = f64::mul_add(odd, q, c);
    }
    let p = odd.mul_add(r, even);
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    p * scale
}

/// e to the x in single precision; saturates below 1e-37 and above 1e37. Taylor's polynomial of degree 7 on
/// [-ln 2 / 2, ln 2 / 2], 5e-9 of the value, so that rounding decides.
#[inline(always)]
pub fn exp_f32(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    let x = if x > 86.0 { 86.0 } else { x };
    let x = if x < -86.0 { -86.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.984_127e-4_f32;
    for c in [1.388_888_9e-3, 8.333_334e-3, 4.166_666_8e-2, 1.666_666_7e-1, 0.5, 1.0, 1.0] {
        p = f32::mul_add(p, r, c);
    }
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// Natural logarithm of a normal positive number; what is not positive is taken as 1e-300.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let x = if x > 1e-300 { x } else { 1e-300 };
    // Bits above sqrt(1/2) move into the exponent, so that the mantissa lies in [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits().wrapping_sub(0x3fe6_a09e_667f_3bcd);
    let exponent = (bits >> 52) ^ 0x800; // 12 bits two's complement, made non-negative
    let n = f64::from_bits(0x4330_0000_0000_0000 | (exponent & 0xfff)) - (4_503_599_627_370_496.0 + 2048.0);
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let mut p = 1.0 / 23.0;
    for c in [
        1.0 / 21.0,
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
    ] {
        p = f64::mul_add(p, q, c);
    }
    let twice = s + s;
    n.mul_add(LN2_HIGH, twice + n.mul_add(LN2_LOW, twice * q * p))
}

/// A number that channel kinetics can be written with: `f64` for simulation, [`Single`](crate::single::Single) for a
/// faster one, [`Dual`] for derivatives.
pub trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// Below this size [`linoid`] takes its series: it is exact to 2e-15 at .02, and the quotient loses digits.
    const LINOID_SERIES_BELOW: f64 = 0.02;

    /// A constant.
    fn constant(value: f64) -> Self;
    /// Its value.
    fn value(self) -> f64;
    /// e to it.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Sine.
    fn sin(self) -> Self;
    /// Cosine.
    fn cos(self) -> Self;
    /// Whether its size is below a constant, in its own precision.
    #[inline(always)]
    fn is_within(self, limit: f64) -> bool {
        self.value().abs() < limit
    }
    /// Whether it is below a constant, in its own precision.
    #[inline(always)]
    fn is_below(self, limit: f64) -> bool {
        self.value() < limit
    }
    /// `self` if the condition holds, else `other`; both are computed.
    fn if_else(condition: bool, yes: Self, no: Self) -> Self;

    /// 1 / it.
    #[inline(always)]
    fn recip(self) -> Self {
        Self::constant(1.0) / self
    }
    /// Its square.
    #[inline(always)]
    fn squared(self) -> Self {
        self * self
    }
    /// It to the power of a constant; the base must be positive.
    #[inline(always)]
    fn power(self, exponent: f64) -> Self {
        (self.ln() * exponent).exp()
    }
}

impl Real for f64 {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn value(self) -> f64 {
        self
    }
    #[inline(always)]
    fn exp(self) -> Self {
        exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        ln(self)
    }
    fn sin(self) -> Self {
        libm::sin(self)
    }
    fn cos(self) -> Self {
        libm::cos(self)
    }
    #[inline(always)]
    fn if_else(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }
}

/// x / (1 - e^-x), the shape of most opening rates; its removable singularity at 0 is replaced by the series.
#[inline(always)]
pub fn linoid<T: Real>(x: T) -> T {
    let (above, below) = linoid_parts(x);
    above / below
}

/// Numerator and denominator of [`linoid`], for those who have more to divide.
#[inline(always)]
pub fn linoid_parts<T: Real>(x: T) -> (T, T) {
    linoid_parts_with(x, (-x).exp())
}

/// The same where e^-x is known.
#[inline(always)]
pub fn linoid_parts_with<T: Real>(x: T, exp_minus_x: T) -> (T, T) {
    let near = x.is_within(T::LINOID_SERIES_BELOW);
    let q = x.squared();
    let series = (q * (-1.0 / 720.0) + 1.0 / 12.0) * q + x * 0.5 + 1.0;
    (T::if_else(near, series, x), T::if_else(near, T::constant(1.0), -exp_minus_x + 1.0))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn logistic<T: Real>(x: T) -> T {
    ((-x).exp() + 1.0).recip()
}

/// A value with its derivative along one direction (forward differentiation).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual {
    /// Value.
    pub value: f64,
    /// Derivative.
    pub slope: f64,
}

impl Dual {
    /// The variable of differentiation.
    pub fn variable(value: f64) -> Self {
        Self { value, slope: 1.0 }
    }
}

macro_rules! dual_operator {
    ($operator:ident, $method:ident, |$a:ident, $b:ident| $value:expr, $slope:expr) => {
        impl $operator for Dual {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                Self { value: $value, slope: $slope }
            }
        }
        impl $operator<f64> for Dual {
            type Output = Self;
            fn $method(self, other: f64) -> Self {
                let ($a, $b) = (self, Self { value: other, slope: 0.0 });
                Self { value: $value, slope: $slope }
            }
        }
    };
}

dual_operator!(Add, add, |a, b| a.value + b.value, a.slope + b.slope);
dual_operator!(Sub, sub, |a, b| a.value - b.value, a.slope - b.slope);
dual_operator!(Mul, mul, |a, b| a.value * b.value, a.slope * b.value + a.value * b.slope);
dual_operator!(Div, div, |a, b| a.value / b.value, (a.slope - a.value / b.value * b.slope) / b.value);

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, slope: -self.slope }
    }
}

impl Real for Dual {
    fn constant(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn exp(self) -> Self {
        let value = exp(self.value);
        Self { value, slope: value * self.slope }
    }
    fn ln(self) -> Self {
        Self { value: ln(self.value), slope: self.slope / self.value }
    }
    fn sin(self) -> Self {
        Self { value: libm::sin(self.value), slope: libm::cos(self.value) * self.slope }
    }
    fn cos(self) -> Self {
        Self { value: libm::cos(self.value), slope: -libm::sin(self.value) * self.slope }
    }
    fn if_else(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_ln_are_within_three_units_in_the_last_place() {
        for i in -70_000..70_000 {
            let x = f64::from(i) * 0.01;
            let reference = x.exp();
            assert!((exp(x) - reference).abs() <= 3.0 * f64::EPSILON * reference, "exp {x}");
            if i > 0 {
                for y in [x, 1.0 + x * 1e-4, x * 1e-280, x * 1e280] {
                    let reference = y.ln();
                    assert!((ln(y) - reference).abs() <= 3.0 * f64::EPSILON * reference.abs() + 1e-17, "ln {y}");
                }
            }
        }
        assert!(exp(f64::NAN).is_nan());
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn single_exp_is_within_three_units_in_the_last_place() {
        for i in -8500..8500 {
            let x = i as f32 * 0.01;
            let reference = f64::from(x).exp();
            assert!((f64::from(exp_f32(x)) / reference - 1.0).abs() < 3.0 * f64::from(f32::EPSILON), "{x}");
        }
        assert_eq!(exp_f32(0.0), 1.0);
    }

    #[test]
    fn linoid_is_smooth_through_zero() {
        for i in -400..400 {
            let x = f64::from(i) * 1e-4;
            // Reference by expm1, which keeps its digits near 0.
            let reference = if x == 0.0 { 1.0 } else { x / -f64::exp_m1(-x) };
            assert!((linoid(x) - reference).abs() < 2e-14, "{x}: {} {reference}", linoid(x));
        }
    }

    #[test]
    fn dual_numbers_carry_the_derivative() {
        let f = |x: f64| linoid(x) * x.exp() / (x.ln() + 3.0).squared();
        let g = |x: Dual| linoid(x) * x.exp() / (x.ln() + 3.0).squared();
        for x in [0.01, 0.5, 2.0] {
            let h = 1e-5;
            let numeric = (f(x + h) - f(x - h)) / (2.0 * h);
            // Central differences: h^2 times the third derivative, at most 1e-6 here.
            assert!((g(Dual::variable(x)).slope - numeric).abs() < 1e-6 * numeric.abs().max(1.0), "{x}");
        }
    }
}
