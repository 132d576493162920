//! HDF5 files as this crate reads them: a thin layer over `hdf5-pure` that names the file and the object in every message.
//!
//! Files are read in place: opening reads the metadata that is asked for, and a data set is read whole or by rows.

use std::path::Path;

use hdf5_pure::{AttrValue, DType, Dataset, File, Group};
use ndarray::{ArrayD, IxDyn};

use crate::{Column, Error, Result};

/// Largest number of values that is read at once (8 GiB as f64); a damaged file cannot ask for more.
const MOST_VALUES: u64 = 1 << 30;

/// An open file.
#[derive(Debug)]
pub(crate) struct Hdf5 {
    name: String,
    format: &'static str,
    file: File,
}

impl Hdf5 {
    /// Opens a file without reading it into memory; `format` is what it should be, for messages.
    pub fn open(path: &Path, format: &'static str) -> Result<Self> {
        let name = path.display().to_string();
        if !path.is_file() {
            let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such file");
            return Err(Error::io("cannot read", path)(missing));
        }
        let file = File::open_streaming(path).map_err(|e| Error::format(&name, format, e))?;
        Ok(Self { name, format, file })
    }

    /// Takes the bytes of a file.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, format: &'static str) -> Result<Self> {
        let file = File::from_bytes(bytes).map_err(|e| Error::format(name, format, e))?;
        Ok(Self { name: name.to_owned(), format, file })
    }

    /// An error about an object of this file.
    pub fn wrong(&self, path: &str, reason: impl ToString) -> Error {
        Error::format(format!("{}:{path}", self.name), self.format, reason)
    }

    /// The root group.
    pub fn root(&self) -> Group {
        self.file.root()
    }

    /// A group; `None` if there is no such object.
    pub fn group(&self, path: &str) -> Option<Group> {
        self.file.group(path).ok()
    }

    /// A data set; `None` if there is no such object.
    pub fn dataset(&self, path: &str) -> Option<Dataset> {
        self.file.dataset(path).ok()
    }

    /// An attribute of a group.
    pub fn group_attribute(&self, path: &str, name: &str) -> Option<AttrValue> {
        let group = if path == "/" { self.file.root() } else { self.group(path)? };
        group.attrs().ok()?.remove(name)
    }

    /// Shape of a data set, checked to be small enough to be read at once where `whole` is set.
    pub fn shape(&self, path: &str, dataset: &Dataset, whole: bool) -> Result<Vec<usize>> {
        let shape = dataset.shape().map_err(|e| self.wrong(path, e))?;
        let count = shape.iter().try_fold(1_u64, |n, &d| n.checked_mul(d));
        if whole && count.is_none_or(|n| n > MOST_VALUES) {
            return Err(self.wrong(path, format!("shape {shape:?} is too large to be read at once; read it by rows")));
        }
        Ok(shape.into_iter().map(|d| d as usize).collect())
    }

    /// A data set of numbers as f64.
    pub fn numbers(&self, path: &str) -> Result<ArrayD<f64>> {
        let dataset = self.dataset(path).ok_or_else(|| self.wrong(path, "there is no such data set"))?;
        self.numbers_of(path, &dataset)
    }

    /// The numbers of an open data set as f64; 64-bit integers beyond 2^53 are refused rather than rounded.
    pub fn numbers_of(&self, path: &str, dataset: &Dataset) -> Result<ArrayD<f64>> {
        let shape = self.shape(path, dataset, true)?;
        let values = match self.column(path, dataset)? {
            Column::Float(values) => values,
            Column::Bool(values) => values.into_iter().map(|b| f64::from(u8::from(b))).collect(),
            Column::Integer(values) => {
                if let Some(v) = values.iter().find(|v| v.unsigned_abs() > 1 << 53) {
                    return Err(self.wrong(path, format!("the integer {v} does not fit into f64")));
                }
                values.into_iter().map(|v| v as f64).collect()
            }
            Column::Text(_) => return Err(self.wrong(path, "it holds text, numbers are needed")),
        };
        ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| self.wrong(path, e))
    }

    /// A data set of whole numbers of any width.
    pub fn integers(&self, path: &str) -> Result<Vec<i64>> {
        let dataset = self.dataset(path).ok_or_else(|| self.wrong(path, "there is no such data set"))?;
        match self.column(path, &dataset)? {
            Column::Integer(values) => Ok(values),
            _ => Err(self.wrong(path, "whole numbers are needed")),
        }
    }

    /// A text, scalar or of one element.
    pub fn text(&self, path: &str) -> Option<String> {
        self.dataset(path)?.read_string().ok()?.into_iter().next()
    }

    /// The values of a data set in row order, whatever its shape, as the nearest kind of column; FALSE/TRUE enumerations
    /// become truth values, object references are refused.
    pub fn column(&self, path: &str, dataset: &Dataset) -> Result<Column> {
        self.shape(path, dataset, true)?;
        let failed = |e: hdf5_pure::Error| self.wrong(path, e);
        Ok(match dataset.dtype().map_err(failed)? {
            DType::F32 | DType::F64 => Column::Float(dataset.read_f64().map_err(failed)?),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 => {
                Column::Integer(dataset.read_i64().map_err(failed)?)
            }
            DType::U64 => {
                let values = dataset.read_u64().map_err(failed)?;
                let signed = values.iter().map(|&v| i64::try_from(v)).collect::<std::result::Result<_, _>>();
                Column::Integer(signed.map_err(|_| self.wrong(path, "an unsigned integer exceeds 2^63"))?)
            }
            DType::String | DType::VariableLengthString => Column::Text(dataset.read_string().map_err(failed)?),
            DType::Enum(names) if names == ["FALSE", "TRUE"] => {
                Column::Bool(dataset.read_u8().map_err(failed)?.into_iter().map(|v| v != 0).collect())
            }
            DType::Enum(names) => {
                return Err(self.wrong(path, format!("an enumeration of {} is not read", names.join(", "))));
            }
            DType::ObjectReference => return Err(self.wrong(path, "it holds references to other objects, not data")),
            other => return Err(self.wrong(path, format!("elements of type {other} are not read"))),
        })
    }
}
