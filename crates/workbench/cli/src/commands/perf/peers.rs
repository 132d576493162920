//! `perf peers`: other programs and ours in turn.

use std::path::Path;

use rheobase_perf::measurement::name;
use rheobase_perf::page::duration;
use rheobase_perf::peers::{Pairs, Session};
use rheobase_perf::{Circumstances, Record, history};

use super::Places;
use crate::arguments::{PerfArguments, Settings as Program};
use crate::failure::{Failure, Outcome};
use crate::{interrupt, output};

/// Runs the pairs and appends what they gave; a pair that fails does not stop the others.
pub fn peers(
    perf: &PerfArguments,
    scripts: &Path,
    pairs: Option<&Path>,
    python: &str,
    rounds: usize,
    only: &[String],
    program: &Program,
) -> Outcome {
    let places = Places::of(perf)?;
    let path = pairs.map_or_else(|| perf.workspace.join("benches/peers.toml"), Path::to_owned);
    let all = Pairs::read(&path)?.pair;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| name.starts_with(o.as_str()));
    let chosen: Vec<_> = all.iter().filter(|p| wanted(&p.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
        return Err(Failure::User(format!("no pair of {} begins so; there are: {}", path.display(), names.join(", "))));
    }
    let session = Session {
        scripts: scripts.to_owned(),
        workspace: places.workspace.clone(),
        target: places.target.clone(),
        python: python.to_owned(),
        rounds,
    };
    let folder = session.prepare()?;
    let now = Circumstances::of(&places.workspace);
    let (mut rows, mut records, mut failed) = (vec![], vec![], 0);
    for pair in chosen {
        if interrupt::requested() {
            return Err(Failure::Interrupted);
        }
        let mut heard = |round: usize, who: &str, ns: f64| {
            output::message(&format!("{}, round {}: {who} {} per {}", pair.name, round + 1, duration(ns), pair.unit));
        };
        match session.run(pair, &folder, &mut heard) {
            Err(error) => {
                failed += 1;
                output::message(&format!("{} beside {}: {error}", pair.name, pair.peer.name));
            }
            Ok(found) => {
                let measure = |name: &str| found.measures[name];
                let (low, high) = measure(name::RATIO).interval();
                rows.push(vec![
                    pair.name.clone(),
                    pair.peer.name.clone(),
                    format!("{} per {}", duration(measure("theirs_ns").value), pair.unit),
                    format!("{} per {}", duration(measure("ours_ns").value), pair.unit),
                    format!("{:.2} ({low:.2} to {high:.2})", measure(name::RATIO).value),
                ]);
                let points = session.points(pair, &folder).unwrap_or_else(|error| {
                    output::message(&format!("no points of {}: {error}", pair.peer.name));
                    vec![]
                });
                // Pair by pair, so that an interrupted session keeps what it has.
                let new: Vec<Record> = std::iter::once(found).chain(points).map(|m| Record::new(&now, m)).collect();
                history::append(&places.history, &new)?;
                records.extend(new);
            }
        }
    }
    if program.json {
        output::json(&records);
    } else {
        output::data(&output::table(&["workload", "program", "theirs", "ours", "ratio"], &rows));
    }
    output::message(&format!("{} pairs into {}, {failed} failed", rows.len(), places.history.display()));
    Ok(u8::from(failed > 0))
}
