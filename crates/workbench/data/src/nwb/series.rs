//! TimeSeries: values by time, with a regular clock or a time for each row, read whole or by rows.

use hdf5_pure::{AttrValue, DType, Dataset};
use ndarray::Array2;

use crate::Result;
use crate::hdf5::Hdf5;

/// When the rows of a series were measured.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeAxis {
    /// The first row's time in s, and rows per s.
    Regular {
        /// Time of the first row in s.
        start_s: f64,
        /// Rows per second.
        rate_hz: f64,
    },
    /// A time in s for each row.
    Stamps(Vec<f64>),
}

/// A time series of an open file.
#[derive(Debug)]
pub struct Series<'a> {
    file: &'a Hdf5,
    path: String,
    dataset: Dataset,
    shape: Vec<usize>,
    /// Unit of the values that are read, after conversion.
    pub unit: String,
    /// Stored values are multiplied by this ...
    pub conversion: f64,
    /// ... and this is added.
    pub offset: f64,
    /// Clock.
    pub time: TimeAxis,
}

impl<'a> Series<'a> {
    pub(crate) fn open(file: &'a Hdf5, path: &str) -> Result<Self> {
        let at = format!("{path}/data");
        let dataset = file.dataset(&at).ok_or_else(|| file.wrong(&at, "there is no such data set"))?;
        let shape = file.shape(&at, &dataset, false)?;
        let kind = dataset.dtype().map_err(|e| file.wrong(&at, e))?;
        if matches!(kind, DType::String | DType::VariableLengthString | DType::Compound(_) | DType::ObjectReference) {
            return Err(file.wrong(&at, format!("elements of type {kind} are not numbers over time")));
        }
        if shape.is_empty() {
            return Err(file.wrong(&at, "a single value is not a series"));
        }
        let attributes = dataset.attrs().map_err(|e| file.wrong(&at, e))?;
        let number = |name: &str, otherwise: f64| attributes.get(name).and_then(AttrValue::as_f64).unwrap_or(otherwise);
        let stamps = format!("{path}/timestamps");
        let time = if file.dataset(&stamps).is_some() {
            let times: Vec<f64> = file.numbers(&stamps)?.iter().copied().collect();
            if times.len() != shape[0] {
                let reason = format!("{} times for {} rows (time is the first axis)", times.len(), shape[0]);
                return Err(file.wrong(&stamps, reason));
            }
            TimeAxis::Stamps(times)
        } else {
            let start = format!("{path}/starting_time");
            let clock = file.dataset(&start).ok_or_else(|| file.wrong(path, "neither timestamps nor starting_time"))?;
            let rate = clock.attrs().ok().and_then(|a| a.get("rate").and_then(AttrValue::as_f64));
            let rate_hz = rate.filter(|r| r.is_finite() && *r > 0.0);
            let rate_hz = rate_hz.ok_or_else(|| file.wrong(&start, "the attribute `rate` must be above 0 Hz"))?;
            let start_s = file.numbers(&start)?.iter().next().copied();
            TimeAxis::Regular { start_s: start_s.ok_or_else(|| file.wrong(&start, "no value"))?, rate_hz }
        };
        let unit = attributes.get("unit").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let (conversion, offset) = (number("conversion", 1.0), number("offset", 0.0));
        Ok(Self { file, path: at, dataset, unit, conversion, offset, time, shape })
    }

    /// Number of rows (time points).
    pub fn rows(&self) -> usize {
        self.shape[0]
    }

    /// Values in each row.
    pub fn width(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Times in s of some rows.
    pub fn times_s(&self, start: usize, count: usize) -> Vec<f64> {
        let end = (start + count).min(self.rows());
        match &self.time {
            TimeAxis::Regular { start_s, rate_hz } => (start..end).map(|i| start_s + i as f64 / rate_hz).collect(),
            TimeAxis::Stamps(times) => times[start.min(end)..end].to_vec(),
        }
    }

    /// Some rows in physical units (stored value x conversion + offset), (rows, values); only these are read from the file.
    ///
    /// # Errors
    /// If the rows are not there or the data are damaged.
    pub fn read(&self, start: usize, count: usize) -> Result<Array2<f64>> {
        if start.checked_add(count).is_none_or(|end| end > self.rows()) {
            let reason = format!("rows {start} to {} of {}", start.saturating_add(count), self.rows());
            return Err(self.file.wrong(&self.path, reason));
        }
        let values = self.dataset.read_f64_rows(start as u64, count as u64);
        let mut values = values.map_err(|e| self.file.wrong(&self.path, e))?;
        values.iter_mut().for_each(|v| *v = *v * self.conversion + self.offset);
        Array2::from_shape_vec((count, self.width()), values).map_err(|e| self.file.wrong(&self.path, e))
    }
}
