//! Spikes: detection, connections, and the queue of those under way.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::{KINETIC, Simulation};
use crate::error::require_range;
use crate::synapse::ShortTermPlasticity;
use crate::{Error, Result};

/// A spike on its way to a synapse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Event {
    pub time_ms: f64,
    pub synapse: u32,
    pub lane: u32,
    pub weight: f64,
    /// Order of sending, for equal times.
    pub number: u64,
}

impl Eq for Event {}

impl Ord for Event {
    /// Earliest first in a heap whose largest comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |e: &Self| (e.synapse, e.lane, e.number);
        other.time_ms.total_cmp(&self.time_ms).then_with(|| key(other).cmp(&key(self)))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Events under way.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Queue {
    pub heap: BinaryHeap<Event>,
    pub sent: u64,
}

impl Queue {
    pub fn push(&mut self, time_ms: f64, synapse: usize, lane: usize, weight: f64) {
        let number = self.sent;
        self.sent += 1;
        self.heap.push(Event { time_ms, synapse: synapse as u32, lane: lane as u32, weight, number });
    }

    /// The next event at or before a time.
    pub fn pop_until(&mut self, time_ms: f64) -> Option<Event> {
        if self.heap.peek()?.time_ms > time_ms { None } else { self.heap.pop() }
    }
}

/// Sends a detector's spikes to a synapse of the same lane.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub detector: usize,
    pub synapse: usize,
    pub weight: f64,
    pub delay_ms: f64,
    /// One per lane.
    pub plasticity: Option<Vec<ShortTermPlasticity>>,
}

/// Watches a compartment for upward crossings of a threshold.
#[derive(Debug, Clone)]
pub(super) struct Detector {
    pub node: usize,
    pub threshold_mv: f64,
    /// Voltages at the beginning of the step, one per lane.
    pub before_mv: Vec<f64>,
    /// Crossing times in ms, one list per lane.
    pub spikes_ms: Vec<Vec<f64>>,
}

impl Simulation {
    /// Watches a compartment for upward crossings of a threshold; returns the detector's number.
    ///
    /// # Errors
    /// If the compartment is not there or the threshold not finite.
    pub fn detect_spikes(&mut self, compartment: usize, threshold_mv: f64) -> Result<usize> {
        require_range("threshold_mv of a spike detector", threshold_mv, -1e3, 1e3)?;
        let compartment = self.check_place(compartment, None)?;
        let node = self.tree.node_of[compartment] as usize;
        let lanes = self.settings.lanes;
        self.detectors.push(Detector {
            node,
            threshold_mv,
            before_mv: vec![0.0; lanes],
            spikes_ms: vec![vec![]; lanes],
        });
        Ok(self.detectors.len() - 1)
    }

    /// Spike times in ms of a detector in a lane, interpolated within the step.
    ///
    /// # Panics
    /// If the detector or lane is not there.
    pub fn spikes_ms(&self, detector: usize, lane: usize) -> &[f64] {
        &self.detectors[detector].spikes_ms[lane]
    }

    /// Sends one event of a weight to a synapse.
    ///
    /// # Errors
    /// If the synapse or lane is not there, the weight is not finite, or the time lies in the past.
    pub fn send(&mut self, synapse: usize, lane: usize, time_ms: f64, weight: f64) -> Result<()> {
        self.check_synapse(synapse, lane)?;
        require_range("weight of an event", weight, -1e9, 1e9)?;
        require_range("time of an event in ms", time_ms, self.time_ms, 1e15)?;
        self.queue.push(time_ms, synapse, lane, weight);
        Ok(())
    }

    /// Sends events at these times, with an optional short-term plasticity that scales their weights.
    ///
    /// # Errors
    /// As [`Simulation::send`].
    pub fn send_train(
        &mut self,
        synapse: usize,
        lane: usize,
        times_ms: &[f64],
        weight: f64,
        plasticity: Option<ShortTermPlasticity>,
    ) -> Result<()> {
        let mut plasticity = plasticity;
        for &time in times_ms {
            let released = plasticity.as_mut().map_or(1.0, |p| p.release(time));
            self.send(synapse, lane, time, weight * released)?;
        }
        Ok(())
    }

    /// Connects a detector to a synapse of the same cell and lane.
    ///
    /// # Errors
    /// If either is not there, the weight is not finite or the delay negative.
    pub fn connect(
        &mut self,
        detector: usize,
        synapse: usize,
        weight: f64,
        delay_ms: f64,
        plasticity: Option<ShortTermPlasticity>,
    ) -> Result<()> {
        self.check_synapse(synapse, 0)?;
        if detector >= self.detectors.len() {
            return Err(Error::Description(format!("detector {detector} of {}", self.detectors.len())));
        }
        require_range("weight of a connection", weight, -1e9, 1e9)?;
        require_range("delay_ms of a connection", delay_ms, 0.0, 1e9)?;
        let plasticity = plasticity.map(|p| vec![p; self.settings.lanes]);
        self.connections.push(Connection { detector, synapse, weight, delay_ms, plasticity });
        Ok(())
    }

    fn check_synapse(&self, synapse: usize, lane: usize) -> Result<()> {
        if synapse >= self.synapses.len() {
            return Err(Error::Description(format!("synapse {synapse} of {}; the first is 0", self.synapses.len())));
        }
        self.check_place(0, Some(lane)).map(|_| ())
    }

    /// Delivers what is due at the time at which synapses are used next.
    pub(super) fn deliver(&mut self, used_at_ms: f64) {
        // A rounding error of the clock must not delay an event by a step.
        while let Some(event) = self.queue.pop_until(used_at_ms + 1e-9) {
            let before_ms = (used_at_ms - event.time_ms).max(0.0);
            if let Some(delivered) = &mut self.delivered {
                delivered.push((event, before_ms));
            }
            for &(bank, receptor) in &self.synapses[event.synapse as usize].receptors {
                let lane = event.lane as usize;
                match bank {
                    KINETIC => self.kinetic.event(receptor, lane, before_ms),
                    _ => self.receptors[bank].event(receptor, lane, event.weight, before_ms),
                }
            }
        }
    }

    /// Looks for crossings between the voltages before the step and the present ones, and sends what they cause.
    pub(super) fn detect(&mut self, from_ms: f64, h_ms: f64) {
        let lanes = self.settings.lanes;
        for index in 0..self.detectors.len() {
            let detector = &mut self.detectors[index];
            for lane in 0..lanes {
                let at = detector.node * lanes + lane;
                let (old, new, threshold) = (detector.before_mv[lane], self.v[at], detector.threshold_mv);
                if old < threshold && new >= threshold {
                    let time = from_ms + h_ms * (threshold - old) / (new - old);
                    detector.spikes_ms[lane].push(time);
                    for connection in self.connections.iter_mut().filter(|c| c.detector == index) {
                        let released = connection.plasticity.as_mut().map_or(1.0, |p| p[lane].release(time));
                        self.queue.push(
                            time + connection.delay_ms,
                            connection.synapse,
                            lane,
                            connection.weight * released,
                        );
                    }
                }
            }
        }
    }
}
