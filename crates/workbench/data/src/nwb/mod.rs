//! Neurodata Without Borders (NWB 2, HDF5): units, trials, epochs, electrodes and time series.
//!
//! Equivalent to reading with pynwb. Ragged columns are read as an index and one bulk read, whatever the width of the index;
//! time series are read by rows, so that a long recording needs no memory of its size. [`write`](mod@write) goes the other way.

mod series;
mod table;
pub mod write;

use std::path::Path;

use hdf5_pure::Group;
use rheobase_core::SpikeTrains;

use crate::hdf5::Hdf5;
use crate::{Result, Table};

pub use series::{Series, TimeAxis};
pub use table::{DynamicTable, Ragged};

/// An open NWB file.
#[derive(Debug)]
pub struct NwbFile {
    file: Hdf5,
}

impl NwbFile {
    /// Opens a file.
    ///
    /// # Errors
    /// If it is not HDF5, or not NWB 2.
    pub fn open(path: &Path) -> Result<Self> {
        Self::checked(Hdf5::open(path, "NWB")?)
    }

    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// As for [`NwbFile::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        Self::checked(Hdf5::from_bytes(name, bytes, "NWB")?)
    }

    fn checked(file: Hdf5) -> Result<Self> {
        let version = file.group_attribute("/", "nwb_version").and_then(|v| v.as_str().map(str::to_owned));
        match version {
            Some(version) if version.starts_with('2') => Ok(Self { file }),
            Some(version) => Err(file.wrong("/", format!("NWB version {version} is not read, version 2 is"))),
            None => Err(file.wrong("/", "it is HDF5 without the attribute nwb_version")),
        }
    }

    /// Description, identifier and start of the session, where the file has them.
    pub fn session(&self) -> [(&'static str, Option<String>); 3] {
        ["session_description", "identifier", "session_start_time"].map(|name| (name, self.file.text(name)))
    }

    /// Names of the tables of intervals (trials, epochs, ...).
    ///
    /// # Errors
    /// If the group is damaged.
    pub fn interval_names(&self) -> Result<Vec<String>> {
        match self.file.group("intervals") {
            Some(group) => group.groups().map_err(|e| self.file.wrong("intervals", e)),
            None => Ok(vec![]),
        }
    }

    /// A table by its path, for example `intervals/trials`, `units` or `general/extracellular_ephys/electrodes`.
    ///
    /// # Errors
    /// If there is no such table or it is damaged.
    pub fn table(&self, path: &str) -> Result<DynamicTable> {
        DynamicTable::read(&self.file, path)
    }

    /// The flat columns of `intervals/trials`; an empty table where there are no trials.
    ///
    /// # Errors
    /// If the table is damaged.
    pub fn trials(&self) -> Result<Table> {
        if self.file.group("intervals/trials").is_none() {
            return Ok(Table::new());
        }
        Ok(self.table("intervals/trials")?.flat)
    }

    /// Spike times of all units, and the flat columns of the units table.
    ///
    /// The span is `span_s`, or else the extent of the observation intervals where the file has them, or else of the epochs, or
    /// else of the spikes themselves.
    ///
    /// # Errors
    /// If there are no units with spike times, or a time is not finite or outside the span.
    pub fn units(&self, span_s: Option<(f64, f64)>) -> Result<(SpikeTrains, Table)> {
        let units = self.table("units")?;
        let times = units.ragged.get("spike_times").ok_or_else(|| {
            self.file.wrong("units", format!("no ragged column `spike_times`; it has: {}", units.names().join(", ")))
        })?;
        let numbers =
            times.values.numbers().ok_or_else(|| self.file.wrong("units/spike_times", "numbers are needed"))?;
        let trains: Vec<Vec<f64>> = (0..times.rows()).map(|row| numbers[times.range(row)].to_vec()).collect();
        let extent = |values: &[f64]| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (low <= high).then_some((low, high))
        };
        let observed = units.ragged.get("obs_intervals").and_then(|r| r.values.numbers()).and_then(|v| extent(&v));
        let epochs = || {
            let table = self.table("intervals/epochs").ok()?.flat;
            let (start, stop) = (table.numbers("start_time").ok()?, table.numbers("stop_time").ok()?);
            let (low, high) = (extent(&start)?.0, extent(&stop)?.1);
            let spikes = extent(&numbers)?;
            (low <= spikes.0 && spikes.1 <= high).then_some((low, high))
        };
        let span = span_s.or(observed).or_else(epochs).or_else(|| extent(&numbers)).unwrap_or((0.0, 0.0));
        let trains = SpikeTrains::from_units(trains, span).map_err(|e| self.file.wrong("units/spike_times", e))?;
        Ok((trains, units.flat))
    }

    /// Paths of all time series with numbers (acquisition, stimuli, processing modules, analysis).
    ///
    /// # Errors
    /// If a group is damaged.
    pub fn series_paths(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        for top in ["acquisition", "stimulus", "processing", "analysis"] {
            if let Some(group) = self.file.group(top) {
                self.find_series(&group, top, 0, &mut paths)?;
            }
        }
        Ok(paths)
    }

    fn find_series(&self, group: &Group, at: &str, depth: usize, paths: &mut Vec<String>) -> Result<()> {
        if depth > 8 {
            return Err(self.file.wrong(at, "groups are nested deeper than any NWB type"));
        }
        for name in group.groups().map_err(|e| self.file.wrong(at, e))? {
            let path = format!("{at}/{name}");
            let inner = group.group(&name).map_err(|e| self.file.wrong(&path, e))?;
            let has = |dataset: &str| inner.dataset(dataset).is_ok();
            if has("data") && (has("timestamps") || has("starting_time")) {
                paths.push(path);
            } else {
                self.find_series(&inner, &path, depth + 1, paths)?;
            }
        }
        Ok(())
    }

    /// A time series by its path or, where it is the only one of that name, its name.
    ///
    /// # Errors
    /// If there is no such series (the message lists those that exist), or it holds no numbers.
    pub fn series(&self, path: &str) -> Result<Series<'_>> {
        let known = self.series_paths()?;
        let named: Vec<&String> = known.iter().filter(|p| *p == path || p.rsplit('/').next() == Some(path)).collect();
        match named[..] {
            [one] => Series::open(&self.file, one),
            [] => Err(self.file.wrong(path, format!("there is no such time series; it has: {}", known.join(", ")))),
            _ => Err(self.file.wrong(path, "several time series have this name; give the whole path")),
        }
    }
}
