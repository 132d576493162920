//! `perf record`: results of now into the history.

use rheobase_perf::{Record, history};

use super::Places;
use crate::arguments::{PerfArguments, PerfResults, Settings as Program};
use crate::failure::Outcome;
use crate::output;

/// Appends every result that the history does not have yet.
pub fn record(perf: &PerfArguments, results: &PerfResults, program: &Program) -> Outcome {
    let places = Places::of(perf)?;
    let known = places.read_history()?;
    let (collected, now) = places.collect(results)?;
    let found = collected.measurements.len();
    // The same numbers to the last digit are the same run, recorded twice. Counts may repeat, so they need the same commit too.
    let recorded = |r: &Record| {
        known.records.iter().any(|k| {
            k.measurement == r.measurement
                && k.circumstances.machine == r.circumstances.machine
                && k.circumstances.commit == r.circumstances.commit
        })
    };
    let new: Vec<Record> =
        collected.measurements.into_iter().map(|m| Record::new(&now, m)).filter(|r| !recorded(r)).collect();
    history::append(&places.history, &new)?;
    if program.json {
        output::json(&new);
    } else {
        if now.changed {
            output::message("warning: the source differs from its commit; the lines say `changed`");
        }
        output::data(&format!(
            "{} results into {}, {} were there already",
            new.len(),
            places.history.display(),
            found - new.len()
        ));
    }
    Ok(0)
}
