//! Recordings: spike trains with what was going on meanwhile, from NWB files and from the published MAT files of the library.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, Ix2};
use rheobase_core::SpikeTrains;

use crate::library::Library;
use crate::mat::MatFile;
use crate::nwb::NwbFile;
use crate::{Error, Result, Table};

/// A quantity measured over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Time of each row in s, rising.
    pub times_s: Vec<f64>,
    /// Values, (times, dimensions).
    pub values: Array2<f64>,
    /// Unit of the values.
    pub unit: String,
}

/// Spike trains of units, a table of trials, and signals.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Spike times.
    pub spikes: SpikeTrains,
    /// What is known of each unit, a row each.
    pub units: Table,
    /// Trials, a row each, with `start_time` and `stop_time` in s; empty where there are none.
    pub trials: Table,
    /// Signals by name (position, head direction, ...).
    pub signals: BTreeMap<String, Signal>,
}

/// Largest number of values of a signal that is taken along (1 GiB).
const MOST_SIGNAL_VALUES: usize = 1 << 27;

impl Recording {
    /// Reads an NWB file: units, trials, and those time series that are asked for by path or name.
    ///
    /// # Errors
    /// If the file is damaged, has no units, or a series is missing or too long to be held.
    pub fn from_nwb(file: &NwbFile, signals: &[String]) -> Result<Self> {
        let (spikes, units) = file.units(None)?;
        let mut taken = BTreeMap::new();
        for name in signals {
            let series = file.series(name)?;
            if series.rows().saturating_mul(series.width()) > MOST_SIGNAL_VALUES {
                let reason = format!("{} x {} values are more than a recording holds", series.rows(), series.width());
                return Err(Error::format(name, "NWB", reason));
            }
            let signal = Signal {
                times_s: series.times_s(0, series.rows()),
                values: series.read(0, series.rows())?,
                unit: series.unit.clone(),
            };
            taken.insert(name.clone(), signal);
        }
        Ok(Self { spikes, units, trials: file.trials()?, signals: taken })
    }

    /// Reads a data set of the library.
    ///
    /// # Errors
    /// If it is no recording, or is not here.
    pub fn of_dataset(library: &Library, dataset: &str, signals: &[String]) -> Result<Self> {
        match dataset {
            "hippocampal-place-cell" => place_cell(&library.bytes(dataset, "spikes-1.mat")?),
            "subthalamic-movement" => movement_trials(&library.bytes(dataset, "10_spikes-1.mat")?),
            "postsubiculum-units" => {
                let bytes = library.bytes(dataset, "A8604-211122.nwb")?.into_owned();
                Self::from_nwb(&NwbFile::from_bytes(dataset, bytes)?, signals)
            }
            other => {
                let manifests = library.manifests().iter().filter(|m| m.loader == "recording");
                let known = manifests.map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
                Err(Error::Unknown { what: "recording", found: other.to_owned(), known })
            }
        }
    }

    /// Reads a user's NWB file.
    ///
    /// # Errors
    /// As for [`Recording::from_nwb`].
    pub fn of_file(path: &Path, signals: &[String]) -> Result<Self> {
        Self::from_nwb(&NwbFile::open(path)?, signals)
    }
}

fn one_unit(times_s: Vec<f64>, span_s: (f64, f64), name: &'static str) -> Result<(SpikeTrains, Table)> {
    let spikes = SpikeTrains::from_units(vec![times_s], span_s).map_err(|e| Error::format(name, "recording", e))?;
    Ok((spikes, Table::new().with("id", vec![0_usize])?))
}

/// `t` in s, position `X` in cm and `spiketimes` in s.
fn place_cell(bytes: &[u8]) -> Result<Recording> {
    const NAME: &str = "spikes-1.mat";
    let file = MatFile::parse(NAME, bytes)?;
    let vector = |name: &str| -> Result<Vec<f64>> { Ok(file.numbers(name)?.iter().copied().collect()) };
    let (times_s, position) = (vector("t")?, vector("X")?);
    let (Some(&first), Some(&last)) = (times_s.first(), times_s.last()) else {
        return Err(Error::format(NAME, "MAT", "the track has no samples"));
    };
    if position.len() != times_s.len() {
        let reason = format!("{} positions at {} times", position.len(), times_s.len());
        return Err(Error::format(NAME, "MAT", reason));
    }
    let (spikes, units) = one_unit(vector("spiketimes")?, (first, last), NAME)?;
    let values = Array2::from_shape_vec((position.len(), 1), position).map_err(|e| Error::format(NAME, "MAT", e))?;
    let signal = Signal { times_s, values, unit: "cm".into() };
    Ok(Recording { spikes, units, trials: Table::new(), signals: BTreeMap::from([("position".into(), signal)]) })
}

/// `train` trials x ms, `direction` of each trial, `t` in ms around movement onset. Trials are laid one after the other.
fn movement_trials(bytes: &[u8]) -> Result<Recording> {
    const NAME: &str = "10_spikes-1.mat";
    let file = MatFile::parse(NAME, bytes)?;
    let raster = file.numbers("train")?.into_dimensionality::<Ix2>().map_err(|e| Error::format(NAME, "MAT", e))?;
    let (trials, steps) = raster.dim();
    let direction: Vec<i64> = file.numbers("direction")?.iter().map(|&v| v as i64).collect();
    let times_ms: Vec<f64> = file.numbers("t")?.iter().copied().collect();
    if direction.len() != trials || times_ms.len() != steps {
        let reason =
            format!("a raster {trials} x {steps} with {} directions and {} times", direction.len(), times_ms.len());
        return Err(Error::format(NAME, "MAT", reason));
    }
    let length_s = 1e-3 * steps as f64;
    let onset_s = times_ms.iter().position(|&t| t >= 0.0).unwrap_or(0) as f64 * 1e-3;
    let start: Vec<f64> = (0..trials).map(|k| k as f64 * length_s).collect();
    let mut times = Vec::new();
    for ((trial, step), &spike) in raster.indexed_iter() {
        // A spike stands in the middle of its bin, so that no window border cuts through it.
        times.extend((spike > 0.0).then(|| start[trial] + 1e-3 * (step as f64 + 0.5)));
    }
    let (spikes, units) = one_unit(times, (0.0, trials as f64 * length_s), NAME)?;
    let table = Table::new()
        .with("start_time", start.clone())?
        .with("stop_time", start.iter().map(|s| s + length_s).collect::<Vec<_>>())?
        .with("onset_time", start.iter().map(|s| s + onset_s).collect::<Vec<_>>())?
        .with("direction", direction)?;
    Ok(Recording { spikes, units, trials: table, signals: BTreeMap::new() })
}
