//! Tables as Parquet, through the low-level column interface (no Arrow).

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use parquet::schema::types::Type;

use crate::{Column, Error, Result, Table};

const FORMAT: &str = "Parquet";

pub fn write(table: &Table, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(Error::io("cannot create", path))?;
    write_columns(table, file).map_err(|error| Error::Io {
        action: "cannot write",
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })
}

fn write_columns(table: &Table, file: File) -> std::result::Result<(), ParquetError> {
    let mut fields = Vec::new();
    for (name, column) in table.names().iter().zip(table.columns()) {
        let (physical, logical) = match column {
            Column::Float(_) => (PhysicalType::DOUBLE, None),
            Column::Integer(_) => (PhysicalType::INT64, None),
            Column::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Column::Bool(_) => (PhysicalType::BOOLEAN, None),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical)
            .build()?;
        fields.push(Arc::new(field));
    }
    let schema = Arc::new(Type::group_type_builder("table").with_fields(fields).build()?);
    let properties = Arc::new(WriterProperties::builder().set_created_by("rheobase".to_owned()).build());
    let mut writer = SerializedFileWriter::new(file, schema, properties)?;
    let mut group = writer.next_row_group()?;
    for column in table.columns() {
        let Some(mut target) = group.next_column()? else { break };
        match column {
            Column::Float(v) => target.typed::<DoubleType>().write_batch(v, None, None)?,
            Column::Integer(v) => target.typed::<Int64Type>().write_batch(v, None, None)?,
            Column::Bool(v) => target.typed::<BoolType>().write_batch(v, None, None)?,
            Column::Text(v) => {
                let bytes: Vec<ByteArray> = v.iter().map(|text| ByteArray::from(text.as_str())).collect();
                target.typed::<ByteArrayType>().write_batch(&bytes, None, None)?
            }
        };
        target.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

pub fn read(name: &str, bytes: &[u8]) -> Result<Table> {
    // The parquet crate (60.1) panics on some damaged files that pass the checks below; for a user that is a damaged file too.
    let attempt = std::panic::catch_unwind(|| read_columns(name, bytes));
    attempt.unwrap_or_else(|_| Err(Error::format(name, FORMAT, "its pages do not fit its description")))
}

fn read_columns(name: &str, bytes: &[u8]) -> Result<Table> {
    let damaged = |e: ParquetError| Error::format(name, FORMAT, e);
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).map_err(damaged)?;
    check_places(&reader, bytes.len()).map_err(|reason| Error::format(name, FORMAT, reason))?;
    let names: Vec<String> =
        reader.metadata().file_metadata().schema().get_fields().iter().map(|f| f.name().to_owned()).collect();
    let mut cells: Vec<Vec<Cell>> = names.iter().map(|_| Vec::new()).collect();
    for row in reader.get_row_iter(None).map_err(damaged)? {
        let row = row.map_err(damaged)?;
        for (column, (column_name, field)) in cells.iter_mut().zip(row.get_column_iter()) {
            let cell = Cell::from_field(field)
                .map_err(|reason| Error::format(name, FORMAT, format!("column `{column_name}` {reason}")))?;
            column.push(cell);
        }
    }
    let mut table = Table::new();
    for (column_name, column) in names.iter().zip(cells) {
        table = table.with(column_name, to_column(column))?;
    }
    Ok(table)
}

/// Every column must lie inside the file, and hold as many rows as its group says.
fn check_places(reader: &SerializedFileReader<Bytes>, length: usize) -> std::result::Result<(), String> {
    for group in reader.metadata().row_groups() {
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let size = column.compressed_size();
            let inside =
                start >= 0 && size >= 0 && start.checked_add(size).is_some_and(|end| end as u64 <= length as u64);
            if !inside {
                return Err(format!(
                    "column `{}` is said to be {size} bytes at {start}, the file has {length}",
                    column.column_path()
                ));
            }
        }
    }
    Ok(())
}

enum Cell {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Cell {
    fn from_field(field: &Field) -> std::result::Result<Self, String> {
        Ok(match field {
            Field::Null => Self::Null,
            Field::Bool(v) => Self::Bool(*v),
            Field::Byte(v) => Self::Integer(i64::from(*v)),
            Field::Short(v) => Self::Integer(i64::from(*v)),
            Field::Int(v) => Self::Integer(i64::from(*v)),
            Field::Long(v) => Self::Integer(*v),
            Field::UByte(v) => Self::Integer(i64::from(*v)),
            Field::UShort(v) => Self::Integer(i64::from(*v)),
            Field::UInt(v) => Self::Integer(i64::from(*v)),
            Field::ULong(v) => {
                Self::Integer(i64::try_from(*v).map_err(|_| format!("holds {v}, which exceeds 64 signed bits"))?)
            }
            Field::Float(v) => Self::Float(f64::from(*v)),
            Field::Double(v) => Self::Float(*v),
            Field::Str(v) => Self::Text(v.clone()),
            Field::Bytes(v) => Self::Text(
                String::from_utf8(v.data().to_vec()).map_err(|_| "holds bytes that are not UTF-8 text".to_owned())?,
            ),
            other => {
                return Err(format!(
                    "has the value {other}, of a type that is not read; store numbers, text or truth values"
                ));
            }
        })
    }
}

/// The widest type of the cells decides; a null is NaN among numbers and empty among text.
fn to_column(cells: Vec<Cell>) -> Column {
    let any = |test: fn(&Cell) -> bool| cells.iter().any(test);
    if any(|c| matches!(c, Cell::Text(_))) {
        let text = |cell| match cell {
            Cell::Null => String::new(),
            Cell::Bool(v) => v.to_string(),
            Cell::Integer(v) => v.to_string(),
            Cell::Float(v) => v.to_string(),
            Cell::Text(v) => v,
        };
        return Column::Text(cells.into_iter().map(text).collect());
    }
    let only = |test: fn(&Cell) -> bool| !cells.is_empty() && cells.iter().all(test);
    if only(|c| matches!(c, Cell::Bool(_))) {
        return Column::Bool(cells.iter().map(|c| matches!(c, Cell::Bool(true))).collect());
    }
    if only(|c| matches!(c, Cell::Integer(_))) {
        return Column::Integer(cells.iter().map(|c| if let Cell::Integer(v) = c { *v } else { 0 }).collect());
    }
    let number = |cell: &Cell| match cell {
        Cell::Bool(v) => f64::from(u8::from(*v)),
        Cell::Integer(v) => *v as f64,
        Cell::Float(v) => *v,
        Cell::Null | Cell::Text(_) => f64::NAN,
    };
    Column::Float(cells.iter().map(number).collect())
}
