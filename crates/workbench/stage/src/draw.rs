//! Estimates and charts in a line, for the stages.

use rheobase_core::Estimate;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::{Chart, Marks, Series};

use crate::kind::failed;

/// Adds a number: name, value, what it is, and how many of what it is of.
pub fn metric(outcome: &mut Outcome, name: &str, value: f64, (what, unit): (&str, &str), (n, of): (usize, &str)) {
    outcome.metric(name, Estimate::new(value, what, "as in the caption", n, of).with_unit(unit));
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

/// Shares of values in even classes from the smallest to the largest.
pub fn histogram(values: &[f64], [low, high]: [f64; 2], classes: usize) -> Vec<(f64, f64)> {
    let mut shares = vec![0.0; classes];
    let width = (high - low) / classes as f64;
    for v in values.iter().filter(|v| (low..=high).contains(*v)) {
        shares[(((v - low) / width) as usize).min(classes - 1)] += 1.0 / values.len() as f64;
    }
    shares.into_iter().enumerate().map(|(k, share)| (low + (k as f64 + 0.5) * width, share)).collect()
}
