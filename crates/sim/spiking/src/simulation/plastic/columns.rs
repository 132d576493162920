//! Plastic synapses as columns: for each target the places of its synapses in the rows.

use crate::network::{Delays, Rows};

/// The synapses onto each target: their places in the rows, and their sources.
#[derive(Debug, Default)]
pub(in crate::simulation) struct Columns {
    pub first: Vec<u32>,
    pub synapses: Vec<u32>,
    pub sources: Vec<u32>,
    /// Steps by which the delay of each is longer than the shortest; empty where all share one.
    lags: Vec<u16>,
}

impl Columns {
    /// Of `targets` neurons; `shortest` is the shortest delay in steps that any synapse of the projection has.
    pub fn new(rows: &Rows, targets: usize, shortest: usize) -> Self {
        let sources = rows.offsets.len() - 1;
        let mut first = vec![0_u32; targets + 1];
        (0..rows.len()).for_each(|i| first[rows.targets.get(i) + 1] += 1);
        (0..targets).for_each(|t| first[t + 1] += first[t]);
        let mut next = first.clone();
        let mut columns = Self { first, synapses: vec![0; rows.len()], sources: vec![0; rows.len()], lags: vec![] };
        if matches!(rows.delays, Delays::Runs { .. }) {
            columns.lags = vec![0; rows.len()];
        }
        for source in 0..sources {
            for (delay, run) in rows.runs(source) {
                for i in run {
                    let place = &mut next[rows.targets.get(i)];
                    columns.synapses[*place as usize] = i as u32;
                    columns.sources[*place as usize] = source as u32;
                    if let Some(lag) = columns.lags.get_mut(*place as usize) {
                        *lag = delay - shortest as u16;
                    }
                    *place += 1;
                }
            }
        }
        columns
    }

    /// Steps by which a delay is longer than the shortest.
    pub fn lag(&self, place: usize) -> usize {
        self.lags.get(place).map_or(0, |lag| *lag as usize)
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        4 * (self.first.len() + self.synapses.len() + self.sources.len()) + 2 * self.lags.len()
    }

    /// Places of the synapses onto a target, in the other lists.
    pub fn of(&self, target: usize) -> std::ops::Range<usize> {
        self.first[target] as usize..self.first[target + 1] as usize
    }
}
