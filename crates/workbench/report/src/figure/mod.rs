//! Figures: described as data, drawn as SVG.

mod bars;
mod chart;
mod heatmap;
mod matrix;
mod mosaic;
mod sparkline;
mod style;

pub use bars::{Bar, Bars};
pub use chart::{Chart, Marks, Series};
pub use heatmap::Heatmap;
pub use matrix::{Matrix, Panel};
pub use mosaic::Mosaic;
pub use sparkline::Sparkline;
