//! Receptive fields from little data: the spike-triggered average beside filters under a prior and the most informative dimension.

use ndarray::{Array2, ArrayView2, Axis, s};
use rheobase_core::statistics::mean;
use rheobase_core::{Estimate, Probe, Stimulus};
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::Model;
use rheobase_receptive_field::mid::{MidParameters, informative_dimension};
use rheobase_receptive_field::smooth_prior::{SmoothPrior, smooth_filter};
use rheobase_receptive_field::sta::filter_cosine;
use rheobase_receptive_field::stimuli::white_noise;
use rheobase_report::figure::{Bar, Bars, Mosaic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{chosen_units, frame_shape, layer_of, poisson_counts};
use crate::artifact::{Seeing, load_model};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `filter-estimates`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterEstimatesParameters {
    /// The model.
    pub of: Input<Seeing>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// Units; the first four representative ones by default.
    #[serde(default)]
    pub units: Vec<usize>,
    /// Frames of white noise that every method gets.
    #[serde(default = "frames")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub frames: usize,
    /// Frames of the long recording whose average is the reference.
    #[serde(default = "reference")]
    #[schemars(range(min = 1000, max = 10_000_000))]
    pub reference_frames: usize,
    /// Mean spikes in a frame.
    #[serde(default = "half")]
    #[schemars(range(min = 0.001, max = 100.0))]
    pub spikes_per_frame: f64,
    /// Random starts of the most informative dimension.
    #[serde(default = "starts")]
    #[schemars(range(min = 0, max = 100))]
    pub random_starts: usize,
}

fn frames() -> usize {
    2000
}
fn reference() -> usize {
    50_000
}
fn half() -> f64 {
    0.5
}
fn starts() -> usize {
    2
}

/// Frames that are shown at once.
const BLOCK: usize = 5000;

/// Names of the methods, in metrics and in figures.
const METHODS: [(&str, &str); 5] = [
    ("average", "spike-triggered average"),
    ("ridge", "ridge by evidence"),
    ("smooth", "smoothness by evidence (ASD)"),
    ("local", "locality by evidence (ALD)"),
    ("informative", "most informative dimension"),
];

/// Receptive fields from little data.
pub struct FilterEstimates;

impl Kind for FilterEstimates {
    type Parameters = FilterEstimatesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "filter-estimates";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "receptive fields from few spikes by five methods: average, ridge, ASD (Sahani & Linden 2003), ALD (Park & Pillow 2011), MID (Sharpee 2004)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("filters by five methods")];

    fn memory_mib(p: &FilterEstimatesParameters) -> u64 {
        512 + ((p.frames * 1024 * 8 * 3) >> 20) as u64
    }

    fn run(p: &FilterEstimatesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_model(context.input(&p.of)?)?;
        let layer = layer_of(&model, p.layer.as_deref())?;
        let shape = frame_shape(&model)?;
        let units = chosen_units(&model, &layer, &p.units)?;
        let reference = Shown { model: &model, layer: &layer, units: &units, shape }.averages(p, context)?;
        let stimulus = white_noise(p.frames, shape, 1.0, &context.seed.child("noise"))?;
        let responses = model.record(&stimulus, &layer)?.samples().select(Axis(1), &units);
        let mut filters: Vec<[Vec<f64>; 5]> = vec![];
        let mut spikes = 0.0;
        for (index, unit) in units.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let seed = context.seed.child("spikes").index(*unit);
            let counts = poisson_counts(responses.column(index), p.spikes_per_frame, &seed).ok_or_else(|| {
                StageError::Failed(format!("unit {unit} of layer {layer} never responds to white noise"))
            })?;
            spikes += counts.iter().sum::<f64>();
            filters.push(estimates(p, stimulus.frames().view(), &counts, shape, context, *unit)?);
            context.progress.step("units", index + 1, units.len());
        }
        report(p, &units, &reference, &filters, shape, spikes)
    }
}

/// What is shown white noise.
struct Shown<'a> {
    model: &'a Model,
    layer: &'a str,
    units: &'a [usize],
    shape: [usize; 2],
}

impl Shown<'_> {
    /// Average of the frames of a long recording, weighted by the responses without spikes, (units, pixels).
    fn averages(&self, p: &FilterEstimatesParameters, context: &Context<'_>) -> Result<Array2<f64>, StageError> {
        let mut sum = Array2::zeros((self.units.len(), self.shape[0] * self.shape[1]));
        for (block, start) in (0..p.reference_frames).step_by(BLOCK).enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let count = BLOCK.min(p.reference_frames - start);
            let shown: Stimulus = white_noise(count, self.shape, 1.0, &context.seed.child("reference").index(block))?;
            let active = self.model.record(&shown, self.layer)?.samples().select(Axis(1), self.units);
            sum += &active.mapv(|v| v.max(0.0)).t().dot(shown.frames());
            context.progress.step("frames of the reference", start + count, p.reference_frames);
        }
        Ok(sum)
    }
}

fn estimates(
    p: &FilterEstimatesParameters,
    stimuli: ArrayView2<'_, f64>,
    counts: &[f64],
    shape: [usize; 2],
    context: &Context<'_>,
    unit: usize,
) -> Result<[Vec<f64>; 5], StageError> {
    let average = stimuli.t().dot(&ndarray::ArrayView1::from(counts)).to_vec();
    let under = |prior: SmoothPrior| -> Result<Vec<f64>, StageError> {
        Ok(smooth_filter(stimuli, counts, &shape, prior).map_err(failed)?.filter.to_vec())
    };
    let search = MidParameters { random_starts: p.random_starts, ..MidParameters::default() };
    let seed = context.seed.child("informative").index(unit);
    let informative = informative_dimension(stimuli, counts, &search, &seed).map_err(failed)?.filter.to_vec();
    Ok([average, under(SmoothPrior::Ridge)?, under(SmoothPrior::Smooth)?, under(SmoothPrior::Local)?, informative])
}

fn report(
    p: &FilterEstimatesParameters,
    units: &[usize],
    reference: &Array2<f64>,
    filters: &[[Vec<f64>; 5]],
    shape: [usize; 2],
    spikes: f64,
) -> Result<Outcome, StageError> {
    let mut outcome = Outcome::default();
    let cosine = |unit: usize, method: usize| {
        let own = reference.row(unit).to_vec();
        filter_cosine(&filters[unit][method], &own).unwrap_or(f64::NAN)
    };
    let mut table = Table::new().with("unit", units.to_vec())?;
    let mut bars = vec![];
    for (method, (name, what)) in METHODS.iter().enumerate() {
        let all: Vec<f64> = (0..units.len()).map(|unit| cosine(unit, method)).collect();
        let variant = format!("{what}, cosine with the average of {} frames", p.reference_frames);
        let estimate = Estimate::new(mean(&all), "agreement with the long recording", &variant, units.len(), "units");
        outcome.metric(&format!("{name}_cosine"), estimate.with_constant("frames", p.frames as f64));
        bars.push(Bar { name: (*what).to_owned(), value: mean(&all), interval: None, mark: String::new() });
        table = table.with(name, all)?;
    }
    outcome
        .metric("spikes", Estimate::new(spikes / units.len() as f64, "spikes of a unit", "mean", units.len(), "units"));
    outcome.table("units", table);
    let figure = Bars { title: "agreement with the long recording".into(), label: "cosine".into(), bars, band: None };
    let caption = format!(
        "Cosine of filters from {} frames ({:.0} spikes of a unit) with the average over {} frames, mean over {} units.",
        p.frames,
        spikes / units.len() as f64,
        p.reference_frames,
        units.len()
    );
    outcome.figure("agreement", "Agreement by method", &caption, figure.svg().map_err(failed)?);
    let across = METHODS.len() + 1;
    let mut images = Array2::zeros((units.len() * across, shape[0] * shape[1]));
    let mut labels = vec![];
    for (index, unit) in units.iter().enumerate() {
        images.row_mut(index * across).assign(&reference.row(index));
        labels.push(format!("{unit} long"));
        for (method, (name, _)) in METHODS.iter().enumerate() {
            let mut row = images.slice_mut(s![index * across + method + 1, ..]);
            row.iter_mut().zip(&filters[index][method]).for_each(|(a, b)| *a = *b);
            labels.push((*name).to_owned());
        }
    }
    let mosaic = Mosaic { title: "filters by method".into(), images: images.view(), shape, labels, across };
    let caption = "A row for each unit: the average of the long recording, then each method on the short one; each scaled to its own largest value.";
    outcome.figure("filters", "Filters by method", caption, mosaic.svg().map_err(failed)?);
    outcome.array("filters", Array::F64(images.into_dyn()));
    Ok(outcome)
}
