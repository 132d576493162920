//! DynamicTable: columns of equal length, some of them ragged through an index of cumulative ends.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::hdf5::Hdf5;
use crate::{Column, Result, Table};

/// A column whose rows have different numbers of entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Ragged {
    /// The entries of all rows, one after the other.
    pub values: Column,
    /// Values of one entry: 1, or 2 for intervals, or the length of a waveform.
    pub width: usize,
    /// Where each row ends, in entries (of the inner index where there is one).
    pub ends: Vec<usize>,
    /// Where each inner list ends, in entries, for columns that are ragged twice (waveforms).
    pub inner_ends: Option<Vec<usize>>,
}

impl Ragged {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The values of a row, as a range of [`Ragged::values`].
    ///
    /// # Panics
    /// If `row` is not below [`Ragged::rows`].
    pub fn range(&self, row: usize) -> Range<usize> {
        let outer = |ends: &[usize], k: usize| if k == 0 { 0 } else { ends[k - 1] };
        let (from, to) = (outer(&self.ends, row), self.ends[row]);
        match &self.inner_ends {
            None => from * self.width..to * self.width,
            Some(inner) => outer(inner, from) * self.width..outer(inner, to) * self.width,
        }
    }
}

/// A table of an NWB file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DynamicTable {
    /// Columns with one value in each row, in the order of `colnames`, `id` first.
    pub flat: Table,
    /// Columns with a list in each row, or several values in each row.
    pub ragged: BTreeMap<String, Ragged>,
    /// Columns that hold no data of their own (references, compounds), each with the reason it was not read.
    pub skipped: Vec<(String, String)>,
}

impl DynamicTable {
    /// Names of all columns that were read.
    pub fn names(&self) -> Vec<String> {
        self.flat.names().iter().chain(self.ragged.keys()).cloned().collect()
    }

    pub(crate) fn read(file: &Hdf5, path: &str) -> Result<Self> {
        let group = file.group(path).ok_or_else(|| file.wrong(path, "there is no such table"))?;
        let datasets = group.datasets().map_err(|e| file.wrong(path, e))?;
        let listed = group.attrs().ok().and_then(|a| a.get("colnames").and_then(|v| v.as_strings().map(<[_]>::to_vec)));
        let mut names = vec!["id".to_owned()];
        // A file without `colnames` is taken by what it holds.
        names
            .extend(listed.unwrap_or_else(|| {
                datasets.iter().filter(|n| *n != "id" && !n.ends_with("_index")).cloned().collect()
            }));
        let mut table = Self::default();
        let mut rows: Option<usize> = None;
        for name in names {
            let at = format!("{path}/{name}");
            let Some(dataset) = file.dataset(&at) else {
                if name != "id" {
                    table.skipped.push((name, "the column is listed, but not stored".into()));
                }
                continue;
            };
            let has = |suffix: &str| datasets.contains(&format!("{name}{suffix}"));
            let values = match file.column(&at, &dataset) {
                Ok(values) => values,
                Err(error) => {
                    table.skipped.push((name, error.to_string()));
                    continue;
                }
            };
            let shape = file.shape(&at, &dataset, true)?;
            let found = if has("_index") || shape.len() > 1 {
                let ragged = Self::ragged(file, &at, values, &shape, has("_index"), has("_index_index"))?;
                let found = ragged.rows();
                table.ragged.insert(name.clone(), ragged);
                found
            } else {
                let found = values.len();
                if *rows.get_or_insert(found) == found {
                    table.flat = table.flat.with(&name, values)?;
                }
                found
            };
            if *rows.get_or_insert(found) != found {
                let expected = rows.unwrap_or(0);
                return Err(file.wrong(&at, format!("the column has {found} rows, the table {expected}")));
            }
        }
        Ok(table)
    }

    fn ragged(file: &Hdf5, at: &str, values: Column, shape: &[usize], indexed: bool, twice: bool) -> Result<Ragged> {
        let entries = shape.first().copied().unwrap_or(0);
        let width = shape.iter().skip(1).product();
        let ends_of = |suffix: &str, most: usize| {
            let path = format!("{at}{suffix}");
            let ends = file.integers(&path)?;
            let mut before = 0;
            for &end in &ends {
                if end < before || end as u64 > most as u64 {
                    let reason = format!("ends must rise to at most {most}, found {end} after {before}");
                    return Err(file.wrong(&path, reason));
                }
                before = end;
            }
            if before as usize != most {
                return Err(file.wrong(&path, format!("the last end is {before}, but there are {most} entries")));
            }
            Ok(ends.into_iter().map(|e| e as usize).collect::<Vec<_>>())
        };
        Ok(match (indexed, twice) {
            (false, _) => Ragged { values, width, ends: (1..=entries).collect(), inner_ends: None },
            (true, false) => Ragged { values, width, ends: ends_of("_index", entries)?, inner_ends: None },
            (true, true) => {
                let inner = ends_of("_index", entries)?;
                Ragged { values, width, ends: ends_of("_index_index", inner.len())?, inner_ends: Some(inner) }
            }
        })
    }
}
