//! Many small images side by side: receptive fields, dictionaries.

use ndarray::ArrayView2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figure::style::{FONT, INK, diverging, failed, svg};
use crate::{Error, Result};

/// Images of equal shape, each scaled to its own largest absolute value: red is positive, blue negative.
#[derive(Debug, Clone)]
pub struct Mosaic<'a> {
    /// What the mosaic shows, for screen readers.
    pub title: String,
    /// Images, (images, pixels).
    pub images: ArrayView2<'a, f64>,
    /// Rows and columns of an image.
    pub shape: [usize; 2],
    /// A few letters above each image; empty for none.
    pub labels: Vec<String>,
    /// Images in a row.
    pub across: usize,
}

/// Colour steps; neighbours of equal step are one rectangle, which keeps drawings small.
const STEPS: f64 = 9.0;

impl Mosaic<'_> {
    /// Draws the mosaic.
    ///
    /// # Errors
    /// If there is no image or the shape does not fit.
    pub fn svg(&self) -> Result<String> {
        let [rows, columns] = self.shape;
        if self.images.nrows() == 0 || rows * columns != self.images.ncols() {
            return Err(Error::Figure(format!(
                "a mosaic of {} images of {} pixels cannot have the shape {:?}",
                self.images.nrows(),
                self.images.ncols(),
                self.shape
            )));
        }
        let pixel = (64 / columns.max(rows)).clamp(2, 8) as i32;
        let (label, gap) = (if self.labels.is_empty() { 0 } else { 14 }, 6);
        let (wide, high) = (columns as i32 * pixel + gap, rows as i32 * pixel + gap + label);
        let across = self.across.clamp(1, self.images.nrows());
        let down = self.images.nrows().div_ceil(across);
        let size = (wide as u32 * across as u32 + gap as u32, high as u32 * down as u32 + gap as u32);
        svg(size.0, size.1, &self.title, |area| {
            let font = (FONT, 11).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Top));
            for (index, image) in self.images.rows().into_iter().enumerate() {
                let (x0, y0) = (gap + wide * (index % across) as i32, gap + high * (index / across) as i32);
                if let Some(text) = self.labels.get(index) {
                    area.draw(&Text::new(text.clone(), (x0, y0), font.clone())).map_err(failed)?;
                }
                let scale = image.fold(0.0_f64, |m, v| m.max(v.abs())).max(f64::MIN_POSITIVE);
                let step = |column: usize, row: usize| (image[row * columns + column] / scale * STEPS).round();
                let (left, top) = (x0, y0 + label);
                let frame = [(left, top), (left + columns as i32 * pixel, top + rows as i32 * pixel)];
                area.draw(&Rectangle::new(frame, diverging(0.0).filled())).map_err(failed)?;
                for row in 0..rows {
                    let mut start = 0;
                    while start < columns {
                        let value = step(start, row);
                        let mut end = start + 1;
                        while end < columns && step(end, row) == value {
                            end += 1;
                        }
                        if value != 0.0 {
                            let from = (left + start as i32 * pixel, top + row as i32 * pixel);
                            let to = (left + end as i32 * pixel, top + (row as i32 + 1) * pixel);
                            let fill = diverging(value / STEPS).filled();
                            area.draw(&Rectangle::new([from, to], fill)).map_err(failed)?;
                        }
                        start = end;
                    }
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn equal_neighbours_share_a_rectangle() {
        let images = array![[1.0, 1.0, -1.0, 0.0]];
        let mosaic = |images| Mosaic { title: "m".into(), images, shape: [1, 4], labels: vec![], across: 4 };
        let svg = mosaic(images.view()).svg().unwrap();
        // Frame, one red run, one blue pixel.
        assert_eq!(svg.matches("<rect").count(), 3);
        assert!(Mosaic { shape: [2, 3], ..mosaic(images.view()) }.svg().is_err());
    }
}
