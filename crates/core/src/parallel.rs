//! Independent pieces of work on several threads, in order: the number of threads never changes a result.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of cores that this process may use: threads for work whose result does not depend on them.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// `f(0), f(1), ..., f(count - 1)`, computed on up to `threads` threads, returned in that order.
///
/// Each piece must depend on its index alone (for randomness: `seed.index(i)`), so that any number of threads gives the
/// same answer. Pieces are handed out one at a time, so uneven ones balance.
///
/// # Panics
/// If a piece panics.
pub fn map<T: Send>(count: usize, threads: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        return (0..count).map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, f(index)));
        }
    };
    // The caller works, too: if it only waited, the last thread would start on a core that is taken, and stay there for a while.
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        all.extend(workers.into_iter().flat_map(|w| w.join().expect("a piece of parallel work panicked")));
        all
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, value)| value).collect()
}

/// [`map`] for pieces that can fail; the error of the first failing piece in order is returned.
///
/// # Errors
/// If a piece fails.
///
/// # Panics
/// If a piece panics.
pub fn try_map<T: Send, E: Send>(
    count: usize,
    threads: usize,
    f: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    map(count, threads, f).into_iter().collect()
}

/// Gives every chunk of `length` values, with its index, to `f` on up to `threads` threads: each value is written by one thread
/// alone, so that their number never changes a result. A shorter chunk at the end counts too.
///
/// # Panics
/// If `length` is 0 or a piece panics.
pub fn for_each_chunk<T: Send>(values: &mut [T], length: usize, threads: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let threads = threads.clamp(1, values.len().div_ceil(length).max(1));
    if threads == 1 {
        return values.chunks_mut(length).enumerate().for_each(|(index, chunk)| f(index, chunk));
    }
    let rest = Mutex::new(values.chunks_mut(length).enumerate());
    let work = || {
        loop {
            let next = rest.lock().expect("no piece holds the lock").next();
            let Some((index, chunk)) = next else { return };
            f(index, chunk);
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_values_do_not_depend_on_the_number_of_threads() {
        for count in [0, 1, 2, 17] {
            let expected: Vec<usize> = (0..count).map(|i| i * i).collect();
            for threads in [0, 1, 2, 3, 40] {
                assert_eq!(map(count, threads, |i| i * i), expected);
            }
        }
    }

    #[test]
    fn every_chunk_is_written_once_whatever_the_threads() {
        for threads in [1, 2, 5] {
            let mut values = [0; 11];
            for_each_chunk(&mut values, 4, threads, |index, chunk| chunk.iter_mut().for_each(|v| *v += index + 1));
            assert_eq!(values, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]);
        }
        for_each_chunk(&mut [0; 0], 3, 2, |_, _| unreachable!("there is no chunk"));
    }

    #[test]
    fn the_first_error_in_order_is_reported() {
        assert_eq!(try_map(9, 3, |i| if i % 4 == 3 { Err(i) } else { Ok(i) }), Err(3));
    }
}
