//! The artifacts that nodes hand to each other: how each is written into and read from a result.

use ndarray::{Array2, ArrayD, Ix2, IxDyn};
use rheobase_core::{Lesion, Stimulus};
use rheobase_data::npy::Array;
use rheobase_pipeline::{Artifact, InputHandle, Outcome, OutputInfo, StageError};
use rheobase_rate::training::Samples;
use rheobase_rate::{Model, NamedArray};
use rheobase_surrogate::probe::{NeuronProbe, SurrogateProbe};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::kind::{failed, threads};
use crate::surrogate::{NeuronOrSurrogate, load_neuron_or_surrogate_if_any};

/// Outputs of every data node: all images, and each part of the division into training and test images.
pub const DATASET_OUTPUTS: &[OutputInfo] = &[
    OutputInfo { name: "", artifact: "a data set" },
    OutputInfo { name: "train", artifact: "a data set" },
    OutputInfo { name: "test", artifact: "a data set" },
];

/// Images, perhaps with classes.
#[derive(Debug)]
pub struct Dataset;

impl Artifact for Dataset {
    const ACCEPTS: &'static [&'static str] = &["a data set"];
}

/// Something that can be shown the frames of a data set and recorded from: networks see images, surrogates and the neurons of trials see
/// windows of input spikes.
#[derive(Debug)]
pub struct Probed;

impl Artifact for Probed {
    const ACCEPTS: &'static [&'static str] = &["a model", "a recurrent network", "a surrogate", "trials of a neuron"];
}

/// A network that can be shown any image.
#[derive(Debug)]
pub struct Seeing;

impl Artifact for Seeing {
    const ACCEPTS: &'static [&'static str] = &["a model", "a recurrent network"];
}

/// Receptive fields.
#[derive(Debug)]
pub struct ReceptiveFields;

impl Artifact for ReceptiveFields {
    const ACCEPTS: &'static [&'static str] = &["receptive fields"];
}

/// Gabor fits.
#[derive(Debug)]
pub struct Fits;

impl Artifact for Fits {
    const ACCEPTS: &'static [&'static str] = &["Gabor fits"];
}

/// Images with their shape, classes and division into training and test samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Pixels, (images, channels x rows x columns).
    pub pixels: Array2<f32>,
    /// Channels, rows, columns.
    pub shape: [usize; 3],
    /// Class of each image; empty for unlabelled images.
    pub labels: Vec<usize>,
    /// Names of the classes.
    pub class_names: Vec<String>,
    /// Whether each image is for testing only.
    pub is_test: Vec<bool>,
}

#[derive(Serialize, Deserialize)]
struct ImagesHeader {
    shape: [usize; 3],
    class_names: Vec<String>,
}

impl Images {
    /// Writes the images into an outcome.
    pub fn store(&self, outcome: &mut Outcome) {
        outcome.array("pixels", Array::F32(self.pixels.clone().into_dyn()));
        let flags =
            |values: Vec<i64>| Array::I64(ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).expect("one axis"));
        outcome.array("labels", flags(self.labels.iter().map(|&l| l as i64).collect()));
        outcome.array("is_test", flags(self.is_test.iter().map(|&t| i64::from(t)).collect()));
        let header = ImagesHeader { shape: self.shape, class_names: self.class_names.clone() };
        outcome.files.insert("images.json".into(), serde_json::to_vec(&header).expect("plain data"));
    }

    /// Reads the images of a result.
    pub fn load(input: &InputHandle) -> Result<Self, StageError> {
        let mut arrays = input.arrays()?;
        let header: ImagesHeader = serde_json::from_slice(&input.file("images.json")?).map_err(failed)?;
        let mut take = |name: &str| {
            arrays.remove(name).ok_or_else(|| StageError::Failed(format!("{} has no array `{name}`", input.address)))
        };
        let pixels = take("pixels")?.into_dimensionality::<Ix2>().map_err(failed)?.mapv(|v| v as f32);
        let images = Self {
            pixels,
            shape: header.shape,
            labels: take("labels")?.iter().map(|&v| v as usize).collect(),
            class_names: header.class_names,
            is_test: take("is_test")?.iter().map(|&v| v != 0.0).collect(),
        };
        Ok(match input.output.as_str() {
            "train" => images.only(&images.part(false)),
            "test" => images.only(&images.part(true)),
            _ => images,
        })
    }

    /// Some of the images, in the order given.
    fn only(&self, rows: &[usize]) -> Self {
        Self {
            pixels: self.pixels.select(ndarray::Axis(0), rows),
            shape: self.shape,
            labels: if self.labels.is_empty() { vec![] } else { rows.iter().map(|&i| self.labels[i]).collect() },
            class_names: self.class_names.clone(),
            is_test: rows.iter().map(|&i| self.is_test[i]).collect(),
        }
    }

    /// Refuses pixels that are no share of white; for those who take them for a probability or for a part of a rate.
    ///
    /// # Errors
    /// Naming the first such pixel, and what would scale it.
    pub fn require_shares_of_white(&self) -> Result<(), StageError> {
        let Some(at) = self.pixels.iter().position(|v| !(0.0..=1.0).contains(v)) else { return Ok(()) };
        let columns = self.pixels.ncols();
        let (image, pixel) = (at / columns, at % columns);
        let value = self.pixels[[image, pixel]];
        let largest = self.pixels.iter().copied().fold(f32::MIN, f32::max);
        let remedy = if self.pixels.iter().all(|v| *v >= 0.0) {
            format!("the largest is {largest}, so give the data `white = {largest}`")
        } else {
            "some are negative, so shift them in the file".to_owned()
        };
        let message = format!("pixel {pixel} of image {image} is {value}; here pixels lie between 0 and 1; {remedy}");
        Err(StageError::Failed(message))
    }

    /// Indices of the training (false) or test (true) images.
    pub fn part(&self, test: bool) -> Vec<usize> {
        (0..self.is_test.len()).filter(|&i| self.is_test[i] == test).collect()
    }

    /// Indices of the test images, or of all where none is set apart.
    pub fn held_out(&self) -> Vec<usize> {
        let test = self.part(true);
        if test.is_empty() { (0..self.is_test.len()).collect() } else { test }
    }

    /// Some images as training or test samples.
    pub fn samples(&self, rows: &[usize]) -> Samples {
        Samples {
            inputs: self.pixels.select(ndarray::Axis(0), rows),
            labels: if self.labels.is_empty() { vec![] } else { rows.iter().map(|&i| self.labels[i]).collect() },
            classes: self.class_names.len(),
        }
    }

    /// Some images as a stimulus.
    pub fn stimulus(&self, rows: &[usize]) -> Result<Stimulus, StageError> {
        let frames = self.pixels.select(ndarray::Axis(0), rows).mapv(f64::from);
        let shape = if self.shape[0] == 1 { self.shape[1..].to_vec() } else { self.shape.to_vec() };
        Ok(Stimulus::new(frames, shape, 1.0)?)
    }
}

/// The file with the structure of a model that can be shown images.
const MODEL: &str = "model.json";

/// Writes a model into an outcome: its structure as JSON, its weights as safetensors.
pub fn store_model(model: &Model, outcome: &mut Outcome) -> Result<(), StageError> {
    outcome.files.insert(MODEL.into(), serde_json::to_vec_pretty(model).map_err(failed)?);
    outcome.files.insert("weights.safetensors".into(), to_safetensors(&model.arrays())?);
    Ok(())
}

/// Reads whatever can be recorded from.
pub fn load_probe(input: &InputHandle) -> Result<Box<dyn Lesion>, StageError> {
    Ok(match load_neuron_or_surrogate_if_any(input)? {
        None => Box::new(load_model(input)?),
        Some(NeuronOrSurrogate::Neuron(neuron)) => Box::new(NeuronProbe { neuron, threads: threads() }),
        Some(NeuronOrSurrogate::Surrogate(surrogate)) => {
            Box::new(SurrogateProbe { surrogate: *surrogate, threads: threads() })
        }
    })
}

/// Reads the model of a result.
pub fn load_model(input: &InputHandle) -> Result<Model, StageError> {
    if !input.has(MODEL) {
        return Err(StageError::Failed(format!(
            "{} is a recurrent network that cannot be shown images: its task has none; train it on digit-rows",
            input.address
        )));
    }
    let model: Model = serde_json::from_slice(&input.file(MODEL)?).map_err(failed)?;
    model.with_arrays(&from_safetensors(&input.file("weights.safetensors")?)?).map_err(failed)
}

/// Named arrays as safetensors; the same arrays give the same bytes.
pub fn to_safetensors(arrays: &[NamedArray]) -> Result<Vec<u8>, StageError> {
    let bytes: Vec<Vec<u8>> = arrays.iter().map(|a| a.values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let mut views = Vec::new();
    for (array, bytes) in arrays.iter().zip(&bytes) {
        views.push((array.name.clone(), TensorView::new(Dtype::F32, array.shape.clone(), bytes).map_err(failed)?));
    }
    safetensors::serialize(views, None).map_err(failed)
}

/// Named arrays from safetensors.
pub fn from_safetensors(bytes: &[u8]) -> Result<Vec<NamedArray>, StageError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(failed)?;
    tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(StageError::Failed(format!("weights `{name}` are {:?}, f32 is needed", view.dtype())));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok(NamedArray { name, shape: view.shape().to_vec(), values })
        })
        .collect()
}
