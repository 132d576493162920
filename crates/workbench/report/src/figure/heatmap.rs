//! A matrix of numbers with names for rows and columns.

use ndarray::Array2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figure::style::{FONT, INK, failed, sequential, svg};
use crate::{Error, Result};

/// A heat map with the number in every cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// What the map shows, for screen readers.
    pub title: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The numbers.
    pub values: Array2<f64>,
    /// Numbers of the darkest and the brightest colour.
    pub range: (f64, f64),
}

impl Heatmap {
    /// Draws the map.
    ///
    /// # Errors
    /// If names and numbers do not fit each other.
    pub fn svg(&self) -> Result<String> {
        let (rows, columns) = self.values.dim();
        if rows != self.rows.len() || columns != self.columns.len() || rows == 0 || columns == 0 {
            return Err(Error::Figure(format!(
                "a heat map of {rows} x {columns} numbers has {} row and {} column names",
                self.rows.len(),
                self.columns.len()
            )));
        }
        let widest = |names: &[String]| names.iter().map(|n| n.chars().count()).max().unwrap_or(0) as i32;
        let (left, top) = (widest(&self.rows) * 7 + 16, widest(&self.columns) * 7 + 16);
        let cell = (900 / columns as i32).clamp(30, 64);
        let height = cell.min(40);
        let (width, full) = (left + cell * columns as i32 + 12, top + height * rows as i32 + 12);
        svg(width as u32, full as u32, &self.title, |area| {
            let font = (FONT, 12).into_font().color(&INK);
            let to_left = font.clone().pos(Pos::new(HPos::Right, VPos::Center));
            let upward = (FONT, 12)
                .into_font()
                .transform(FontTransform::Rotate270)
                .color(&INK)
                .pos(Pos::new(HPos::Left, VPos::Center));
            for (row, name) in self.rows.iter().enumerate() {
                let y = top + height * row as i32 + height / 2;
                area.draw(&Text::new(name.clone(), (left - 8, y), to_left.clone())).map_err(failed)?;
            }
            for (column, name) in self.columns.iter().enumerate() {
                let x = left + cell * column as i32 + cell / 2;
                area.draw(&Text::new(name.clone(), (x, top - 8), upward.clone())).map_err(failed)?;
            }
            for ((row, column), &value) in self.values.indexed_iter() {
                let (x, y) = (left + cell * column as i32, top + height * row as i32);
                let t = (value - self.range.0) / (self.range.1 - self.range.0);
                let (fill, label, ink) = if value.is_finite() {
                    let ink = if t > 0.55 { BLACK } else { WHITE };
                    (sequential(t), format!("{value:.2}"), ink)
                } else {
                    (RGBColor(0x80, 0x80, 0x80), "n/a".to_owned(), WHITE)
                };
                area.draw(&Rectangle::new([(x, y), (x + cell - 1, y + height - 1)], fill.filled())).map_err(failed)?;
                let centred = (FONT, 12).into_font().color(&ink).pos(Pos::new(HPos::Center, VPos::Center));
                area.draw(&Text::new(label, (x + cell / 2, y + height / 2), centred)).map_err(failed)?;
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
    fn every_cell_carries_its_number() {
        let map = Heatmap {
            title: "CKA".into(),
            rows: vec!["a".into(), "b".into()],
            columns: vec!["c".into(), "d".into()],
            values: array![[0.25, f64::NAN], [1.0, 0.0]],
            range: (0.0, 1.0),
        };
        let svg = map.svg().unwrap();
        assert!(svg.contains("0.25") && svg.contains("n/a") && svg.contains("1.00"));
        assert!(Heatmap { rows: vec![], ..map }.svg().is_err());
    }
}
