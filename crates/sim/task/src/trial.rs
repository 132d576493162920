//! One trial: what is shown, what should come out and when it counts.

use std::collections::BTreeMap;
use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{RandomStream, Seed};

use crate::{Result, Timing};

/// A named stretch of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Name, such as `fixation` or `stimulus`.
    pub name: &'static str,
    /// Steps.
    pub steps: Range<usize>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Inputs, (steps, inputs).
    pub inputs: Array2<f32>,
    /// What should come out, (steps, outputs).
    pub targets: Array2<f32>,
    /// How much each target counts, (steps, outputs); 0 where anything may come out.
    pub mask: Array2<f32>,
    /// Code of the state in which the trial starts; empty for tasks that start from rest.
    pub initial: Vec<f32>,
    /// Epochs in order.
    pub epochs: Vec<Epoch>,
    /// What was drawn for the trial: a row of the trial table.
    pub conditions: BTreeMap<&'static str, f64>,
    /// Where a walking animal is after each step, in m; empty for tasks without a place.
    pub places: Vec<[f64; 2]>,
}

impl Trial {
    /// A trial of zeros, all of it counting.
    pub fn blank(steps: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            inputs: Array2::zeros((steps, inputs)),
            targets: Array2::zeros((steps, outputs)),
            mask: Array2::ones((steps, outputs)),
            initial: vec![],
            epochs: vec![],
            conditions: BTreeMap::new(),
            places: vec![],
        }
    }

    /// A trial of zeros with these epochs one after the other: name and steps of each.
    pub fn in_epochs(parts: &[(&'static str, usize)], inputs: usize, outputs: usize) -> Self {
        let mut start = 0;
        let mut epochs = Vec::with_capacity(parts.len());
        for &(name, length) in parts {
            epochs.push(Epoch { name, steps: start..start + length });
            start += length;
        }
        Self { epochs, ..Self::blank(start, inputs, outputs) }
    }

    /// A trial of zeros with epochs whose lengths are drawn in their order; the last one lasts a step at least.
    pub(crate) fn drawn(
        parts: &[(&'static str, &Timing)],
        dt_ms: f64,
        [inputs, outputs]: [usize; 2],
        stream: &mut RandomStream,
    ) -> Self {
        let mut lengths: Vec<_> = parts.iter().map(|(name, timing)| (*name, timing.steps(dt_ms, stream))).collect();
        if let Some((_, last)) = lengths.last_mut() {
            *last = (*last).max(1);
        }
        Self::in_epochs(&lengths, inputs, outputs)
    }

    /// Adds white noise to all inputs: its standard deviation is `sd` once a unit with this dt / tau has filtered it.
    pub(crate) fn add_noise(&mut self, sd: f64, alpha: f64, stream: &mut RandomStream) {
        if sd > 0.0 {
            let scale = (2.0 / alpha).sqrt() * sd;
            let mut normal = || Distribution::<f64>::sample(&StandardNormal, stream);
            self.inputs.mapv_inplace(|v| v + (scale * normal()) as f32);
        }
    }

    /// Steps.
    pub fn steps(&self) -> usize {
        self.inputs.nrows()
    }

    /// Steps of an epoch; empty for an unknown name.
    pub fn epoch(&self, name: &str) -> Range<usize> {
        self.epochs.iter().find(|e| e.name == name).map_or(0..0, |e| e.steps.clone())
    }
}

/// How outputs are judged during training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Mean squared difference over what counts.
    SquaredError,
    /// Cross-entropy of a softmax over each group of outputs, in order; the groups' means are added.
    CrossEntropy {
        /// Sizes of the groups.
        groups: Vec<usize>,
    },
    /// Cross-entropy of a logistic function of each output.
    Logistic,
}

/// A task: a source of trials, and the judge of what a network makes of them.
pub trait Task: Send + Sync {
    /// Refuses impossible parameters.
    ///
    /// # Errors
    /// With the parameter and what would be right.
    fn check(&self) -> Result<()>;

    /// Names of the inputs.
    fn inputs(&self) -> Vec<String>;

    /// Names of the outputs.
    fn outputs(&self) -> Vec<String>;

    /// Length of a step in ms.
    fn dt_ms(&self) -> f64;

    /// How outputs are judged during training.
    fn loss(&self) -> Loss {
        Loss::SquaredError
    }

    /// Length of the code of the initial state; 0 for tasks that start from rest.
    fn initial(&self) -> usize {
        0
    }

    /// One trial; the seed alone decides it.
    fn trial(&self, seed: &Seed) -> Trial;

    /// How well the outputs (steps, outputs) of a trial do, 1 for right and 0 for wrong or a share between; `None` where there
    /// is no right and wrong.
    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64>;

    /// How far off the outputs of a trial are, in [`Task::error_unit`]; `None` for tasks that only know right and wrong.
    fn error(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let _ = (trial, outputs);
        None
    }

    /// Score and error together; override it where one follows from the other.
    fn judge(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> (Option<f64>, Option<f64>) {
        (self.score(trial, outputs), self.error(trial, outputs))
    }

    /// Unit of the error.
    fn error_unit(&self) -> &'static str {
        ""
    }
}
