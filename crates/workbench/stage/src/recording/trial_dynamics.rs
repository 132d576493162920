//! Dimensionality, rotations and demixed components of a recorded population over the trials of its conditions.

use ndarray::{Array2, Array3, Axis, s};
use rheobase_core::Estimate;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_similarity::geometry::{participation_ratio, participation_ratio_unbiased};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{conditions, population_counts, window_complaint, windows};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::{Recorded, load};
use crate::trajectories::{Grouping, class_means, demix, rotations};

/// Parameters of `trial-dynamics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialDynamicsParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the condition.
    pub by: String,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window in s from the event.
    pub window_s: [f64; 2],
    /// Length of a bin in s; the window is divided into bins nearest to it.
    #[serde(default = "bin")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub bin_s: f64,
    /// Standard deviation in s of the Gaussian that smooths counts over time; spikes beside the window count for it.
    #[serde(default = "smoothing")]
    #[schemars(range(min = 0.0))]
    pub smoothing_s: f64,
    /// Principal components in which rotations are sought.
    #[serde(default = "six")]
    pub components: usize,
    /// Units that fire less are left out, in Hz within the window.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub least_rate_hz: f64,
}

fn start() -> String {
    "start_time".into()
}
fn bin() -> f64 {
    0.01
}
fn smoothing() -> f64 {
    0.02
}
fn six() -> usize {
    6
}

/// Dynamics of recorded populations.
pub struct TrialDynamics;

impl Kind for TrialDynamics {
    type Parameters = TrialDynamicsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "trial-dynamics";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a recorded population over trials: participation ratio, rotations (jPCA), tangling and demixed components (dPCA)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("population dynamics")];

    fn check(p: &TrialDynamicsParameters) -> Vec<Complaint> {
        let mut all: Vec<Complaint> = window_complaint(p.window_s).into_iter().collect();
        if p.components < 2 || p.components % 2 == 1 {
            let message = format!("components is {}, an even number of 2 or more is needed", p.components);
            all.push(complaint(&["components"], message, "the paper takes 6"));
        }
        if p.bin_s.is_nan() || p.bin_s <= 0.0 || (p.window_s[1] - p.window_s[0]) / p.bin_s < 2.5 {
            let message = format!("bin_s is {}, and the window is {} s long", p.bin_s, p.window_s[1] - p.window_s[0]);
            all.push(complaint(&["bin_s"], message, "3 bins or more in the window"));
        }
        all
    }

    fn run(p: &TrialDynamicsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let length = p.window_s[1] - p.window_s[0];
        let bins = (length / p.bin_s).round() as usize;
        let step_s = length / bins as f64;
        let margin = (3.0 * p.smoothing_s / step_s).ceil() as usize;
        let beside = margin as f64 * step_s;
        let spans = windows(&recording, &p.align, [p.window_s[0] - beside, p.window_s[1] + beside])?;
        let (names, classes) = conditions(&recording, Some(&p.by))?;
        let counts = population_counts(&recording, &spans, bins + 2 * margin)?;
        let inside = counts.slice(s![.., margin..margin + bins, ..]);
        let totals: Array2<f64> = inside.sum_axis(Axis(1));
        let least = p.least_rate_hz * length * spans.len() as f64;
        let kept: Vec<usize> =
            (0..totals.ncols()).filter(|u| totals.column(*u).sum() >= least.max(f64::MIN_POSITIVE)).collect();
        if kept.len() < 2 {
            return Err(StageError::Failed(format!(
                "{} units fire at {} Hz or more in the window; population dynamics need 2 or more",
                kept.len(),
                p.least_rate_hz
            )));
        }
        let rates = smoothed(&counts.select(Axis(2), &kept), p.smoothing_s / step_s, margin).mapv(|c| c / step_s);
        let grouping = Grouping { by: &p.by, classes: &classes, names: &names };
        let averages = class_means(&rates, &grouping);
        let mut outcome = Outcome::default();
        metric(&mut outcome, "units", kept.len() as f64, ("units kept", ""), (totals.ncols(), "units"));
        dimensions(&averages, &totals.select(Axis(1), &kept), &mut outcome)?;
        // 5 spikes/s, as in Churchland et al. 2012.
        rotations(&averages, step_s, p.components, 5.0, &mut outcome)?;
        if names.len() > 1 {
            demix(&averages, &grouping, step_s, &mut outcome)?;
        }
        plane(&averages, &grouping, &mut outcome)?;
        Ok(outcome)
    }
}

/// Gaussian smoothing along time (sd in bins); the margins are cut off.
fn smoothed(counts: &Array3<f64>, sd: f64, margin: usize) -> Array3<f64> {
    let kernel: Vec<f64> = (-(margin as isize)..=margin as isize)
        .map(|d| if sd > 0.0 { (-0.5 * (d as f64 / sd).powi(2)).exp() } else { 1.0 })
        .collect();
    let total: f64 = kernel.iter().sum();
    let (trials, bins, units) = counts.dim();
    Array3::from_shape_fn((trials, bins - 2 * margin, units), |(k, t, u)| {
        kernel.iter().enumerate().map(|(d, w)| w * counts[[k, t + d, u]]).sum::<f64>() / total
    })
}

fn dimensions(averages: &Array3<f64>, totals: &Array2<f64>, outcome: &mut Outcome) -> Result<(), StageError> {
    let (classes, bins, units) = averages.dim();
    let rows = Array2::from_shape_fn((classes * bins, units), |(r, u)| averages[[r / bins, r % bins, u]]);
    let states = participation_ratio(rows.view()).map_err(failed)?;
    let what = ("participation ratio of mean states over time and conditions", "");
    metric(outcome, "participation_ratio", states, what, (rows.nrows(), "states"));
    let trials = totals.nrows();
    for (name, variant, found) in [
        ("trial_dimension", "as it is, too low with few trials", participation_ratio(totals.view())),
        ("trial_dimension_unbiased", "bias of few trials taken out", participation_ratio_unbiased(totals.view())),
    ] {
        // Too few trials for it say nothing.
        if let Ok(value) = found {
            let estimate = Estimate::new(value, "participation ratio of counts over trials", variant, trials, "trials");
            outcome.metric(name, estimate.with_constant("units", units as f64));
        }
    }
    Ok(())
}

/// Mean trajectories of the conditions in the first two principal axes.
fn plane(averages: &Array3<f64>, grouping: &Grouping<'_>, outcome: &mut Outcome) -> Result<(), StageError> {
    const SHOWN: usize = 8;
    let (classes, bins, units) = averages.dim();
    let rows = Array2::from_shape_fn((classes * bins, units), |(r, u)| averages[[r / bins, r % bins, u]]);
    let mean = rows.mean_axis(Axis(0)).unwrap_or_default();
    let centred = &rows - &mean;
    let axes = rheobase_linalg::eigh(rheobase_linalg::gram(centred.view()).view()).map_err(failed)?;
    let scores = centred.dot(&axes.vectors.slice(s![.., ..2]));
    let mut lines = vec![];
    let mut begins = vec![];
    for class in 0..classes.min(SHOWN) {
        let points: Vec<(f64, f64)> =
            (0..bins).map(|t| (scores[[class * bins + t, 0]], scores[[class * bins + t, 1]])).collect();
        begins.push(points[0]);
        lines.push(series(&format!("{} {}", grouping.by, grouping.names[class]), points, Marks::Paths));
    }
    lines.push(series("begin of the window", begins, Marks::Points));
    let total: f64 = axes.values.sum();
    let caption = format!(
        "Mean trajectories of {} conditions in the first two principal axes ({:.0} % and {:.0} % of the variance).",
        classes.min(SHOWN),
        100.0 * axes.values[0] / total,
        100.0 * axes.values[1] / total
    );
    chart(outcome, ["states", "Trajectories", &caption], ["axis 1 (Hz)", "axis 2 (Hz)"], lines)
}
