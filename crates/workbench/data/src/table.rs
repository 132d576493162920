//! Tables of typed columns, read and written as CSV and Parquet.

use std::path::Path;

use crate::error::read_file;
use crate::{Error, Result, parquet_file};

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers; NaN is a missing value.
    Float(Vec<f64>),
    /// Integers.
    Integer(Vec<i64>),
    /// Text.
    Text(Vec<String>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Column {
    /// Some rows, in the order given.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn rows(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row].clone()).collect()
        }
        match self {
            Self::Float(values) => Self::Float(pick(values, rows)),
            Self::Integer(values) => Self::Integer(pick(values, rows)),
            Self::Text(values) => Self::Text(pick(values, rows)),
            Self::Bool(values) => Self::Bool(pick(values, rows)),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Integer(v) => v.len(),
            Self::Text(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as numbers (true is 1); `None` for text.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Float(v) => Some(v.clone()),
            Self::Integer(v) => Some(v.iter().map(|&i| i as f64).collect()),
            Self::Bool(v) => Some(v.iter().map(|&b| f64::from(u8::from(b))).collect()),
            Self::Text(_) => None,
        }
    }

    /// One value as text, as CSV shows it.
    ///
    /// # Panics
    /// If `row` is out of range.
    pub fn text(&self, row: usize) -> String {
        match self {
            Self::Float(v) => v[row].to_string(),
            Self::Integer(v) => v[row].to_string(),
            Self::Text(v) => v[row].clone(),
            Self::Bool(v) => v[row].to_string(),
        }
    }
}

impl From<Vec<f64>> for Column {
    fn from(values: Vec<f64>) -> Self {
        Self::Float(values)
    }
}

impl From<Vec<i64>> for Column {
    fn from(values: Vec<i64>) -> Self {
        Self::Integer(values)
    }
}

impl From<Vec<usize>> for Column {
    fn from(values: Vec<usize>) -> Self {
        Self::Integer(values.into_iter().map(|v| v as i64).collect())
    }
}

impl From<Vec<String>> for Column {
    fn from(values: Vec<String>) -> Self {
        Self::Text(values)
    }
}

impl From<Vec<bool>> for Column {
    fn from(values: Vec<bool>) -> Self {
        Self::Bool(values)
    }
}

/// Named columns of equal length, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column.
    ///
    /// # Errors
    /// If the name is taken or the length differs from the other columns'.
    pub fn with(mut self, name: &str, column: impl Into<Column>) -> Result<Self> {
        let column = column.into();
        if self.names.iter().any(|known| known == name) {
            return Err(Error::Table(format!("two columns are called `{name}`")));
        }
        if let Some(first) = self.columns.first()
            && first.len() != column.len()
        {
            return Err(Error::Table(format!("column `{name}` has {} rows, the others {}", column.len(), first.len())));
        }
        self.names.push(name.to_owned());
        self.columns.push(column);
        Ok(self)
    }

    /// Column names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// A column by name.
    ///
    /// # Errors
    /// If there is no such column; the message lists those that exist.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.names.iter().position(|known| known == name).map(|i| &self.columns[i]).ok_or_else(|| Error::Unknown {
            what: "column",
            found: name.to_owned(),
            known: self.names.join(", "),
        })
    }

    /// The finite and non-finite numbers of a column.
    ///
    /// # Errors
    /// If there is no such column or it is text.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.column(name)?.numbers().ok_or_else(|| Error::Table(format!("column `{name}` is text, numbers are needed")))
    }

    /// Reads CSV with a header line. A column is integer, else number, else truth value, else text; an empty field in a column
    /// of numbers is NaN.
    ///
    /// # Errors
    /// If a row has another number of fields than the header (the message says which line), or the text is not UTF-8.
    pub fn from_csv(name: &str, bytes: &[u8]) -> Result<Self> {
        Self::from_separated(name, bytes, b',')
    }

    fn from_separated(name: &str, bytes: &[u8], separator: u8) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(bytes);
        let header = reader.headers().map_err(|e| Error::format(name, "CSV", e))?.clone();
        let mut fields: Vec<Vec<String>> = vec![Vec::new(); header.len()];
        for record in reader.records() {
            let record = record.map_err(|e| Error::format(name, "CSV", e))?;
            if record.len() != header.len() {
                let line = record.position().map_or(0, csv::Position::line);
                let reason = format!("line {line} has {} fields, the header has {}", record.len(), header.len());
                return Err(Error::format(name, "CSV", reason));
            }
            for (column, field) in fields.iter_mut().zip(&record) {
                column.push(field.to_owned());
            }
        }
        let mut table = Self::new();
        for (name, column) in header.iter().zip(fields) {
            table = table.with(name, typed(column))?;
        }
        Ok(table)
    }

    /// The table as CSV with a header line.
    pub fn to_csv(&self) -> String {
        let quote = |field: &str| {
            if field.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", field.replace('"', "\"\""))
            } else {
                field.to_owned()
            }
        };
        let mut text = self.names.iter().map(|n| quote(n)).collect::<Vec<_>>().join(",") + "\n";
        for row in 0..self.rows() {
            text += &self.columns.iter().map(|c| quote(&c.text(row))).collect::<Vec<_>>().join(",");
            text.push('\n');
        }
        text
    }

    /// Reads Parquet from bytes; integers, floats, booleans and strings become columns, other types are refused by name.
    ///
    /// # Errors
    /// If the file is damaged or a column has another type.
    pub fn from_parquet(name: &str, bytes: &[u8]) -> Result<Self> {
        parquet_file::read(name, bytes)
    }

    /// Writes Parquet; the same table gives the same bytes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_parquet(&self, path: &Path) -> Result<()> {
        parquet_file::write(self, path)
    }

    /// Reads a .csv, .tsv or .parquet file.
    ///
    /// # Errors
    /// If the extension is another, or as for the format.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        match path.extension().and_then(|e| e.to_str()) {
            Some("csv") => Self::from_csv(&name, &read_file(path)?),
            Some("tsv") => Self::from_separated(&name, &read_file(path)?, b'\t'),
            Some("parquet") => Self::from_parquet(&name, &read_file(path)?),
            _ => Err(Error::format(name, "table", "the extension must be .csv, .tsv or .parquet")),
        }
    }
}

fn typed(fields: Vec<String>) -> Column {
    if fields.is_empty() {
        return Column::Text(fields);
    }
    if let Some(integers) = fields.iter().map(|f| f.parse().ok()).collect::<Option<Vec<i64>>>() {
        return Column::Integer(integers);
    }
    let number = |f: &String| if f.is_empty() { Some(f64::NAN) } else { f.parse().ok() };
    if fields.iter().any(|f| !f.is_empty())
        && let Some(numbers) = fields.iter().map(number).collect::<Option<Vec<f64>>>()
    {
        return Column::Float(numbers);
    }
    match fields.iter().map(|f| f.parse().ok()).collect::<Option<Vec<bool>>>() {
        Some(truths) => Column::Bool(truths),
        None => Column::Text(fields),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        Table::new()
            .with("unit", vec![0_usize, 1, 2])
            .unwrap()
            .with("rate_hz", vec![0.5, f64::NAN, 2.0])
            .unwrap()
            .with("area", vec!["V1".to_owned(), "a, \"b\"".to_owned(), String::new()])
            .unwrap()
            .with("fast", vec![true, false, true])
            .unwrap()
    }

    #[test]
    fn csv_round_trips_with_quotes_and_missing_values() {
        let back = Table::from_csv("t", example().to_csv().as_bytes()).unwrap();
        assert_eq!(back.names(), example().names());
        assert_eq!(back.column("area").unwrap(), example().column("area").unwrap());
        assert_eq!(back.column("fast").unwrap(), &Column::Bool(vec![true, false, true]));
        assert!(back.numbers("rate_hz").unwrap()[1].is_nan());
    }

    #[test]
    fn parquet_round_trips_and_the_same_table_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        example().write_parquet(&a).unwrap();
        example().write_parquet(&b).unwrap();
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
        let back = Table::read(&a).unwrap();
        assert_eq!(back.names(), example().names());
        assert_eq!(back.column("area").unwrap(), example().column("area").unwrap());
        assert_eq!(back.column("unit").unwrap(), &Column::Integer(vec![0, 1, 2]));
        assert!(back.numbers("rate_hz").unwrap()[1].is_nan());
        let empty = folder.path().join("c.parquet");
        Table::new().with("x", Vec::<f64>::new()).unwrap().write_parquet(&empty).unwrap();
        assert_eq!(Table::read(&empty).unwrap().rows(), 0);
    }

    #[test]
    fn ragged_csv_names_the_line() {
        let message = Table::from_csv("trials.csv", b"a,b\n1,2\n3\n").unwrap_err().to_string();
        assert_eq!(message, "trials.csv is not valid CSV: line 3 has 1 fields, the header has 2");
    }

    #[test]
    fn columns_must_agree_in_length_and_differ_in_name() {
        assert!(Table::new().with("a", vec![1.0]).unwrap().with("b", vec![1.0, 2.0]).is_err());
        assert!(Table::new().with("a", vec![1.0]).unwrap().with("a", vec![1.0]).is_err());
        assert!(example().column("rate").unwrap_err().to_string().contains("unit, rate_hz, area, fast"));
    }
}
