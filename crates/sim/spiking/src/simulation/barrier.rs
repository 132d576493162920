//! Where threads wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that shares its cache line with nothing that others write.
#[repr(align(128))]
#[derive(Default)]
struct Arrived(AtomicU64);

/// Lets threads wait for each other some hundred thousand times a second: each counts its own arrivals and looks at those of the
/// others; they spin, and give way if that takes long. What a thread wrote before it arrived, the others see after they waited.
pub(super) struct Barrier(Vec<Arrived>);

impl Barrier {
    pub fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| Arrived::default()).collect())
    }

    /// Waits until all have arrived as often as `turn` says, counted from 1.
    pub fn wait(&self, thread: usize, turn: u64) {
        self.0[thread].0.store(turn, Ordering::Release);
        for other in &self.0 {
            let mut spins = 0;
            while other.0.load(Ordering::Acquire) < turn {
                spins += 1;
                if spins < 2000 { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        }
    }
}
