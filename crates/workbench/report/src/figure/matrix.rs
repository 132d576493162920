//! A matrix too large for numbers: dissimilarities, pairwise couplings, rate maps.

use ndarray::Array2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figure::style::{FONT, INK, failed, sequential, svg};
use crate::{Error, Result};

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Name above the panel.
    pub name: String,
    /// The numbers; those that are not finite are grey.
    pub values: Array2<f64>,
}

/// Panels of colours, side by side, all on one scale with a colour bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// What the figure shows, for screen readers.
    pub title: String,
    /// Name and unit of the numbers.
    pub label: String,
    /// Panels.
    pub panels: Vec<Panel>,
    /// Panels in a row.
    pub across: usize,
    /// Numbers of the darkest and the brightest colour; by default those of the data.
    pub range: Option<(f64, f64)>,
}

/// Colour steps; neighbours of equal step are one rectangle, which keeps drawings small.
const STEPS: f64 = 40.0;

impl Matrix {
    /// Draws the panels.
    ///
    /// # Errors
    /// If there is no panel or no finite number.
    pub fn svg(&self) -> Result<String> {
        let all = || self.panels.iter().flat_map(|p| p.values.iter().copied()).filter(|v| v.is_finite());
        let (low, high) = self
            .range
            .unwrap_or_else(|| all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v))));
        if all().next().is_none() {
            return Err(Error::Figure(format!("`{}` has no finite value to draw", self.title)));
        }
        let high = if high > low { high } else { low + 1.0 };
        let largest = self.panels.iter().map(|p| p.values.nrows().max(p.values.ncols())).max().unwrap_or(1);
        let across = self.across.clamp(1, self.panels.len());
        let room = if across > 2 { 180 } else { 360 };
        let pixel = (room / largest as i32).clamp(1, 40);
        let widest = self.panels.iter().map(|p| p.values.ncols()).max().unwrap_or(1) as i32 * pixel;
        let tallest = self.panels.iter().map(|p| p.values.nrows()).max().unwrap_or(1) as i32 * pixel;
        let (wide, high_px) = ((widest.max(80)) + 14, tallest + 26);
        let down = self.panels.len().div_ceil(across) as i32;
        let (width, height) = (wide * across as i32 + 110, (high_px * down + 12).max(190));
        svg(width as u32, height as u32, &self.title, |area| {
            let font = (FONT, 12).into_font().color(&INK);
            for (index, panel) in self.panels.iter().enumerate() {
                let (x0, y0) = (8 + wide * (index % across) as i32, 8 + high_px * (index / across) as i32);
                // Names must not run into the next panel.
                let name: String = panel.name.chars().take((wide / 7) as usize).collect();
                area.draw(&Text::new(name, (x0, y0), font.clone())).map_err(failed)?;
                for (row, values) in panel.values.outer_iter().enumerate() {
                    let step = |v: f64| {
                        if v.is_finite() { ((v - low) / (high - low) * STEPS).clamp(0.0, STEPS).round() } else { -1.0 }
                    };
                    let y = y0 + 18 + row as i32 * pixel;
                    let mut column = 0;
                    while column < values.len() {
                        let own = step(values[column]);
                        let end = (column..values.len()).find(|&c| step(values[c]) != own).unwrap_or(values.len());
                        let fill = if own < 0.0 { RGBColor(0x80, 0x80, 0x80) } else { sequential(own / STEPS) };
                        let corner = (x0 + column as i32 * pixel, y);
                        area.draw(&Rectangle::new([corner, (x0 + end as i32 * pixel, y + pixel)], fill.filled()))
                            .map_err(failed)?;
                        column = end;
                    }
                }
            }
            let x = width - 96;
            for k in 0..100 {
                let y = 140 - k;
                area.draw(&Rectangle::new([(x, y), (x + 14, y + 1)], sequential(f64::from(k) / 99.0).filled()))
                    .map_err(failed)?;
            }
            let beside = font.clone().pos(Pos::new(HPos::Left, VPos::Center));
            for (value, y) in [(high, 41), (0.5 * (low + high), 91), (low, 140)] {
                area.draw(&Text::new(format!("{value:.3}"), (x + 20, y), beside.clone())).map_err(failed)?;
            }
            area.draw(&Text::new(self.label.clone(), (x, 160), font.clone())).map_err(failed)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn panels_carry_names_and_unknown_cells_are_grey() {
        let panel = Panel { name: "BE".into(), values: array![[0.0, 1.0], [f64::NAN, 0.5]] };
        let matrix =
            Matrix { title: "RDMs".into(), label: "1 - r".into(), panels: vec![panel; 2], across: 2, range: None };
        let svg = matrix.svg().unwrap();
        assert!(svg.contains("BE") && svg.contains("#808080") && svg.contains("1 - r"));
        assert!(Matrix { panels: vec![], ..matrix }.svg().is_err());
    }
}
