//! Loops compiled for wide vectors and chosen when the program runs.
//!
//! A kernel is ordinary scalar Rust without branches; the compiler vectorises its loops for each instruction set below.
//! Kernels use [`f64::mul_add`] wherever a product is added, so that every instruction set rounds alike: the bytes of a
//! result do not depend on the machine.

/// A loop over arrays that is worth compiling for wide vectors.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// The loop; mark it `#[inline(always)]`, so that it is compiled inside each instruction set's function.
    fn run(self) -> Self::Output;
}

/// Whether vectors have 512 bits on this machine, twice as many as elsewhere, and there are twice as many of them.
#[inline]
pub fn has_512_bits() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Runs a kernel with the widest vectors of this machine.
#[inline]
pub fn vectorised<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if has_512_bits() {
            // SAFETY: the only requirement of a `target_feature` function is that the machine has the features named on
            // it; each of them was detected in `has_512_bits` (avx2 is part of avx512f). The bounds-checked twin is
            // `kernel.run()` below; `every_instruction_set_gives_the_same_bytes` compares them.
            return unsafe { wide512(kernel) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above, for avx2 and fma.
            return unsafe { wide256(kernel) };
        }
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
fn wide512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn wide256<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{exp, ln};

    struct Transcendental<'a>(&'a [f64], &'a mut [f64]);

    impl Kernel for Transcendental<'_> {
        type Output = ();
        #[inline(always)]
        fn run(self) {
            for (x, y) in self.0.iter().zip(self.1) {
                *y = exp(*x) + ln(x.abs() + 1e-3) / (1.0 + *x * *x);
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bytes() {
        let x: Vec<f64> = (0..1000).map(|i| (f64::from(i) - 500.0) * 0.731).collect();
        let (mut wide, mut narrow) = (vec![0.0; 1000], vec![0.0; 1000]);
        vectorised(Transcendental(&x, &mut wide));
        Transcendental(&x, &mut narrow).run();
        assert_eq!(wide, narrow);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let mut half = vec![0.0; 1000];
            // SAFETY: avx2 and fma were detected in the condition above.
            unsafe { wide256(Transcendental(&x, &mut half)) };
            assert_eq!(half, narrow);
        }
    }
}
