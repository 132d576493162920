//! Asking for memory before it is needed, where the processor cannot guess what is needed next: the rows of the neurons that happened to
//! spike, say.

/// Bytes that processors fetch together.
const LINE_BYTES: usize = 64;

/// What is asked for at most; a longer run is seen as one by the processor, which goes on by itself.
const MOST_BYTES: usize = 256;

/// Has the first lines of some values brought into the cache while the program goes on. It is a hint, which changes no value.
#[inline(always)]
pub fn prefetch<T>(values: &[T]) {
    let bytes = size_of_val(values).min(MOST_BYTES);
    for byte in (0..bytes).step_by(LINE_BYTES) {
        fetch(&values[byte / size_of::<T>()]);
    }
}

#[inline(always)]
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn fetch<T>(value: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: every processor of the architecture has the instruction, which neither writes nor faults; the pointer is that of a value.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) }
}

#[inline(always)]
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn fetch<T>(_: &T) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_number_and_size_stay_as_they_are() {
        prefetch::<u64>(&[]);
        prefetch::<()>(&[(); 3]);
        for len in [1, 31, 32, 33, 1000] {
            let (narrow, large) = (vec![7_u16; len], vec![[1.5_f64; 20]; len]);
            prefetch(&narrow);
            prefetch(&large);
            assert_eq!((narrow, large), (vec![7; len], vec![[1.5; 20]; len]));
        }
    }
}
