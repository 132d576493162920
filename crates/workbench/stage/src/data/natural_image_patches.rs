//! Patches of natural photographs (or of dead leaves), whitened, perhaps labelled for a classification task.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rheobase_data::photographs::{Photograph, cut_patches, dead_leaves, load, whiten};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{DATASET_OUTPUTS, Images};
use crate::data::{describe, split};
use crate::kind::{Kind, complaint};

/// Where the images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The eight embedded photographs.
    Photographs,
    /// Ten artificial scenes of occluding discs.
    DeadLeaves,
}

/// What a patch's class says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// There are no classes.
    None,
    /// Which image the patch was cut from (a texture task).
    Image,
    /// By how many quarter turns it was rotated (an orientation task).
    Rotation,
    /// Both: image and rotation.
    ImageAndRotation,
}

/// Parameters of `natural-image-patches`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NaturalImagePatchesParameters {
    /// Where the images come from.
    pub source: Source,
    /// Side of a patch in px.
    #[schemars(range(min = 4, max = 128))]
    pub size_px: usize,
    /// Number of patches.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub count: usize,
    /// Whether images are whitened with f exp(-(f/f0)^4) (Olshausen & Field 1996) before patches are cut.
    pub whiten: bool,
    /// f0 of the whitening filter in cycles per px; 200 cycles per 512 px in the paper.
    #[schemars(range(min = 0.05, max = 0.7))]
    pub cutoff_cycles_per_px: f64,
    /// Variance of the whitened images.
    #[schemars(range(min = 1e-6))]
    pub variance: f64,
    /// What the classes say.
    pub labels: Labels,
    /// Whether classes are shuffled over patches: the control for what a task teaches.
    pub shuffle_labels: bool,
    /// Share of the patches that is kept for testing.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub test_fraction: f64,
}

impl Default for NaturalImagePatchesParameters {
    fn default() -> Self {
        Self {
            source: Source::Photographs,
            size_px: 16,
            count: 20_000,
            whiten: true,
            cutoff_cycles_per_px: 200.0 / 512.0,
            variance: 0.1,
            labels: Labels::None,
            shuffle_labels: false,
            test_fraction: 0.0,
        }
    }
}

/// Patches that reach the border would see the edge of the periodic whitening filter.
const MARGIN_PX: usize = 4;

/// Patches of natural images.
pub struct NaturalImagePatches;

impl Kind for NaturalImagePatches {
    type Parameters = NaturalImagePatchesParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "natural-image-patches";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "whitened patches of eight natural photographs carried by the program, or of dead leaves";
    const OUTPUTS: &'static [OutputInfo] = DATASET_OUTPUTS;

    fn check(parameters: &NaturalImagePatchesParameters) -> Vec<Complaint> {
        if parameters.shuffle_labels && parameters.labels == Labels::None {
            let message = "`shuffle_labels` has nothing to shuffle: `labels` is none".to_owned();
            return vec![complaint(&["shuffle_labels"], message, "set labels = \"image\" or \"rotation\"")];
        }
        vec![]
    }

    fn memory_mib(parameters: &NaturalImagePatchesParameters) -> u64 {
        64 + ((parameters.count * parameters.size_px * parameters.size_px * 20) >> 20) as u64
    }

    fn run(parameters: &NaturalImagePatchesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let scenes: Vec<Photograph> = match parameters.source {
            Source::Photographs => load(context.library)?,
            Source::DeadLeaves => (0..10)
                .map(|i| Photograph {
                    name: format!("leaves{i}"),
                    pixels: dead_leaves(512, &context.seed.child("leaves").index(i)),
                })
                .collect(),
        };
        let scenes: Vec<Photograph> = scenes
            .into_iter()
            .map(|scene| Photograph { pixels: prepare(&scene.pixels, parameters), name: scene.name })
            .collect();
        let rotate = matches!(parameters.labels, Labels::Rotation | Labels::ImageAndRotation);
        let patches = cut_patches(
            &scenes,
            parameters.size_px,
            MARGIN_PX,
            parameters.count,
            rotate,
            &context.seed.child("patches"),
        )?;
        let turn = |t: usize| format!("{}°", 90 * t);
        let (mut labels, class_names): (Vec<usize>, Vec<String>) = match parameters.labels {
            Labels::None => (vec![], vec![]),
            Labels::Image => (patches.photograph, scenes.iter().map(|s| s.name.clone()).collect()),
            Labels::Rotation => (patches.quarter_turns, (0..4).map(turn).collect()),
            Labels::ImageAndRotation => (
                patches.photograph.iter().zip(&patches.quarter_turns).map(|(p, t)| 4 * p + t).collect(),
                scenes.iter().flat_map(|s| (0..4).map(|t| format!("{} {}", s.name, turn(t)))).collect(),
            ),
        };
        let is_test = split(&labels, parameters.count, parameters.test_fraction, &context.seed);
        if parameters.shuffle_labels {
            labels.shuffle(&mut context.seed.child("shuffle").stream());
        }
        let images = Images {
            pixels: patches.pixels.mapv(|v| v as f32),
            shape: [1, parameters.size_px, parameters.size_px],
            labels,
            class_names,
            is_test,
        };
        let mut outcome = Outcome::default();
        images.store(&mut outcome);
        describe(&images, &mut outcome)?;
        Ok(outcome)
    }
}

fn prepare(pixels: &Array2<f64>, parameters: &NaturalImagePatchesParameters) -> Array2<f64> {
    if parameters.whiten {
        return whiten(pixels, parameters.cutoff_cycles_per_px, parameters.variance);
    }
    let mean = pixels.sum() / pixels.len() as f64;
    let sd = (pixels.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pixels.len() as f64).sqrt();
    pixels.mapv(|v| (v - mean) / sd.max(f64::MIN_POSITIVE) * parameters.variance.sqrt())
}
