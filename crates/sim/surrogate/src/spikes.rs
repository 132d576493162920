//! Input spikes as a surrogate sees them: which synapse was active in which millisecond.
//!
//! Almost all entries of the matrix (steps, inputs) are zero, so only the others are kept, sorted by step.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The input spikes of one trial, in bins of 1 ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpikes {
    inputs: usize,
    /// Inputs that are active, step after step; within a step in order. An input twice in a step counts twice.
    active: Vec<u32>,
    /// Where each step begins in `active`, and the end.
    starts: Vec<usize>,
}

impl Default for InputSpikes {
    /// No step and no input.
    fn default() -> Self {
        Self { inputs: 0, active: vec![], starts: vec![0] }
    }
}

impl InputSpikes {
    /// From events (step, input) in any order.
    ///
    /// # Errors
    /// If an event lies outside.
    pub fn new(inputs: usize, steps: usize, mut events: Vec<(u32, u32)>) -> Result<Self> {
        if let Some(&(step, input)) = events.iter().find(|(s, i)| *s as usize >= steps || *i as usize >= inputs) {
            return Err(Error::Data(format!(
                "an input spike at step {step} of input {input}, but there are {steps} steps and {inputs} inputs"
            )));
        }
        events.sort_unstable();
        let mut starts = vec![0; steps + 1];
        events.iter().for_each(|(step, _)| starts[*step as usize + 1] += 1);
        (0..steps).for_each(|s| starts[s + 1] += starts[s]);
        Ok(Self { inputs, active: events.into_iter().map(|(_, input)| input).collect(), starts })
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of steps of 1 ms.
    pub fn steps(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of spikes.
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether nothing is active.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// The inputs that are active in a step.
    pub fn at(&self, step: usize) -> &[u32] {
        &self.active[self.starts[step]..self.starts[step + 1]]
    }

    /// All events (step, input), in order.
    pub fn events(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.steps()).flat_map(|step| self.at(step).iter().map(move |&input| (step, input as usize)))
    }

    /// Steps `from..from + length` as a trial of their own.
    ///
    /// # Panics
    /// If it is not that long.
    pub fn window(&self, from: usize, length: usize) -> Self {
        let first = self.starts[from];
        let starts: Vec<usize> = self.starts[from..=from + length].iter().map(|s| s - first).collect();
        let active = self.active[first..first + starts[length]].to_vec();
        Self { inputs: self.inputs, active, starts }
    }

    /// Spikes of each input.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.inputs];
        self.active.iter().for_each(|&i| counts[i as usize] += 1);
        counts
    }
}

/// Trials of equal length that go through a network together, sorted by input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpikeBatch {
    /// Trials.
    pub rows: usize,
    /// Steps of 1 ms.
    pub steps: usize,
    /// Inputs.
    pub inputs: usize,
    /// (row, step) of every spike, input after input.
    by_input: Vec<(u32, u32)>,
    /// Where each (input, row) begins, inputs outermost, and the end.
    starts: Vec<usize>,
}

impl SpikeBatch {
    /// Sorts the spikes of trials.
    ///
    /// # Errors
    /// If there is none, or their inputs or lengths differ.
    pub fn new(trials: &[InputSpikes]) -> Result<Self> {
        let Some(first) = trials.first() else {
            return Err(Error::Data("a batch needs at least one trial".into()));
        };
        let (rows, steps, inputs) = (trials.len(), first.steps(), first.inputs());
        for (k, trial) in trials.iter().enumerate() {
            if (trial.steps(), trial.inputs()) != (steps, inputs) {
                return Err(Error::Data(format!(
                    "trial {k} has {} steps of {} inputs, the first has {steps} steps of {inputs} inputs",
                    trial.steps(),
                    trial.inputs()
                )));
            }
        }
        let mut starts = vec![0; inputs * rows + 1];
        for (row, trial) in trials.iter().enumerate() {
            trial.active.iter().for_each(|&i| starts[i as usize * rows + row + 1] += 1);
        }
        (0..inputs * rows).for_each(|k| starts[k + 1] += starts[k]);
        let mut next = starts.clone();
        let mut by_input = vec![(0, 0); starts[inputs * rows]];
        for (row, trial) in trials.iter().enumerate() {
            for (step, input) in trial.events() {
                let place = &mut next[input * rows + row];
                by_input[*place] = (row as u32, step as u32);
                *place += 1;
            }
        }
        Ok(Self { rows, steps, inputs, by_input, starts })
    }

    /// (row, step) of the spikes of an input in all rows, in order.
    pub fn of_input(&self, input: usize) -> &[(u32, u32)] {
        &self.by_input[self.starts[input * self.rows]..self.starts[(input + 1) * self.rows]]
    }

    /// (row, step) of the spikes of an input in some rows.
    pub fn of_rows(&self, input: usize, rows: std::ops::Range<usize>) -> &[(u32, u32)] {
        &self.by_input[self.starts[input * self.rows + rows.start]..self.starts[input * self.rows + rows.end]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_in_order_and_windows_move_them() {
        let spikes = InputSpikes::new(3, 5, vec![(4, 0), (1, 2), (1, 0), (1, 2)]).unwrap();
        assert_eq!(spikes.events().collect::<Vec<_>>(), [(1, 0), (1, 2), (1, 2), (4, 0)]);
        assert_eq!(spikes.counts(), [2, 0, 2]);
        let window = spikes.window(1, 3);
        assert_eq!(window.events().collect::<Vec<_>>(), [(0, 0), (0, 2), (0, 2)]);
        assert_eq!((window.steps(), window.len()), (3, 3));
        let error = InputSpikes::new(3, 5, vec![(5, 0)]).unwrap_err().to_string();
        assert!(error.contains("5 steps"), "{error}");
    }

    #[test]
    fn a_batch_sorts_by_input_then_row_then_step() {
        let a = InputSpikes::new(2, 4, vec![(3, 1), (0, 1), (2, 0)]).unwrap();
        let b = InputSpikes::new(2, 4, vec![(1, 1)]).unwrap();
        let batch = SpikeBatch::new(&[a.clone(), b]).unwrap();
        assert_eq!(batch.of_input(0), [(0, 2)]);
        assert_eq!(batch.of_input(1), [(0, 0), (0, 3), (1, 1)]);
        assert_eq!(batch.of_rows(1, 1..2), [(1, 1)]);
        let error = SpikeBatch::new(&[a.clone(), a.window(0, 2)]).unwrap_err().to_string();
        assert!(error.contains("trial 1 has 2 steps"), "{error}");
        assert!(SpikeBatch::new(&[]).is_err());
    }
}
