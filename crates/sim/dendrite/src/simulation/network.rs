//! Several cells that send spikes to each other, on several threads.
//!
//! Between two exchanges, no longer apart than the shortest delay, cells know nothing of each other: each runs on any
//! thread, and what is exchanged is put in order of source, so that the number of threads decides nothing.

use super::Simulation;
use crate::error::require_range;
use crate::{Error, Result};

/// A connection from a detector of one cell to a synapse of another, or of the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Cell, detector, lane.
    pub from: (usize, usize, usize),
    /// Cell, synapse, lane.
    pub to: (usize, usize, usize),
    /// Weight of the event.
    pub weight: f64,
    /// Delay in ms, at least one step.
    pub delay_ms: f64,
}

/// Cells and their connections.
pub struct Network {
    cells: Vec<Simulation>,
    links: Vec<Link>,
    /// Spikes of every detector and lane that were sent on.
    sent: Vec<Vec<Vec<usize>>>,
}

impl Network {
    /// Joins cells that all stand at the same time and have the same step.
    ///
    /// # Errors
    /// If they do not, a link names what is not there, or a delay is shorter than a step.
    pub fn new(cells: Vec<Simulation>, links: Vec<Link>) -> Result<Self> {
        let Some(first) = cells.first() else {
            return Err(Error::Description("a network needs at least one cell".into()));
        };
        let (time_ms, dt_ms) = (first.time_ms, first.settings.dt_ms);
        if let Some(other) = cells.iter().position(|c| c.time_ms != time_ms || c.settings.dt_ms != dt_ms) {
            return Err(Error::Description(format!("cell {other} has another time or step than cell 0")));
        }
        for (k, link) in links.iter().enumerate() {
            let (cell, detector, lane) = link.from;
            let source = cells.get(cell).filter(|c| detector < c.detectors.len() && lane < c.settings.lanes);
            let (cell, synapse, lane) = link.to;
            let target = cells.get(cell).filter(|c| synapse < c.synapses.len() && lane < c.settings.lanes);
            if source.is_none() || target.is_none() {
                let end = if source.is_none() { "source" } else { "target" };
                return Err(Error::Description(format!("the {end} of link {k} is not there: {link:?}")));
            }
            require_range(format!("delay_ms of link {k}"), link.delay_ms, dt_ms, 1e9)?;
            require_range(format!("weight of link {k}"), link.weight, -1e9, 1e9)?;
        }
        let sent = cells.iter().map(|c| c.detectors.iter().map(|d| vec![0; d.spikes_ms.len()]).collect()).collect();
        Ok(Self { cells, links, sent })
    }

    /// The cells.
    pub fn cells(&self) -> &[Simulation] {
        &self.cells
    }

    /// The cells, to be given inputs between runs.
    pub fn cells_mut(&mut self) -> &mut [Simulation] {
        &mut self.cells
    }

    /// Runs all cells until a time on a number of threads.
    ///
    /// # Errors
    /// The first failure, by the order of cells.
    pub fn run_until(&mut self, stop_ms: f64, threads: usize) -> Result<()> {
        let dt_ms = self.cells[0].settings.dt_ms;
        let shortest = self.links.iter().map(|l| l.delay_ms).fold(f64::MAX, f64::min);
        // Without links there is nothing to exchange.
        let steps = if self.links.is_empty() { f64::MAX } else { (shortest / dt_ms + 1e-9).floor().max(1.0) };
        while self.cells[0].time_ms < stop_ms - 0.5 * dt_ms {
            let until = (self.cells[0].time_ms + steps * dt_ms).min(stop_ms);
            self.run_cells(until, threads.max(1))?;
            self.exchange();
        }
        Ok(())
    }

    fn run_cells(&mut self, until_ms: f64, threads: usize) -> Result<()> {
        let share = self.cells.len().div_ceil(threads);
        if threads == 1 {
            return self.cells.iter_mut().try_for_each(|cell| cell.run_until(until_ms));
        }
        std::thread::scope(|scope| {
            let work = |cells: &mut [Simulation]| cells.iter_mut().try_for_each(|cell| cell.run_until(until_ms));
            let running: Vec<_> = self.cells.chunks_mut(share).map(|chunk| scope.spawn(move || work(chunk))).collect();
            let results: Vec<Result<()>> = running
                .into_iter()
                .map(|handle| {
                    handle.join().unwrap_or_else(|_| Err(Error::Description("a simulation thread failed".into())))
                })
                .collect();
            results.into_iter().collect()
        })
    }

    fn exchange(&mut self) {
        let mut events = Vec::new();
        for link in &self.links {
            let (cell, detector, lane) = link.from;
            let spikes = &self.cells[cell].detectors[detector].spikes_ms[lane];
            events.extend(
                spikes[self.sent[cell][detector][lane]..].iter().map(|t| (link.to, t + link.delay_ms, link.weight)),
            );
        }
        for ((cell, synapse, lane), time_ms, weight) in events {
            self.cells[cell].queue.push(time_ms, synapse, lane, weight);
        }
        for (cell, sent) in self.cells.iter().zip(&mut self.sent) {
            for (detector, lanes) in cell.detectors.iter().zip(sent) {
                detector.spikes_ms.iter().zip(lanes).for_each(|(spikes, count)| *count = spikes.len());
            }
        }
    }
}
