//! MNIST and Fashion-MNIST, once fetched.

use ndarray::{Axis, concatenate, s};
use rheobase_data::digits::load;
use rheobase_data::library::Library;
use rheobase_pipeline::{Context, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{DATASET_OUTPUTS, Images};
use crate::data::describe;
use crate::kind::{Kind, failed};

/// Which data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Handwritten digits.
    Mnist,
    /// Pictures of clothing.
    FashionMnist,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
        }
    }
}

/// Parameters of `labelled-images`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelledImagesParameters {
    /// The data set; fetch it first with `rheobase data fetch`.
    pub dataset: Source,
    /// Most training images.
    #[serde(default = "all")]
    #[schemars(range(min = 1))]
    pub train: usize,
    /// Most test images.
    #[serde(default = "all")]
    #[schemars(range(min = 1))]
    pub test: usize,
}

fn all() -> usize {
    60_000
}

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// MNIST or Fashion-MNIST.
pub struct LabelledImages;

impl Kind for LabelledImages {
    type Parameters = LabelledImagesParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "labelled-images";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "MNIST or Fashion-MNIST, 28 x 28 pixels, after `rheobase data fetch`";
    const OUTPUTS: &'static [OutputInfo] = DATASET_OUTPUTS;
    const READS_OUTSIDE: bool = true;

    fn memory_mib(_: &LabelledImagesParameters) -> u64 {
        1500
    }

    fn fingerprint(parameters: &LabelledImagesParameters, library: &Library) -> Result<String, StageError> {
        let manifest = library.manifest(parameters.dataset.name())?;
        Ok(manifest.files.iter().map(|f| f.sha256.as_str()).collect::<Vec<_>>().join(" "))
    }

    fn data_files(parameters: &LabelledImagesParameters) -> Vec<(String, String)> {
        FILES.iter().map(|file| (parameters.dataset.name().to_owned(), (*file).to_owned())).collect()
    }

    fn run(parameters: &LabelledImagesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let name = parameters.dataset.name();
        let train = load(context.library, name, FILES[0], FILES[1], 255.0)?;
        let test = load(context.library, name, FILES[2], FILES[3], 255.0)?;
        let (a, b) = (parameters.train.min(train.labels.len()), parameters.test.min(test.labels.len()));
        let pixels =
            concatenate(Axis(0), &[train.images.slice(s![..a, ..]), test.images.slice(s![..b, ..])]).map_err(failed)?;
        let labels: Vec<usize> = train.labels[..a].iter().chain(&test.labels[..b]).copied().collect();
        let classes = labels.iter().max().map_or(0, |m| m + 1);
        let images = Images {
            pixels: pixels.mapv(|v| v as f32),
            shape: [1, train.shape[0], train.shape[1]],
            labels,
            class_names: (0..classes).map(|c| c.to_string()).collect(),
            is_test: (0..a + b).map(|i| i >= a).collect(),
        };
        let mut outcome = Outcome::default();
        images.store(&mut outcome);
        describe(&images, &mut outcome)?;
        Ok(outcome)
    }
}
