//! What every training run shares: the data, the history, and checkpoints from which it goes on to the same bytes.

use burn::tensor::Device;
use ndarray::Array2;
use rheobase_core::{Progress, Seed};
use serde::{Deserialize, Serialize};

use crate::objective::Objective;
use crate::optimizer::Moments;
use crate::{Error, Result};

/// Samples for training or testing.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Inputs, shape (samples, features).
    pub inputs: Array2<f32>,
    /// Class of each sample; empty for unlabelled data.
    pub labels: Vec<usize>,
    /// Number of classes; 0 for unlabelled data.
    pub classes: usize,
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.nrows()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses what no rule can train on.
    ///
    /// # Errors
    /// If there is no sample, a value is not finite, or labels are missing or out of range although `labelled` ones are needed.
    pub fn check(&self, labelled: bool) -> Result<()> {
        if self.is_empty() {
            return Err(Error::Data("there is no sample to train on".into()));
        }
        if let Some(index) = self.inputs.iter().position(|v| !v.is_finite()) {
            return Err(Error::Data(format!("input {index} is not finite")));
        }
        if labelled && self.labels.len() != self.len() {
            return Err(Error::Data(format!(
                "this objective needs a class for each sample: {} samples, {} labels",
                self.len(),
                self.labels.len()
            )));
        }
        if let Some(label) = self.labels.iter().find(|&&l| l >= self.classes) {
            return Err(Error::Data(format!("label {label} is out of range, there are {} classes", self.classes)));
        }
        Ok(())
    }
}

/// One line of a training history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, counted from 1; 0 is before training.
    pub epoch: usize,
    /// Mean training loss over the epoch's batches (task and penalties); none before training.
    pub train_loss: Option<f64>,
    /// Task loss on the test samples, if there are any.
    pub test_loss: Option<f64>,
    /// Accuracy on the test samples, for labelled data.
    pub test_accuracy: Option<f64>,
    /// Mean angle in degrees between the error sent back by the rule and by backpropagation, from the output to the last hidden
    /// layer.
    pub alignment_deg: Option<f64>,
}

/// Everything that is needed to go on with a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Epochs done.
    pub epochs_done: usize,
    /// Parameters, in the model's order.
    pub parameters: Vec<Vec<f32>>,
    /// Optimiser memory, in the same order.
    pub moments: Vec<Moments>,
    /// History so far.
    pub history: Vec<EpochRecord>,
}

/// Where checkpoints go.
pub trait CheckpointStore {
    /// The last checkpoint, if there is one.
    fn load(&mut self) -> Option<Checkpoint>;
    /// Offers a checkpoint. Unless it is `urgent` (the run is about to stop) the store may skip it; which ones it keeps decides
    /// how much is done again after a kill, never a number.
    ///
    /// # Errors
    /// If it could not be written.
    fn save(&mut self, checkpoint: &Checkpoint, urgent: bool) -> Result<()>;
}

/// A store that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCheckpoints;

impl CheckpointStore for NoCheckpoints {
    fn load(&mut self) -> Option<Checkpoint> {
        None
    }
    fn save(&mut self, _checkpoint: &Checkpoint, _urgent: bool) -> Result<()> {
        Ok(())
    }
}

/// One training run: what, on what, with which randomness.
pub struct Session<'a> {
    /// The objective.
    pub objective: Objective,
    /// Training samples.
    pub train: &'a Samples,
    /// Test samples, for the history only.
    pub test: Option<&'a Samples>,
    /// Random streams of this run.
    pub seed: Seed,
    /// Device of the tensors.
    pub device: Device,
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Where checkpoints go.
    pub checkpoints: &'a mut dyn CheckpointStore,
}

impl Session<'_> {
    /// Sample order of an epoch: a permutation that depends on the seed and the epoch alone.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        use rand::seq::SliceRandom;
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(&mut self.seed.child("order").index(epoch).stream());
        order
    }

    /// Refuses numbers that show a diverged run.
    ///
    /// # Errors
    /// [`Error::Diverged`], naming the loss or the parameter.
    pub fn check_finite(epoch: usize, loss: f64, names: &[String], parameters: &[Vec<f32>], rate: f64) -> Result<()> {
        const RUNAWAY: f32 = 1e6;
        for (name, values) in names.iter().zip(parameters) {
            if let Some(value) = values.iter().find(|v| !v.is_finite() || v.abs() > RUNAWAY) {
                return Err(Error::Diverged { epoch, what: format!("{name} reached {value}"), rate });
            }
        }
        if loss.is_finite() {
            Ok(())
        } else {
            Err(Error::Diverged { epoch, what: format!("the loss is {loss}"), rate })
        }
    }

    /// The last checkpoint, or a fresh start from these parameters.
    ///
    /// # Errors
    /// If the checkpoint belongs to other parameters.
    pub fn start(&mut self, parameters: &[Vec<f32>]) -> Result<Checkpoint> {
        let fresh = Checkpoint {
            parameters: parameters.to_vec(),
            moments: vec![Moments::default(); parameters.len()],
            ..Checkpoint::default()
        };
        let Some(found) = self.checkpoints.load() else { return Ok(fresh) };
        let lengths = |p: &[Vec<f32>]| p.iter().map(Vec::len).collect::<Vec<_>>();
        if lengths(&found.parameters) != lengths(parameters) || found.moments.len() != parameters.len() {
            return Err(Error::Checkpoint("it belongs to another network; delete it".into()));
        }
        self.progress.note(&format!("resuming after epoch {}", found.epochs_done));
        Ok(found)
    }

    /// Runs `epoch` until `epochs` are done, keeping history and offering checkpoints; a diverged epoch leaves the last good
    /// checkpoint in place.
    ///
    /// # Errors
    /// Those of `epoch`, or if the user interrupts.
    pub fn run_epochs(
        &mut self,
        state: &mut Checkpoint,
        epochs: usize,
        mut epoch: impl FnMut(&Self, &mut Checkpoint, usize) -> Result<EpochRecord>,
    ) -> Result<()> {
        for number in state.epochs_done + 1..=epochs {
            if self.progress.cancelled() {
                self.checkpoints.save(state, true)?;
                return Err(rheobase_core::Error::Interrupted.into());
            }
            let record = epoch(self, state, number)?;
            state.history.push(record);
            state.epochs_done = number;
            self.checkpoints.save(state, false)?;
            self.progress.step("epochs", number, epochs);
        }
        Ok(())
    }
}
