//! Labelled images in IDX files: the embedded UCI digits, MNIST and Fashion-MNIST.

use ndarray::Array2;

use crate::library::Library;
use crate::{Error, Result, idx};

/// Images with one class each.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImages {
    /// Pixels from 0 to 1, shape (images, rows x columns).
    pub images: Array2<f64>,
    /// Class of each image.
    pub labels: Vec<usize>,
    /// Rows and columns of an image.
    pub shape: [usize; 2],
}

/// Reads a pair of IDX files; pixels are divided by `white`, the largest possible value.
///
/// # Errors
/// If a file is missing or damaged, or images and labels differ in number.
pub fn load(library: &Library, dataset: &str, images: &str, labels: &str, white: f64) -> Result<LabelledImages> {
    let pixels = idx::read(images, &library.bytes(dataset, images)?)?;
    let classes = idx::read(labels, &library.bytes(dataset, labels)?)?;
    let &[count, rows, columns] = pixels.shape() else {
        return Err(Error::format(images, "IDX", format!("images need 3 dimensions, found {}", pixels.ndim())));
    };
    if classes.shape() != [count] {
        let reason = format!("{count} images need {count} labels, found shape {:?}", classes.shape());
        return Err(Error::format(labels, "IDX", reason));
    }
    let images_matrix = Array2::from_shape_vec((count, rows * columns), pixels.iter().map(|v| v / white).collect())
        .map_err(|e| Error::format(images, "IDX", e))?;
    let labels = classes.iter().map(|&v| v as usize).collect();
    Ok(LabelledImages { images: images_matrix, labels, shape: [rows, columns] })
}

/// The 1,797 handwritten digits of the UCI optical recognition set, 8 x 8 pixels (Alpaydin & Kaynak 1998).
///
/// # Errors
/// Only if a local copy is damaged.
pub fn load_uci(library: &Library) -> Result<LabelledImages> {
    load(library, "digits", "images.idx3-ubyte.gz", "labels.idx1-ubyte.gz", 16.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_digits_have_their_published_counts() {
        let digits = load_uci(&Library::new("nowhere").unwrap()).unwrap();
        assert_eq!(digits.images.dim(), (1797, 64));
        let mut counts = [0; 10];
        for &label in &digits.labels {
            counts[label] += 1;
        }
        // Counts per class as published with the set.
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert!(digits.images.iter().all(|&v| (0.0..=1.0).contains(&v)));
    }
}
