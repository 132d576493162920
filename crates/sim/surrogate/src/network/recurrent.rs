//! LSTM and GRU baselines: the recurrent loop of the rate crate, fed with spikes.

use rheobase_core::{Seed, parallel};
use rheobase_rate::recurrent::lesion::Intact;
use rheobase_rate::recurrent::pass::{Chunk, Prepared, Trajectory, exchange};
use rheobase_rate::recurrent::{Cell, Initial, RecurrentLayer, RecurrentNetwork, initial_parameters};
use rheobase_rate::scalar::Scalar;
use rheobase_task::Trial;
use serde::{Deserialize, Serialize};

use super::Shape;
use super::groups::{group, groups, sum_of_parts};
use super::layers::Lesioned;
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

/// A recurrent network with a linear read-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recurrent {
    /// Kind of unit.
    pub cell: Cell,
    /// Synapses of the neuron it imitates.
    pub inputs: usize,
    /// Units.
    pub units: usize,
    /// Outputs.
    pub heads: usize,
}

/// What a forward pass leaves for the way back, one for each group of rows.
pub struct Tape<F>(Vec<(Chunk<F>, Trajectory<F>)>);

impl<F: Scalar> Tape<F> {
    /// Outputs of the units, (steps + 1, rows, units) for each group of rows.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &[F]> {
        self.0.iter().map(|(_, trajectory)| trajectory.outputs.as_slice())
    }
}

impl Recurrent {
    /// The units alone.
    pub(super) fn layer(&self) -> RecurrentLayer {
        RecurrentLayer { cell: self.cell, inputs: self.inputs, units: self.units }
    }

    pub(super) fn network(&self) -> RecurrentNetwork {
        self.layer().network(self.heads)
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        if self.inputs == 0 || self.heads == 0 {
            let message = format!("{} inputs and {} outputs: each must be at least 1", self.inputs, self.heads);
            return Err(Error::Description(message));
        }
        Ok(self.network().check()?)
    }

    /// Names and shapes of the parameters.
    pub fn shapes(&self) -> Vec<Shape> {
        self.network().parameters().into_iter().map(|p| Shape { name: p.name, dims: p.shape }).collect()
    }

    /// Parameters before training, as those of any recurrent network.
    ///
    /// # Errors
    /// If none can be drawn.
    pub fn initial(&self, seed: &Seed) -> Result<Vec<Vec<f32>>> {
        Ok(initial_parameters(&self.network(), &Initial::Uniform {}, 1.0, None, None, seed)?)
    }

    /// Outputs (rows, steps, heads), and what the way back needs.
    pub fn forward<F: Scalar>(&self, weights: &[Vec<F>], batch: &SpikeBatch, threads: usize) -> (Vec<F>, Tape<F>) {
        let network = self.network();
        let prepared = Prepared::new(&network, weights);
        let groups = parallel::map(groups(batch.rows), threads, |k| {
            let chunk = self.chunk(batch, group(k, batch.rows));
            let trajectory = prepared.forward(&chunk);
            let outputs = prepared.read_out(&chunk, &trajectory, &[]);
            (exchange(&outputs, chunk.steps, chunk.rows, self.heads), (chunk, trajectory))
        });
        let (outputs, tape): (Vec<Vec<F>>, Vec<_>) = groups.into_iter().unzip();
        (outputs.concat(), Tape(tape))
    }

    /// Spikes as numbers (steps, rows, inputs).
    fn chunk<F: Scalar>(&self, batch: &SpikeBatch, rows: std::ops::Range<usize>) -> Chunk<F> {
        let mut inputs = vec![F::ZERO; batch.steps * rows.len() * self.inputs];
        for input in 0..self.inputs {
            for &(row, step) in batch.of_rows(input, rows.clone()) {
                let place = step as usize * rows.len() + row as usize - rows.start;
                inputs[place * self.inputs + input] += F::ONE;
            }
        }
        Chunk { steps: batch.steps, rows: rows.len(), inputs, initial: vec![], noise: vec![] }
    }

    /// The gradient by the parameters, from the derivative by the outputs (rows, steps, heads).
    pub fn backward<F: Scalar>(
        &self,
        weights: &[Vec<F>],
        batch: &SpikeBatch,
        tape: &Tape<F>,
        by_outputs: &[F],
        threads: usize,
    ) -> Vec<Vec<F>> {
        let network = self.network();
        let prepared = Prepared::new(&network, weights);
        let block = batch.steps * self.heads;
        sum_of_parts(parallel::map(tape.0.len(), threads, |k| {
            let rows = group(k, batch.rows);
            let (chunk, trajectory) = &tape.0[k];
            let errors =
                exchange(&by_outputs[rows.start * block..rows.end * block], chunk.rows, chunk.steps, self.heads);
            let silent = vec![F::ZERO; chunk.steps * chunk.rows * self.units];
            let by = prepared.backward(chunk, trajectory, &errors, silent, &[], None);
            network.pull_back(weights, by)
        }))
    }

    /// Outputs (rows, steps, heads) while units are lesioned.
    ///
    /// # Errors
    /// If a unit does not exist.
    pub(super) fn lesioned(
        &self,
        weights: &[Vec<f32>],
        batch: &SpikeBatch,
        lesion: Lesioned<'_>,
        threads: usize,
    ) -> Result<Vec<f32>> {
        let mut trials = vec![Trial::blank(batch.steps, self.inputs, self.heads); batch.rows];
        for input in 0..self.inputs {
            for &(row, step) in batch.of_input(input) {
                trials[row as usize].inputs[[step as usize, input]] += 1.0;
            }
        }
        let network = self.network();
        // These units have no noise of their own.
        let intact = Intact::run(&network, weights, &trials, &Seed::root(0), threads);
        let changed = intact.lesioned(lesion.units, |trial| 0..trial.steps(), lesion.manner, &lesion.seed)?;
        Ok(changed.into_iter().flat_map(|response| response.read_outs).collect())
    }
}
