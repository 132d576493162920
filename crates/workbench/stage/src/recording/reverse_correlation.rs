//! Receptive fields of recorded units in space and time: the average and the covariance of a signal before their spikes, and whether the
//! field is a product of a profile in space and a course in time.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayD, ArrayView1, s};
use rheobase_core::statistics::permutation_p;
use rheobase_core::{Estimate, NullDistribution};
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_data::recording::Signal;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::separability::{separability, shuffled_separability};
use rheobase_receptive_field::sta::{Variant, embed_lags, filter_cosine, spike_triggered_average};
use rheobase_receptive_field::stc::{NestedTest, nested_test, whiten};
use rheobase_report::figure::{Matrix, Panel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draw::covariance_spectrum;
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::recording::{Recorded, load, signal};

/// Most values of the signal with all its lags (1 GiB).
const MOST_VALUES: usize = 1 << 27;

/// Parameters of `reverse-correlation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReverseCorrelationParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// The signal that was shown: a row for each frame, a column for each place (or pixel, or band).
    pub signal: String,
    /// Units, counted from 0; the first twelve by default.
    #[serde(default)]
    pub units: Vec<usize>,
    /// Frames before a spike, its own included.
    #[serde(default = "lags")]
    #[schemars(range(min = 1, max = 1000))]
    pub lags: usize,
    /// Decorrelate the average by the covariance of the signal, with this ridge as a share of its mean diagonal; 0 for the plain average.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub ridge: f64,
    /// |z| above which an entry of the field counts as certain.
    #[serde(default = "z")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub z_threshold: f64,
    /// Shuffles of the field's entries: what the separability of noise is.
    #[serde(default = "draws")]
    #[schemars(range(min = 19, max = 10_000))]
    pub shuffles: usize,
    /// Random shifts of the spikes for each step of the nested test of the covariance's axes; 0 leaves the covariance out.
    #[serde(default = "draws")]
    #[schemars(range(min = 0, max = 10_000))]
    pub shifts: usize,
    /// Most axes looked for.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 100))]
    pub most_axes: usize,
}

fn lags() -> usize {
    10
}
fn z() -> f64 {
    4.0
}
fn draws() -> usize {
    99
}
fn most() -> usize {
    6
}

/// Reverse correlation.
pub struct ReverseCorrelation;

impl Kind for ReverseCorrelation {
    type Parameters = ReverseCorrelationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "reverse-correlation";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "receptive fields of recorded units in space and time: spike-triggered average and covariance, separability";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("receptive fields")];

    fn check(p: &ReverseCorrelationParameters) -> Vec<Complaint> {
        let bad = p.shifts > 0 && p.shifts < 19;
        let message = format!("{} shifts cannot show an axis at the level of .05", p.shifts);
        bad.then(|| complaint(&["shifts"], message, "0 for none, or at least 19")).into_iter().collect()
    }

    fn run(p: &ReverseCorrelationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let handle = context.input(&p.of)?;
        let recording = load(handle)?;
        // Simulated recordings carry the filters they were made with.
        let truths = handle.arrays()?;
        let shown = signal(&recording, &p.signal)?;
        let (frames, places) = shown.values.dim();
        if frames.saturating_mul(places * p.lags) > MOST_VALUES {
            return Err(StageError::Failed(format!(
                "{frames} frames of {places} values with {} lags are more than {MOST_VALUES} numbers; lower `lags`, or show the signal more coarsely",
                p.lags
            )));
        }
        let known = recording.spikes.units();
        let units: Vec<usize> = if p.units.is_empty() { (0..known.min(12)).collect() } else { p.units.clone() };
        if let Some(odd) = units.iter().find(|u| **u >= known) {
            return Err(StageError::Failed(format!(
                "there is no unit {odd}; the recording has {known}, counted from 0"
            )));
        }
        let mut counts = Array2::zeros((frames, units.len()));
        for (column, unit) in units.iter().enumerate() {
            for t in recording.spikes.unit(*unit) {
                if let Some(frame) = frame_of(shown, *t) {
                    counts[[frame, column]] += 1.0;
                }
            }
        }
        let variant = if p.ridge > 0.0 { Variant::Ridge { relative: p.ridge } } else { Variant::Plain };
        let found = spike_triggered_average(shown.values.view(), counts.view(), p.lags, variant).map_err(failed)?;
        let mut outcome = Outcome::default();
        let mut panels = vec![];
        let mut rows = Rows::default();
        for (k, unit) in units.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            // Time runs downwards: the frame of the spike is the last row.
            let field = field_of(found.filters.row(k), p.lags, places);
            let z = field_of(found.z.row(k), p.lags, places);
            let certain = z.iter().filter(|v| v.abs() > p.z_threshold).count();
            let n = found.total_response[k] as usize;
            outcome.array(&format!("field_{unit}"), Array::F64(field.clone().into_dyn()));
            let estimate = |value: f64, what: &str, variant: &str| Estimate::new(value, what, variant, n, "spikes");
            if let Some(truth) = truths.get(&format!("filter_{unit}_0"))
                && let Some(cosine) =
                    filter_cosine(&found.filters.row(k).to_vec(), &truth.iter().copied().collect::<Vec<_>>())
            {
                let what = "cosine of the field and the first filter that was put in";
                outcome.metric(&format!("cosine_{unit}"), estimate(cosine, what, "all entries"));
            }
            let length = found.filters.row(k).dot(&found.filters.row(k)).sqrt();
            outcome.metric(&format!("length_{unit}"), estimate(length, "length of the average", "all entries, sd"));
            let what = "entries of the field that are certain";
            outcome.metric(
                &format!("certain_{unit}"),
                estimate(certain as f64, what, "|z| above the threshold").with_constant("z_threshold", p.z_threshold),
            );
            if certain > 0
                && let Ok(value) = separability(field.view())
            {
                let seed = context.seed.child("shuffles").index(*unit);
                let null = shuffled_separability(field.view(), p.shuffles, &seed).map_err(failed)?;
                let mut share = estimate(value, "separability", "first singular value's share, mean removed");
                share.null = Some(NullDistribution::one_sided("entries shuffled", value, &null));
                outcome.metric(&format!("separability_{unit}"), share);
                rows.separability.push(value);
                rows.separability_p.push(permutation_p(value, &null));
            } else {
                rows.separability.push(f64::NAN);
                rows.separability_p.push(f64::NAN);
            }
            rows.spikes.push(n);
            rows.certain.push(certain);
            panels.push(Panel { name: format!("unit {unit}, {n} spikes"), values: field });
        }
        let table = Table::new()
            .with("unit", units.clone())?
            .with("spikes", rows.spikes)?
            .with("certain", rows.certain)?
            .with("separability", rows.separability)?
            .with("separability_p", rows.separability_p)?;
        outcome.table("units", table);
        let across = panels.len().min(4);
        let caption = format!(
            "Average of `{}` before spikes: places from left to right, time downwards to the frame of the spike, {} frames.",
            p.signal, p.lags
        );
        let figure = Matrix { title: "receptive fields".into(), label: "sd".into(), panels, across, range: None };
        outcome.figure("fields", "Receptive fields in space and time", &caption, figure.svg().map_err(failed)?);
        if p.shifts > 0 {
            covariance(p, shown, &units, &counts, &truths, context, &mut outcome)?;
        }
        Ok(outcome)
    }
}

/// A row for each unit.
#[derive(Default)]
struct Rows {
    spikes: Vec<usize>,
    certain: Vec<usize>,
    separability: Vec<f64>,
    separability_p: Vec<f64>,
}

/// The frame that was shown at a time; none before the first, and after the last for longer than a frame.
fn frame_of(shown: &Signal, time_s: f64) -> Option<usize> {
    let times = &shown.times_s;
    let frame = times.partition_point(|t| *t <= time_s).checked_sub(1)?;
    let last = times.len() - 1;
    let length = if last > 0 { (times[last] - times[0]) / last as f64 } else { f64::INFINITY };
    (frame < last || time_s - times[last] < length).then_some(frame)
}

/// A filter (lags x places, lag 0 first) as a picture (lags, places), the frame of the spike last.
fn field_of(filter: ArrayView1<'_, f64>, lags: usize, places: usize) -> Array2<f64> {
    Array2::from_shape_fn((lags, places), |(row, place)| filter[(lags - 1 - row) * places + place])
}

/// Gram and Schmidt's orthonormal basis of some filters.
fn orthonormal(filters: impl Iterator<Item = Vec<f64>>) -> Vec<Array1<f64>> {
    let mut basis: Vec<Array1<f64>> = vec![];
    for filter in filters {
        let mut rest = Array1::from_vec(filter);
        for axis in &basis {
            let along = rest.dot(axis);
            rest.scaled_add(-along, axis);
        }
        let length = rest.dot(&rest).sqrt();
        if length > 1e-9 {
            basis.push(rest / length);
        }
    }
    basis
}

/// Cosine of the angle between a filter and the span of an orthonormal basis.
fn cosine_with_span(filter: &Array1<f64>, basis: &[Array1<f64>]) -> f64 {
    let inside: f64 = basis.iter().map(|axis| filter.dot(axis).powi(2)).sum();
    (inside / filter.dot(filter)).sqrt()
}

/// Axes along which spikes change the variance of the signal.
fn covariance(
    p: &ReverseCorrelationParameters,
    shown: &Signal,
    units: &[usize],
    counts: &Array2<f64>,
    truths: &BTreeMap<String, ArrayD<f64>>,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let embedded = embed_lags(shown.values.view(), p.lags);
    let white = whiten(embedded.view(), 1e-6).map_err(failed)?;
    let places = shown.values.ncols();
    let (mut panels, mut spectra, mut band) = (vec![], vec![], (f64::NAN, f64::NAN));
    for (k, unit) in units.iter().enumerate() {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        let own: Vec<f64> = counts.slice(s![p.lags - 1.., k]).to_vec();
        let test = NestedTest {
            shifts: p.shifts,
            least_shift: 2 * p.lags,
            most_axes: p.most_axes,
            project_average: true,
            threads: threads(),
            ..NestedTest::default()
        };
        // A unit with next to no spikes has no covariance.
        let Ok(found) = nested_test(white.stimuli.view(), &own, &test, &context.seed.child("shifts").index(*unit))
        else {
            continue;
        };
        let n = own.iter().sum::<f64>() as usize;
        let axes = Estimate::new(
            found.axes.len() as f64,
            "axes of changed variance",
            "nested test, average projected out if it is more than noise",
            n,
            "spikes",
        );
        outcome.metric(
            &format!("axes_{unit}"),
            axes.with_constant("first_p", found.first_p).with_constant("average_p", found.average_p),
        );
        let of_unit = |k: usize| truths.get(&format!("filter_{unit}_{k}"));
        let span = orthonormal((0..).map_while(of_unit).map(|f| f.iter().copied().collect()));
        let inside = found.axes.iter().map(|axis| cosine_with_span(&white.filter(&axis.axis), &span));
        if let Some(least) = inside.reduce(f64::min).filter(|_| !span.is_empty()) {
            let what = "cosine of an axis and the filters that were put in, the least";
            let variant = "axes found against the span of the filters";
            outcome
                .metric(&format!("axes_cosine_{unit}"), Estimate::new(least, what, variant, found.axes.len(), "axes"));
        }
        for (name, place) in [("raised", 0), ("lowered", found.eigenvalues.len() - 1)] {
            let what = format!("variance before spikes along the axis where it is most {name}");
            let variant = "eigenvalue, whitened, average projected out if it is more than noise";
            let estimate = Estimate::new(found.eigenvalues[place], &what, variant, n, "spikes");
            outcome.metric(&format!("{name}_variance_{unit}"), estimate);
        }
        for axis in &found.axes {
            let sign = if axis.eigenvalue > 1.0 { "more" } else { "less" };
            let values = field_of(white.filter(&axis.axis).view(), p.lags, places);
            panels.push(Panel { name: format!("unit {unit}, {sign} variance"), values });
        }
        if spectra.is_empty() {
            band = found.null_band;
        }
        spectra.push((format!("unit {unit}"), found.eigenvalues.to_vec()));
        context.progress.step("covariances", k + 1, units.len());
    }
    if spectra.is_empty() {
        return Ok(());
    }
    covariance_spectrum(outcome, "spectrum", spectra, band)?;
    if panels.is_empty() {
        return Ok(());
    }
    let across = panels.len().min(4);
    let figure =
        Matrix { title: "axes of changed variance".into(), label: "unit length".into(), panels, across, range: None };
    let caption =
        "Axes along which the signal before spikes varies more, or less, than elsewhere; drawn as the fields.";
    outcome.figure("axes", "Axes of changed variance", caption, figure.svg().map_err(failed)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lies_in_the_span_of_filters_that_are_not_orthogonal() {
        let span = orthonormal([vec![1.0, 0.0, 0.0], vec![1.0, 1.0, 0.0], vec![2.0, 1.0, 0.0]].into_iter());
        assert_eq!(span.len(), 2);
        assert!((cosine_with_span(&Array1::from_vec(vec![3.0, -4.0, 0.0]), &span) - 1.0).abs() < 1e-12);
        assert!((cosine_with_span(&Array1::from_vec(vec![3.0, 0.0, 4.0]), &span) - 0.6).abs() < 1e-12);
    }
}
