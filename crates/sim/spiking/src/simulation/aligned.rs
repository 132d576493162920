//! Numbers that begin where a cache line does: a vector of the widest kind that lies across two lines is read and written at half the speed.

use std::ops::{Deref, DerefMut};

const LINE_BYTES: usize = 64;

/// A slice of its own memory.
pub(super) struct Aligned<F> {
    values: Vec<F>,
    from: usize,
    len: usize,
}

impl<F: Copy> Aligned<F> {
    /// The same number many times.
    pub fn filled(value: F, len: usize) -> Self {
        let spare = LINE_BYTES / size_of::<F>();
        let values = vec![value; len + spare];
        // Where a place cannot be found (the function need not find one) only time is lost.
        let from = values.as_ptr().align_offset(LINE_BYTES).min(spare);
        Self { values, from, len }
    }
}

impl<F> Deref for Aligned<F> {
    type Target = [F];

    #[inline(always)]
    fn deref(&self) -> &[F] {
        &self.values[self.from..self.from + self.len]
    }
}

impl<F> DerefMut for Aligned<F> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [F] {
        &mut self.values[self.from..self.from + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_a_line() {
        for len in [0, 1, 64, 1000] {
            let (single, double) = (Aligned::filled(1.5_f32, len), Aligned::filled(2.5_f64, len));
            assert_eq!(single.as_ptr().addr() % LINE_BYTES, 0);
            assert_eq!(double.as_ptr().addr() % LINE_BYTES, 0);
            assert_eq!((&single[..], &double[..]), (&vec![1.5; len][..], &vec![2.5; len][..]));
        }
    }
}
