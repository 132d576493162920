//! The trials of a recording: their events, their conditions, and what the units did in them.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3};
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, StageError};
use rheobase_spike_train::count::counts_in_windows;

use crate::kind::{complaint, failed};

/// Names of the conditions, and the condition of each trial.
pub(super) fn conditions(recording: &Recording, by: Option<&str>) -> Result<(Vec<String>, Vec<usize>), StageError> {
    let rows = recording.trials.rows();
    let Some(by) = by else { return Ok((vec!["all".into()], vec![0; rows])) };
    let column = recording.trials.column(by)?;
    let labels: Vec<String> = (0..rows).map(|row| column.text(row)).collect();
    let mut names = labels.clone();
    names.sort();
    names.dedup();
    // Numbers in their order, not in that of their letters.
    if let Ok(mut numbers) =
        names.iter().map(|n| n.parse::<f64>().map(|v| (v, n.clone()))).collect::<Result<Vec<_>, _>>()
    {
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        names = numbers.into_iter().map(|(_, name)| name).collect();
    }
    if names.len() > rows.max(2) / 2 {
        return Err(StageError::Failed(format!(
            "column `{by}` has {} different values in {rows} trials; conditions need several trials each",
            names.len()
        )));
    }
    let place: BTreeMap<&str, usize> = names.iter().enumerate().map(|(k, n)| (n.as_str(), k)).collect();
    let index = labels.iter().map(|l| place[l.as_str()]).collect();
    Ok((names, index))
}

/// As [`conditions`], where what is measured is about a choice of two or more.
pub(super) fn alternatives(recording: &Recording, by: &str) -> Result<(Vec<String>, Vec<usize>), StageError> {
    let (names, labels) = conditions(recording, Some(by))?;
    match &names[..] {
        [] => Err(StageError::Failed("the recording has no trials, so no choice that spikes could tell of".into())),
        [only] => {
            let message =
                format!("column `{by}` has one value, `{only}`; information is about a choice of two or more");
            Err(StageError::Failed(message))
        }
        _ => Ok((names, labels)),
    }
}

/// Start and stop of the window around the event of each trial, in s.
pub(super) fn windows(recording: &Recording, align: &str, [from, to]: [f64; 2]) -> Result<Vec<(f64, f64)>, StageError> {
    if recording.trials.rows() == 0 {
        return Err(StageError::Failed("the recording has no trials, so there are no events".into()));
    }
    Ok(recording.trials.numbers(align)?.iter().map(|e| (e + from, e + to)).collect())
}

/// What is wrong with a window, if anything.
pub(super) fn window_complaint([from, to]: [f64; 2]) -> Option<Complaint> {
    (from.is_nan() || to.is_nan() || from >= to).then(|| {
        let message = format!("the window reaches from {from} to {to} s");
        complaint(&["window_s"], message, "write it as [start, stop] with start before stop")
    })
}

/// Spikes in equal parts of each window, (windows, parts).
pub(super) fn counts_in_parts(times: &[f64], spans: &[(f64, f64)], bins: usize) -> Result<Array2<f64>, StageError> {
    let mut counts = Array2::zeros((spans.len(), bins));
    for bin in 0..bins {
        let part = |(from, to): &(f64, f64)| {
            let width = (to - from) / bins as f64;
            (from + width * bin as f64, from + width * (bin + 1) as f64)
        };
        let parts: Vec<(f64, f64)> = spans.iter().map(part).collect();
        let counted = counts_in_windows(times, &parts).map_err(failed)?;
        counts.column_mut(bin).iter_mut().zip(counted).for_each(|(c, n)| *c = n);
    }
    Ok(counts)
}

/// Counts of all units, (trials, parts, units).
pub(super) fn population_counts(
    recording: &Recording,
    spans: &[(f64, f64)],
    parts: usize,
) -> Result<Array3<f64>, StageError> {
    let units = recording.spikes.units();
    let mut counts = Array3::zeros((spans.len(), parts, units));
    for unit in 0..units {
        let own = counts_in_parts(recording.spikes.unit(unit), spans, parts)?;
        counts.slice_mut(ndarray::s![.., .., unit]).assign(&own);
    }
    Ok(counts)
}
