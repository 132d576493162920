//! IDX, the format of MNIST: two zero bytes, element type, number of dimensions, big-endian u32 sizes, then the elements.
//! A gzipped file is recognised by its first bytes.

use std::io::Read;

use ndarray::{ArrayD, IxDyn};

use crate::{Error, Result};

const FORMAT: &str = "IDX";

/// Reads an IDX file, plain or gzipped, as f64; `name` is for messages.
///
/// # Errors
/// If the header is wrong, the element type unknown, or the number of elements differs from the header's.
pub fn read(name: &str, bytes: &[u8]) -> Result<ArrayD<f64>> {
    Ok(read_typed(name, bytes)?.0)
}

/// Reads images as [`read`] does; unsigned bytes become numbers from 0 to 1, others stay as they are.
///
/// # Errors
/// As [`read`].
pub fn read_pixels(name: &str, bytes: &[u8]) -> Result<ArrayD<f64>> {
    let (values, kind) = read_typed(name, bytes)?;
    Ok(if kind == UNSIGNED_BYTE { values / 255.0 } else { values })
}

const UNSIGNED_BYTE: u8 = 0x08;

/// The elements and their type.
fn read_typed(name: &str, bytes: &[u8]) -> Result<(ArrayD<f64>, u8)> {
    let unpacked;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut buffer = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes)
            .read_to_end(&mut buffer)
            .map_err(|e| Error::format(name, "gzip", format!("{e} after {} unpacked bytes", buffer.len())))?;
        unpacked = buffer;
        &unpacked[..]
    } else {
        bytes
    };
    let [0, 0, kind, dimensions, rest @ ..] = bytes else {
        return Err(Error::format(
            name,
            FORMAT,
            "it must start with two zero bytes, an element type and a dimension count",
        ));
    };
    let dimensions = usize::from(*dimensions);
    if rest.len() < 4 * dimensions {
        return Err(Error::format(
            name,
            FORMAT,
            format!("{dimensions} sizes need {} bytes, found {}", 4 * dimensions, rest.len()),
        ));
    }
    let (sizes, data) = rest.split_at(4 * dimensions);
    let shape: Vec<usize> =
        sizes.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let width = match *kind {
        UNSIGNED_BYTE | 0x09 => 1,
        0x0B => 2,
        0x0C | 0x0D => 4,
        0x0E => 8,
        other => {
            return Err(Error::format(
                name,
                FORMAT,
                format!("element type 0x{other:02x} is unknown; known are 08 09 0b 0c 0d 0e"),
            ));
        }
    };
    let expected = shape.iter().try_fold(width, |n: usize, &s| n.checked_mul(s));
    if expected != Some(data.len()) {
        let expected = expected.map_or("more than fits in memory".to_owned(), |n| format!("{n} bytes"));
        return Err(Error::format(
            name,
            FORMAT,
            format!("shape {shape:?} needs {expected} of data, found {}", data.len()),
        ));
    }
    let values: Vec<f64> = data.chunks_exact(width).map(|b| element(*kind, b)).collect();
    let values = ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| Error::format(name, FORMAT, e))?;
    Ok((values, *kind))
}

fn element(kind: u8, b: &[u8]) -> f64 {
    match kind {
        UNSIGNED_BYTE => f64::from(b[0]),
        0x09 => f64::from(b[0] as i8),
        0x0B => f64::from(i16::from_be_bytes([b[0], b[1]])),
        0x0C => f64::from(i32::from_be_bytes([b[0], b[1], b[2], b[3]])),
        0x0D => f64::from(f32::from_be_bytes([b[0], b[1], b[2], b[3]])),
        _ => f64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_floats_are_read_in_order() {
        let bytes = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255];
        let array = read("test", &bytes).unwrap();
        assert_eq!(array.shape(), [2, 3]);
        assert_eq!(array[[1, 2]], 255.0);
        assert_eq!(read_pixels("test", &bytes).unwrap()[[1, 2]], 1.0);
        let mut float = vec![0, 0, 0x0D, 1, 0, 0, 0, 1];
        float.extend((-1.5_f32).to_be_bytes());
        assert_eq!(read("test", &float).unwrap()[[0]], -1.5);
        assert_eq!(read_pixels("test", &float).unwrap()[[0]], -1.5);
    }

    #[test]
    fn a_truncated_file_says_what_is_missing() {
        let message = read("train.idx", &[0, 0, 8, 1, 0, 0, 0, 5, 1, 2]).unwrap_err().to_string();
        assert_eq!(message, "train.idx is not valid IDX: shape [5] needs 5 bytes of data, found 2");
        let huge = [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(read("x", &huge).unwrap_err().to_string().contains("more than fits in memory"));
        assert!(read("x", &[0x1f, 0x8b, 8, 0]).is_err());
    }
}
