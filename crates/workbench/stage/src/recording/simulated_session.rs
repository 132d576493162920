//! An animal and cells whose tuning is known.

use std::collections::BTreeMap;

use ndarray::Array2;
use rheobase_core::SpikeTrains;
use rheobase_data::Table;
use rheobase_data::recording::{Recording, Signal};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_task::space::session::{CellCounts, Enclosure, Recorded, Session, Tuning};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::describe;
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Parameters of `simulated-session`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatedSessionParameters {
    /// Where the animal is.
    pub enclosure: Enclosure,
    /// How long in s.
    #[schemars(range(min = 1.0, max = 100_000.0))]
    pub duration_s: f64,
    /// Mean speed in cm/s.
    pub speed_cm_s: f64,
    /// How many cells of each kind.
    pub cells: CellCounts,
    /// Largest rate of every cell in Hz, before theta.
    pub peak_hz: f64,
    /// Width of place fields (standard deviation) and of the bands along walls in cm.
    pub width_cm: f64,
    /// Distance of neighbouring grid fields in cm.
    pub spacing_cm: f64,
    /// Concentration of head-direction cells.
    pub direction_kappa: f64,
    /// Frequency of theta in Hz.
    pub theta_hz: f64,
    /// Concentration with which place cells keep to their phase of theta; 0 for none.
    pub theta_kappa: f64,
}

impl Default for SimulatedSessionParameters {
    fn default() -> Self {
        Self {
            enclosure: Enclosure::Square { side_cm: 100.0 },
            duration_s: 1200.0,
            speed_cm_s: 20.0,
            cells: CellCounts::default(),
            peak_hz: 20.0,
            width_cm: 10.0,
            spacing_cm: 40.0,
            direction_kappa: 4.0,
            theta_hz: 8.0,
            theta_kappa: 1.5,
        }
    }
}

impl SimulatedSessionParameters {
    fn session(&self) -> Session {
        Session {
            enclosure: self.enclosure,
            duration_s: self.duration_s,
            speed_cm_s: self.speed_cm_s,
            cells: self.cells,
            peak_hz: self.peak_hz,
            width_cm: self.width_cm,
            spacing_cm: self.spacing_cm,
            direction_kappa: self.direction_kappa,
            theta_hz: self.theta_hz,
            theta_kappa: self.theta_kappa,
        }
    }
}

/// A simulated session.
pub struct SimulatedSession;

impl Kind for SimulatedSession {
    type Parameters = SimulatedSessionParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-session";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a recording whose truth is known: an animal that walks, and place, grid, head-direction and border cells";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &SimulatedSessionParameters) -> Vec<Complaint> {
        let found = p.session().check();
        found.err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &SimulatedSessionParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recorded = p.session().record(&context.seed).map_err(failed)?;
        let recording = as_recording(p, &recorded)?;
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        path_figure(p, &recorded, &mut outcome)?;
        Ok(outcome)
    }
}

fn as_recording(p: &SimulatedSessionParameters, recorded: &Recorded) -> Result<Recording, StageError> {
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
fn path_figure(p: &SimulatedSessionParameters, recorded: &Recorded, outcome: &mut Outcome) -> Result<(), StageError> {
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
