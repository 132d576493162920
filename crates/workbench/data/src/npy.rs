//! NPY and NPZ, NumPy's array files.
//!
//! Every real dtype becomes f64; labels and counts therefore stay exact up to 2^53. Pickled objects are refused:
//! unpickling runs code.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyError, ReadNpyExt, ReadNpzError, ReadableElement, WriteNpzError};

use crate::{Error, Result};

/// An array to be written; its element type is kept in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// Double precision.
    F64(ArrayD<f64>),
    /// Single precision.
    F32(ArrayD<f32>),
    /// Integers.
    I64(ArrayD<i64>),
}

/// Reads one array from the bytes of a .npy file.
///
/// # Errors
/// If the header or the data are damaged, or the dtype is not a real number.
pub fn read_npy(name: &str, bytes: &[u8]) -> Result<ArrayD<f64>> {
    read_any_type(&mut Npy(bytes)).map_err(|reason| Error::format(name, "NPY", reason))
}

/// Reads all arrays from the bytes of a .npz file, by name.
///
/// # Errors
/// If the archive or an array is damaged, or a dtype is not a real number.
pub fn read_npz(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, ArrayD<f64>>> {
    let damaged = |e: ReadNpzError| Error::format(name, "NPZ", e);
    let mut archive = NpzReader::new(Cursor::new(bytes)).map_err(damaged)?;
    let names = archive.names().map_err(damaged)?;
    let mut arrays = BTreeMap::new();
    for (index, array_name) in names.into_iter().enumerate() {
        let array = read_any_type(&mut NpzEntry(&mut archive, index))
            .map_err(|reason| Error::format(format!("{name}:{array_name}"), "NPZ", reason))?;
        arrays.insert(array_name, array);
    }
    Ok(arrays)
}

/// Writes arrays as an uncompressed .npz, in name order; the same arrays give the same bytes.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npz(path: &Path, arrays: &BTreeMap<String, Array>) -> Result<()> {
    let file = File::create(path).map_err(Error::io("cannot create", path))?;
    let mut archive = NpzWriter::new(BufWriter::new(file));
    let failed = |error: WriteNpzError| Error::Io {
        action: "cannot write",
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    for (name, array) in arrays {
        let written = match array {
            Array::F64(array) => archive.add_array(name.as_str(), array),
            Array::F32(array) => archive.add_array(name.as_str(), array),
            Array::I64(array) => archive.add_array(name.as_str(), array),
        };
        written.map_err(failed)?;
    }
    archive.finish().map_err(failed)?.flush().map_err(Error::io("cannot write", path))
}

/// Something that can be read again as another element type.
trait Source {
    fn read<T: ReadableElement>(&mut self) -> std::result::Result<ArrayD<T>, ReadNpyError>;
}

struct Npy<'a>(&'a [u8]);

impl Source for Npy<'_> {
    fn read<T: ReadableElement>(&mut self) -> std::result::Result<ArrayD<T>, ReadNpyError> {
        ArrayD::read_npy(self.0)
    }
}

struct NpzEntry<'a, 'b>(&'a mut NpzReader<Cursor<&'b [u8]>>, usize);

impl Source for NpzEntry<'_, '_> {
    fn read<T: ReadableElement>(&mut self) -> std::result::Result<ArrayD<T>, ReadNpyError> {
        self.0.by_index(self.1).map_err(|error| match error {
            ReadNpzError::Npy(error) => error,
            ReadNpzError::Zip(error) => ReadNpyError::Io(std::io::Error::other(error.to_string())),
        })
    }
}

/// Tries the element types in turn; ndarray-npy tells a wrong type from damage.
fn read_any_type(source: &mut impl Source) -> std::result::Result<ArrayD<f64>, String> {
    let mut refused = Vec::new();
    macro_rules! attempt {
        ($($t:ty => $to_f64:expr),+ $(,)?) => { $(
            match source.read::<$t>() {
                Ok(array) => return Ok(array.mapv($to_f64)),
                Err(ReadNpyError::WrongDescriptor(found)) => refused.push(found.to_string()),
                Err(error) => return Err(error.to_string()),
            }
        )+ };
    }
    attempt!(
        f64 => |v| v,
        f32 => f64::from,
        i64 => |v| v as f64,
        i32 => f64::from,
        i16 => f64::from,
        i8 => f64::from,
        u64 => |v| v as f64,
        u32 => f64::from,
        u16 => f64::from,
        u8 => f64::from,
        bool => |v| f64::from(u8::from(v)),
    );
    let descriptor = refused.pop().unwrap_or_default();
    Err(if descriptor.contains('O') {
        "it holds pickled Python objects, which are not read because unpickling runs code; save numbers instead".into()
    } else {
        format!("dtype {descriptor} is not a real number; known are bool, int8-64, uint8-64, float32 and float64")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// A .npy file written by hand, as NumPy would.
    fn npy(descriptor: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_real_dtype_and_byte_order_becomes_f64() {
        assert_eq!(read_npy("a", &npy("<i2", "(2,)", &[1, 0, 255, 255])).unwrap(), array![1.0, -1.0].into_dyn());
        assert_eq!(read_npy("a", &npy(">i2", "(1,)", &[1, 0])).unwrap(), array![256.0].into_dyn());
        assert_eq!(read_npy("a", &npy("|b1", "(2,)", &[1, 0])).unwrap(), array![1.0, 0.0].into_dyn());
        assert_eq!(read_npy("a", &npy("<f4", "(1,)", &1.5_f32.to_le_bytes())).unwrap(), array![1.5].into_dyn());
    }

    #[test]
    fn pickled_objects_strings_and_truncation_are_refused_with_the_reason() {
        let message = |bytes: &[u8]| read_npy("a.npy", bytes).unwrap_err().to_string();
        assert!(message(&npy("|O", "(1,)", &[0])).contains("pickled Python objects"));
        assert!(message(&npy("<U3", "(1,)", &[0; 12])).contains("not a real number"));
        assert!(message(&npy("<f8", "(3,)", &[0; 8])).contains("EOF"));
    }

    #[test]
    fn npz_round_trips_and_the_same_arrays_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let arrays = BTreeMap::from([
            ("x".to_owned(), Array::F64(array![[1.0, 2.5], [3.0, -4.0]].into_dyn())),
            ("labels".to_owned(), Array::I64(array![1_i64, 2].into_dyn())),
            ("w".to_owned(), Array::F32(array![0.5_f32].into_dyn())),
        ]);
        let (a, b) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        write_npz(&a, &arrays).unwrap();
        write_npz(&b, &arrays).unwrap();
        let bytes = std::fs::read(&a).unwrap();
        assert_eq!(bytes, std::fs::read(&b).unwrap());
        let back = read_npz("a", &bytes).unwrap();
        assert_eq!(back["x"], array![[1.0, 2.5], [3.0, -4.0]].into_dyn());
        assert_eq!(back["labels"], array![1.0, 2.0].into_dyn());
        assert_eq!(back.len(), 3);
    }
}
