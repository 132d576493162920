//! Trajectories of populations, recorded or simulated: rotations, tangling, demixed components.

use ndarray::{Array3, Axis};
use rheobase_core::Estimate;
use rheobase_core::statistics::quantile;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::Marks;
use rheobase_similarity::geometry::{demixed, jpca, marginals, tangling};

use crate::draw::{chart, metric, series};
use crate::kind::failed;

/// Components of each marginal.
const COMPONENTS: usize = 3;
/// Most conditions that are drawn, evenly chosen.
const DRAWN: usize = 4;
/// Strength of the ridge, as a share of the total variance.
const RIDGE: f64 = 1e-6;

/// Rotations (jPCA) and tangling of mean rates (conditions, times, units). `soft` is added to the range of each unit by which its rate is
/// divided, so that silent units do not count fully: 5 spikes/s in Churchland et al. 2012.
pub fn rotations(
    rates: &Array3<f64>,
    dt_s: f64,
    components: usize,
    soft: f64,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let n = (rates.dim().0, "conditions");
    if let Ok(found) = jpca(rates, dt_s, components.min(rates.dim().2 / 2 * 2), soft) {
        metric(outcome, "rotation_ratio", found.ratio(), ("R2 of the skew-symmetric over that of the free map", ""), n);
        metric(outcome, "rotation_r2", found.skew_r2, ("R2 of the skew-symmetric map", ""), n);
        metric(outcome, "free_r2", found.free_r2, ("R2 of the free map", ""), n);
        if let Some(f) = found.frequencies.first() {
            let what = ("frequency of the fastest plane", "Hz");
            metric(outcome, "rotation_hz", f / std::f64::consts::TAU, what, n);
        }
        let strongest = (0..found.frequencies.len()).max_by(|a, b| found.shares[*a].total_cmp(&found.shares[*b]));
        if let Some(plane) = strongest {
            let what = ("frequency of the plane with most variance", "Hz");
            metric(outcome, "strongest_rotation_hz", found.frequencies[plane] / std::f64::consts::TAU, what, n);
            let what = ("share of the variance over conditions in that plane", "");
            metric(outcome, "strongest_rotation_share", found.shares[plane], what, n);
        }
    }
    let tangled: Vec<f64> = rates
        .axis_iter(Axis(0))
        .filter_map(|trial| tangling(trial, dt_s, 0.1).ok())
        .flatten()
        .filter(|v| v.is_finite())
        .collect();
    if !tangled.is_empty() {
        let what = ("90th percentile of trajectory tangling", "1/s2");
        metric(outcome, "tangling", quantile(&tangled, 0.9), what, (tangled.len(), "states"));
    }
    Ok(())
}

/// Trials told apart by a condition.
pub struct Grouping<'a> {
    /// Name of the condition.
    pub by: &'a str,
    /// Class of each trial.
    pub classes: &'a [usize],
    /// Name of each class.
    pub names: &'a [String],
}

/// Mean over the trials of each class: (classes, times, units) of (trials, times, units).
pub fn class_means(rates: &Array3<f64>, grouping: &Grouping<'_>) -> Array3<f64> {
    let (_, steps, units) = rates.dim();
    let mut averages = Array3::<f64>::zeros((grouping.names.len(), steps, units));
    let mut members = vec![0.0; grouping.names.len()];
    for (trial, class) in rates.axis_iter(Axis(0)).zip(grouping.classes) {
        let mut sum = averages.index_axis_mut(Axis(0), *class);
        sum += &trial;
        members[*class] += 1.0;
    }
    for (mut average, n) in averages.axis_iter_mut(Axis(0)).zip(&members) {
        average.mapv_inplace(|v| v / n);
    }
    averages
}

/// What mean rates (classes, times, units) owe to time, to the condition, and to both: demixed principal components (Kobak et al. 2016).
pub fn demix(
    averages: &Array3<f64>,
    grouping: &Grouping<'_>,
    dt_s: f64,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let (by, count, units) = (grouping.by, averages.dim().0, averages.dim().2);
    let trials = grouping.classes.len();
    let split = marginals(averages).map_err(failed)?;
    let power = |a: &Array3<f64>| a.iter().map(|v| v * v).sum::<f64>();
    let total: f64 = split.parts.iter().map(power).sum();
    for (name, part) in split.names.iter().zip(&split.parts) {
        let what = format!("share of the variance that depends on {}", meaning(name, by));
        let variant = format!("means over trials of {count} values of {by}");
        outcome
            .metric(&format!("variance_{name}"), Estimate::new(power(part) / total, &what, &variant, trials, "trials"));
    }
    let found = demixed(averages, COMPONENTS.min(units), RIDGE).map_err(failed)?;
    let mut lines = vec![];
    for one in &found {
        let what = format!("share of the variance that the first {} component explains", one.name);
        let estimate = Estimate::new(one.explained[0], &what, "dPCA, by reconstruction", count, "conditions");
        outcome.metric(&format!("demixed_{}", one.name), estimate);
        if one.name != "time" {
            for (class, average) in averages.axis_iter(Axis(0)).enumerate().step_by(count.div_ceil(DRAWN)) {
                let scores = average.dot(&one.decoder.column(0));
                let points = scores.iter().enumerate().map(|(t, v)| (t as f64 * dt_s, *v)).collect();
                let dashed = one.name == "interaction";
                let name = format!("{}, {by} {}", one.name, grouping.names[class]);
                lines.push(series(&name, points, if dashed { Marks::Dashed } else { Marks::Line }));
            }
        }
    }
    let caption = format!(
        "First demixed component of the condition alone and of condition and time together, for {} of {count} values of {by}: mean states projected on its decoder.",
        count.div_ceil(count.div_ceil(DRAWN))
    );
    chart(outcome, ["demixed", "Demixed components", &caption], ["time (s)", "projection"], lines)
}

fn meaning(marginal: &str, by: &str) -> String {
    match marginal {
        "time" => "time alone".into(),
        "condition" => format!("{by} alone"),
        _ => format!("{by} and time together"),
    }
}
