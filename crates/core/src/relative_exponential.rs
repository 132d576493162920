//! (e^z - 1) / z: what a step of exponential integration multiplies a rate of change by, z being the step times the slope of the equation.
//!
//! Steps are much shorter than time constants, so z is a little below 0 nearly always: there a polynomial takes neither a division nor an
//! exponential, and loses no digits as the quotient does.

use crate::Float;

/// Where the polynomials hold, and the middle, whose powers of the distance they are of.
pub const NEAR: [f64; 2] = [-0.8, 0.1];
const MIDDLE: f64 = -0.35;

/// The polynomial of degree 10 with the smallest relative error there (Remez exchange in 60 digits): 2.7e-16.
const DOUBLE: [f64; 11] = [
    0.843_748_315_089_390_2,
    0.397_314_929_630_510_45,
    0.128_488_242_203_271_4,
    0.031_543_506_428_493_06,
    0.006_232_864_831_075_786,
    0.001_029_897_395_228_353_8,
    0.000_146_182_630_779_742_76,
    1.818_145_732_507_452e-5,
    2.012_143_948_932_840_6e-6,
    2.013_989_785_243_29e-7,
    1.818_731_843_481_723e-8,
];

/// That of degree 6: 1.3e-9.
const SINGLE: [f64; 7] = [
    0.843_748_315_260_091_2,
    0.397_314_945_962_296_4,
    0.128_488_228_767_968_1,
    0.031_542_856_560_140_05,
    0.006_232_994_118_211_666,
    0.001_036_339_256_865_652,
    0.000_146_232_041_221_141_3,
];

/// Whether the polynomial holds.
#[inline(always)]
pub fn is_near<F: Float>(z: F) -> bool {
    z >= F::of(NEAR[0]) && z <= F::of(NEAR[1])
}

/// The function where its argument is near 0.
#[inline(always)]
pub fn polynomial<F: Float>(z: F) -> F {
    let coefficients: &[f64] = if size_of::<F>() == size_of::<f32>() { &SINGLE } else { &DOUBLE };
    let distance = z - F::of(MIDDLE);
    let (last, others) = coefficients.split_last().expect("some");
    others.iter().rev().fold(F::of(*last), |sum, c| sum.mul_add(distance, F::of(*c)))
}

/// (e^z - 1) / z of one number, without branches. The quotient has lost a digit just above the range of the polynomial, which only what
/// grows gets to.
#[inline(always)]
pub fn relative_exponential<F: Float>(z: F) -> F {
    let near = is_near(z);
    let safe = if near { F::of(1.0) } else { z };
    let quotient = (safe.exp() - F::of(1.0)) / safe;
    if near { polynomial(z) } else { quotient }
}

/// The same of many, each as if it were alone.
#[inline(always)]
pub fn relative_exponentials<F: Float, const N: usize>(z: &[F; N]) -> [F; N] {
    let (mut far, mut out) = (0_u32, *z);
    for z in z {
        far += u32::from(!is_near(*z));
    }
    if far > 0 {
        for i in 0..N {
            out[i] = relative_exponential(z[i]);
        }
    } else {
        for i in 0..N {
            out[i] = polynomial(z[i]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomial_and_quotient_are_the_function_to_the_last_digits() {
        for k in -4000..=4000 {
            let z = f64::from(k) * 0.001_25;
            let exact = if k == 0 { 1.0 } else { z.exp_m1() / z };
            // Some roundings of 1.1e-16; just above .1 the difference from 1 is a tenth of its terms, which multiplies those of the
            // exponential by ten.
            let tolerance = if (0.1..0.8).contains(&z) { 5e-15 } else { 2e-15 };
            assert!((relative_exponential(z) / exact - 1.0).abs() < tolerance, "{z}");
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
