//! Steps of training one after the other: a falling step size, reports, checkpoints.

use rheobase_core::Progress;
use rheobase_rate::optimizer::Moments;
use rheobase_rate::training::{Checkpoint, CheckpointStore, EpochRecord};

use crate::learner::{Learner, Placed};
use crate::{Error, Result};

/// How many steps, and of which size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Schedule {
    pub iterations: usize,
    /// Step size at the beginning, and at the end; it falls along half a cosine.
    pub rate: f64,
    pub final_rate: f64,
    pub weight_decay: f64,
    /// Iterations between reports and checkpoints.
    pub report_every: usize,
}

impl Schedule {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<()> {
        let fail = |message: String| Err(Error::Description(message));
        if self.report_every == 0 {
            return fail("report_every must be at least 1".into());
        }
        if !(self.rate > 0.0 && self.final_rate > 0.0 && self.rate.is_finite() && self.final_rate <= self.rate) {
            let (rate, last) = (self.rate, self.final_rate);
            return fail(format!("step sizes from {rate} to {last}: above 0, the last not larger than the first"));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay * self.rate < 1.0) {
            let (decay, rate) = (self.weight_decay, self.rate);
            return fail(format!("weight_decay is {decay}: from 0 to below 1 / rate = {}", 1.0 / rate));
        }
        Ok(())
    }

    fn rate_at(&self, iteration: usize) -> f64 {
        let done = iteration as f64 / self.iterations as f64;
        self.final_rate + (self.rate - self.final_rate) * (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
    }

    /// A learner and its state: those that an earlier run left, or those before training.
    pub fn begin(
        &self,
        learner: Learner,
        checkpoints: &mut dyn CheckpointStore,
        progress: &dyn Progress,
    ) -> Result<(Learner, Checkpoint)> {
        let Some(found) = checkpoints.load() else {
            let state = Checkpoint {
                parameters: learner.weights().to_vec(),
                moments: vec![Moments::default(); learner.weights().len()],
                ..Checkpoint::default()
            };
            return Ok((learner, state));
        };
        progress.note(&format!("resuming after iteration {}", found.epochs_done * self.report_every));
        Ok((learner.with_state(found.parameters.clone(), found.moments.clone())?, found))
    }

    /// Takes the steps that are left; `step` takes one, given its number and size, and returns the loss before it.
    pub fn run(
        &self,
        learner: &mut Placed,
        mut state: Checkpoint,
        (checkpoints, progress): (&mut dyn CheckpointStore, &dyn Progress),
        mut step: impl FnMut(&mut Placed, usize, f64) -> Result<f64>,
    ) -> Result<Checkpoint> {
        let blocks = self.iterations.div_ceil(self.report_every);
        while state.epochs_done < blocks {
            let first = state.epochs_done * self.report_every;
            let last = (first + self.report_every).min(self.iterations);
            let mut sum = 0.0;
            for iteration in first..last {
                if progress.cancelled() {
                    checkpoints.save(&state, true)?;
                    return Err(rheobase_core::Error::Interrupted.into());
                }
                let value = step(learner, iteration, self.rate_at(iteration))?;
                if !value.is_finite() {
                    let what = format!("the loss is {value}");
                    return Err(Error::Diverged { iteration: iteration + 1, what, rate: self.rate });
                }
                sum += value;
            }
            state.epochs_done += 1;
            (state.parameters, state.moments) = learner.state()?;
            state.history.push(EpochRecord {
                epoch: last,
                train_loss: Some(sum / (last - first) as f64),
                test_loss: None,
                test_accuracy: None,
                alignment_deg: None,
            });
            checkpoints.save(&state, false)?;
            progress.step("iterations", last, self.iterations);
        }
        Ok(state)
    }
}
