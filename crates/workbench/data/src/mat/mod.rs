//! MATLAB's MAT files: version 5 (our own reader) and version 7.3 (HDF5).
//!
//! Every numeric class becomes f64, in the dimensions MATLAB shows, with the first index running down columns there and here
//! (`array[[row, column]]`). Structs, cells, text, logical and sparse arrays are kept as what they are.

mod v5;
mod v73;

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use crate::error::read_file;
use crate::{Error, Result};

/// A variable of a MAT file.
#[derive(Debug, Clone, PartialEq)]
pub enum MatValue {
    /// Numbers of any class; logical arrays hold 0 and 1, complex ones their real part only if the imaginary part is zero.
    Numbers(ArrayD<f64>),
    /// Truth values.
    Logical(ArrayD<bool>),
    /// Text, a string for each row of the character array.
    Text(Vec<String>),
    /// A cell array: its dimensions, and its cells with the first index running fastest.
    Cells(Vec<usize>, Vec<MatValue>),
    /// A struct array: its dimensions, and its elements with the first index running fastest, each a map of fields.
    Structs(Vec<usize>, Vec<BTreeMap<String, MatValue>>),
}

impl MatValue {
    /// What sort of value it is, with its dimensions, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Numbers(a) => format!("numbers {:?}", a.shape()),
            Self::Logical(a) => format!("logical {:?}", a.shape()),
            Self::Text(rows) => format!("text of {} row(s)", rows.len()),
            Self::Cells(dims, _) => format!("cells {dims:?}"),
            Self::Structs(dims, elements) => {
                let fields: Vec<&str> = elements.first().map_or(vec![], |e| e.keys().map(String::as_str).collect());
                format!("structs {dims:?} with fields {}", fields.join(", "))
            }
        }
    }

    /// The numbers (logical values as 0 and 1); `None` for anything else.
    pub fn numbers(&self) -> Option<ArrayD<f64>> {
        match self {
            Self::Numbers(a) => Some(a.clone()),
            Self::Logical(a) => Some(a.mapv(|b| f64::from(u8::from(b)))),
            _ => None,
        }
    }

    /// A text of one row.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(rows) if rows.len() == 1 => Some(&rows[0]),
            _ => None,
        }
    }

    /// The elements of a struct array.
    pub fn structs(&self) -> Option<&[BTreeMap<String, MatValue>]> {
        match self {
            Self::Structs(_, elements) => Some(elements),
            _ => None,
        }
    }
}

/// The variables of a MAT file, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct MatFile {
    name: String,
    variables: BTreeMap<String, MatValue>,
}

impl MatFile {
    /// Reads a file of version 5 to 7.3.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or holds classes that are not data (objects, function handles).
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&path.display().to_string(), &read_file(path)?)
    }

    /// Reads the bytes of a file called `name`.
    ///
    /// # Errors
    /// As for [`MatFile::read`].
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let variables = if bytes.starts_with(b"MATLAB 7.3") || bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
            v73::read(name, bytes)?
        } else {
            v5::read(name, bytes)?
        };
        Ok(Self { name: name.to_owned(), variables })
    }

    /// All variables.
    pub fn variables(&self) -> &BTreeMap<String, MatValue> {
        &self.variables
    }

    /// A variable.
    ///
    /// # Errors
    /// If there is none of that name; the message lists those that exist.
    pub fn variable(&self, name: &str) -> Result<&MatValue> {
        self.variables.get(name).ok_or_else(|| {
            let known: Vec<String> = self.variables.iter().map(|(n, v)| format!("{n} ({})", v.describe())).collect();
            Error::format(&self.name, "MAT", format!("no variable `{name}`; it has: {}", known.join(", ")))
        })
    }

    /// A variable's numbers.
    ///
    /// # Errors
    /// If there is no such variable or it does not hold numbers.
    pub fn numbers(&self, name: &str) -> Result<ArrayD<f64>> {
        let value = self.variable(name)?;
        value.numbers().ok_or_else(|| {
            Error::format(&self.name, "MAT", format!("variable `{name}` holds {}, not numbers", value.describe()))
        })
    }
}

/// Values in column order as an array of these dimensions.
fn column_major<T: Clone>(dims: &[usize], values: Vec<T>) -> std::result::Result<ArrayD<T>, String> {
    let found = values.len();
    ArrayD::from_shape_vec(IxDyn(dims).f(), values)
        .map_err(|_| format!("dimensions {dims:?} do not hold {found} values"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_with_those_that_exist() {
        let variables = BTreeMap::from([
            ("t".to_owned(), MatValue::Numbers(ndarray::array![1.0, 2.0].into_dyn())),
            ("who".to_owned(), MatValue::Text(vec!["me".into()])),
        ]);
        let file = MatFile { name: "x.mat".into(), variables };
        let message = file.variable("T").unwrap_err().to_string();
        assert!(message.contains("t (numbers [2])") && message.contains("who (text of 1 row(s))"), "{message}");
        assert!(file.numbers("who").unwrap_err().to_string().contains("not numbers"));
        assert_eq!(file.variable("who").unwrap().text(), Some("me"));
    }
}
