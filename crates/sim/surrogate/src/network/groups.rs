//! Rows that go through a loop over time together.

use rheobase_rate::scalar::Scalar;

use super::kernels::add;

/// Rows of a group; gradients of groups are added in order, so this must not depend on threads.
const GROUP: usize = 4;

/// Number of groups.
pub fn groups(rows: usize) -> usize {
    rows.div_ceil(GROUP)
}

/// Rows of a group.
pub fn group(k: usize, rows: usize) -> std::ops::Range<usize> {
    k * GROUP..(k * GROUP + GROUP).min(rows)
}

/// Turns (outer, inner, width) into (inner, outer, width).
pub fn exchange<F: Scalar>(values: &[F], outer: usize, inner: usize, width: usize) -> Vec<F> {
    let mut turned = vec![F::ZERO; values.len()];
    for o in 0..outer {
        for i in 0..inner {
            let (from, to) = ((o * inner + i) * width, (i * outer + o) * width);
            turned[to..to + width].copy_from_slice(&values[from..from + width]);
        }
    }
    turned
}

/// The sum of what groups found, in their order, whatever thread found it.
pub fn sum_of_parts<F: Scalar>(parts: Vec<Vec<Vec<F>>>) -> Vec<Vec<F>> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| add(s, &p));
    }
    sum
}
