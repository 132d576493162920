//! The spikes of a step on their way from one thread to the others, without locks, and where threads wait for each other.
//!
//! A thread writes the mail of a step into its own box and then the number of the step; the others spin on that number and read on. Number,
//! counts and the first spikes lie in one cache line, because a step of a small network takes a few microseconds and every line that
//! goes from one core to another takes a tenth of one. What a thread wrote before its number, the others see after they saw it.

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Condvar, Mutex, PoisonError};

use super::shard::Mail;

/// Two neighbouring cache lines, which processors like to fetch together, of nobody else's.
#[repr(align(128))]
#[derive(Default)]
struct Lines([AtomicU32; WORDS]);

const WORDS: usize = 32;

/// Mail of one shard in one step: the number of the step, of each population the counts of its spikes and amounts, and then its spikes
/// and the bits of its amounts, population after population.
pub(super) struct Mailbox {
    lines: Box<[Lines]>,
    populations: usize,
    /// Where mail goes for which there is no room, as given spike times may have.
    large: Mutex<Mail>,
    /// How many have gone to sleep until mail comes.
    asleep: AtomicU32,
    /// Whether the sender is gone; seen by those who go to sleep.
    abandoned: AtomicBool,
    door: Mutex<()>,
    bell: Condvar,
}

/// Looks at the number before a reader goes to sleep: some tenths of a millisecond, many times what a balanced step of a small network lets it wait. Two threads
/// that the system has put onto one core would otherwise keep each other waiting until it next looks, for milliseconds;
/// who is woken up gets a core that is free.
pub(super) const LOOKS: u32 = 8000;

/// Count that says that the mail is among the large ones.
const LARGE: u32 = u32::MAX;

impl Mailbox {
    /// A box for populations of these sizes.
    pub fn new(sizes: impl Iterator<Item = usize>) -> Self {
        let (mut populations, mut words) = (0, 1);
        for size in sizes {
            populations += 1;
            // Two counts, and spikes and amounts of all neurons.
            words += 2 + 2 * size;
        }
        let lines = (0..words.div_ceil(WORDS)).map(|_| Lines::default()).collect();
        Self {
            lines,
            populations,
            large: Mutex::default(),
            asleep: AtomicU32::new(0),
            abandoned: AtomicBool::new(false),
            door: Mutex::default(),
            bell: Condvar::new(),
        }
    }

    fn word(&self, index: usize) -> &AtomicU32 {
        &self.lines[index / WORDS].0[index % WORDS]
    }

    fn room(&self) -> usize {
        self.lines.len() * WORDS
    }

    /// Puts mail in and says that this is that of `turn`, above 0; nobody may be reading.
    pub fn post(&self, mail: &Mail, turn: u64) {
        let mut at = 1 + 2 * self.populations;
        let all: usize = mail.iter().map(|sent| sent.fired.len() + sent.amounts.len()).sum();
        if at + all > self.room() {
            self.large.lock().unwrap_or_else(PoisonError::into_inner).clone_from(mail);
            self.word(1).store(LARGE, Relaxed);
        } else {
            for (number, sent) in mail.iter().enumerate() {
                self.word(1 + 2 * number).store(sent.fired.len() as u32, Relaxed);
                self.word(2 + 2 * number).store(sent.amounts.len() as u32, Relaxed);
                let bits = sent.amounts.iter().map(|a| a.to_bits());
                for value in sent.fired.iter().copied().chain(bits) {
                    self.word(at).store(value, Relaxed);
                    at += 1;
                }
            }
        }
        // Either a reader that goes to sleep sees the number, or this thread sees that it sleeps.
        self.word(0).store(turn as u32, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            drop(self.door.lock());
            self.bell.notify_all();
        }
    }

    /// Says that no mail will come any more.
    pub fn abandon(&self) {
        let _door = self.door.lock();
        self.abandoned.store(true, SeqCst);
        self.bell.notify_all();
    }

    /// Waits for the mail of `turn` and copies it. The turn before the last must have been read.
    ///
    /// # Panics
    /// If the mail will never come.
    pub fn read(&self, mail: &mut Mail, turn: u64) {
        self.wait(turn);
        if self.word(1).load(Relaxed) == LARGE {
            mail.clone_from(&self.large.lock().unwrap_or_else(PoisonError::into_inner));
            return;
        }
        mail.resize_with(self.populations, Default::default);
        let mut at = 1 + 2 * self.populations;
        let mut values = |count: u32| {
            let from = at;
            at += count as usize;
            (from..at).map(|index| self.word(index).load(Relaxed))
        };
        for (number, sent) in mail.iter_mut().enumerate() {
            let count = |k: usize| self.word(1 + 2 * number + k).load(Relaxed);
            sent.fired.clear();
            sent.fired.extend(values(count(0)));
            sent.amounts.clear();
            sent.amounts.extend(values(count(1)).map(f32::from_bits));
        }
    }

    fn wait(&self, turn: u64) {
        // A box holds this turn or the one before the last, whose numbers differ however often they wrap around.
        let there = |order| self.word(0).load(order) == turn as u32;
        for _ in 0..LOOKS {
            if there(Acquire) {
                return;
            }
            std::hint::spin_loop();
        }
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.fetch_add(1, SeqCst);
        while !there(SeqCst) {
            assert!(!self.abandoned.load(SeqCst), "a thread that moves a shard is gone");
            door = self.bell.wait(door).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::super::shard::Sent;
    use super::*;

    #[test]
    fn mail_of_any_size_arrives_whole() {
        let mailbox = Mailbox::new([3, 2].into_iter());
        let mut read = Mail::new();
        let mails = [
            vec![Sent { fired: vec![4, 5], amounts: vec![] }, Sent { fired: vec![0, 1], amounts: vec![0.5, -1.25] }],
            vec![Sent { fired: vec![7; 50], amounts: vec![] }, Sent::default()],
            vec![Sent::default(), Sent { fired: vec![1], amounts: vec![2.0] }],
        ];
        for (turn, mail) in (1..).zip(mails) {
            mailbox.post(&mail, turn);
            mailbox.read(&mut read, turn);
            assert_eq!(read, mail);
        }
    }

    #[test]
    fn a_reader_does_not_wait_for_who_is_gone() {
        let mailbox = Mailbox::new([4].into_iter());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| mailbox.read(&mut Mail::new(), 1));
            while mailbox.asleep.load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            mailbox.abandon();
            assert!(waiting.join().is_err());
        });
        // Mail that was sent before can still be read.
        let mail = vec![Sent { fired: vec![3], amounts: vec![] }];
        mailbox.post(&mail, 2);
        let mut read = Mail::new();
        mailbox.read(&mut read, 2);
        assert_eq!(read, mail);
    }

    #[test]
    fn a_reader_waits_for_its_turn() {
        let boxes = [Mailbox::new([4].into_iter()), Mailbox::new([4].into_iter())];
        let mail = |turn: u64| vec![Sent { fired: vec![turn as u32; turn as usize % 5], amounts: vec![] }];
        std::thread::scope(|scope| {
            for own in 0..2 {
                let boxes = &boxes;
                scope.spawn(move || {
                    // Each posts a turn and reads the other's: a box alone is enough if nobody is a turn ahead.
                    let mut read = Mail::new();
                    for turn in (1..2000).step_by(2) {
                        if own == 0 {
                            boxes[0].post(&mail(turn), turn);
                            boxes[1].read(&mut read, turn + 1);
                            assert_eq!(read, mail(turn + 1));
                        } else {
                            boxes[0].read(&mut read, turn);
                            assert_eq!(read, mail(turn));
                            boxes[1].post(&mail(turn + 1), turn + 1);
                        }
                    }
                });
            }
        });
    }
}
