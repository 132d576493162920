//! The spikes of a step on their way from one thread to the others, without locks: a thread writes its own box, arrives at the
//! [`Barrier`](super::barrier::Barrier), and then reads those of the others.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::shard::Mail;

/// What one population of a shard sends.
struct Slots {
    count: AtomicU32,
    fired: Box<[AtomicU32]>,
    /// Bits of the amounts, for graded release.
    amounts: Box<[AtomicU32]>,
    amounts_count: AtomicU32,
}

/// Mail of one shard in one step.
pub(super) struct Mailbox {
    populations: Vec<Slots>,
    /// Where mail goes that has more spikes than neurons, as given spike times may have.
    large: Mutex<Mail>,
}

/// Count that says that the mail is among the large ones.
const LARGE: u32 = u32::MAX;

fn empty(size: usize) -> Box<[AtomicU32]> {
    (0..size).map(|_| AtomicU32::new(0)).collect()
}

impl Mailbox {
    /// A box for populations of these sizes.
    pub fn new(sizes: impl Iterator<Item = usize>) -> Self {
        let slots = |size: usize| Slots {
            count: AtomicU32::new(0),
            fired: empty(size),
            amounts: empty(size),
            amounts_count: AtomicU32::new(0),
        };
        Self { populations: sizes.map(slots).collect(), large: Mutex::default() }
    }

    /// Puts mail in; nobody may be reading.
    pub fn post(&self, mail: &Mail) {
        for (number, (slots, sent)) in self.populations.iter().zip(mail).enumerate() {
            if sent.fired.len() > slots.fired.len() {
                slots.count.store(LARGE, Relaxed);
                let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                large.resize_with(self.populations.len(), Default::default);
                large[number].clone_from(sent);
                continue;
            }
            slots.fired.iter().zip(&sent.fired).for_each(|(slot, n)| slot.store(*n, Relaxed));
            slots.amounts.iter().zip(&sent.amounts).for_each(|(slot, a)| slot.store(a.to_bits(), Relaxed));
            slots.count.store(sent.fired.len() as u32, Relaxed);
            slots.amounts_count.store(sent.amounts.len() as u32, Relaxed);
        }
    }

    /// Copies what is in the box; nobody may be writing.
    pub fn read(&self, mail: &mut Mail) {
        mail.resize_with(self.populations.len(), Default::default);
        for (number, (slots, sent)) in self.populations.iter().zip(mail).enumerate() {
            let count = slots.count.load(Relaxed);
            if count == LARGE {
                sent.clone_from(&self.large.lock().unwrap_or_else(PoisonError::into_inner)[number]);
                continue;
            }
            sent.fired.clear();
            sent.fired.extend(slots.fired[..count as usize].iter().map(|n| n.load(Relaxed)));
            let amounts = slots.amounts_count.load(Relaxed) as usize;
            sent.amounts.clear();
            sent.amounts.extend(slots.amounts[..amounts].iter().map(|a| f32::from_bits(a.load(Relaxed))));
        }
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
        for mail in [
            vec![Sent { fired: vec![4, 5], amounts: vec![] }, Sent { fired: vec![0, 1], amounts: vec![0.5, -1.25] }],
            vec![Sent { fired: vec![7; 5], amounts: vec![] }, Sent::default()],
            vec![Sent::default(), Sent { fired: vec![1], amounts: vec![2.0] }],
        ] {
            mailbox.post(&mail);
            mailbox.read(&mut read);
            assert_eq!(read, mail);
        }
    }
}
