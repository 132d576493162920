//! Estimates and charts in a line, for the stages.

use rheobase_core::Estimate;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::{Chart, Marks, Series};

use crate::kind::failed;

/// Adds a number: name, value, what it is, and how many of what it is of.
pub fn metric(outcome: &mut Outcome, name: &str, value: f64, (what, unit): (&str, &str), (n, of): (usize, &str)) {
    outcome.metric(name, Estimate::new(value, what, "as in the caption", n, of).with_unit(unit));
}

/// A number as part of a metric's name: -1.25 is `minus_1p25`.
pub fn label(value: f64) -> String {
    value.to_string().replace('-', "minus_").replace('.', "p")
}

/// A line, or points.
pub fn series(name: &str, points: Vec<(f64, f64)>, marks: Marks) -> Series {
    Series { name: name.into(), points, marks }
}

/// Adds a chart: key, title and caption, names of the axes, lines.
pub fn chart(
    outcome: &mut Outcome,
    [key, title, caption]: [&str; 3],
    [x_label, y_label]: [&str; 2],
    series: Vec<Series>,
) -> Result<(), StageError> {
    let chart = Chart {
        title: title.to_lowercase(),
        x_label: x_label.into(),
        y_label: y_label.into(),
        x_range: None,
        y_range: None,
        series,
    };
    outcome.figure(key, title, caption, chart.svg().map_err(failed)?);
    Ok(())
}

/// Spectra of spike-triggered covariances, by name, with the band of shifted spikes of the first.
pub fn covariance_spectrum(
    outcome: &mut Outcome,
    key: &str,
    spectra: Vec<(String, Vec<f64>)>,
    band: (f64, f64),
) -> Result<(), StageError> {
    let longest = spectra.iter().map(|s| s.1.len()).max().unwrap_or(0) as f64;
    let mut lines = vec![];
    for (name, values) in spectra {
        let points = values.into_iter().enumerate().map(|(k, v)| (k as f64, v)).collect();
        lines.push(series(&name, points, Marks::Points));
    }
    for (name, value) in [("upper level of shifted spikes", band.1), ("lower level", band.0)] {
        lines.push(series(name, vec![(0.0, value), (longest, value)], Marks::Dashed));
    }
    let caption =
        "Variance of the stimulus before spikes along each axis; outside the dashed lines (the first) it is changed.";
    let axes = ["axis, by falling variance", "variance before spikes / before all frames"];
    chart(outcome, [key, "Spike-triggered covariance", caption], axes, lines)
}

/// Shares of values in even classes from the smallest to the largest.
pub fn histogram(values: &[f64], [low, high]: [f64; 2], classes: usize) -> Vec<(f64, f64)> {
    let mut shares = vec![0.0; classes];
    let width = (high - low) / classes as f64;
    for v in values.iter().filter(|v| (low..=high).contains(*v)) {
        shares[(((v - low) / width) as usize).min(classes - 1)] += 1.0 / values.len() as f64;
    }
    shares.into_iter().enumerate().map(|(k, share)| (low + (k as f64 + 0.5) * width, share)).collect()
}
