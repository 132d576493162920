//! Where threads wait for each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Lets threads wait for each other some ten thousand times a second: they spin, and give way if that takes long.
pub(super) struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    turn: AtomicBool,
}

impl Barrier {
    pub fn new(threads: usize) -> Self {
        Self { threads, waiting: AtomicUsize::new(0), turn: AtomicBool::new(false) }
    }

    pub fn wait(&self) {
        let turn = self.turn.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Release);
            self.turn.store(!turn, Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.turn.load(Ordering::Acquire) == turn {
            spins += 1;
            if spins < 2000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}
