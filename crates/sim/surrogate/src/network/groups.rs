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

/// The sum of what groups found, in their order, whatever thread found it.
pub fn sum_of_parts<F: Scalar>(parts: Vec<Vec<Vec<F>>>) -> Vec<Vec<F>> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| add(s, &p));
    }
    sum
}
