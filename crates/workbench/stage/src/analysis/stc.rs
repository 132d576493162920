//! Spike-triggered covariance of a layer's units: axes of significant variance change, and how much they tell.

use ndarray::Array2;
use rheobase_core::{Estimate, Probe};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::istac::informative_axes;
use rheobase_receptive_field::stc::{NestedTest, nested_test, spike_triggered_moments, whiten};
use rheobase_receptive_field::stimuli::white_noise;
use rheobase_report::figure::Mosaic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{chosen_units, frame_shape, layer_of, poisson_counts};
use crate::artifact::{Seeing, load_model};
use crate::draw::covariance_spectrum;
use crate::kind::{Kind, failed, main_output, threads};

/// Parameters of `stc`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StcParameters {
    /// The model.
    pub of: Input<Seeing>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// Units, counted from 0; by default the first that stand for the layer.
    #[serde(default)]
    pub units: Vec<usize>,
    /// Frames of white noise.
    #[serde(default = "frames")]
    #[schemars(range(min = 500, max = 1_000_000))]
    pub frames: usize,
    /// Mean spikes of a unit in a frame; its responses (rectified) are scaled to this and spikes are Poisson.
    #[serde(default = "rate")]
    #[schemars(range(min = 0.001, max = 100.0))]
    pub spikes_per_frame: f64,
    /// Two-sided level at which an axis is kept.
    #[serde(default = "level")]
    #[schemars(range(min = 0.001, max = 0.5))]
    pub level: f64,
    /// Random shifts for each step of the nested test.
    #[serde(default = "shifts")]
    #[schemars(range(min = 19, max = 10_000))]
    pub shifts: usize,
    /// Most axes looked for in a unit.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 100))]
    pub most_axes: usize,
    /// Whether the spike-triggered average is projected out first, if it is more than noise.
    #[serde(default)]
    pub project_average: bool,
}

fn frames() -> usize {
    20_000
}
fn rate() -> f64 {
    0.5
}
fn level() -> f64 {
    0.05
}
fn shifts() -> usize {
    99
}
fn most() -> usize {
    6
}

/// Spike-triggered covariance.
pub struct Stc;

impl Kind for Stc {
    type Parameters = StcParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "stc";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "spike-triggered covariance with a nested test of its axes (Schwartz 2006), and their information by iSTAC (Pillow 2006)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("covariance axes")];

    fn memory_mib(p: &StcParameters) -> u64 {
        256 + (p.frames as u64 * 1024 * 8 * 3) / (1 << 20)
    }

    fn run(p: &StcParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_model(context.input(&p.of)?)?;
        let layer = layer_of(&model, p.layer.as_deref())?;
        let shape = frame_shape(&model)?;
        let units = chosen_units(&model, &layer, &p.units)?;
        let stimulus = white_noise(p.frames, shape, 1.0, &context.seed.child("noise"))?;
        let activity = model.record(&stimulus, &layer)?;
        let responses = activity.samples();
        let white = whiten(stimulus.frames().view(), 1e-6).map_err(failed)?;
        let mut outcome = Outcome::default();
        let (mut filters, mut labels): (Vec<Vec<f64>>, Vec<String>) = (Vec::new(), Vec::new());
        let (mut rows_unit, mut rows_value, mut rows_p) = (vec![], vec![], vec![]);
        let (mut spectra, mut band) = (vec![], (f64::NAN, f64::NAN));
        for (index, &unit) in units.iter().enumerate() {
            let seed = context.seed.child("spikes").index(unit);
            let counts = poisson_counts(responses.column(unit), p.spikes_per_frame, &seed).ok_or_else(|| {
                StageError::Failed(format!("unit {unit} of layer {layer} never responds to white noise"))
            })?;
            let test = NestedTest {
                level: p.level,
                shifts: p.shifts,
                least_shift: 20,
                most_axes: p.most_axes,
                project_average: p.project_average,
                threads: threads(),
            };
            let seed = context.seed.child("shifts").index(unit);
            let found = nested_test(white.stimuli.view(), &counts, &test, &seed).map_err(failed)?;
            let n: f64 = counts.iter().sum();
            let axes = Estimate::new(
                found.axes.len() as f64,
                "significant axes",
                "nested test against shifted spikes",
                n as usize,
                "spikes",
            )
            .with_constant("level", p.level)
            .with_constant("first_p", found.first_p);
            outcome.metric(&format!("unit_{unit}_axes"), axes);
            let moments = spike_triggered_moments(white.stimuli.view(), &counts).map_err(failed)?;
            if let Ok(informative) =
                informative_axes(moments.mean.view(), moments.covariance.view(), 2.min(white.stimuli.ncols()))
            {
                let bits = informative.cumulative_nats[0] / std::f64::consts::LN_2;
                let estimate = Estimate::new(
                    bits,
                    "information of the best axis",
                    "iSTAC, Gaussian; biased up by few spikes",
                    n as usize,
                    "spikes",
                );
                outcome.metric(&format!("unit_{unit}_best_axis_bits"), estimate.with_unit("bit/spike"));
            }
            if spectra.is_empty() {
                band = found.null_band;
            }
            spectra.push((format!("unit {unit}"), found.eigenvalues.to_vec()));
            for axis in &found.axes {
                filters.push(white.filter(&axis.axis).to_vec());
                labels.push(format!("{unit} {}", if axis.eigenvalue > 1.0 { "+" } else { "-" }));
                rows_unit.push(unit);
                rows_value.push(axis.eigenvalue);
                rows_p.push(axis.p);
            }
            context.progress.step("units", index + 1, units.len());
        }
        outcome.table("axes", Table::new().with("unit", rows_unit)?.with("eigenvalue", rows_value)?.with("p", rows_p)?);
        covariance_spectrum(&mut outcome, "spectrum", spectra, band)?;
        if !filters.is_empty() {
            let images = Array2::from_shape_fn((filters.len(), filters[0].len()), |(k, i)| filters[k][i]);
            let mosaic = Mosaic { title: "significant axes".into(), images: images.view(), shape, labels, across: 8 };
            let caption = "Axes of significant variance change, with unit and sign (+ excites, - suppresses); each scaled to its own largest value.";
            outcome.figure("axes", "Significant axes", caption, mosaic.svg().map_err(failed)?);
            outcome.array("axes", rheobase_data::npy::Array::F64(images.into_dyn()));
        }
        Ok(outcome)
    }
}
