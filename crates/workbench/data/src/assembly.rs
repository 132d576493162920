//! Brain-Score assemblies: netCDF-4 (HDF5) arrays of presentation x neuroid (x time bin) with named coordinates.
//!
//! Equivalent to `brainio`'s `DataAssembly`. The array is the variable `data`, or `__xarray_dataarray_variable__` in older files.

use std::collections::BTreeMap;
use std::path::Path;

use hdf5_pure::{AttrValue, DType};
use ndarray::ArrayD;

use crate::hdf5::Hdf5;
use crate::{Column, Error, Result, Table};

/// An array with named dimensions and the coordinates of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembly {
    /// The numbers.
    pub values: ArrayD<f64>,
    /// Names of the dimensions, in order.
    pub dimensions: Vec<String>,
    /// Coordinates by name: which dimension they belong to, and a value for each of its elements.
    pub coordinates: BTreeMap<String, (String, Column)>,
    /// Coordinates that could belong to several dimensions (of equal length), so that none was chosen.
    pub unplaced: BTreeMap<String, Column>,
}

impl Assembly {
    /// Opens and reads a file.
    ///
    /// # Errors
    /// If it is damaged or has no array of one of the two names.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(&Hdf5::open(path, "netCDF-4")?)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// As for [`Assembly::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        Self::read(&Hdf5::from_bytes(name, bytes, "netCDF-4")?)
    }

    fn read(file: &Hdf5) -> Result<Self> {
        let names = file.root().datasets().map_err(|e| file.wrong("/", e))?;
        let main = ["data", "__xarray_dataarray_variable__"].into_iter().find(|n| names.iter().any(|k| k == n));
        let main = main.ok_or_else(|| {
            file.wrong(
                "/",
                format!("no variable `data` or `__xarray_dataarray_variable__`; it has: {}", names.join(", ")),
            )
        })?;
        let values = file.numbers(main)?;
        let dimensions = Self::dimension_names(file, &names, main, values.shape())?;
        let (mut coordinates, mut unplaced) = (BTreeMap::new(), BTreeMap::new());
        for name in names.iter().filter(|n| *n != main && !dimensions.contains(n)) {
            let dataset = file.dataset(name).ok_or_else(|| file.wrong(name, "not readable"))?;
            if dataset.shape().map_err(|e| file.wrong(name, e))?.len() != 1 {
                continue;
            }
            let column = file.column(name, &dataset)?;
            let fitting: Vec<&String> =
                dimensions.iter().zip(values.shape()).filter(|(_, n)| **n == column.len()).map(|(d, _)| d).collect();
            let by_name = fitting.iter().find(|d| name.starts_with(d.as_str()));
            match (by_name, &fitting[..]) {
                (Some(own), _) => drop(coordinates.insert(name.clone(), ((**own).clone(), column))),
                (None, [only]) => drop(coordinates.insert(name.clone(), ((*only).clone(), column))),
                _ => drop(unplaced.insert(name.clone(), column)),
            }
        }
        Ok(Self { values, dimensions, coordinates, unplaced })
    }

    /// Dimension scales carry their number; the array lists the numbers of its dimensions.
    fn dimension_names(file: &Hdf5, names: &[String], main: &str, shape: &[usize]) -> Result<Vec<String>> {
        let attribute = |name: &str, key: &str| {
            file.dataset(name).and_then(|d| d.attrs().ok()).and_then(|mut attributes| attributes.remove(key))
        };
        let mut by_number = BTreeMap::new();
        for name in names.iter().filter(|n| *n != main) {
            let is_scale = attribute(name, "CLASS").and_then(|v| v.as_str().map(|s| s == "DIMENSION_SCALE"));
            let is_number = file.dataset(name).is_some_and(|d| !matches!(d.dtype(), Ok(DType::VariableLengthString)));
            if is_scale == Some(true)
                && is_number
                && let Some(number) = attribute(name, "_Netcdf4Dimid").and_then(|v| v.as_i64())
            {
                by_number.insert(number, name.clone());
            }
        }
        let order = attribute(main, "_Netcdf4Coordinates").as_ref().and_then(AttrValue::to_i64s);
        let order = order.unwrap_or_else(|| by_number.keys().copied().collect());
        let found: Vec<String> = order.iter().filter_map(|n| by_number.get(n).cloned()).collect();
        if found.len() == shape.len() {
            Ok(found)
        } else {
            Err(file.wrong(main, format!("an array of shape {shape:?} with dimensions {}", found.join(", "))))
        }
    }

    /// Length of a dimension.
    pub fn length(&self, dimension: &str) -> Option<usize> {
        self.dimensions.iter().position(|d| d == dimension).map(|axis| self.values.shape()[axis])
    }

    /// A row for each element of an array of one dimension (events, as in `SpikeTimesAssembly`): its coordinates, and the array's own
    /// values as column `data`.
    ///
    /// # Errors
    /// If the array has more dimensions.
    pub fn to_table(&self, name: &str) -> Result<Table> {
        let [dimension] = &self.dimensions[..] else {
            let reason = format!("a table has one dimension, the array has {}", self.dimensions.join(" x "));
            return Err(Error::format(name, "netCDF-4", reason));
        };
        let mut table = Table::new().with("data", self.values.iter().copied().collect::<Vec<f64>>())?;
        for (name, (own, column)) in &self.coordinates {
            if own == dimension && name != "data" {
                table = table.with(name, column.clone())?;
            }
        }
        Ok(table)
    }
}
