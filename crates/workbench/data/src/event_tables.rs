//! Recordings from tables of events: a row for each spike, as spike sorters and simulators write them.
//!
//! Tables are .csv, .tsv or .parquet files, .npz files whose one-dimensional arrays are the columns, or netCDF-4 files (.nc) of one dimension
//! (`SpikeTimesAssembly` of Brain-Score), whose values are the column `data` beside their coordinates. The two arrays of a spike sorter,
//! `spike_times.npy` in samples and `spike_clusters.npy`, are taken as they are.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use rheobase_core::SpikeTrains;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::assembly::Assembly;
use crate::error::read_file;
use crate::npy::{read_npy, read_npz};
use crate::recording::{Recording, Signal};
use crate::{Column, Error, Result, Table};

/// Tables that make a recording; paths are relative to the folder the program is started in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventTables {
    /// Spikes.
    pub spikes: SpikeTable,
    /// What is known of each unit; it says which units there are, and their order.
    #[serde(default)]
    pub units: Option<UnitTable>,
    /// Trials, a row each, with columns `start_time` and `stop_time` in s.
    #[serde(default)]
    pub trials: Option<PathBuf>,
    /// Signals by name.
    #[serde(default)]
    pub signals: BTreeMap<String, SignalTable>,
    /// Beginning and end of the recording in s; by default from 0, or the first spike if it is earlier, to the last.
    #[serde(default)]
    pub span_s: Option<[f64; 2]>,
}

/// A row for each spike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeTable {
    /// The file; of a pair of .npy files the one with the times.
    pub path: PathBuf,
    /// The other one of the pair, with the unit of each spike.
    #[serde(default)]
    pub units_path: Option<PathBuf>,
    /// Column with the times.
    #[serde(default = "time")]
    pub time: String,
    /// Column with the units, which are whole numbers or text.
    #[serde(default = "unit")]
    pub unit: String,
    /// Times are numbers of samples at this rate in Hz; by default they are seconds.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub sampling_hz: Option<f64>,
}

/// A row for each unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitTable {
    /// The file.
    pub path: PathBuf,
    /// Column with the units.
    #[serde(default = "unit")]
    pub unit: String,
    /// Which units are taken, by the values that a column must have; by default all.
    #[serde(default)]
    pub keep: BTreeMap<String, Vec<String>>,
}

/// Samples of a signal, a row each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalTable {
    /// The file.
    pub path: PathBuf,
    /// Column with the times in s.
    #[serde(default = "time")]
    pub time: String,
    /// Columns with the values.
    #[schemars(length(min = 1))]
    pub values: Vec<String>,
    /// Unit of the values.
    #[serde(default)]
    pub unit: String,
}

fn time() -> String {
    "time".into()
}

fn unit() -> String {
    "unit".into()
}

impl EventTables {
    /// Files that are read.
    pub fn paths(&self) -> Vec<&Path> {
        let mut all = vec![self.spikes.path.as_path()];
        all.extend(self.spikes.units_path.as_deref());
        all.extend(self.units.iter().map(|u| u.path.as_path()));
        all.extend(self.trials.as_deref());
        all.extend(self.signals.values().map(|s| s.path.as_path()));
        all
    }

    /// Reads the recording.
    ///
    /// # Errors
    /// If a file or column is missing, lengths differ, a time is none or outside the span, or a spike is of no unit.
    pub fn read(&self) -> Result<Recording> {
        let (times_s, names) = self.spikes.read()?;
        let file = self.spikes.path.display().to_string();
        let wrong = |reason: String| Error::format(&file, "table of spikes", reason);
        if let Some(row) = times_s.iter().position(|t| !t.is_finite()) {
            return Err(wrong(format!("the time in row {row} is {}", times_s[row])));
        }
        if let Some(row) = names.iter().position(String::is_empty) {
            return Err(wrong(format!("row {row} has no unit")));
        }
        let (order, units, dropped) = match &self.units {
            Some(table) => table.read()?,
            None => {
                let order = in_order(&names);
                let units = Table::new().with("unit", order.clone())?;
                (order, units, vec![])
            }
        };
        let number: HashMap<&str, usize> = order.iter().enumerate().map(|(k, name)| (name.as_str(), k)).collect();
        let left_out: std::collections::HashSet<&str> = dropped.iter().map(String::as_str).collect();
        let mut trains = vec![Vec::new(); order.len()];
        for (row, (name, time_s)) in names.iter().zip(&times_s).enumerate() {
            match number.get(name.as_str()) {
                Some(k) => trains[*k].push(*time_s),
                None if left_out.contains(name.as_str()) => {}
                None => {
                    let table = self.units.as_ref().map_or_else(String::new, |u| u.path.display().to_string());
                    return Err(wrong(format!("row {row} is a spike of unit {name}, which {table} does not have")));
                }
            }
        }
        let span_s = self.span(&times_s).map_err(wrong)?;
        let spikes = SpikeTrains::from_units(trains, span_s).map_err(|e| wrong(e.to_string()))?;
        let trials = self.trials.as_deref().map(read_trials).transpose()?.unwrap_or_default();
        let signals = self.signals.iter().map(|(name, table)| Ok((name.clone(), table.read()?)));
        Ok(Recording { spikes, units, trials, signals: signals.collect::<Result<_>>()? })
    }

    fn span(&self, times_s: &[f64]) -> std::result::Result<(f64, f64), String> {
        let first = times_s.iter().copied().fold(0.0, f64::min);
        let last = times_s.iter().copied().fold(0.0, f64::max);
        let Some([start, stop]) = self.span_s else { return Ok((first, last)) };
        if !(start < stop && start.is_finite() && stop.is_finite()) {
            return Err(format!("span_s is [{start}, {stop}]: give the beginning and the end"));
        }
        let outside = times_s.iter().filter(|t| !(start..=stop).contains(*t)).count();
        if outside > 0 {
            return Err(format!(
                "{outside} of {} spikes lie outside span_s = [{start}, {stop}]: they reach from {first} to {last} s; are times in samples? \
                 then give sampling_hz",
                times_s.len()
            ));
        }
        Ok((start, stop))
    }
}

impl SpikeTable {
    /// Time in s and unit of every row.
    fn read(&self) -> Result<(Vec<f64>, Vec<String>)> {
        let (times, units) = match &self.units_path {
            Some(units_path) => (flat(&self.path)?, Column::Float(flat(units_path)?)),
            None => {
                let table = columns(&self.path)?;
                (table.numbers(&self.time)?, table.column(&self.unit)?.clone())
            }
        };
        if times.len() != units.len() {
            let reason = format!("{} times and {} units: one unit for each spike", times.len(), units.len());
            return Err(Error::format(self.path.display().to_string(), "table of spikes", reason));
        }
        let times_s = match self.sampling_hz {
            Some(rate_hz) => times.iter().map(|t| t / rate_hz).collect(),
            None => times,
        };
        Ok((times_s, identifiers(&units)))
    }
}

impl UnitTable {
    /// Units that are taken, in order, with what is known of them; and those that are not.
    fn read(&self) -> Result<(Vec<String>, Table, Vec<String>)> {
        let table = columns(&self.path)?;
        let names = identifiers(table.column(&self.unit)?);
        let mut taken = vec![true; names.len()];
        for (column, wanted) in &self.keep {
            let values = table.column(column)?;
            taken.iter_mut().enumerate().for_each(|(row, t)| *t &= wanted.contains(&values.text(row)));
        }
        let file = || self.path.display().to_string();
        let mut known = std::collections::HashSet::new();
        if let Some(twice) = names.iter().find(|name| !known.insert(name.as_str())) {
            return Err(Error::format(file(), "table of units", format!("unit {twice} stands there twice")));
        }
        let rows: Vec<usize> = (0..names.len()).filter(|row| taken[*row]).collect();
        if rows.is_empty() {
            let reason = format!("none of {} units has what `keep` asks for", names.len());
            return Err(Error::format(file(), "table of units", reason));
        }
        let mut units = Table::new();
        for (name, column) in table.names().iter().zip(table.columns()) {
            units = units.with(name, column.rows(&rows))?;
        }
        let of = |wanted: bool| (0..names.len()).filter(|r| taken[*r] == wanted).map(|r| names[r].clone()).collect();
        Ok((of(true), units, of(false)))
    }
}

impl SignalTable {
    fn read(&self) -> Result<Signal> {
        let table = columns(&self.path)?;
        let times_s = table.numbers(&self.time)?;
        let wrong = |reason: String| Error::format(self.path.display().to_string(), "table of samples", reason);
        if let Some(row) = times_s.windows(2).position(|pair| pair[1].is_nan() || pair[1] <= pair[0]) {
            let (a, b) = (times_s[row], times_s[row + 1]);
            return Err(wrong(format!("times do not increase: {a} s in row {row}, {b} s in the next")));
        }
        let mut values = Array2::zeros((times_s.len(), self.values.len()));
        for (k, name) in self.values.iter().enumerate() {
            values.column_mut(k).assign(&ndarray::Array1::from(table.numbers(name)?));
        }
        Ok(Signal { times_s, values, unit: self.unit.clone() })
    }
}

/// The columns of a table, whatever its format.
fn columns(path: &Path) -> Result<Table> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("npz") => {}
        Some("nc") => return Assembly::open(path)?.to_table(&path.display().to_string()),
        _ => return Table::read(path),
    }
    let mut table = Table::new();
    for (name, array) in read_npz(&path.display().to_string(), &read_file(path)?)? {
        if array.ndim() == 1 {
            table = table.with(&name, array.into_iter().collect::<Vec<f64>>())?;
        }
    }
    Ok(table)
}

/// The values of a .npy file, whatever its shape: spike sorters write (spikes, 1) as well.
fn flat(path: &Path) -> Result<Vec<f64>> {
    Ok(read_npy(&path.display().to_string(), &read_file(path)?)?.into_iter().collect())
}

/// Units as text; whole numbers without a point.
fn identifiers(column: &Column) -> Vec<String> {
    (0..column.len())
        .map(|row| match column {
            Column::Float(values) if values[row].fract() == 0.0 => format!("{:.0}", values[row]),
            other => other.text(row),
        })
        .collect()
}

/// All names once: numbers in their order before text in its.
fn in_order(names: &[String]) -> Vec<String> {
    let mut all: Vec<&String> = names.iter().collect();
    all.sort_by_cached_key(|name| (name.parse::<i64>().map_or(i64::MAX, |n| n), (*name).clone()));
    all.dedup();
    all.into_iter().cloned().collect()
}

/// Trials with their beginning and end.
fn read_trials(path: &Path) -> Result<Table> {
    let table = columns(path)?;
    let (starts, stops) = (table.numbers("start_time")?, table.numbers("stop_time")?);
    if let Some(row) = starts.iter().zip(&stops).position(|(a, b)| a.is_nan() || b.is_nan() || b < a) {
        let reason = format!("the trial in row {row} lasts from {} to {} s", starts[row], stops[row]);
        return Err(Error::format(path.display().to_string(), "table of trials", reason));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::{Array, write_npz};

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn tables(spikes: &Path) -> EventTables {
        serde_json::from_value(serde_json::json!({ "spikes": { "path": spikes } })).unwrap()
    }

    #[test]
    fn spikes_come_back_by_unit_from_every_format() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let table = Table::new()
            .with("unit", vec!["10".to_owned(), "9".into(), "10".into(), "b".into()])
            .unwrap()
            .with("time", vec![0.3, 0.5, 0.1, 2.0])
            .unwrap();
        std::fs::write(at("a.csv"), table.to_csv()).unwrap();
        std::fs::write(at("a.tsv"), table.to_csv().replace(',', "\t")).unwrap();
        table.write_parquet(&at("a.parquet")).unwrap();
        for name in ["a.csv", "a.tsv", "a.parquet"] {
            let found = tables(&at(name)).read().unwrap();
            assert_eq!(found.units.column("unit").unwrap().text(0), "9");
            assert_eq!(
                (found.spikes.units(), found.spikes.unit(1), found.spikes.unit(2)),
                (3, &[0.1, 0.3][..], &[2.0][..])
            );
            assert_eq!(found.spikes.span_s(), (0.0, 2.0));
        }
        // Samples at 10 Hz, and units as numbers.
        let float = |values: Vec<f64>| Array::F64(ndarray::Array1::from(values).into_dyn());
        let arrays = BTreeMap::from([
            ("time".to_owned(), float(vec![3.0, 5.0, 1.0])),
            ("unit".to_owned(), float(vec![7.0, 2.0, 7.0])),
        ]);
        write_npz(&at("a.npz"), &arrays).unwrap();
        let mut sampled = tables(&at("a.npz"));
        sampled.spikes.sampling_hz = Some(10.0);
        let found = sampled.read().unwrap();
        assert_eq!((found.units.column("unit").unwrap().text(0), found.spikes.unit(1)), ("2".into(), &[0.1, 0.3][..]));
        // A sorter writes samples as (spikes, 1) of u64 and clusters as i32.
        let samples = ndarray::array![[3_u64], [5], [1]];
        ndarray_npy::write_npy(at("spike_times.npy"), &samples).unwrap();
        ndarray_npy::write_npy(at("spike_clusters.npy"), &ndarray::array![7_i32, 2, 7]).unwrap();
        let mut pair = tables(&at("spike_times.npy"));
        pair.spikes.sampling_hz = Some(10.0);
        pair.spikes.units_path = Some(at("spike_clusters.npy"));
        assert_eq!(pair.read().unwrap().spikes, found.spikes);
        ndarray_npy::write_npy(at("spike_clusters.npy"), &ndarray::array![7_i32, 2]).unwrap();
        assert!(pair.read().unwrap_err().to_string().contains("3 times and 2 units"));
    }

    #[test]
    fn the_table_of_units_says_which_are_taken() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("spikes.csv"), "time,unit\n1,3\n2,4\n3,5\n").unwrap();
        std::fs::write(at("units.tsv"), "cluster_id\tgroup\n5\tgood\n4\tnoise\n3\tgood\n6\tgood\n").unwrap();
        let mut all = tables(&at("spikes.csv"));
        let keep = BTreeMap::from([("group".to_owned(), vec!["good".to_owned()])]);
        all.units = Some(UnitTable { path: at("units.tsv"), unit: "cluster_id".into(), keep });
        let found = all.read().unwrap();
        // Three good ones in the order of the table, the last silent; the spike of the noise is left out.
        assert_eq!((found.spikes.units(), found.spikes.unit(0), found.spikes.unit(2).len()), (3, &[3.0][..], 0));
        assert_eq!(found.units.names(), ["cluster_id", "group"]);
        std::fs::write(at("spikes.csv"), "time,unit\n1,3\n2,8\n").unwrap();
        assert!(all.read().unwrap_err().to_string().contains("row 1 is a spike of unit 8"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_row() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let told = |text: &str, change: &dyn Fn(&mut EventTables)| {
            std::fs::write(at("spikes.csv"), text).unwrap();
            let mut all = tables(&at("spikes.csv"));
            change(&mut all);
            all.read().unwrap_err().to_string()
        };
        let nothing = |_: &mut EventTables| {};
        assert!(told("time,unit\n1,3\n,4\n", &nothing).contains("row 1 is NaN"));
        assert!(told("time,unit\n1,a\n2,\n", &nothing).contains("row 1 has no unit"));
        assert!(told("t,unit\n1,3\n", &nothing).contains("time"));
        let spanned = |all: &mut EventTables| all.span_s = Some([0.0, 10.0]);
        assert!(told("time,unit\n30000,3\n1,3\n", &spanned).contains("then give sampling_hz"));
        std::fs::write(at("trials.csv"), "start_time,stop_time\n0,1\n2,1\n").unwrap();
        let trials = |all: &mut EventTables| all.trials = Some(at("trials.csv"));
        assert!(told("time,unit\n1,3\n", &trials).contains("row 1 lasts from 2 to 1 s"));
        std::fs::write(at("position.csv"), "time,x\n0,1\n0,2\n").unwrap();
        let signal =
            SignalTable { path: at("position.csv"), time: "time".into(), values: vec!["x".into()], unit: "cm".into() };
        let signals = |all: &mut EventTables| drop(all.signals.insert("position".into(), signal.clone()));
        assert!(told("time,unit\n1,3\n", &signals).contains("times do not increase"));
    }
}
