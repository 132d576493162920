//! MAT version 5: a header of 128 bytes, then tagged elements, most of them compressed (MathWorks, MAT-File Format, R2019b).
//!
//! Numbers are stored in the smallest type that holds them, whatever their class; small elements keep type and length in one
//! word. Lengths come from the file, so every one is checked against the bytes that are left before anything is allocated.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::mat::{MatValue, column_major};
use crate::{Error, Result};

type Parsed<T> = std::result::Result<T, String>;

/// Nested cells and structs deeper than this are refused.
const DEEPEST: usize = 64;
/// Largest expansion of a compressed variable: zlib cannot exceed about 1032.
const MOST_EXPANSION: u64 = 1100;

pub fn read(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, MatValue>> {
    parse(bytes).map_err(|reason| Error::format(name, "MAT", reason))
}

fn parse(bytes: &[u8]) -> Parsed<BTreeMap<String, MatValue>> {
    if bytes.len() < 128 {
        return Err(format!("{} bytes are too short for a MAT header of 128", bytes.len()));
    }
    let big_endian = match &bytes[126..128] {
        b"IM" => false,
        b"MI" => true,
        _ => return Err("no MAT version 5 header (version 4 files: save again with -v7)".into()),
    };
    let mut reader = Reader { bytes: &bytes[128..], big_endian };
    let mut variables = BTreeMap::new();
    while reader.bytes.len() >= 8 {
        let element = reader.element()?;
        let parsed = if element.kind == COMPRESSED {
            let mut inflated = Vec::new();
            let most = element.data.len() as u64 * MOST_EXPANSION + 1024;
            ZlibDecoder::new(element.data)
                .take(most)
                .read_to_end(&mut inflated)
                .map_err(|e| format!("compressed data are damaged: {e}"))?;
            let mut inner = Reader { bytes: &inflated, big_endian };
            let element = inner.element()?;
            matrix(element.expect(MATRIX, "a variable")?, big_endian, 0)?
        } else if element.kind == MATRIX {
            matrix(element.data, big_endian, 0)?
        } else {
            return Err(format!("found an element of type {} where a variable should be", element.kind));
        };
        if let Some((name, value)) = parsed {
            variables.insert(name, value);
        }
    }
    if !reader.bytes.is_empty() && reader.bytes.iter().any(|&b| b != 0) {
        return Err(format!("{} stray bytes at the end", reader.bytes.len()));
    }
    Ok(variables)
}

const INT8: u32 = 1;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

struct Element<'a> {
    kind: u32,
    data: &'a [u8],
}

impl<'a> Element<'a> {
    fn expect(&self, kind: u32, what: &str) -> Parsed<&'a [u8]> {
        if self.kind == kind {
            Ok(self.data)
        } else {
            Err(format!("{what} should be an element of type {kind}, found {}", self.kind))
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Parsed<&'a [u8]> {
        if count > self.bytes.len() {
            return Err(format!("truncated: {count} bytes announced, {} left", self.bytes.len()));
        }
        let (head, tail) = self.bytes.split_at(count);
        self.bytes = tail;
        Ok(head)
    }

    fn word(&mut self) -> Parsed<u32> {
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| "a word of 4 bytes")?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn element(&mut self) -> Parsed<Element<'a>> {
        let tag = self.word()?;
        if tag >> 16 != 0 {
            // Small form: length and type share the word, the data fill the next.
            let (kind, length) = (tag & 0xffff, (tag >> 16) as usize);
            if length > 4 {
                return Err(format!("a small element of {length} bytes cannot exist"));
            }
            return Ok(Element { kind, data: &self.take(4)?[..length] });
        }
        let length = self.word()? as usize;
        let data = self.take(length)?;
        // Elements are padded to 8 bytes, but for compressed ones, and some writers omit the last padding.
        if tag != COMPRESSED {
            self.take((length.next_multiple_of(8) - length).min(self.bytes.len()))?;
        }
        Ok(Element { kind: tag, data })
    }
}

/// Values of any numeric element type as f64; 64-bit integers beyond 2^53 are refused rather than rounded.
fn numbers(element: &Element<'_>, big_endian: bool) -> Parsed<Vec<f64>> {
    macro_rules! decode {
        ($t:ty) => {{
            const SIZE: usize = size_of::<$t>();
            if element.data.len() % SIZE != 0 {
                return Err(format!("{} bytes are not a whole number of values of {SIZE}", element.data.len()));
            }
            element.data.chunks_exact(SIZE).map(|c| {
                let bytes: [u8; SIZE] = c.try_into().unwrap_or_default();
                if big_endian { <$t>::from_be_bytes(bytes) } else { <$t>::from_le_bytes(bytes) }
            })
        }};
    }
    let exact = |v: i128| {
        if v.unsigned_abs() <= 1 << 53 { Ok(v as f64) } else { Err(format!("the integer {v} does not fit into f64")) }
    };
    Ok(match element.kind {
        INT8 => element.data.iter().map(|&b| f64::from(b as i8)).collect(),
        2 | 16 => element.data.iter().map(|&b| f64::from(b)).collect(),
        3 => decode!(i16).map(f64::from).collect(),
        4 | 17 => decode!(u16).map(f64::from).collect(),
        5 => decode!(i32).map(f64::from).collect(),
        UINT32 | 18 => decode!(u32).map(f64::from).collect(),
        7 => decode!(f32).map(f64::from).collect(),
        9 => decode!(f64).collect(),
        12 => decode!(i64).map(|v| exact(v.into())).collect::<Parsed<_>>()?,
        13 => decode!(u64).map(|v| exact(v.into())).collect::<Parsed<_>>()?,
        other => return Err(format!("element type {other} does not hold numbers")),
    })
}

/// One array element: its name and value; `None` for the empty unnamed matrix that MATLAB writes for itself.
fn matrix(data: &[u8], big_endian: bool, depth: usize) -> Parsed<Option<(String, MatValue)>> {
    if depth > DEEPEST {
        return Err(format!("nested deeper than {DEEPEST}"));
    }
    if data.is_empty() {
        return Ok(Some((String::new(), MatValue::Numbers(column_major(&[0, 0], vec![])?))));
    }
    let mut reader = Reader { bytes: data, big_endian };
    let flags = numbers(&Element { kind: UINT32, data: reader.element()?.expect(UINT32, "array flags")? }, big_endian)?;
    let flag_word = *flags.first().ok_or("array flags are empty")? as u32;
    let (class, logical, complex) = (flag_word & 0xff, flag_word & 0x200 != 0, flag_word & 0x800 != 0);
    let most_nonzero = flags.get(1).copied().unwrap_or(0.0) as usize;
    let dims: Vec<usize> = {
        let element = reader.element()?;
        let values = numbers(&element, big_endian)?;
        if values.len() < 2 || values.iter().any(|&d| d < 0.0) {
            return Err(format!("dimensions {values:?} are not those of an array"));
        }
        values.into_iter().map(|d| d as usize).collect()
    };
    let name = text_of(reader.element()?.expect(INT8, "the array's name")?);
    let count = dims.iter().try_fold(1_usize, |n, &d| n.checked_mul(d)).ok_or("dimensions overflow")?;
    let value = match class {
        1 => {
            require_room(count, 8, reader.bytes)?;
            MatValue::Cells(dims, nested(&mut reader, count, depth)?)
        }
        2 => structs(&mut reader, dims, count, depth)?,
        4 => text(&mut reader, &dims)?,
        5 => sparse(&mut reader, &dims, logical, complex, most_nonzero)?,
        6..=15 => {
            let real = numbers(&reader.element()?, big_endian)?;
            if complex {
                let imaginary = numbers(&reader.element()?, big_endian)?;
                if imaginary.iter().any(|&v| v != 0.0) {
                    return Err(format!("variable `{name}` is complex; save its real and imaginary parts apart"));
                }
            }
            if logical {
                MatValue::Logical(column_major(&dims, real.into_iter().map(|v| v != 0.0).collect())?)
            } else {
                MatValue::Numbers(column_major(&dims, real)?)
            }
        }
        3 | 16 | 17 => {
            return Err(format!("variable `{name}` is an object or function handle, which holds no plain data"));
        }
        other => return Err(format!("array class {other} is not known")),
    };
    Ok(Some((name, value)))
}

/// Refuses counts that the bytes left could never hold, before memory is asked for.
fn require_room(count: usize, least_bytes: usize, left: &[u8]) -> Parsed<()> {
    if count.saturating_mul(least_bytes) > left.len() {
        return Err(format!("{count} elements announced, but only {} bytes are left", left.len()));
    }
    Ok(())
}

fn nested(reader: &mut Reader<'_>, count: usize, depth: usize) -> Parsed<Vec<MatValue>> {
    (0..count)
        .map(|_| {
            let element = reader.element()?;
            let parsed = matrix(element.expect(MATRIX, "a cell or field")?, reader.big_endian, depth + 1)?;
            parsed.map(|(_, value)| value).ok_or_else(|| "an empty field".to_owned())
        })
        .collect()
}

fn structs(reader: &mut Reader<'_>, dims: Vec<usize>, count: usize, depth: usize) -> Parsed<MatValue> {
    let length = *numbers(&reader.element()?, reader.big_endian)?.first().ok_or("no length of field names")? as usize;
    let names = reader.element()?.expect(INT8, "field names")?;
    if length == 0 || names.len() % length != 0 {
        return Err(format!("{} bytes of field names are not a multiple of {length}", names.len()));
    }
    let fields: Vec<String> = names.chunks_exact(length).map(text_of).collect();
    require_room(count.saturating_mul(fields.len()), 8, reader.bytes)?;
    let mut elements = Vec::new();
    if fields.is_empty() {
        return Ok(MatValue::Structs(dims, elements));
    }
    for _ in 0..count {
        let values = nested(reader, fields.len(), depth)?;
        elements.push(fields.iter().cloned().zip(values).collect());
    }
    Ok(MatValue::Structs(dims, elements))
}

fn text(reader: &mut Reader<'_>, dims: &[usize]) -> Parsed<MatValue> {
    let element = reader.element()?;
    let all: Vec<char> = if element.kind == 16 {
        String::from_utf8_lossy(element.data).chars().collect()
    } else {
        let units: Vec<u16> = numbers(&element, reader.big_endian)?.into_iter().map(|v| v as u16).collect();
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    let (rows, columns) = (dims[0], dims[1..].iter().product::<usize>());
    if all.len() != rows * columns {
        // Characters outside the basic plane take two places; only a single row can still be told apart.
        return if rows == 1 {
            Ok(MatValue::Text(vec![all.into_iter().collect()]))
        } else {
            Err(format!("text of {rows} x {columns} has {} characters", all.len()))
        };
    }
    Ok(MatValue::Text(
        (0..rows).map(|r| (0..columns).map(|c| all[c * rows + r]).collect::<String>().trim_end().to_owned()).collect(),
    ))
}

/// A sparse array, made dense.
fn sparse(
    reader: &mut Reader<'_>,
    dims: &[usize],
    logical: bool,
    complex: bool,
    most_nonzero: usize,
) -> Parsed<MatValue> {
    let big_endian = reader.big_endian;
    let &[rows, columns] = dims else { return Err(format!("a sparse array of dimensions {dims:?}")) };
    let cells = rows.checked_mul(columns).filter(|&n| n <= 1 << 28);
    let cells = cells.ok_or_else(|| format!("a sparse array of {rows} x {columns} is too large to be made dense"))?;
    let row_index = numbers(&reader.element()?, big_endian)?;
    let starts = numbers(&reader.element()?, big_endian)?;
    let values = numbers(&reader.element()?, big_endian)?;
    if complex {
        return Err("a complex sparse array; save its real and imaginary parts apart".into());
    }
    if starts.len() != columns + 1 || row_index.len() > most_nonzero.max(1) {
        return Err(format!("a sparse array of {columns} columns with {} column starts", starts.len()));
    }
    let mut dense = vec![0.0; cells];
    for column in 0..columns {
        let (from, to) = (starts[column] as usize, starts[column + 1] as usize);
        if from > to || to > row_index.len() || to > values.len() {
            return Err(format!("column {column} of a sparse array reaches from {from} to {to}"));
        }
        for k in from..to {
            let row = row_index[k] as usize;
            if row >= rows {
                return Err(format!("row {row} of a sparse array with {rows} rows"));
            }
            dense[column * rows + row] = values[k];
        }
    }
    Ok(if logical {
        MatValue::Logical(column_major(dims, dense.into_iter().map(|v| v != 0.0).collect())?)
    } else {
        MatValue::Numbers(column_major(dims, dense)?)
    })
}

fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
