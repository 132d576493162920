//! A trained recurrent network with its task: how it is stored, loaded and run.

use ndarray::{Array1, Array2, Array3};
use rheobase_core::Seed;
use rheobase_pipeline::{Artifact, InputHandle, Outcome, StageError};
use rheobase_rate::recurrent::training::draw;
use rheobase_rate::recurrent::{Batch, FrozenNetwork, RecurrentNetwork, Response, RowReader};
use rheobase_rate::{Model, NamedArray};
use rheobase_task::{AnyTask, Trial};
use serde::{Deserialize, Serialize};

use crate::artifact::{from_safetensors, store_model, to_safetensors};
use crate::kind::{failed, threads};

/// A recurrent network on a task.
#[derive(Debug)]
pub struct Recurrent;

impl Artifact for Recurrent {
    const ACCEPTS: &'static [&'static str] = &["a recurrent network"];
}

/// A network, its parameters, and what it was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedNetwork {
    /// Structure.
    pub network: RecurrentNetwork,
    /// Task.
    pub task: AnyTask,
    /// Parameters.
    #[serde(skip)]
    pub parameters: Vec<Vec<f32>>,
}

impl TrainedNetwork {
    /// Writes it into an outcome; a network that reads images also as a model to which instruments show them.
    pub fn store(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        if let AnyTask::DigitRows(task) = &self.task {
            let shape = [task.side_px, task.side_px];
            let reader = RowReader::new(self.network.clone(), shape, self.parameters.clone()).map_err(failed)?;
            store_model(&Model::RowReader(reader), outcome)?;
        }
        outcome.files.insert("recurrent.json".into(), serde_json::to_vec_pretty(self).map_err(failed)?);
        let infos = self.network.parameters().into_iter().zip(&self.parameters);
        let arrays: Vec<NamedArray> = infos
            .map(|(info, values)| NamedArray { name: info.name, shape: info.shape, values: values.clone() })
            .collect();
        outcome.files.insert("weights.safetensors".into(), to_safetensors(&arrays)?);
        Ok(())
    }

    /// Reads that of a result.
    pub fn load(input: &InputHandle) -> Result<Self, StageError> {
        let mut own: Self = serde_json::from_slice(&input.file("recurrent.json")?).map_err(failed)?;
        let arrays = from_safetensors(&input.file("weights.safetensors")?)?;
        for info in own.network.parameters() {
            let found = arrays.iter().find(|a| a.name == info.name && a.shape == info.shape);
            let Some(found) = found else {
                return Err(StageError::Failed(format!(
                    "{} has no weights `{}` of shape {:?}",
                    input.address, info.name, info.shape
                )));
            };
            own.parameters.push(found.values.clone());
        }
        Ok(own)
    }

    /// Trials of a seed, and what the network does in them.
    pub fn respond(&self, count: usize, seed: &Seed) -> (Vec<Trial>, Vec<Response<f32>>) {
        let trials = draw(self.task.task(), count, &seed.child("trials"), threads());
        let responses = self.respond_to(&trials, seed);
        (trials, responses)
    }

    /// What the network does in these trials.
    pub fn respond_to(&self, trials: &[Trial], seed: &Seed) -> Vec<Response<f32>> {
        Batch { trials, noise: seed.child("noise") }.run(&self.network, &self.parameters, threads())
    }

    /// The f64 copy.
    pub fn frozen(&self) -> FrozenNetwork {
        FrozenNetwork::new(&self.network, &self.parameters)
    }
}

/// Outputs of the units in every trial, (trials, steps, units), of the first steps that all trials have; the initial state is left out.
pub fn unit_rates(responses: &[Response<f32>], units: usize) -> Array3<f64> {
    let steps = responses.iter().map(|r| r.units.len() / units - 1).min().unwrap_or(0);
    Array3::from_shape_fn((responses.len(), steps, units), |(k, t, i)| {
        f64::from(responses[k].units[(t + 1) * units + i])
    })
}

/// Principal axes of states.
#[derive(Debug, Clone)]
pub struct Axes {
    /// Mean state.
    pub mean: Array1<f64>,
    /// Axes as columns.
    pub axes: Array2<f64>,
    /// Share of the variance of each.
    pub shares: Vec<f64>,
}

impl Axes {
    /// The first axes of rows of states.
    pub fn of(states: &Array2<f64>, count: usize) -> Result<Self, StageError> {
        let mean = states.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| Array1::zeros(states.ncols()));
        let centred = states - &mean;
        let covariance = rheobase_linalg::gram(centred.view()) / states.nrows().max(1) as f64;
        let eigen = rheobase_linalg::eigh(covariance.view()).map_err(failed)?;
        let total: f64 = eigen.values.sum();
        let count = count.min(states.ncols());
        let shares = eigen.values.iter().take(count).map(|v| v / total.max(f64::MIN_POSITIVE)).collect();
        Ok(Self { mean, axes: eigen.vectors.slice(ndarray::s![.., ..count]).to_owned(), shares })
    }

    /// A state in these axes.
    pub fn project(&self, state: ndarray::ArrayView1<'_, f64>) -> Vec<f64> {
        (&state - &self.mean).dot(&self.axes).to_vec()
    }
}
