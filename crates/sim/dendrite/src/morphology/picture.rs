//! A picture of the tree, coloured by any value per compartment.

use std::fmt::Write;

use super::Morphology;
use crate::compartments::Compartments;
use crate::{Error, Result};

/// Size of the drawing in px; the caption comes below.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 380.0;
const LOW: [f64; 3] = [36.0, 58.0, 94.0];
const MIDDLE: [f64; 3] = [38.0, 166.0, 154.0];
const HIGH: [f64; 3] = [244.0, 170.0, 66.0];

/// SVG of the morphology seen along z; `values` has one entry per compartment, `label` names it with its unit.
///
/// # Errors
/// If the number of values is not that of the compartments, or one is not finite.
pub fn picture_svg(
    morphology: &Morphology,
    compartments: &Compartments,
    values: &[f64],
    label: &str,
) -> Result<String> {
    if values.len() != compartments.len() {
        let message = format!("{} values for a picture of {} compartments", values.len(), compartments.len());
        return Err(Error::Description(message));
    }
    if let Some(place) = values.iter().position(|v| !v.is_finite()) {
        return Err(Error::Description(format!("the value of compartment {place} in a picture is {}", values[place])));
    }
    let points = || morphology.sections().iter().flat_map(|s| s.axis.iter());
    let bounds = |k: usize| {
        let low = points().map(|p| p.position_um[k]).fold(f64::MAX, f64::min);
        (low, points().map(|p| p.position_um[k]).fold(f64::MIN, f64::max))
    };
    let ((x0, x1), (y0, y1)) = (bounds(0), bounds(1));
    // A page wide, and low enough to be seen at a glance.
    let scale = (WIDTH - 60.0) / (x1 - x0).max(1e-9);
    let scale = scale.min(HEIGHT / (y1 - y0).max(1e-9));
    let (width, height) = (WIDTH, (y1 - y0) * scale + 130.0);
    let left = 0.5 * (WIDTH - (x1 - x0) * scale);
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let place = |p: &[f64; 3]| (left + (p[0] - x0) * scale, 30.0 + (y1 - p[1]) * scale);
    for (index, section) in morphology.sections().iter().enumerate() {
        let total = section.length_um();
        let mut walked = 0.0;
        if let Some((parent, at)) = section.parent {
            // Sections that are drawn apart are joined by a thin line.
            let axis = &morphology.sections()[parent].axis;
            let from = if at < 0.5 { &axis[0] } else { &axis[axis.len() - 1] };
            let ((ax, ay), (bx, by)) = (place(&from.position_um), place(&section.axis[0].position_um));
            let _ = writeln!(
                svg,
                "<line x1=\"{ax:.1}\" y1=\"{ay:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke=\"#bbb\" stroke-width=\"0.6\"/>"
            );
        }
        for pair in section.axis.windows(2) {
            let length = pair[0].distance_um(&pair[1]);
            let compartment = compartments.at(index, ((walked + 0.5 * length) / total).min(1.0));
            walked += length;
            let share = if high > low { (values[compartment] - low) / (high - low) } else { 0.5 };
            let ((ax, ay), (bx, by)) = (place(&pair[0].position_um), place(&pair[1].position_um));
            let thickness = (0.5 * (pair[0].diameter_um + pair[1].diameter_um) * scale).clamp(1.2, 60.0);
            let _ = writeln!(
                svg,
                "<line x1=\"{ax:.1}\" y1=\"{ay:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke=\"{}\" \
                 stroke-width=\"{thickness:.1}\" stroke-linecap=\"round\"/>",
                colour(share)
            );
        }
    }
    let y = height - 56.0;
    for i in 0..60 {
        let x = 30.0 + f64::from(i) * 3.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y:.0}\" width=\"3.3\" height=\"10\" fill=\"{}\"/>",
            colour(f64::from(i) / 59.0)
        );
    }
    let _ = writeln!(svg, "<text x=\"30\" y=\"{:.0}\">{}</text>", y + 25.0, number(low));
    let _ = writeln!(svg, "<text x=\"210\" y=\"{:.0}\" text-anchor=\"end\">{}</text>", y + 25.0, number(high));
    let escaped = label.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"30\" y=\"{:.0}\">{escaped}</text>\n</svg>", y + 43.0);
    Ok(svg)
}

fn number(value: f64) -> String {
    if value != 0.0 && (value.abs() < 0.01 || value.abs() >= 1e5) {
        format!("{value:.2e}")
    } else {
        format!("{value:.2}")
    }
}

fn colour(share: f64) -> String {
    let (a, b, t) = if share < 0.5 { (LOW, MIDDLE, 2.0 * share) } else { (MIDDLE, HIGH, 2.0 * share - 1.0) };
    let channel: Vec<u8> = (0..3).map(|k| (a[k] + (b[k] - a[k]) * t).round() as u8).collect();
    format!("#{:02x}{:02x}{:02x}", channel[0], channel[1], channel[2])
}
