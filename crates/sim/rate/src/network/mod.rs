//! Feed-forward networks: a chain of layers, each with named parameters.
//!
//! Parameters live outside the chain as flat tensors, so that a learning rule can differentiate, replace or store them
//! without knowing the layers.

mod conv;
mod conv_recurrent;
mod dendritic;
mod layer;
mod mlp;

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

pub use conv::ConvNet;
pub use conv_recurrent::ConvRecurrentNet;
pub use dendritic::{Branches, DendriticNet, DendriticTree, LeafOrder, ReceptiveField};
pub use layer::{Activation, Layer};
pub use mlp::Mlp;

use crate::tensors::flat;
use crate::{Error, Result};
use rheobase_core::Seed;

/// The shape of a network: input, layers, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Channels, rows and columns of the input.
    pub input: [usize; 3],
    /// Layers from input to output, each with its name.
    pub layers: Vec<(String, Layer)>,
}

/// Activities of one forward pass.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Activity of each layer, (batch, units), in order; the last is the output.
    pub activities: Vec<(String, Tensor<2>)>,
    /// The output, (batch, outputs).
    pub output: Tensor<2>,
}

impl Trace {
    /// Activities of the hidden layers.
    pub fn hidden(&self) -> &[(String, Tensor<2>)] {
        &self.activities[..self.activities.len() - 1]
    }
}

/// How the error travels back through a layer.
#[derive(Debug, Clone)]
pub enum Credit {
    /// Through the transposed forward weights: backpropagation.
    Symmetric,
    /// Through fixed random weights, one flat tensor for each layer with the shape of its weights.
    Random(Vec<Option<Tensor<1>>>),
}

impl Network {
    /// Number of output units.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |(_, layer)| layer.units())
    }

    /// Shapes of the parameters in order: for each layer its weights, then its biases.
    pub fn parameter_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let mut shapes = Vec::new();
        for (name, layer) in &self.layers {
            shapes.push((format!("{name}.weight"), layer.weight_shape()));
            shapes.push((format!("{name}.bias"), vec![layer.bias_length()]));
        }
        shapes
    }

    /// Indices of the weights (not biases) among the parameters.
    pub fn weight_indices(&self) -> Vec<usize> {
        (0..self.layers.len()).map(|layer| 2 * layer).collect()
    }

    /// Initial parameters: weights normal with variance gain / inputs of a unit (He et al. 2015; gain 2 for rectifiers, 1
    /// otherwise), biases zero; those of recurrent layers as in [`crate::recurrent::RecurrentLayer::initial`].
    pub fn initial_parameters(&self, seed: &Seed) -> Vec<Vec<f32>> {
        let mut parameters = Vec::new();
        for (name, layer) in &self.layers {
            parameters.push(layer.initial_weights(&seed.child(name)));
            parameters.push(layer.initial_biases(&seed.child(name)));
        }
        parameters
    }

    /// Fixed random feedback weights with the scale of the initial forward weights; none for the first layer, which sends no
    /// error further back.
    pub fn random_feedback(&self, seed: &Seed, device: &Device) -> Credit {
        let feedback =
            self.layers.iter().enumerate().map(|(index, (name, layer))| {
                (index > 0).then(|| flat(layer.initial_weights(&seed.child(name)), device))
            });
        Credit::Random(feedback.collect())
    }

    /// Runs the network on inputs (batch, features). `intervene` sees each layer's activity and returns what is passed on, so
    /// lesions need no second implementation.
    ///
    /// # Errors
    /// If the inputs or parameters have the wrong size.
    pub fn forward(
        &self,
        parameters: &[Tensor<1>],
        input: Tensor<2>,
        credit: &Credit,
        intervene: &mut dyn FnMut(&str, Tensor<2>) -> Tensor<2>,
    ) -> Result<Trace> {
        let features: usize = self.input.iter().product();
        let [batch, found] = input.dims();
        if found != features {
            return Err(Error::Data(format!(
                "inputs have {found} features, the network takes {:?} = {features}",
                self.input
            )));
        }
        let mut activity = input;
        let mut activities = Vec::with_capacity(self.layers.len());
        for (index, (name, layer)) in self.layers.iter().enumerate() {
            let feedback = match credit {
                Credit::Symmetric => None,
                Credit::Random(feedback) => feedback[index].as_ref(),
            };
            let response = layer.forward(activity, &parameters[2 * index], &parameters[2 * index + 1], feedback, batch);
            activity = intervene(name, response);
            activities.push((name.clone(), activity.clone()));
        }
        Ok(Trace { output: activity, activities })
    }

    /// The rows and columns of the input that reach a unit of a convolutional layer; `None` for dense layers and unknown names.
    pub fn input_window(&self, layer: &str, unit: usize) -> Option<[Range<usize>; 2]> {
        let last = self.layers.iter().position(|(name, _)| name == layer)?;
        let [_, rows, columns] = self.layers[last].1.output_shape();
        let place = unit % (rows * columns).max(1);
        let mut window = [place / columns..place / columns + 1, place % columns..place % columns + 1];
        for (_, layer) in self.layers[..=last].iter().rev() {
            let Layer::Conv { kernel, stride, pool, .. } = layer else { return None };
            window = window.map(|r| r.start * pool * stride..(r.end * pool - 1) * stride + kernel);
        }
        Some(window)
    }

    /// Distances between the units of each dense layer and its inputs, as (index of the weight, flat tensor): units stand on the
    /// unit square in row order, inputs of the first layer at their pixels.
    pub fn wiring(&self, device: &Device) -> Vec<(usize, Tensor<1>)> {
        let mut result = Vec::new();
        for (index, (_, layer)) in self.layers.iter().enumerate() {
            if let Layer::Dense { inputs, outputs, .. } = layer {
                let source =
                    if index == 0 { grid(self.input[1], self.input[2], *inputs) } else { square_grid(*inputs) };
                let target = square_grid(*outputs);
                let mut distances = Vec::with_capacity(inputs * outputs);
                for a in &source {
                    distances.extend(target.iter().map(|b| (a.0 - b.0).hypot(a.1 - b.1) as f32));
                }
                result.push((2 * index, flat(distances, device)));
            }
        }
        result
    }
}

fn square_grid(units: usize) -> Vec<(f64, f64)> {
    let side = (units as f64).sqrt().ceil().max(1.0) as usize;
    grid(side, side, units)
}

fn grid(rows: usize, columns: usize, units: usize) -> Vec<(f64, f64)> {
    let place = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
    (0..units).map(|u| (place((u / columns) % rows.max(1), rows.max(1)), place(u % columns, columns))).collect()
}
