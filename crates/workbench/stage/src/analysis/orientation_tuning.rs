//! Orientation tuning to gratings.

use ndarray::Axis;
use rheobase_core::statistics::{mean, median, quantile};
use rheobase_core::{Estimate, Interval, Probe};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::modulation::f1_over_f0;
use rheobase_receptive_field::stimuli::grating_set;
use rheobase_receptive_field::tuning::{Selectivity, orientation_selectivity};
use rheobase_receptive_field::von_mises::fit_von_mises;
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{frame_shape, layer_of, share};
use crate::artifact::{Seeing, load_model};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `orientation-tuning`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrientationTuningParameters {
    /// The model.
    pub of: Input<Seeing>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// Number of orientations over 180 degrees.
    #[serde(default = "orientations")]
    #[schemars(range(min = 4, max = 180))]
    pub orientations: usize,
    /// Spatial frequencies in cycles per px; each unit is judged at the one it prefers.
    #[serde(default = "frequencies")]
    #[schemars(length(min = 1))]
    pub frequencies_cycles_per_px: Vec<f64>,
    /// Phases over which the response is averaged.
    #[serde(default = "phases")]
    #[schemars(range(min = 1, max = 64))]
    pub phases: usize,
    /// Amplitude of the gratings.
    #[serde(default = "contrast")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub contrast: f64,
    /// Vector OSI above which a unit counts as selective.
    #[serde(default = "selective")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub selective_above: f64,
}

fn orientations() -> usize {
    24
}
fn frequencies() -> Vec<f64> {
    vec![0.08, 0.12, 0.18, 0.27, 0.4]
}
fn phases() -> usize {
    8
}
fn contrast() -> f64 {
    1.0
}
fn selective() -> f64 {
    0.2
}

/// Orientation tuning.
pub struct OrientationTuning;

impl Kind for OrientationTuning {
    type Parameters = OrientationTuningParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "orientation-tuning";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "orientation selectivity to gratings: vector form (Ringach 2002), ratio form, von Mises width; F1/F0 over phases (Skottun 1991)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("tuning curves")];

    fn run(p: &OrientationTuningParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_model(context.input(&p.of)?)?;
        let layer = layer_of(&model, p.layer.as_deref())?;
        let angles: Vec<f64> = (0..p.orientations).map(|i| 180.0 * i as f64 / p.orientations as f64).collect();
        let stimulus = grating_set(frame_shape(&model)?, &angles, &p.frequencies_cycles_per_px, p.phases, p.contrast)?;
        let units = model.representative_units(&layer)?;
        let responses = model.record(&stimulus, &layer)?.samples().select(Axis(1), &units).mapv(|v| v.max(0.0));
        let frequencies = p.frequencies_cycles_per_px.len();
        let curves: Vec<Curve> = responses
            .columns()
            .into_iter()
            .map(|unit| {
                let cycle = |angle: usize, frequency: usize| -> Vec<f64> {
                    let first = (angle * frequencies + frequency) * p.phases;
                    (first..first + p.phases).map(|i| unit[i]).collect()
                };
                let at = |angle: usize, frequency: usize| mean(&cycle(angle, frequency));
                let peak = |f: usize| (0..angles.len()).map(|a| at(a, f)).fold(0.0, f64::max);
                let best = (0..frequencies).fold(0, |best, f| if peak(f) > peak(best) { f } else { best });
                let means: Vec<f64> = (0..angles.len()).map(|a| at(a, best)).collect();
                let preferred = (0..means.len()).fold(0, |top, a| if means[a] > means[top] { a } else { top });
                Curve { cycle: cycle(preferred, best), means, frequency: p.frequencies_cycles_per_px[best] }
            })
            .collect();
        report(p, &angles, &curves)
    }
}

/// Responses of a unit at the spatial frequency it prefers.
struct Curve {
    /// Mean over phases, by orientation.
    means: Vec<f64>,
    /// By phase, at the preferred orientation.
    cycle: Vec<f64>,
    frequency: f64,
}

impl Curve {
    /// Half the width of a von Mises fit at half its height, in degrees of orientation.
    fn half_width_deg(&self, angles: &[f64]) -> f64 {
        // Orientations go round in half a turn.
        let doubled: Vec<f64> = angles.iter().map(|a| 2.0 * a.to_radians()).collect();
        let fit = fit_von_mises(&doubled, &self.means, false).ok();
        fit.and_then(|f| f.half_width_rad()).map_or(f64::NAN, |w| w.to_degrees() / 2.0)
    }
}

fn report(p: &OrientationTuningParameters, angles: &[f64], curves: &[Curve]) -> Result<Outcome, StageError> {
    // A unit that never responds has no selectivity; it is listed with NaN and left out of the medians.
    let tuned: Vec<Option<Selectivity>> =
        curves.iter().map(|c| orientation_selectivity(angles, &c.means).ok()).collect();
    let column = |f: &dyn Fn(&Selectivity) -> f64| -> Vec<f64> {
        tuned.iter().map(|s| s.as_ref().map_or(f64::NAN, f)).collect()
    };
    let (vector, ratio) = (column(&|s| s.vector), column(&|s| s.ratio.unwrap_or(f64::NAN)));
    let widths: Vec<f64> = curves.iter().map(|c| c.half_width_deg(angles)).collect();
    // One phase has no cycle.
    let modulations: Vec<f64> = curves.iter().map(|c| f1_over_f0(&c.cycle).unwrap_or(f64::NAN)).collect();
    let mut outcome = Outcome::default();
    let table = Table::new()
        .with("unit", (0..curves.len()).collect::<Vec<_>>())?
        .with("osi_vector", vector.clone())?
        .with("osi_ratio", ratio.clone())?
        .with("preferred_deg", column(&|s| s.preferred_deg))?
        .with("frequency_cycles_per_px", curves.iter().map(|c| c.frequency).collect::<Vec<_>>())?
        .with("half_width_deg", widths.clone())?
        .with("f1_f0", modulations.clone())?;
    outcome.table("tuning", table);
    for (name, what, variant, values) in [
        ("median_osi_vector", "orientation selectivity", "vector form, median over units", &vector),
        ("median_osi_ratio", "orientation selectivity", "ratio form, median over units", &ratio),
        ("median_half_width_deg", "half width at half height", "von Mises with baseline, median over units", &widths),
        ("median_f1_f0", "F1/F0", "amplitude over mean of the cycle of phases, median over units", &modulations),
    ] {
        let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        if !known.is_empty() {
            let interval = Interval {
                low: quantile(&known, 0.025),
                high: quantile(&known, 0.975),
                level: 0.95,
                method: "quantiles over units".into(),
            };
            let estimate = Estimate::new(median(&known), what, variant, known.len(), "units");
            outcome.metric(name, estimate.with_interval(interval));
        }
    }
    let responding = tuned.iter().flatten().count();
    let selective = tuned.iter().flatten().filter(|s| s.vector > p.selective_above).count();
    let estimate =
        share(selective, responding, "orientation-selective units", "vector OSI above threshold", "responding units")
            .with_constant("threshold", p.selective_above);
    outcome.metric("fraction_selective", estimate);
    let shown: Vec<usize> = (0..curves.len()).filter(|&u| tuned[u].is_some()).take(6).collect();
    if !shown.is_empty() {
        let series = shown
            .iter()
            .map(|&u| {
                let most = curves[u].means.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
                let points = angles.iter().zip(&curves[u].means).map(|(a, r)| (*a, r / most)).collect();
                Series { name: format!("unit {u}, OSI {:.2}", vector[u]), points, marks: Marks::Line }
            })
            .collect();
        let chart = Chart {
            title: "orientation tuning curves".into(),
            x_label: "orientation (deg)".into(),
            y_label: "response / largest".into(),
            x_range: Some((0.0, 180.0)),
            y_range: Some((0.0, 1.05)),
            series,
        };
        let caption = format!(
            "Tuning of the first {} of {responding} responding units to gratings at each unit's preferred frequency, mean over {} phases.",
            shown.len(),
            p.phases
        );
        outcome.figure("tuning", "Orientation tuning", &caption, chart.svg().map_err(failed)?);
    }
    Ok(outcome)
}
