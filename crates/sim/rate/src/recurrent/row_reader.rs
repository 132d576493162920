//! A recurrent network that reads images row by row, from top to bottom: what a network trained on `digit-rows` is to an instrument that
//! shows images. Its layers are the units after the last row and the read-out then.

use ndarray::{Array2, ArrayView2};
use rheobase_core::{LayerInfo, LesionManner, Seed};
use rheobase_task::Trial;
use serde::{Deserialize, Serialize};

use super::lesion::Intact;
use super::loss::{Batch, Response};
use super::network::RecurrentNetwork;
use crate::{Error, Result};

/// The layer of the units.
pub const UNITS: &str = "units";
/// The layer of the read-out.
pub const OUTPUT: &str = "output";

/// A recurrent network that reads images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowReader {
    /// The network; an input for each column.
    pub network: RecurrentNetwork,
    /// Rows and columns of an image.
    pub shape: [usize; 2],
    /// Its parameters, in the order of [`RecurrentNetwork::parameters`].
    #[serde(skip)]
    pub parameters: Vec<Vec<f32>>,
}

impl RowReader {
    /// Refuses a network that has no input for each column, or whose state starts from a code.
    ///
    /// # Errors
    /// With both numbers.
    pub fn new(network: RecurrentNetwork, shape: [usize; 2], parameters: Vec<Vec<f32>>) -> Result<Self> {
        if network.inputs != shape[1] || network.encoder > 0 {
            return Err(Error::Architecture(format!(
                "images of {} columns are read by a network of as many inputs that starts from its own state; this one has {} inputs and a start code of {}",
                shape[1], network.inputs, network.encoder
            )));
        }
        Ok(Self { network, shape, parameters })
    }

    /// The layers.
    pub fn layers(&self) -> Vec<LayerInfo> {
        let layer = |name: &str, units| LayerInfo { name: name.into(), units };
        vec![layer(UNITS, self.network.units), layer(OUTPUT, self.network.outputs)]
    }

    /// A trial for each frame (frames, rows x columns).
    fn trials(&self, frames: ArrayView2<'_, f64>) -> Vec<Trial> {
        let [rows, columns] = self.shape;
        let trial = |frame: ndarray::ArrayView1<'_, f64>| {
            let mut trial = Trial::blank(rows, columns, self.network.outputs);
            trial.inputs.iter_mut().zip(frame).for_each(|(input, pixel)| *input = *pixel as f32);
            trial
        };
        frames.outer_iter().map(trial).collect()
    }

    /// What a layer does after the last row: (frames, units or outputs). Private noise is the same for the same number of frames.
    pub fn respond(&self, frames: ArrayView2<'_, f64>, layer: &str) -> Array2<f64> {
        let trials = self.trials(frames);
        let responses = Batch { trials: &trials, noise: noise() }.run(&self.network, &self.parameters, 1);
        self.last(&responses, layer)
    }

    /// The read-out after the last row while `units` are lesioned at every row, over all frames at once.
    ///
    /// # Errors
    /// If a unit does not exist.
    pub fn lesioned(
        &self,
        frames: ArrayView2<'_, f64>,
        units: &[usize],
        manner: LesionManner,
        seed: &Seed,
    ) -> Result<Array2<f64>> {
        let trials = self.trials(frames);
        let intact = Intact::run(&self.network, &self.parameters, &trials, &noise(), 1);
        let responses = intact.lesioned(units, |trial| 0..trial.steps(), manner, seed)?;
        Ok(self.last(&responses, OUTPUT))
    }

    fn last(&self, responses: &[Response<f32>], layer: &str) -> Array2<f64> {
        let width = if layer == OUTPUT { self.network.outputs } else { self.network.units };
        Array2::from_shape_fn((responses.len(), width), |(k, unit)| {
            let all = if layer == OUTPUT { &responses[k].read_outs } else { &responses[k].units };
            f64::from(all[all.len() - width + unit])
        })
    }
}

/// Where private noise comes from when images are shown.
fn noise() -> Seed {
    Seed::root(0).child("row reader")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrent::{Cell, Initial, Wiring, initial_parameters};

    #[test]
    fn rows_are_steps_and_lesions_reach_the_read_out() {
        let network = RecurrentNetwork {
            cell: Cell::Lstm,
            inputs: 3,
            units: 6,
            outputs: 2,
            bottleneck: 0,
            encoder: 0,
            wiring: Wiring::Free,
            masked: false,
            noise_sd: 0.0,
        };
        let parameters = initial_parameters(&network, &Initial::Uniform {}, 1.0, None, None, &Seed::root(1)).unwrap();
        let refused = RowReader::new(network.clone(), [4, 5], parameters.clone()).unwrap_err().to_string();
        assert!(refused.contains("5 columns") && refused.contains("3 inputs"), "{refused}");
        let reader = RowReader::new(network.clone(), [4, 3], parameters.clone()).unwrap();
        let frames = Array2::from_shape_fn((5, 12), |(k, pixel)| (k as f64 + 1.0) * (pixel as f64 * 0.7).sin());
        let trials = reader.trials(frames.view());
        let run = Batch { trials: &trials, noise: noise() }.run(&network, &parameters, 1);
        let units = reader.respond(frames.view(), UNITS);
        assert_eq!(units[[2, 4]], f64::from(run[2].units[4 * 6 + 4]));
        // The first row matters too.
        let mut other = frames.clone();
        other[[2, 0]] += 1.0;
        assert_ne!(reader.respond(other.view(), UNITS).row(2), units.row(2));
        let whole = reader.respond(frames.view(), OUTPUT);
        let none = reader.lesioned(frames.view(), &[], LesionManner::Silence, &Seed::root(2)).unwrap();
        assert_eq!(none, whole);
        let all: Vec<usize> = (0..6).collect();
        let silent = reader.lesioned(frames.view(), &all, LesionManner::Silence, &Seed::root(2)).unwrap();
        assert!(silent.outer_iter().all(|row| row == silent.row(0)), "only the bias is left: {silent}");
        assert!(reader.lesioned(frames.view(), &[6], LesionManner::Silence, &Seed::root(2)).is_err());
    }
}
