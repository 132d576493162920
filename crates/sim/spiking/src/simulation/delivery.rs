//! Adding the events of spikes to the buffers of their targets: the innermost loops of the engine.

use super::failing::{Batch, Failing};
use super::part::Part;
use crate::Float;
use crate::network::{Delays, Drawn, Rows, Targets, Weights};

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

/// Adds the events of the stored rows of spikes of one step; returns how many synapses they have.
pub(super) fn deliver_rows<F: Float>(
    part: &mut Part<F>,
    receptor: usize,
    rows: &Rows,
    failing: Option<Failing>,
    events: &[Event],
) -> u64 {
    let Some(first) = events.first() else { return 0 };
    // Rows lie anywhere in memory, and where is known before.
    let coming = |k: usize| {
        if let Some(event) = events.get(k + 2) {
            rows.prefetch(event.source as usize);
        }
    };
    let (Delays::One(delay), None) = (&rows.delays, failing) else {
        let deliver = |(k, event): (usize, &Event)| {
            coming(k);
            deliver_row(part, receptor, rows, failing, *event)
        };
        return events.iter().enumerate().map(deliver).sum();
    };
    // All of them arrive together.
    let slot = part.slot(receptor, first.step + u64::from(*delay));
    let deliver = |(k, event): (usize, &Event)| {
        coming(k);
        add_run(slot, rows, rows.row(event.source as usize), event.amount)
    };
    events.iter().enumerate().map(deliver).sum()
}

/// Adds the events of some synapses of a row that arrive together; returns how many they are.
#[inline(always)]
fn add_run<F: Float>(slot: &mut [F], rows: &Rows, range: std::ops::Range<usize>, amount: f32) -> u64 {
    let (count, amount) = (range.len() as u64, F::of(f64::from(amount)));
    match (&rows.targets, &rows.weights) {
        (Targets::Narrow(t), Weights::One(w)) => scatter(slot, &t[range], amount * F::of(f64::from(*w))),
        (Targets::Wide(t), Weights::One(w)) => scatter(slot, &t[range], amount * F::of(f64::from(*w))),
        (Targets::Narrow(t), Weights::Each(w)) => scatter_each(slot, &t[range.clone()], &w[range], amount),
        (Targets::Wide(t), Weights::Each(w)) => scatter_each(slot, &t[range.clone()], &w[range], amount),
    }
    count
}

/// Adds the events of one stored row; returns how many synapses it has.
fn deliver_row<F: Float>(
    part: &mut Part<F>,
    receptor: usize,
    rows: &Rows,
    failing: Option<Failing>,
    event: Event,
) -> u64 {
    let Some(failing) = failing else {
        return rows.runs(event.source as usize).map(|run| deliver_run(part, receptor, rows, event, run)).sum();
    };
    match &rows.targets {
        Targets::Narrow(targets) => deliver_failing(part, receptor, rows, targets, failing, event),
        Targets::Wide(targets) => deliver_failing(part, receptor, rows, targets, failing, event),
    }
}

/// Adds the events of the synapses of a row that share a delay; returns how many they are.
#[inline(always)]
pub(super) fn deliver_run<F: Float>(
    part: &mut Part<F>,
    receptor: usize,
    rows: &Rows,
    event: Event,
    (delay, range): (u16, std::ops::Range<usize>),
) -> u64 {
    add_run(part.slot(receptor, event.step + u64::from(delay)), rows, range, event.amount)
}

/// The events of a row whose synapses fail. Several synapses between the same neurons with the same delay lie side by side.
fn deliver_failing<F: Float, T: Index>(
    part: &mut Part<F>,
    receptor: usize,
    rows: &Rows,
    targets: &[T],
    failing: Failing,
    event: Event,
) -> u64 {
    let (first, slots) = (part.first as u32, part.places_of_slots());
    let mut batch = Batch::new(&mut part.buffers[receptor], failing, event, first);
    let mut count = 0;
    for (delay, range) in rows.runs(event.source as usize) {
        count += range.len() as u64;
        let slot = slots.of(event.step + u64::from(delay));
        let (mut last, mut repeat) = (None, 0);
        for i in range {
            let target = targets[i].at();
            repeat = if last == Some(target) { repeat + 1 } else { 0 };
            last = Some(target);
            let weight = match &rows.weights {
                Weights::One(w) => *w,
                Weights::Each(w) => w[i],
            };
            batch.push(slot, target, [u32::from(delay), repeat], weight);
        }
    }
    batch.send();
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
    let Some(failing) = failing else {
        for k in from..to {
            let slot = part.slot(receptor, event.step + u64::from(delay_of(k)));
            slot[(others[k] - first) as usize] += F::of(f64::from(event.amount) * f64::from(weight(k)));
        }
        return (to - from) as u64;
    };
    let slots = part.places_of_slots();
    let mut batch = Batch::new(&mut part.buffers[receptor], failing, event, first);
    for k in from..to {
        let delay = delay_of(k);
        let same = (from..k).rev().take_while(|j| others[*j] == others[k]);
        let repeat = same.filter(|j| delay_of(*j) == delay).count() as u32;
        let slot = slots.of(event.step + u64::from(delay));
        batch.push(slot, (others[k] - first) as usize, [u32::from(delay), repeat], weight(k));
    }
    batch.send();
    (to - from) as u64
}
