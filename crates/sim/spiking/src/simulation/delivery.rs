//! Adding the events of spikes to the buffers of their targets: the innermost loops of the engine.

use super::part::Part;
use crate::Float;
use crate::network::{Drawn, Failure, Rows, Targets, Weights};
use crate::random::{BLOCK, philox_each};

/// Targets are numbers of 2 or 4 bytes.
trait Index: Copy {
    fn at(self) -> usize;
}

impl Index for u16 {
    #[inline(always)]
    fn at(self) -> usize {
        self as usize
    }
}

impl Index for u32 {
    #[inline(always)]
    fn at(self) -> usize {
        self as usize
    }
}

/// Which synapses fail: a number for each source, target and step decides, wherever the synapse is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failing {
    pub failure: Failure,
    pub key: [u32; 2],
}

/// One spike on its way through a projection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub source: u32,
    pub step: u64,
    /// What is sent, 1 for a whole spike.
    pub amount: f32,
}

#[inline(always)]
fn scatter<F: Float, T: Index>(slot: &mut [F], targets: &[T], weight: F) {
    for target in targets {
        slot[target.at()] += weight;
    }
}

#[inline(always)]
fn scatter_each<F: Float, T: Index>(slot: &mut [F], targets: &[T], weights: &[f32], amount: F) {
    for (target, w) in targets.iter().zip(weights) {
        slot[target.at()] += amount * F::of(f64::from(*w));
    }
}

/// Adds synapses of one delay, failures included; `first` is the number of the shard's first neuron. Several synapses between the
/// same neurons with the same delay lie side by side; `repeat` counts those before the first of these.
#[inline(always)]
fn scatter_failing<F: Float, T: Index>(
    slot: &mut [F],
    targets: &[T],
    weight: impl Fn(usize) -> f32,
    [first, delay, mut repeat]: [u32; 3],
    failing: Failing,
    event: Event,
) {
    let mut last = None;
    for (piece, few) in targets.chunks(BLOCK).enumerate() {
        let mut counters = [[0_u32; BLOCK]; 2];
        for (i, target) in few.iter().enumerate() {
            let target = target.at();
            repeat = match last {
                Some(before) if before == target => repeat + 1,
                Some(_) => 0,
                None => repeat,
            };
            last = Some(target);
            counters[0][i] = first + target as u32;
            counters[1][i] = delay << 16 | repeat;
        }
        let uniform = philox_each(failing.key, &counters, [event.source, event.step as u32]);
        for (i, target) in few.iter().enumerate() {
            let w = weight(piece * BLOCK + i);
            let u = (f64::from(uniform[i]) + 0.5) / 4_294_967_296.0;
            if u >= failing.failure.probability(f64::from(w)) {
                slot[target.at()] += F::of(f64::from(event.amount) * f64::from(w));
            }
        }
    }
}

/// Adds the events of one stored row; returns how many synapses it has.
pub(super) fn deliver_row<F: Float>(
    part: &mut Part<F>,
    receptor: usize,
    rows: &Rows,
    failing: Option<Failing>,
    event: Event,
) -> u64 {
    rows.runs(event.source as usize).map(|run| deliver_run(part, receptor, rows, failing, event, run)).sum()
}

/// Adds the events of the synapses of a row that share a delay; returns how many they are.
#[inline(always)]
pub(super) fn deliver_run<F: Float>(
    part: &mut Part<F>,
    receptor: usize,
    rows: &Rows,
    failing: Option<Failing>,
    event: Event,
    (delay, range): (u16, std::ops::Range<usize>),
) -> u64 {
    let (first, amount) = (part.first as u32, F::of(f64::from(event.amount)));
    let count = range.len() as u64;
    let slot = part.slot(receptor, event.step + u64::from(delay));
    match (&rows.targets, &rows.weights, failing) {
        (Targets::Narrow(t), Weights::One(w), None) => scatter(slot, &t[range], amount * F::of(f64::from(*w))),
        (Targets::Wide(t), Weights::One(w), None) => scatter(slot, &t[range], amount * F::of(f64::from(*w))),
        (Targets::Narrow(t), Weights::Each(w), None) => scatter_each(slot, &t[range.clone()], &w[range], amount),
        (Targets::Wide(t), Weights::Each(w), None) => scatter_each(slot, &t[range.clone()], &w[range], amount),
        (targets, weights, Some(failing)) => {
            let begin = range.start;
            let weight = |i: usize| match weights {
                Weights::One(w) => *w,
                Weights::Each(w) => w[begin + i],
            };
            let place = [first, u32::from(delay), 0];
            match targets {
                Targets::Narrow(t) => scatter_failing(slot, &t[range], weight, place, failing, event),
                Targets::Wide(t) => scatter_failing(slot, &t[range], weight, place, failing, event),
            }
        }
    }
    count
}

/// Synapses of a chunk that were drawn for this spike alone; weights and delays are the shared ones where none were drawn.
pub(super) struct Fresh<'a> {
    pub drawn: &'a Drawn,
    pub weight: Option<f32>,
    pub delay: Option<u16>,
}

/// Adds the events of synapses that are not stored; returns how many belong to this shard.
pub(super) fn deliver_drawn<F: Float>(
    part: &mut Part<F>,
    receptor: usize,
    fresh: &Fresh<'_>,
    failing: Option<Failing>,
    event: Event,
) -> u64 {
    let (first, len) = (part.first as u32, part.len as u32);
    let others = &fresh.drawn.others;
    let weight = |k: usize| fresh.weight.unwrap_or_else(|| fresh.drawn.weights[k]);
    let from = others.partition_point(|t| *t < first);
    let to = others.partition_point(|t| *t < first + len);
    if let (Some(delay), None) = (fresh.delay, failing) {
        let slot = part.slot(receptor, event.step + u64::from(delay));
        for k in from..to {
            slot[(others[k] - first) as usize] += F::of(f64::from(event.amount) * f64::from(weight(k)));
        }
        return (to - from) as u64;
    }
    let delay_of = |k: usize| fresh.delay.unwrap_or_else(|| fresh.drawn.delays[k]);
    for k in from..to {
        let delay = delay_of(k);
        let slot = part.slot(receptor, event.step + u64::from(delay));
        let target = [others[k] - first];
        match failing {
            None => slot[target[0] as usize] += F::of(f64::from(event.amount) * f64::from(weight(k))),
            Some(failing) => {
                let same = (from..k).rev().take_while(|j| others[*j] == others[k]);
                let repeat = same.filter(|j| delay_of(*j) == delay).count() as u32;
                let place = [first, u32::from(delay), repeat];
                scatter_failing(slot, &target, |_| weight(k), place, failing, event);
            }
        }
    }
    (to - from) as u64
}
