//! A model: its structure and its parameters, whatever its architecture. It can be probed, and networks can be lesioned.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Activity, LayerInfo, Lesion, LesionManner, LesionTarget, Probe, Seed, Stimulus, require_layer};
use serde::{Deserialize, Serialize};

use crate::code::{GaborEnergy, LinearCode, SparseCode};
use crate::network::{Credit, Layer, Network};
use crate::recurrent::{RowReader, row_reader};
use crate::tensors::{flat, to_matrix, to_tensor};
use crate::{Error, Result};

/// Everything about a model but its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Model {
    /// A feed-forward network.
    Feedforward {
        /// Its layers.
        network: Network,
        /// Its parameters, in the order of [`Network::parameter_shapes`].
        #[serde(skip)]
        parameters: Vec<Vec<f32>>,
    },
    /// A sparse code.
    SparseCode(SparseCode),
    /// A linear code.
    LinearCode(LinearCode),
    /// A fixed Gabor-energy model.
    GaborEnergy(GaborEnergy),
    /// A recurrent network that reads images row by row.
    RowReader(RowReader),
}

/// A parameter with its name and shape.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedArray {
    /// Name, unique within the model.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Values in row order.
    pub values: Vec<f32>,
}

/// Frames probed at a time: bounds memory, and keeps results independent of the number of frames.
const PROBE_BATCH: usize = 512;

impl Model {
    /// A feed-forward network with initial parameters.
    pub fn feedforward(network: Network, seed: &Seed) -> Self {
        let parameters = network.initial_parameters(seed);
        Self::Feedforward { network, parameters }
    }

    /// Short name of the family, for messages.
    pub fn family(&self) -> &'static str {
        match self {
            Self::Feedforward { .. } => "feed-forward network",
            Self::SparseCode(_) => "sparse code",
            Self::LinearCode(_) => "linear code",
            Self::GaborEnergy(_) => "fixed Gabor-energy model",
            Self::RowReader(_) => "recurrent network",
        }
    }

    /// Parameters with names and shapes.
    pub fn arrays(&self) -> Vec<NamedArray> {
        let shapes = self.shapes();
        let values: Vec<&Vec<f32>> = match self {
            Self::Feedforward { parameters, .. } => parameters.iter().collect(),
            Self::SparseCode(code) => vec![&code.dictionary],
            Self::LinearCode(code) => vec![&code.weights, &code.mean],
            Self::GaborEnergy(_) => vec![],
            Self::RowReader(reader) => reader.parameters.iter().collect(),
        };
        shapes
            .into_iter()
            .zip(values)
            .map(|((name, shape), values)| NamedArray { name, shape, values: values.clone() })
            .collect()
    }

    /// Puts stored parameters into a model of the same structure.
    ///
    /// # Errors
    /// If a name is missing or a shape differs.
    pub fn with_arrays(mut self, arrays: &[NamedArray]) -> Result<Self> {
        let mut values = Vec::new();
        for (name, shape) in self.shapes() {
            let found =
                arrays.iter().find(|a| a.name == name).ok_or_else(|| Error::Weights(format!("`{name}` is missing")))?;
            if found.shape != shape {
                return Err(Error::Weights(format!("`{name}` has shape {:?}, the model needs {shape:?}", found.shape)));
            }
            values.push(found.values.clone());
        }
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        match &mut self {
            Self::Feedforward { network, parameters } => {
                *parameters = (0..network.parameter_shapes().len()).map(|_| next()).collect();
            }
            Self::SparseCode(code) => code.dictionary = next(),
            Self::LinearCode(code) => {
                code.weights = next();
                code.mean = next();
            }
            Self::GaborEnergy(_) => {}
            Self::RowReader(reader) => reader.parameters = values.collect(),
        }
        Ok(self)
    }

    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::Feedforward { network, .. } => network.parameter_shapes(),
            Self::SparseCode(code) => vec![("dictionary".into(), vec![code.units, code.pixels()])],
            Self::LinearCode(code) => {
                vec![("weights".into(), vec![code.units, code.pixels()]), ("mean".into(), vec![code.pixels()])]
            }
            Self::GaborEnergy(_) => vec![],
            Self::RowReader(reader) => reader.network.parameters().into_iter().map(|p| (p.name, p.shape)).collect(),
        }
    }

    /// Number of trainable parameters.
    pub fn parameter_count(&self) -> usize {
        self.shapes().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The weights of the first stage as images, shape (units or filters, pixels): what reverse correlation is checked against.
    /// `None` if the first stage is not a set of images of one channel.
    pub fn first_stage_images(&self) -> Option<(Array2<f64>, [usize; 2])> {
        let (values, units, shape, transposed) = match self {
            Self::Feedforward { network, parameters } => {
                let (_, layer) = network.layers.first()?;
                if let Layer::Sparse { outputs, fan_in, sources: Some(sources), .. } = layer {
                    let [1, rows, columns] = network.input else { return None };
                    let mut images = Array2::zeros((*outputs, rows * columns));
                    for (k, (source, weight)) in sources.iter().zip(&parameters[0]).enumerate() {
                        images[[k / fan_in, *source as usize]] += f64::from(*weight);
                    }
                    return Some((images, [rows, columns]));
                }
                if matches!(layer, Layer::Recurrent { .. }) {
                    return None;
                }
                let shape = layer.weight_shape();
                match shape[..] {
                    [filters, 1, rows, columns] => (&parameters[0], filters, [rows, columns], false),
                    [_, units] if network.input[0] == 1 => {
                        (&parameters[0], units, [network.input[1], network.input[2]], true)
                    }
                    _ => return None,
                }
            }
            Self::SparseCode(code) => (&code.dictionary, code.units, code.shape, false),
            Self::LinearCode(code) => (&code.weights, code.units, code.shape, false),
            Self::GaborEnergy(_) | Self::RowReader(_) => return None,
        };
        let pixels = shape[0] * shape[1];
        let images = Array2::from_shape_fn((units, pixels), |(unit, pixel)| {
            f64::from(if transposed { values[pixel * units + unit] } else { values[unit * pixels + pixel] })
        });
        Some((images, shape))
    }

    fn run(
        network: &Network,
        parameters: &[Vec<f32>],
        frames: ArrayView2<'_, f64>,
        layer: &str,
        intervene: &mut dyn FnMut(&str, Tensor<2>) -> Tensor<2>,
    ) -> Result<Array2<f64>> {
        let device = Device::flex();
        let tensors: Vec<Tensor<1>> = parameters.iter().map(|p| flat(p.clone(), &device)).collect();
        let trace = network.forward(&tensors, to_tensor(frames, &device), &Credit::Symmetric, intervene)?;
        let (_, activity) = trace
            .activities
            .into_iter()
            .find(|(name, _)| name == layer)
            .ok_or_else(|| Error::Architecture(format!("no layer `{layer}`")))?;
        to_matrix(activity)
    }

    fn record_frames(&self, frames: ArrayView2<'_, f64>, layer: &str) -> Result<Array2<f64>> {
        match self {
            Self::Feedforward { network, parameters } => {
                Self::run(network, parameters, frames, layer, &mut |_, activity| activity)
            }
            Self::SparseCode(code) => code.respond(frames),
            Self::LinearCode(code) => code.respond(frames),
            Self::GaborEnergy(model) => Ok(model.respond(frames, layer)),
            Self::RowReader(reader) => Ok(reader.respond(frames, layer)),
        }
    }
}

fn outside(error: Error) -> rheobase_core::Error {
    match error {
        Error::Core(inner) => inner,
        other => rheobase_core::Error::Model(other.to_string()),
    }
}

impl Probe for Model {
    fn stimulus_shape(&self) -> Vec<usize> {
        match self {
            Self::Feedforward { network, .. } if network.input[0] == 1 => network.input[1..].to_vec(),
            Self::Feedforward { network, .. } => network.input.to_vec(),
            Self::SparseCode(code) => code.shape.to_vec(),
            Self::LinearCode(code) => code.shape.to_vec(),
            Self::GaborEnergy(model) => model.shape.to_vec(),
            Self::RowReader(reader) => reader.shape.to_vec(),
        }
    }

    fn layers(&self) -> Vec<LayerInfo> {
        match self {
            Self::Feedforward { network, .. } => network
                .layers
                .iter()
                .map(|(name, layer)| LayerInfo { name: name.clone(), units: layer.units() })
                .collect(),
            Self::SparseCode(code) => vec![LayerInfo { name: "code".into(), units: code.units }],
            Self::LinearCode(code) => vec![LayerInfo { name: "code".into(), units: code.units }],
            Self::GaborEnergy(model) => model.layers(),
            Self::RowReader(reader) => reader.layers(),
        }
    }

    fn record(&self, stimulus: &Stimulus, layer: &str) -> rheobase_core::Result<Activity> {
        let info = require_layer(self, layer)?;
        let expected: usize = self.stimulus_shape().iter().product();
        if stimulus.frames().ncols() != expected {
            return Err(rheobase_core::Error::Shape {
                what: "stimulus frame",
                found: format!("{:?}", stimulus.spatial_shape()),
                expected: format!("{:?}", self.stimulus_shape()),
            });
        }
        let mut responses = Array2::zeros((stimulus.len(), info.units));
        for start in (0..stimulus.len()).step_by(PROBE_BATCH) {
            let end = (start + PROBE_BATCH).min(stimulus.len());
            let block = self.record_frames(stimulus.frames().slice(s![start..end, ..]), layer).map_err(outside)?;
            responses.slice_mut(s![start..end, ..]).assign(&block);
        }
        Activity::from_static(responses)
    }

    fn input_window(&self, layer: &str, unit: usize) -> Option<[Range<usize>; 2]> {
        match self {
            Self::Feedforward { network, .. } => network.input_window(layer, unit),
            _ => None,
        }
    }

    fn representative_units(&self, layer: &str) -> rheobase_core::Result<Vec<usize>> {
        let info = require_layer(self, layer)?;
        if let Self::Feedforward { network, .. } = self
            && let Some((_, Layer::Conv { .. })) = network.layers.iter().find(|(name, _)| name == layer)
        {
            let [filters, rows, columns] =
                network.layers.iter().find(|(n, _)| n == layer).map_or([0; 3], |(_, l)| l.output_shape());
            let centre = (rows / 2) * columns + columns / 2;
            return Ok((0..filters).map(|filter| filter * rows * columns + centre).collect());
        }
        Ok((0..info.units).collect())
    }
}

impl Lesion for Model {
    fn output_with_lesion(
        &self,
        stimulus: &Stimulus,
        target: &LesionTarget,
        manner: LesionManner,
        seed: &Seed,
    ) -> rheobase_core::Result<Activity> {
        let info = require_layer(self, &target.layer)?;
        if let Some(&unit) = target.units.iter().find(|&&u| u >= info.units) {
            return Err(rheobase_core::Error::Shape {
                what: "lesioned unit",
                found: unit.to_string(),
                expected: format!("below {} in layer {}", info.units, info.name),
            });
        }
        let (network, parameters) = match self {
            Self::Feedforward { network, parameters } => (network, parameters),
            Self::RowReader(_) if target.layer != row_reader::UNITS => {
                let message = format!("layer `{}` only reads out; lesion `{}`", target.layer, row_reader::UNITS);
                return Err(rheobase_core::Error::Model(message));
            }
            Self::RowReader(reader) => {
                let frames = stimulus.frames().view();
                return Activity::from_static(reader.lesioned(frames, &target.units, manner, seed).map_err(outside)?);
            }
            _ => return Err(rheobase_core::Error::Model(format!("a {} has no output to lesion for", self.family()))),
        };
        let output = network.layers.last().map_or("output", |(name, _)| name.as_str());
        let device = Device::flex();
        // All frames in one batch: means, noise and permutations are over the whole set shown.
        let mut failure = None;
        let responses = Self::run(network, parameters, stimulus.frames().view(), output, &mut |name, activity| {
            if name != target.layer || target.units.is_empty() {
                return activity;
            }
            match to_matrix(activity.clone()) {
                Ok(mut matrix) => {
                    lesion_columns(&mut matrix, &target.units, manner, seed);
                    to_tensor(matrix.view(), &device)
                }
                Err(error) => {
                    failure = Some(error);
                    activity
                }
            }
        })
        .map_err(outside)?;
        match failure {
            Some(error) => Err(outside(error)),
            None => Activity::from_static(responses),
        }
    }
}

/// Applies a lesion to columns (units) of responses (frames, units); each unit has its own random stream.
fn lesion_columns(responses: &mut Array2<f64>, units: &[usize], manner: LesionManner, seed: &Seed) {
    for &unit in units {
        let mut column = responses.index_axis_mut(Axis(1), unit);
        let mut stream = seed.child("unit").index(unit).stream();
        match manner {
            LesionManner::Silence => column.fill(0.0),
            LesionManner::ClampToMean => {
                let first = column[0];
                // A constant unit keeps its exact value: its mean could differ by rounding.
                let constant = column.iter().all(|&v| v == first);
                let mean = if constant { first } else { column.sum() / column.len() as f64 };
                column.fill(mean);
            }
            LesionManner::Noise { relative_sd } => {
                let sd = relative_sd * column.std(0.0);
                column.mapv_inplace(|v| v + sd * Distribution::<f64>::sample(&StandardNormal, &mut stream));
            }
            LesionManner::Permute => {
                let mut values = column.to_vec();
                values.shuffle(&mut stream);
                column.assign(&ndarray::Array1::from(values));
            }
        }
    }
}
