//! What stands in for the outputs of lesioned units, trial after trial and step after step.

use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::statistics::{mean, variance};
use rheobase_core::{LesionManner, Seed};

/// Mean and standard deviation of each of `width` units over the steps of all trials, each (steps, units).
pub fn spread(trials: &[&[f32]], width: usize) -> (Vec<f64>, Vec<f64>) {
    let of_unit = |unit: usize| -> (f64, f64) {
        let steps = trials.iter().flat_map(|outputs| outputs.chunks_exact(width));
        let values: Vec<f64> = steps.map(|outputs| f64::from(outputs[unit])).collect();
        (mean(&values), variance(&values, 0).sqrt())
    };
    (0..width).map(of_unit).unzip()
}

/// What others see of lesioned units.
pub struct Replacement {
    units: Vec<usize>,
    by: By,
}

enum By {
    /// One value for each unit.
    Constant(Vec<f32>),
    /// What is added in each trial, (steps, units).
    Added(Vec<Vec<f32>>),
    /// Outputs of another trial, (steps, units); its last step goes on where it is shorter.
    Taken(Vec<Vec<f32>>),
}

impl Replacement {
    /// Of some units. `trials` are the outputs of all units in the intact network, (steps, units) each, with their [`spread`].
    pub fn new(
        units: &[usize],
        manner: LesionManner,
        seed: &Seed,
        trials: &[&[f32]],
        (mean, sd): (&[f64], &[f64]),
    ) -> Self {
        let width = mean.len();
        let by = match manner {
            LesionManner::Silence => By::Constant(vec![0.0; units.len()]),
            LesionManner::ClampToMean => By::Constant(units.iter().map(|u| mean[*u] as f32).collect()),
            LesionManner::Noise { relative_sd } => {
                let of_trial = |trial: usize| -> Vec<f32> {
                    let mut stream = seed.child("noise").index(trial).stream();
                    let steps = trials[trial].len() / width;
                    let mut draw = |unit: &usize| {
                        let normal: f64 = StandardNormal.sample(&mut stream);
                        (relative_sd * sd[*unit] * normal) as f32
                    };
                    (0..steps).flat_map(|_| units.iter().map(&mut draw).collect::<Vec<_>>()).collect()
                };
                By::Added((0..trials.len()).map(of_trial).collect())
            }
            LesionManner::Permute => {
                let mut other: Vec<usize> = (0..trials.len()).collect();
                other.shuffle(&mut seed.child("permutation").stream());
                let of_trial = |trial: &usize| -> Vec<f32> {
                    let steps = trials[*trial].chunks_exact(width);
                    steps.flat_map(|outputs| units.iter().map(|u| outputs[*u]).collect::<Vec<_>>()).collect()
                };
                By::Taken(other.iter().map(of_trial).collect())
            }
        };
        Self { units: units.to_vec(), by }
    }

    /// Puts what others see into the outputs of all units in one step of a trial.
    pub fn apply(&self, trial: usize, step: usize, outputs: &mut [f32]) {
        let count = self.units.len();
        for (k, unit) in self.units.iter().enumerate() {
            outputs[*unit] = match &self.by {
                By::Constant(values) => values[k],
                By::Added(trials) => outputs[*unit] + trials[trial][step * count + k],
                By::Taken(trials) => {
                    let own = &trials[trial];
                    own[step.min(own.len() / count - 1) * count + k]
                }
            };
        }
    }
}
