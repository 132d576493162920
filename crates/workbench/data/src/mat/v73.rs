//! MAT version 7.3: HDF5 with MATLAB's class in an attribute and dimensions reversed.
//!
//! Cells and struct arrays hold references to objects elsewhere in the file; empty arrays store their dimensions as data.

use std::collections::BTreeMap;

use hdf5_pure::{DType, Dataset, Group, Object};

use crate::hdf5::Hdf5;
use crate::mat::{MatValue, column_major};
use crate::{Column, Result};

/// Nested cells and structs deeper than this are refused; references can form rings.
const DEEPEST: usize = 32;

pub fn read(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, MatValue>> {
    let file = Hdf5::from_bytes(name, bytes.to_vec(), "MAT 7.3")?;
    fields(&file, &file.root(), "", 0)
}

fn fields(file: &Hdf5, group: &Group, at: &str, depth: usize) -> Result<BTreeMap<String, MatValue>> {
    let mut values = BTreeMap::new();
    for name in group.datasets().map_err(|e| file.wrong(at, e))? {
        let path = format!("{at}/{name}");
        let dataset = group.dataset(&name).map_err(|e| file.wrong(&path, e))?;
        values.insert(name, value(file, &dataset, &path, depth)?);
    }
    for name in group.groups().map_err(|e| file.wrong(at, e))? {
        if name.starts_with('#') {
            continue;
        }
        let path = format!("{at}/{name}");
        let inner = group.group(&name).map_err(|e| file.wrong(&path, e))?;
        values.insert(name, structure(file, &inner, &path, depth)?);
    }
    Ok(values)
}

fn too_deep(file: &Hdf5, at: &str, depth: usize) -> Result<()> {
    if depth > DEEPEST { Err(file.wrong(at, format!("nested deeper than {DEEPEST}"))) } else { Ok(()) }
}

/// A group is a struct, or a struct array if its fields are arrays of references without a class of their own.
fn structure(file: &Hdf5, group: &Group, at: &str, depth: usize) -> Result<MatValue> {
    too_deep(file, at, depth)?;
    let names = group.datasets().map_err(|e| file.wrong(at, e))?;
    let mut columns: Vec<(String, Vec<MatValue>)> = Vec::new();
    let mut dims = vec![1, 1];
    for name in &names {
        let path = format!("{at}/{name}");
        let dataset = group.dataset(name).map_err(|e| file.wrong(&path, e))?;
        let is_reference = matches!(dataset.dtype(), Ok(DType::ObjectReference));
        if !is_reference || class_of(&dataset).is_some() {
            columns.clear();
            break;
        }
        dims = reversed(file.shape(&path, &dataset, true)?);
        columns.push((name.clone(), referenced(file, &dataset, &path, depth)?));
    }
    if columns.is_empty() {
        return Ok(MatValue::Structs(vec![1, 1], vec![fields(file, group, at, depth + 1)?]));
    }
    let count: usize = dims.iter().product();
    if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != count) {
        return Err(file.wrong(at, format!("field `{name}` has {} elements, the struct array {count}", values.len())));
    }
    let mut elements = vec![BTreeMap::new(); count];
    for (name, values) in columns {
        for (element, value) in elements.iter_mut().zip(values) {
            element.insert(name.clone(), value);
        }
    }
    Ok(MatValue::Structs(dims, elements))
}

fn class_of(dataset: &Dataset) -> Option<String> {
    dataset.attrs().ok()?.get("MATLAB_class")?.as_str().map(str::to_owned)
}

/// HDF5 counts the last index fastest, MATLAB the first.
fn reversed(mut shape: Vec<usize>) -> Vec<usize> {
    shape.reverse();
    while shape.len() < 2 {
        shape.push(1);
    }
    shape
}

fn referenced(file: &Hdf5, dataset: &Dataset, at: &str, depth: usize) -> Result<Vec<MatValue>> {
    let objects = dataset.dereference().map_err(|e| file.wrong(at, e))?;
    objects
        .iter()
        .map(|object| match object {
            Object::Dataset(inner) => value(file, inner, at, depth + 1),
            Object::Group(group) => structure(file, group, at, depth + 1),
            _ => Err(file.wrong(at, "a reference to an object that holds no data")),
        })
        .collect()
}

fn value(file: &Hdf5, dataset: &Dataset, at: &str, depth: usize) -> Result<MatValue> {
    too_deep(file, at, depth)?;
    let attributes = dataset.attrs().map_err(|e| file.wrong(at, e))?;
    let class = attributes.get("MATLAB_class").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let empty = attributes.get("MATLAB_empty").and_then(hdf5_pure::AttrValue::as_i64).unwrap_or(0) != 0;
    let wrong = |reason: String| file.wrong(at, reason);
    if empty {
        let dims: Vec<usize> = file.numbers_of(at, dataset)?.iter().map(|&d| d as usize).collect();
        if dims.iter().product::<usize>() != 0 {
            return Err(wrong(format!("an empty array of dimensions {dims:?}")));
        }
        return Ok(match class.as_str() {
            "cell" => MatValue::Cells(dims, vec![]),
            "struct" => MatValue::Structs(dims, vec![]),
            "char" => MatValue::Text(vec![]),
            "logical" => MatValue::Logical(column_major(&dims, vec![]).map_err(wrong)?),
            _ => MatValue::Numbers(column_major(&dims, vec![]).map_err(wrong)?),
        });
    }
    let dims = reversed(file.shape(at, dataset, true)?);
    // Reversed dimensions over the same bytes are MATLAB's column order.
    match class.as_str() {
        "cell" => Ok(MatValue::Cells(dims, referenced(file, dataset, at, depth)?)),
        "char" => {
            let Column::Integer(units) = file.column(at, dataset)? else {
                return Err(wrong("text should be stored as 16-bit units".into()));
            };
            let units: Vec<u16> = units.into_iter().map(|v| v as u16).collect();
            let rows = dims[0];
            let text = |row: usize| {
                let own = units.iter().skip(row).step_by(rows).copied();
                char::decode_utf16(own).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
            };
            Ok(MatValue::Text((0..rows).map(|r| text(r).trim_end().to_owned()).collect()))
        }
        "logical" => {
            let truths = file.numbers_of(at, dataset)?.iter().map(|&v| v != 0.0).collect();
            Ok(MatValue::Logical(column_major(&dims, truths).map_err(wrong)?))
        }
        "function_handle" | "table" | "datetime" | "string" => {
            Err(wrong(format!("an object of class {class} holds no plain data; save its contents as arrays")))
        }
        _ => {
            let numbers = file.numbers_of(at, dataset)?.iter().copied().collect();
            Ok(MatValue::Numbers(column_major(&dims, numbers).map_err(wrong)?))
        }
    }
}
