//! The threads that move the shards of a network: they stay as long as the simulation, because a new thread may start on a core that is
//! taken, and then takes milliseconds to get one of its own. Each is given a shard for a number of steps and gives it back.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use super::mailbox::{LOOKS, Mailbox};
use super::shard::{Mail, Shard};
use crate::Float;

/// Steps to move by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub first: u64,
    pub steps: u64,
    /// Whether spikes are kept or only counted.
    pub keep_spikes: bool,
}

/// Threads for all shards but the first, which the caller moves.
pub(super) struct Crew<F> {
    /// Two boxes for each shard: while one is read the next step's spikes go into the other.
    boxes: Arc<[[Mailbox; 2]]>,
    members: Vec<Member<F>>,
    /// Steps that boxes have seen, whatever time the simulation was set to between.
    turns: u64,
}

struct Member<F> {
    jobs: Sender<(Shard<F>, Round, u64)>,
    done: Receiver<Shard<F>>,
}

impl<F: Float> Crew<F> {
    pub fn new(shards: &[Shard<F>]) -> Self {
        let mailbox = |shard: &Shard<F>| Mailbox::new(shard.parts.iter().map(|p| p.len));
        let boxes: Arc<[[Mailbox; 2]]> = shards.iter().map(|s| [mailbox(s), mailbox(s)]).collect();
        let member = |index: usize| {
            let ((jobs, given), (back, done)) = (channel(), channel());
            let boxes = Arc::clone(&boxes);
            // It ends when the crew is gone and with it the other end of either channel.
            std::thread::spawn(move || {
                while let Some((mut shard, round, turns)) = receive(&given) {
                    run(&mut shard, index, round, turns, &boxes);
                    if back.send(shard).is_err() {
                        return;
                    }
                }
            });
            Member { jobs, done }
        };
        let members = (1..shards.len()).map(member).collect();
        Self { boxes, members, turns: 0 }
    }

    /// Moves all shards.
    ///
    /// # Panics
    /// If a thread panicked.
    pub fn run(&mut self, shards: &mut Vec<Shard<F>>, round: Round) {
        const GONE: &str = "a thread that moves a shard panicked";
        for (member, shard) in self.members.iter().zip(shards.drain(1..)) {
            member.jobs.send((shard, round, self.turns)).map_err(drop).expect(GONE);
        }
        run(&mut shards[0], 0, round, self.turns, &self.boxes);
        shards.extend(self.members.iter().map(|member| receive(&member.done).expect(GONE)));
        self.turns += round.steps;
    }
}

/// A thread that panics does not leave the others waiting for its mail.
struct Poster<'a>(&'a [Mailbox; 2]);

impl Drop for Poster<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.iter().for_each(Mailbox::abandon);
        }
    }
}

/// Moves a shard; its spikes go to the others and theirs come here after each step.
fn run<F: Float>(shard: &mut Shard<F>, index: usize, round: Round, turns: u64, boxes: &[[Mailbox; 2]]) {
    let mut all: Vec<Mail> = vec![Mail::new(); boxes.len()];
    let own = Poster(&boxes[index]);
    for (step, turn) in (round.first..round.first + round.steps).zip(turns + 1..) {
        let parity = (turn & 1) as usize;
        all[index] = shard.advance(step, round.keep_spikes);
        // Nobody else touches this box now: who posted the turn between, whose mail was read, had read it.
        own.0[parity].post(&all[index], turn);
        for (other, mail) in all.iter_mut().enumerate().filter(|(other, _)| *other != index) {
            boxes[other][parity].read(mail, turn);
        }
        shard.deliver(step, index, all.iter());
        shard.keep(std::mem::take(&mut all[index]));
    }
}

/// What comes next through a channel: looks for a while before it goes to sleep, as rounds often follow each other. None if nothing ever
/// will.
fn receive<T>(from: &Receiver<T>) -> Option<T> {
    for _ in 0..LOOKS {
        match from.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
    from.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rheobase_core::Seed;

    use super::super::aligned::Aligned;
    use super::*;
    use crate::network::NetworkDescription;

    #[test]
    fn a_thread_that_panics_ends_the_run() {
        let text = r#"{ "populations": { "a": { "size": 128, "neuron": { "kind": "lif" } } }, "projections": [] }"#;
        let network: NetworkDescription = serde_json::from_str(text).expect("a network");
        for broken in [0, 1] {
            let build = |index: usize| Shard::<f64>::build(&network, &Seed::root(1), index, 2).expect("a shard");
            let mut shards: Vec<_> = (0..2).map(build).collect();
            shards.iter_mut().for_each(|s| s.make_room(1));
            let mut crew = Crew::new(&shards);
            let mut go_on = |shards: &mut Vec<Shard<f64>>, first: u64| {
                catch_unwind(AssertUnwindSafe(|| crew.run(shards, Round { first, steps: 10, keep_spikes: true })))
                    .is_ok()
            };
            assert!(go_on(&mut shards, 0));
            shards[broken].parts[0].timer = Aligned::filled(0, 0);
            assert!(!go_on(&mut shards, 10));
        }
    }
}
