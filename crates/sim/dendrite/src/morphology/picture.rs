//! Pictures of the tree, coloured by any value per compartment.

use std::fmt::Write;

use super::Morphology;
use crate::compartments::Compartments;
use crate::{Error, Result};

/// Width of a drawing in px, and height of one row of trees; the caption comes below.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 380.0;
/// Trees beside each other, and the height of their rows.
const COLUMNS: usize = 3;
const SMALL_HEIGHT: f64 = 250.0;
const TITLE: f64 = 24.0;
const NO_VALUE: &str = "#d0d0d0";

/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// From the lowest value to the highest.
    Sequential,
    /// From blue below zero to red above, equally far.
    Diverging,
}

impl Palette {
    /// Colours at the ends and in the middle.
    fn stops(self) -> [[f64; 3]; 3] {
        match self {
            Self::Sequential => [[36.0, 58.0, 94.0], [38.0, 166.0, 154.0], [244.0, 170.0, 66.0]],
            Self::Diverging => [[0.0, 90.0, 181.0], [226.0, 226.0, 226.0], [200.0, 60.0, 30.0]],
        }
    }

    fn range(self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        match self {
            Self::Sequential => (low, high),
            Self::Diverging => (-high.abs().max(low.abs()), high.abs().max(low.abs())),
        }
    }

    fn colour(self, share: f64) -> String {
        let [low, middle, high] = self.stops();
        let (a, b, t) = if share < 0.5 { (low, middle, 2.0 * share) } else { (middle, high, 2.0 * share - 1.0) };
        let channel: Vec<u8> = (0..3).map(|k| (a[k] + (b[k] - a[k]) * t).round() as u8).collect();
        format!("#{:02x}{:02x}{:02x}", channel[0], channel[1], channel[2])
    }
}

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
    let one = [(String::new(), values.iter().copied().map(Some).collect())];
    pictures_svg(morphology, compartments, &one, label, Palette::Sequential)
}

/// SVG of the morphology once for each title and its values, in one scale of colours; compartments without a value are grey.
///
/// # Errors
/// If there is no picture, the number of values is not that of the compartments, or one is not finite.
pub fn pictures_svg(
    morphology: &Morphology,
    compartments: &Compartments,
    pictures: &[(String, Vec<Option<f64>>)],
    label: &str,
    palette: Palette,
) -> Result<String> {
    for (_, values) in pictures {
        if values.len() != compartments.len() {
            let message = format!("{} values for a picture of {} compartments", values.len(), compartments.len());
            return Err(Error::Description(message));
        }
        if let Some(place) = values.iter().position(|v| v.is_some_and(|v| !v.is_finite())) {
            let value = values[place].unwrap_or(f64::NAN);
            return Err(Error::Description(format!("the value of compartment {place} in a picture is {value}")));
        }
    }
    if !pictures.iter().any(|(_, values)| values.iter().any(Option::is_some)) {
        return Err(Error::Description("a picture of no value".into()));
    }
    let columns = pictures.len().min(COLUMNS);
    let frame = Frame::new(morphology, columns);
    let title = if columns == 1 { 0.0 } else { TITLE };
    let cell_height = frame.height + title;
    let height = pictures.len().div_ceil(columns) as f64 * cell_height + 100.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
         height=\"{height:.0}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let (low, high) = palette.range(pictures.iter().flat_map(|(_, values)| values.iter().flatten().copied()));
    let colour = |value: Option<f64>| match value {
        None => NO_VALUE.into(),
        Some(_) if high <= low => palette.colour(0.5),
        Some(v) => palette.colour((v - low) / (high - low)),
    };
    for (k, (name, values)) in pictures.iter().enumerate() {
        let (x, y) = ((k % columns) as f64 * WIDTH / columns as f64, (k / columns) as f64 * cell_height);
        let _ = writeln!(svg, "<g transform=\"translate({x:.0} {:.0})\">", y + title);
        if !name.is_empty() {
            let middle = 0.5 * WIDTH / columns as f64;
            let _ = writeln!(svg, "<text x=\"{middle:.0}\" y=\"0\" text-anchor=\"middle\">{}</text>", escaped(name));
        }
        frame.tree(&mut svg, morphology, compartments, |compartment| colour(values[compartment]));
        let _ = writeln!(svg, "</g>");
    }
    legend(&mut svg, height - 56.0, palette, (low, high), label);
    Ok(svg)
}

/// The scale of colours, and the end.
fn legend(svg: &mut String, y: f64, palette: Palette, (low, high): (f64, f64), label: &str) {
    for i in 0..60 {
        let (x, fill) = (30.0 + f64::from(i) * 3.0, palette.colour(f64::from(i) / 59.0));
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y:.0}\" width=\"3.3\" height=\"10\" fill=\"{fill}\"/>");
    }
    let _ = writeln!(svg, "<text x=\"30\" y=\"{:.0}\">{}</text>", y + 25.0, number(low));
    let _ = writeln!(svg, "<text x=\"210\" y=\"{:.0}\" text-anchor=\"end\">{}</text>", y + 25.0, number(high));
    let _ = writeln!(svg, "<text x=\"30\" y=\"{:.0}\">{}</text>\n</svg>", y + 43.0, escaped(label));
}

/// Where the tree lies in a field of the drawing.
struct Frame {
    scale: f64,
    left: f64,
    x0: f64,
    y1: f64,
    height: f64,
    thinnest: f64,
}

impl Frame {
    fn new(morphology: &Morphology, columns: usize) -> Self {
        // Thin branches still show their colour in small pictures.
        let (most_height, thinnest) = if columns == 1 { (HEIGHT, 1.2) } else { (SMALL_HEIGHT, 3.0) };
        let width = WIDTH / columns as f64;
        let points = || morphology.sections().iter().flat_map(|s| s.axis.iter());
        let bounds = |k: usize| {
            let low = points().map(|p| p.position_um[k]).fold(f64::MAX, f64::min);
            (low, points().map(|p| p.position_um[k]).fold(f64::MIN, f64::max))
        };
        let ((x0, x1), (y0, y1)) = (bounds(0), bounds(1));
        // A field wide, and low enough to be seen at a glance.
        let scale = ((width - 60.0) / (x1 - x0).max(1e-9)).min(most_height / (y1 - y0).max(1e-9));
        Self { scale, left: 0.5 * (width - (x1 - x0) * scale), x0, y1, height: (y1 - y0) * scale + 30.0, thinnest }
    }

    fn place(&self, p: &[f64; 3]) -> (f64, f64) {
        (self.left + (p[0] - self.x0) * self.scale, 30.0 + (self.y1 - p[1]) * self.scale)
    }

    /// Draws all sections, compartment by compartment.
    fn tree(
        &self,
        svg: &mut String,
        morphology: &Morphology,
        compartments: &Compartments,
        colour: impl Fn(usize) -> String,
    ) {
        for (index, section) in morphology.sections().iter().enumerate() {
            if let Some((parent, at)) = section.parent {
                // Sections that are drawn apart are joined by a thin line.
                let axis = &morphology.sections()[parent].axis;
                let from = if at < 0.5 { &axis[0] } else { &axis[axis.len() - 1] };
                let ((ax, ay), (bx, by)) = (self.place(&from.position_um), self.place(&section.axis[0].position_um));
                let _ = writeln!(
                    svg,
                    "<line x1=\"{ax:.1}\" y1=\"{ay:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke=\"#bbb\" stroke-width=\"0.6\"/>"
                );
            }
            let (total, own) = (section.length_um(), compartments.of_section(index).len() as f64);
            let mut walked = 0.0;
            for pair in section.axis.windows(2) {
                let length = pair[0].distance_um(&pair[1]);
                // A stretch that spans several compartments is drawn in as many pieces.
                let pieces = (own * length / total.max(1e-12)).ceil().clamp(1.0, own) as usize;
                let (a, b) = (self.place(&pair[0].position_um), self.place(&pair[1].position_um));
                let thickness =
                    (0.5 * (pair[0].diameter_um + pair[1].diameter_um) * self.scale).clamp(self.thinnest, 60.0);
                for piece in 0..pieces {
                    let share = |end: f64| (piece as f64 + end) / pieces as f64;
                    let at = ((walked + share(0.5) * length) / total.max(1e-12)).min(1.0);
                    let between = |t: f64| (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t);
                    let ((ax, ay), (bx, by)) = (between(share(0.0)), between(share(1.0)));
                    let _ = writeln!(
                        svg,
                        "<line x1=\"{ax:.1}\" y1=\"{ay:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke=\"{}\" \
                         stroke-width=\"{thickness:.1}\" stroke-linecap=\"{}\"/>",
                        colour(compartments.at(index, at)),
                        // Round ends would cover the neighbours of short pieces.
                        if pieces == 1 { "round" } else { "butt" }
                    );
                }
                walked += length;
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn number(value: f64) -> String {
    if value != 0.0 && (value.abs() < 0.01 || value.abs() >= 1e5) {
        format!("{value:.2e}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Discretisation;
    use crate::morphology::star;

    #[test]
    fn every_compartment_is_drawn_in_its_colour() {
        let morphology = star(20.0, 2, 100.0, 1.0).unwrap();
        let compartments = Compartments::new(&morphology, Discretisation::MaximumLength { um: 25.0 }).unwrap();
        let values: Vec<f64> = (0..compartments.len()).map(|k| k as f64).collect();
        let svg = picture_svg(&morphology, &compartments, &values, "a & b (mV)").unwrap();
        for k in 0..values.len() {
            let colour = Palette::Sequential.colour(k as f64 / (values.len() - 1) as f64);
            assert!(svg.contains(&format!("stroke=\"{colour}\"")), "compartment {k}");
        }
        assert!(svg.contains("a &amp; b (mV)") && svg.ends_with("</svg>\n"));
        // Zero is grey between equal ends, and what has no value is lighter.
        let some = values.iter().map(|v| (*v > 1.0).then_some(*v - 4.0)).collect();
        let two = [("first".to_owned(), some), ("second".to_owned(), values.iter().map(|_| Some(0.0)).collect())];
        let svg = pictures_svg(&morphology, &compartments, &two, "", Palette::Diverging).unwrap();
        assert!(svg.contains(&Palette::Diverging.colour(0.5)) && svg.contains(NO_VALUE) && svg.contains("second"));
        assert!(picture_svg(&morphology, &compartments, &values[1..], "").is_err());
        assert!(picture_svg(&morphology, &compartments, &vec![f64::NAN; values.len()], "").is_err());
        assert!(pictures_svg(&morphology, &compartments, &[], "", Palette::Diverging).is_err());
    }
}
