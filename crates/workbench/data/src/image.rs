//! PNG images as grey levels from 0 (black) to 1 (white).

use std::io::Cursor;

use ndarray::Array2;
use png::{ColorType, Decoder, Limits, Transformations};

use crate::{Error, Result};

/// Reads a PNG of any colour type and bit depth; colours become luminance (ITU-R BT.601 weights), alpha is ignored.
///
/// # Errors
/// If the bytes are not a PNG, are truncated, or would need more than 256 MiB.
pub fn read_png(name: &str, bytes: &[u8]) -> Result<Array2<f64>> {
    const MOST_BYTES: usize = 256 << 20;
    let damaged = |e: &dyn std::fmt::Display| Error::format(name, "PNG", e);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MOST_BYTES });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|e| damaged(&e))?;
    let size = reader.output_buffer_size().filter(|&size| size <= MOST_BYTES);
    let mut buffer = vec![0; size.ok_or_else(|| damaged(&"the image needs more than 256 MiB"))?];
    let info = reader.next_frame(&mut buffer).map_err(|e| damaged(&e))?;
    let channels = match info.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(damaged(&"the palette was not expanded")),
    };
    let grey = |pixel: &[u8]| {
        let level = |i: usize| f64::from(pixel[i]) / 255.0;
        if channels < 3 { level(0) } else { 0.299 * level(0) + 0.587 * level(1) + 0.114 * level(2) }
    };
    let values: Vec<f64> = buffer[..info.buffer_size()].chunks_exact(channels).map(grey).collect();
    Array2::from_shape_vec((info.height as usize, info.width as usize), values).map_err(|e| damaged(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(color: ColorType, data: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    #[test]
    fn grey_and_colour_become_luminance() {
        let grey = read_png("g", &png(ColorType::Grayscale, &[0, 255, 51, 102], 2, 2)).unwrap();
        assert_eq!(grey[[1, 0]], 0.2);
        let red = read_png("r", &png(ColorType::Rgb, &[255, 0, 0], 1, 1)).unwrap();
        assert!((red[[0, 0]] - 0.299).abs() < 1e-12);
    }

    #[test]
    fn truncated_files_are_refused() {
        let whole = png(ColorType::Grayscale, &[7; 64], 8, 8);
        assert!(read_png("x", &whole[..whole.len() / 2]).is_err());
        assert!(read_png("x", b"GIF89a").is_err());
    }
}
