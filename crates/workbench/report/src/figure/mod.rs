//! Figures: described as data, drawn as SVG.

mod chart;
mod heatmap;
mod mosaic;
mod style;

pub use chart::{Chart, Marks, Series};
pub use heatmap::Heatmap;
pub use mosaic::Mosaic;
