//! (e^z - 1) / z: what a step of exponential integration multiplies a rate of change by, z being the step times the slope of the equation.
//!
//! Steps are much shorter than time constants, so z is near 0 nearly always: there Taylor's series takes neither a division nor an
//! exponential, and loses no digits as the quotient does.

use crate::Float;

/// 1 / (k + 1)!
const TERMS: [f64; 11] = [
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
];

/// Up to here the series is as good as the numbers are at a quarter of z: .2^11 / 12! is 4e-17, and in single precision .2^6 / 7! is 1e-8.
const NEAR: f64 = 0.8;

/// Whether the series is as good as the quotient.
#[inline(always)]
pub(crate) fn is_near<F: Float>(z: F) -> bool {
    z < F::of(NEAR) && z > F::of(-NEAR)
}

/// The function where its argument is near 0.
#[inline(always)]
pub(crate) fn series<F: Float>(z: F) -> F {
    let terms = if size_of::<F>() == size_of::<f32>() { 6 } else { TERMS.len() };
    let quarter = F::of(0.25) * z;
    let mut sum = F::of(TERMS[terms - 1]);
    for term in TERMS[..terms - 1].iter().rev() {
        sum = sum.mul_add(quarter, F::of(*term));
    }
    // With r of z / 2 known, e^z - 1 = (e^(z/2) - 1) (e^(z/2) + 1) is z r (1 + z r / 4).
    let half = sum * sum.mul_add(F::of(0.125) * z, F::of(1.0));
    half * half.mul_add(quarter, F::of(1.0))
}

/// (e^z - 1) / z of one number.
#[inline(always)]
pub(crate) fn relative_exponential<F: Float>(z: F) -> F {
    let near = is_near(z);
    let safe = if near { F::of(1.0) } else { z };
    let quotient = (safe.exp() - F::of(1.0)) / safe;
    if near { series(z) } else { quotient }
}

/// The same of many, each as if it were alone.
#[inline(always)]
pub(crate) fn relative_exponentials<F: Float, const N: usize>(z: &[F; N]) -> [F; N] {
    let mut far = 0_u32;
    let mut out = *z;
    for i in 0..N {
        far += u32::from(!is_near(z[i]));
        out[i] = series(z[i]);
    }
    if far > 0 {
        for i in 0..N {
            out[i] = relative_exponential(z[i]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_and_quotient_are_the_function_to_the_last_digits() {
        for k in -4000..=4000 {
            let z = f64::from(k) * 0.001_25;
            let exact = if k == 0 { 1.0 } else { z.exp_m1() / z };
            assert!((relative_exponential(z) / exact - 1.0).abs() < 2e-15, "{z}");
            let single = f64::from(relative_exponential(z as f32));
            assert!((single / exact - 1.0).abs() < 1e-6, "{z} {single}");
        }
        assert!((relative_exponential(-1e3_f64) - 1e-3).abs() < 1e-18);
    }

    #[test]
    fn a_number_does_not_depend_on_its_neighbours() {
        let near: [f64; 8] = std::array::from_fn(|i| 0.02 * i as f64 - 0.1);
        let mut mixed = near;
        mixed[3] = -4.0;
        let (alone, beside) = (relative_exponentials(&near), relative_exponentials(&mixed));
        for i in (0..8).filter(|i| *i != 3) {
            assert_eq!(alone[i].to_bits(), beside[i].to_bits());
        }
        assert_eq!(beside[3], relative_exponential(-4.0_f64));
    }
}
