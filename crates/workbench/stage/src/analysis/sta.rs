//! Receptive fields by reverse correlation with white noise.

use ndarray::{Array2, ArrayD, Axis, IxDyn, s};
use rheobase_core::statistics::{median, quantile};
use rheobase_core::{Estimate, Interval, Probe, Stimulus};
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::Model;
use rheobase_receptive_field::sta::{SpikeTriggeredAverage, Variant, filter_cosine, spike_triggered_average};
use rheobase_receptive_field::stimuli::white_noise;
use rheobase_report::figure::Mosaic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{frame_shape, layer_of, share};
use crate::artifact::{Seeing, load_model};
use crate::kind::{Kind, complaint, failed, main_output};

/// What is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shown {
    /// Gaussian white noise.
    WhiteNoise {
        /// Number of frames.
        #[serde(default = "frames")]
        #[schemars(range(min = 100, max = 10_000_000))]
        frames: usize,
        /// Standard deviation of a pixel.
        #[serde(default = "one")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        sd: f64,
    },
}

fn frames() -> usize {
    50_000
}

fn one() -> f64 {
    1.0
}

impl Default for Shown {
    fn default() -> Self {
        Self::WhiteNoise { frames: frames(), sd: one() }
    }
}

/// The estimator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VariantChoice {
    /// Average of the frames weighted by the response.
    Plain,
    /// Decorrelated by the inverse of the stimulus covariance.
    Whitened,
    /// Decorrelated with a ridge.
    Ridge,
}

/// Parameters of `sta`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaParameters {
    /// The model.
    pub of: Input<Seeing>,
    /// The layer; the first by default. Of a convolutional layer the unit of each filter nearest the middle is mapped.
    #[serde(default)]
    pub layer: Option<String>,
    /// What is shown.
    #[serde(default)]
    pub stimulus: Shown,
    /// The estimator.
    #[serde(default = "plain")]
    pub variant: VariantChoice,
    /// Ridge, as a fraction of the mean diagonal of the covariance (variant ridge only).
    #[serde(default = "ridge")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub ridge: f64,
    /// |z| above which a pixel counts as certain.
    #[serde(default = "z")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub z_threshold: f64,
}

fn plain() -> VariantChoice {
    VariantChoice::Plain
}

fn ridge() -> f64 {
    0.01
}

fn z() -> f64 {
    4.0
}

/// Receptive fields by white noise.
pub struct Sta;

/// Frames shown at a time, to bound memory.
const BLOCK: usize = 8192;

impl Kind for Sta {
    type Parameters = StaParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "sta";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "receptive fields: the spike-triggered average of white noise (Chichilnisky 2001), with a confidence map";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("receptive fields")];

    fn check(p: &StaParameters) -> Vec<Complaint> {
        let Shown::WhiteNoise { frames, .. } = p.stimulus;
        if p.variant == VariantChoice::Plain || frames >= 1000 {
            return vec![];
        }
        let message = format!("{frames} frames are too few to invert the covariance of the stimulus");
        vec![complaint(&["stimulus", "frames"], message, "show at least 1000 frames, better ten for each pixel")]
    }

    fn memory_mib(p: &StaParameters) -> u64 {
        let Shown::WhiteNoise { frames, .. } = p.stimulus;
        256 + ((frames * 1000 * 16) >> 20) as u64
    }

    fn run(p: &StaParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_model(context.input(&p.of)?)?;
        let layer = layer_of(&model, p.layer.as_deref())?;
        let Shown::WhiteNoise { frames, sd } = p.stimulus;
        let shape = frame_shape(&model)?;
        let stimulus = white_noise(frames, shape, sd, &context.seed.child("white noise"))?;
        let units = model.representative_units(&layer)?;
        let responses = record(&model, &stimulus, &layer, &units, context)?;
        let variant = match p.variant {
            VariantChoice::Plain => Variant::Plain,
            VariantChoice::Whitened => Variant::Whitened,
            VariantChoice::Ridge => Variant::Ridge { relative: p.ridge },
        };
        let sta = spike_triggered_average(stimulus.frames().view(), responses.view(), 1, variant).map_err(failed)?;
        let fields = Fields::crop(&model, &layer, &units, &sta, shape);
        report(p, &model, &fields, &sta, frames)
    }
}

/// Responses of some units as rates: negative activity of signed units counts as silence.
fn record(
    model: &Model,
    stimulus: &Stimulus,
    layer: &str,
    units: &[usize],
    context: &Context<'_>,
) -> Result<Array2<f64>, StageError> {
    let mut responses = Array2::zeros((stimulus.len(), units.len()));
    for start in (0..stimulus.len()).step_by(BLOCK) {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        let end = (start + BLOCK).min(stimulus.len());
        let frames = stimulus.frames().slice(s![start..end, ..]).to_owned();
        let block = Stimulus::new(frames, stimulus.spatial_shape().to_vec(), stimulus.interval_s())?;
        let activity = model.record(&block, layer)?;
        let chosen = activity.samples().select(Axis(1), units).mapv(|v| v.max(0.0));
        responses.slice_mut(s![start..end, ..]).assign(&chosen);
        context.progress.step("frames", end, stimulus.len());
    }
    Ok(responses)
}

/// Receptive fields cut to the part of the frame that can reach each unit.
struct Fields {
    shape: [usize; 2],
    filters: Array2<f64>,
    z: Array2<f64>,
}

impl Fields {
    fn crop(model: &Model, layer: &str, units: &[usize], sta: &SpikeTriggeredAverage, frame: [usize; 2]) -> Self {
        let windows: Option<Vec<_>> = units.iter().map(|&u| model.input_window(layer, u)).collect();
        let Some(windows) = windows.filter(|w| !w.is_empty()) else {
            return Self { shape: frame, filters: sta.filters.clone(), z: sta.z.clone() };
        };
        let shape = [windows[0][0].len(), windows[0][1].len()];
        let cut = |all: &Array2<f64>| {
            let mut part = Array2::zeros((units.len(), shape[0] * shape[1]));
            for (index, [rows, columns]) in windows.iter().enumerate() {
                for (i, row) in rows.clone().enumerate() {
                    for (j, column) in columns.clone().enumerate() {
                        part[[index, i * shape[1] + j]] = all[[index, row * frame[1] + column]];
                    }
                }
            }
            part
        };
        Self { shape, filters: cut(&sta.filters), z: cut(&sta.z) }
    }
}

fn report(
    p: &StaParameters,
    model: &Model,
    fields: &Fields,
    sta: &SpikeTriggeredAverage,
    frames: usize,
) -> Result<Outcome, StageError> {
    const SHOWN: usize = 60;
    let units = fields.filters.nrows();
    let responding: Vec<usize> = (0..units).filter(|&u| sta.total_response[u] > 0.0).collect();
    let certain: Vec<usize> =
        (0..units).map(|u| fields.z.row(u).iter().filter(|z| z.abs() > p.z_threshold).count()).collect();
    let largest_z: Vec<f64> = (0..units).map(|u| fields.z.row(u).fold(0.0_f64, |m, v| m.max(v.abs()))).collect();
    let cosines = weight_cosines(model, fields);
    let mut outcome = Outcome::default();
    outcome.array("filters", Array::F64(fields.filters.clone().into_dyn()));
    outcome.array("z", Array::F64(fields.z.clone().into_dyn()));
    let shape = ArrayD::from_shape_vec(IxDyn(&[2]), fields.shape.map(|n| n as i64).to_vec()).map_err(failed)?;
    outcome.array("shape", Array::I64(shape));
    let table = Table::new()
        .with("unit", (0..units).collect::<Vec<_>>())?
        .with("total_response", sta.total_response.to_vec())?
        .with("effective_frames", sta.effective_n.to_vec())?
        .with("largest_z", largest_z)?
        .with("certain_pixels", certain.clone())?
        .with("weight_cosine", cosines.clone().unwrap_or_else(|| vec![f64::NAN; units]))?;
    outcome.table("units", table);
    let name = match p.variant {
        VariantChoice::Plain => "plain",
        VariantChoice::Whitened => "whitened",
        VariantChoice::Ridge => "ridge",
    };
    let variant = format!("{name} STA of white noise, rectified responses");
    let with_map = certain.iter().filter(|&&c| c > 0).count();
    outcome.metric("fraction_responding", share(responding.len(), units, "responding units", &variant, "units"));
    let estimate = share(with_map, units, "units with a receptive field", &variant, "units")
        .with_constant("z_threshold", p.z_threshold)
        .with_constant("frames", frames as f64);
    outcome.metric("fraction_with_receptive_field", estimate);
    if let Some(cosines) = cosines {
        let known: Vec<f64> = cosines.into_iter().filter(|c| c.is_finite()).collect();
        let interval = Interval {
            low: quantile(&known, 0.025),
            high: quantile(&known, 0.975),
            level: 0.95,
            method: "quantiles over units".into(),
        };
        let estimate = Estimate::new(
            median(&known),
            "cosine of receptive field and weights",
            "median over units",
            known.len(),
            "units",
        )
        .with_interval(interval);
        outcome.metric("weight_cosine_median", estimate);
    }
    let shown: Vec<usize> = responding.iter().copied().take(SHOWN).collect();
    if !shown.is_empty() {
        for (file, title, what, all) in [
            ("receptive_fields", "Receptive fields", "Spike-triggered averages", &fields.filters),
            ("confidence", "Confidence", "Averages divided by their standard error (z)", &fields.z),
        ] {
            let images = all.select(Axis(0), &shown);
            let mosaic =
                Mosaic { title: title.into(), images: images.view(), shape: fields.shape, labels: vec![], across: 12 };
            let caption = format!(
                "{what} of {} of {units} units from {frames} frames of white noise ({} x {} px); each scaled to its own largest value, red excites, blue suppresses.",
                shown.len(),
                fields.shape[0],
                fields.shape[1]
            );
            outcome.figure(file, title, &caption, mosaic.svg().map_err(failed)?);
        }
    }
    Ok(outcome)
}

/// Cosine of each field with the unit's weights, where the weights are images of the same shape.
fn weight_cosines(model: &Model, fields: &Fields) -> Option<Vec<f64>> {
    let (weights, shape) = model.first_stage_images()?;
    (shape == fields.shape && weights.nrows() == fields.filters.nrows()).then(|| {
        (0..weights.nrows())
            .map(|u| filter_cosine(&fields.filters.row(u).to_vec(), &weights.row(u).to_vec()).unwrap_or(f64::NAN))
            .collect()
    })
}
