//! An animal and cells whose tuning is known.

use std::collections::BTreeMap;

use ndarray::Array2;
use rheobase_core::SpikeTrains;
use rheobase_data::Table;
use rheobase_data::recording::{Recording, Signal};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_task::space::session::{Enclosure, Recorded, Session, Tuning};

use super::source::describe;
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// A simulated session.
pub struct SimulatedSession;

impl Kind for SimulatedSession {
    type Parameters = Session;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-session";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a recording whose truth is known: an animal that walks, and place, grid, head-direction and border cells";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &Session) -> Vec<Complaint> {
        let found = p.check();
        found.err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &Session, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recorded = p.record(&context.seed).map_err(failed)?;
        let recording = as_recording(p, &recorded)?;
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        path_figure(p, &recorded, &mut outcome)?;
        Ok(outcome)
    }
}

fn as_recording(p: &Session, recorded: &Recorded) -> Result<Recording, StageError> {
    let frames = recorded.times_s.len();
    let signal =
        |values: Array2<f64>, unit: &str| Signal { times_s: recorded.times_s.clone(), values, unit: unit.into() };
    let column = |values: &[f64]| Array2::from_shape_fn((frames, 1), |(k, _)| values[k]);
    let axes = if matches!(p.enclosure, Enclosure::Track { .. }) { 1 } else { 2 };
    let position = Array2::from_shape_fn((frames, axes), |(k, axis)| recorded.places_cm[k][axis]);
    let signals = BTreeMap::from([
        ("position".to_owned(), signal(position, "cm")),
        ("head_direction".to_owned(), signal(column(&recorded.headings_rad), "rad")),
        ("theta".to_owned(), signal(column(&recorded.theta_rad), "rad")),
    ]);
    let cells = &recorded.cells;
    let number = |of: fn(&Tuning) -> f64| cells.iter().map(of).collect::<Vec<f64>>();
    let units = Table::new()
        .with("id", (0..cells.len()).collect::<Vec<_>>())?
        .with("cell", cells.iter().map(|c| c.kind().to_owned()).collect::<Vec<_>>())?
        .with("x_cm", number(|c| if let Tuning::Place(at) | Tuning::Grid(at, _) = c { at[0] } else { f64::NAN }))?
        .with("y_cm", number(|c| if let Tuning::Place(at) | Tuning::Grid(at, _) = c { at[1] } else { f64::NAN }))?
        .with("preferred_deg", number(|c| if let Tuning::HeadDirection(a) = c { a.to_degrees() } else { f64::NAN }))?;
    let span = (0.0, recorded.times_s[frames - 1]);
    let spikes = SpikeTrains::from_units(recorded.spikes_s.clone(), span)?;
    Ok(Recording { spikes, units, trials: Table::new(), signals })
}

/// Where the animal was, and where one cell of each kind fired.
fn path_figure(p: &Session, recorded: &Recorded, outcome: &mut Outcome) -> Result<(), StageError> {
    const SHOWN_S: f64 = 600.0;
    let shown = recorded.times_s.iter().take_while(|t| **t < SHOWN_S).count();
    let flat = matches!(p.enclosure, Enclosure::Track { .. });
    let at =
        |k: usize| if flat { (recorded.times_s[k], recorded.places_cm[k][0]) } else { recorded.places_cm[k].into() };
    let mut lines = vec![series("path", (0..shown).step_by(5).map(at).collect(), Marks::Paths)];
    let mut seen: Vec<&str> = vec![];
    for (cell, spikes) in recorded.cells.iter().zip(&recorded.spikes_s) {
        if !seen.contains(&cell.kind()) {
            seen.push(cell.kind());
            let frame = |t: &f64| recorded.times_s.partition_point(|f| f <= t).saturating_sub(1);
            let points = spikes.iter().filter(|t| **t < SHOWN_S).map(|t| at(frame(t))).collect();
            lines.push(series(&format!("a {} cell", cell.kind()), points, Marks::Points));
        }
    }
    let caption =
        format!("Path of the first {:.0} s, and where the first cell of each kind fired.", p.duration_s.min(SHOWN_S));
    let axes = if flat { ["time (s)", "position (cm)"] } else { ["x (cm)", "y (cm)"] };
    chart(outcome, ["path", "Path and spikes", &caption], axes, lines)
}
