//! A recording from the library, from a user's NWB file, or from tables of events.

use std::path::PathBuf;

use rheobase_core::Estimate;
use rheobase_data::event_tables::EventTables;
use rheobase_data::library::Library;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Parameters of `recording`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingParameters {
    /// A data set of the library (`rheobase data list`).
    #[serde(default)]
    pub dataset: Option<String>,
    /// Or an NWB file, relative to the folder the program is started in.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Or tables of events: a row for each spike.
    #[serde(default)]
    pub tables: Option<EventTables>,
    /// Time series of the NWB file that are taken along, by name or path.
    #[serde(default)]
    pub signals: Vec<String>,
}

/// A recording.
pub struct RecordingKind;

impl Kind for RecordingKind {
    type Parameters = RecordingParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "recording";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "spike trains, trials and signals of real neurons, from the library, an NWB file or tables of events";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];
    const READS_OUTSIDE: bool = true;

    fn check(p: &RecordingParameters) -> Vec<Complaint> {
        let given = [p.dataset.is_some(), p.path.is_some(), p.tables.is_some()];
        if given.iter().filter(|g| **g).count() != 1 {
            let message = "a recording comes from a data set, from an NWB file or from tables".to_owned();
            return vec![complaint(&["dataset"], message, "give one of `dataset`, `path` and `tables`")];
        }
        if p.tables.is_some() && !p.signals.is_empty() {
            let message = "`signals` names time series of an NWB file".to_owned();
            return vec![complaint(&["signals"], message, "put signals of tables into `tables`, each with its file")];
        }
        vec![]
    }

    fn fingerprint(p: &RecordingParameters, library: &Library) -> Result<String, StageError> {
        let mut hasher = blake3::Hasher::new();
        match (&p.dataset, &p.path) {
            (Some(dataset), _) => {
                // Checksums of the manifest stand for the bytes, which are checked when they are read.
                for file in &library.manifest(dataset)?.files {
                    hasher.update(file.sha256.as_bytes());
                }
            }
            (None, path) => {
                for path in path.iter().map(PathBuf::as_path).chain(p.tables.iter().flat_map(|t| t.paths())) {
                    let failed = |e| StageError::Failed(format!("cannot read {}: {e}", path.display()));
                    std::io::copy(&mut std::fs::File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
                }
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn data_files(p: &RecordingParameters) -> Vec<(String, String)> {
        let Some(dataset) = &p.dataset else { return vec![] };
        let library = Library::new("").ok();
        let manifest = library.as_ref().and_then(|l| l.manifest(dataset).ok());
        manifest.map_or(vec![], |m| m.files.iter().map(|f| (dataset.clone(), f.name.clone())).collect())
    }

    fn memory_mib(_: &RecordingParameters) -> u64 {
        1024
    }

    fn run(p: &RecordingParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = match (&p.dataset, &p.path) {
            (Some(dataset), _) => Recording::of_dataset(context.library, dataset, &p.signals)?,
            (None, Some(path)) => Recording::of_file(path, &p.signals)?,
            (None, None) => match &p.tables {
                Some(tables) => tables.read()?,
                None => return Err(StageError::Failed("neither a data set nor a file".into())),
            },
        };
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        Ok(outcome)
    }
}

/// How much was recorded, and a picture of it.
pub(super) fn describe(recording: &Recording, outcome: &mut Outcome) -> Result<(), StageError> {
    let spikes = &recording.spikes;
    let total: usize = (0..spikes.units()).map(|u| spikes.unit(u).len()).sum();
    let (start, stop) = spikes.span_s();
    outcome.metric("units", Estimate::new(spikes.units() as f64, "units", "counted", 1, "recordings"));
    outcome.metric("spikes", Estimate::new(total as f64, "spikes", "counted", spikes.units(), "units"));
    let duration = Estimate::new(stop - start, "duration", "observed span", 1, "recordings").with_unit("s");
    outcome.metric("duration_s", duration);
    let trials = recording.trials.rows();
    outcome.metric("trials", Estimate::new(trials as f64, "trials", "counted", 1, "recordings"));
    raster(recording, outcome)
}

/// The first seconds of the first units.
fn raster(recording: &Recording, outcome: &mut Outcome) -> Result<(), StageError> {
    const UNITS: usize = 50;
    let spikes = &recording.spikes;
    let (start, stop) = spikes.span_s();
    let end = (start + 20.0).min(stop);
    let shown = spikes.units().min(UNITS);
    let points: Vec<(f64, f64)> =
        (0..shown).flat_map(|u| spikes.unit(u).iter().filter(|t| **t < end).map(move |t| (*t, u as f64))).collect();
    if points.is_empty() {
        return Ok(());
    }
    let chart = Chart {
        title: "spikes".into(),
        x_label: "time (s)".into(),
        y_label: "unit".into(),
        x_range: Some((start, end)),
        y_range: Some((-0.5, shown as f64 - 0.5)),
        series: vec![Series { name: String::new(), points, marks: Marks::Points }],
    };
    let caption = format!("Spikes of the first {shown} of {} units in the first {:.0} s.", spikes.units(), end - start);
    outcome.figure("raster", "Spikes", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
