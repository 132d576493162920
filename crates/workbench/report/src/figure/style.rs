//! Colours, fonts, and what every drawing shares.

use plotters::prelude::*;

use crate::{Error, Result};

/// Ink of text and axes; the report's style sheet replaces it in dark mode.
pub const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Fainter ink of grid lines.
pub const FAINT: RGBColor = RGBColor(0xd0, 0xd7, 0xde);
/// Data colours of Okabe & Ito (2008), without yellow and black.
pub const PALETTE: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];
/// Font of all labels.
pub const FONT: &str = "sans-serif";

/// The data colour of a series.
pub fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

/// Turns any drawing error into ours.
pub fn failed<E: std::fmt::Display>(error: E) -> Error {
    Error::Figure(error.to_string())
}

/// Draws on an SVG of this size and makes it scale with its container; `alt` describes it to screen readers.
pub fn svg(
    width: u32,
    height: u32,
    alt: &str,
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<()>,
) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    let fixed = format!("width=\"{width}\" height=\"{height}\" ");
    let scaled = format!("role=\"img\" aria-label=\"{}\" style=\"max-width:{width}px\" ", escape(alt));
    Ok(text.replacen(&fixed, &scaled, 1))
}

/// Text for XML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Blue over white to red for values from -1 to 1.
pub fn diverging(value: f64) -> RGBColor {
    let t = value.clamp(-1.0, 1.0);
    let mix =
        |from: u8, to: u8, share: f64| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
    let (r, g, b) = if t < 0.0 { (0x21, 0x66, 0xac) } else { (0xb2, 0x18, 0x2b) };
    RGBColor(mix(0xf7, r, t.abs()), mix(0xf7, g, t.abs()), mix(0xf7, b, t.abs()))
}

/// Viridis-like scale for values from 0 to 1: dark is low.
pub fn sequential(value: f64) -> RGBColor {
    const STOPS: [(f64, f64, f64); 5] =
        [(68.0, 1.0, 84.0), (59.0, 82.0, 139.0), (33.0, 145.0, 140.0), (94.0, 201.0, 98.0), (253.0, 231.0, 37.0)];
    let position = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let low = (position as usize).min(STOPS.len() - 2);
    let share = position - low as f64;
    let (a, b) = (STOPS[low], STOPS[low + 1]);
    let mix = |x: f64, y: f64| (x + (y - x) * share).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
