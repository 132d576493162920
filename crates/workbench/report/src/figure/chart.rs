//! Lines, points and bars over two axes.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::figure::style::{FAINT, FONT, INK, colour, failed, svg};
use crate::{Error, Result};

/// How a series is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Marks {
    /// A line through the points.
    Line,
    /// A dashed line, for references and controls.
    Dashed,
    /// A line with a band between (x, low, high).
    Band(Vec<(f64, f64, f64)>),
    /// Thin lines, interrupted where a point is not finite: many trajectories.
    Paths,
    /// Separate points.
    Points,
    /// Separate points, with a line that was fitted to them.
    Fitted(Vec<(f64, f64)>),
    /// Points joined by thin lines.
    Joined,
    /// Bars of this width from zero.
    Bars(f64),
    /// A rectangle from the first to the second point: a published range.
    Region,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend; empty for none.
    pub name: String,
    /// Points (x, y); those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub marks: Marks,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What the chart shows, for screen readers.
    pub title: String,
    /// Name and unit of the horizontal axis.
    pub x_label: String,
    /// Name and unit of the vertical axis.
    pub y_label: String,
    /// Range of the horizontal axis, if it is not that of the data.
    pub x_range: Option<(f64, f64)>,
    /// Range of the vertical axis, if it is not that of the data.
    pub y_range: Option<(f64, f64)>,
    /// What is drawn, first to last.
    pub series: Vec<Series>,
}

type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const LEGEND_WIDTH: u32 = 170;

impl Chart {
    /// Draws the chart.
    ///
    /// # Errors
    /// If no series has a finite point.
    pub fn svg(&self) -> Result<String> {
        self.draw(&|v| short(*v))
    }

    /// Draws the chart with both axes logarithmic; points that are not positive are left out, and bands are not drawn.
    ///
    /// # Errors
    /// If no series has a point that is positive in both coordinates.
    pub fn log_log_svg(&self) -> Result<String> {
        let log = |v: f64| if v > 0.0 { v.log10() } else { f64::NAN };
        let series = self
            .series
            .iter()
            .map(|s| Series { points: s.points.iter().map(|p| (log(p.0), log(p.1))).collect(), ..s.clone() });
        let range = |range: Option<(f64, f64)>| range.map(|(low, high)| (log(low), log(high)));
        let chart = Self {
            series: series.collect(),
            x_range: range(self.x_range),
            y_range: range(self.y_range),
            ..self.clone()
        };
        chart.draw(&|v| decade(*v))
    }

    fn draw(&self, label: &dyn Fn(&f64) -> String) -> Result<String> {
        let (x, y) = (self.range(0)?, self.range(1)?);
        let named = self.series.iter().any(|s| !s.name.is_empty());
        svg(WIDTH, HEIGHT, &self.title, |area| {
            let (plot, legend) = area.split_horizontally(if named { WIDTH - LEGEND_WIDTH } else { WIDTH });
            let mut chart = ChartBuilder::on(&plot)
                .margin(12)
                .x_label_area_size(44)
                .y_label_area_size(58)
                .build_cartesian_2d(x.0..x.1, y.0..y.1)
                .map_err(failed)?;
            let font = (FONT, 13).into_font().color(&INK);
            chart
                .configure_mesh()
                .x_desc(&self.x_label)
                .y_desc(&self.y_label)
                .axis_style(INK)
                .bold_line_style(FAINT)
                .light_line_style(TRANSPARENT)
                .x_labels(7)
                .y_labels(6)
                .label_style(font.clone())
                .axis_desc_style(font)
                .x_label_formatter(label)
                .y_label_formatter(label)
                .draw()
                .map_err(failed)?;
            for (index, series) in self.series.iter().enumerate() {
                draw_series(&mut chart, series, colour(index))?;
            }
            if named { self.draw_legend(&legend) } else { Ok(()) }
        })
    }

    fn range(&self, axis: usize) -> Result<(f64, f64)> {
        let given = if axis == 0 { self.x_range } else { self.y_range };
        if let Some(range) = given {
            return Ok(range);
        }
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        let mut see = |v: f64| {
            if v.is_finite() {
                low = low.min(v);
                high = high.max(v);
            }
        };
        for series in &self.series {
            for point in &series.points {
                see(if axis == 0 { point.0 } else { point.1 });
            }
            match &series.marks {
                Marks::Band(band) if axis == 1 => band.iter().for_each(|b| {
                    see(b.1);
                    see(b.2);
                }),
                Marks::Fitted(line) => line.iter().for_each(|p| see(if axis == 0 { p.0 } else { p.1 })),
                Marks::Bars(_) if axis == 1 => see(0.0),
                Marks::Bars(width) => series.points.iter().for_each(|p| {
                    see(p.0 - width / 2.0);
                    see(p.0 + width / 2.0);
                }),
                _ => {}
            }
        }
        if low > high {
            return Err(Error::Figure(format!("`{}` has no finite value to draw", self.title)));
        }
        let room = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1.0) };
        Ok((low - room, high + room))
    }

    fn draw_legend(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        let font = (FONT, 13).into_font().color(&INK);
        let mut y = 24;
        for (index, series) in self.series.iter().enumerate() {
            if series.name.is_empty() {
                continue;
            }
            let ink = colour(index);
            match series.marks {
                Marks::Points | Marks::Fitted(_) | Marks::Joined => area.draw(&Circle::new((12, y), 4, ink.filled())),
                Marks::Region => area.draw(&Rectangle::new([(4, y - 6), (20, y + 6)], ink.mix(0.25).filled())),
                Marks::Bars(_) => area.draw(&Rectangle::new([(4, y - 6), (20, y + 6)], ink.filled())),
                _ => area.draw(&PathElement::new(vec![(2, y), (22, y)], ink.stroke_width(2))),
            }
            .map_err(failed)?;
            for line in wrap(&series.name, 21) {
                area.draw(&Text::new(line, (28, y - 7), font.clone())).map_err(failed)?;
                y += 16;
            }
            y += 6;
        }
        Ok(())
    }
}

fn draw_series(chart: &mut Plane<'_, '_>, series: &Series, ink: RGBColor) -> Result<()> {
    let points: Vec<(f64, f64)> =
        series.points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
    match &series.marks {
        Marks::Line => {
            chart.draw_series(LineSeries::new(points, ink.stroke_width(2))).map_err(failed)?;
        }
        Marks::Dashed => {
            chart.draw_series(DashedLineSeries::new(points, 6, 4, ink.stroke_width(2))).map_err(failed)?;
        }
        Marks::Band(band) => {
            let mut outline: Vec<(f64, f64)> = band.iter().map(|b| (b.0, b.2)).collect();
            outline.extend(band.iter().rev().map(|b| (b.0, b.1)));
            chart.draw_series([Polygon::new(outline, ink.mix(0.2))]).map_err(failed)?;
            chart.draw_series(LineSeries::new(points, ink.stroke_width(2))).map_err(failed)?;
        }
        Marks::Paths => {
            for path in series.points.split(|p| !(p.0.is_finite() && p.1.is_finite())) {
                chart
                    .draw_series(LineSeries::new(path.iter().copied(), ink.mix(0.35).stroke_width(1)))
                    .map_err(failed)?;
            }
        }
        Marks::Points => {
            chart.draw_series(points.into_iter().map(|p| Circle::new(p, 3, ink.mix(0.75).filled()))).map_err(failed)?;
        }
        Marks::Fitted(line) => {
            chart.draw_series(LineSeries::new(line.iter().copied(), ink.stroke_width(2))).map_err(failed)?;
            chart.draw_series(points.into_iter().map(|p| Circle::new(p, 4, ink.filled()))).map_err(failed)?;
        }
        Marks::Joined => {
            chart.draw_series(LineSeries::new(points.iter().copied(), ink.stroke_width(1))).map_err(failed)?;
            chart.draw_series(points.into_iter().map(|p| Circle::new(p, 3, ink.filled()))).map_err(failed)?;
        }
        Marks::Bars(width) => {
            let bar =
                |p: (f64, f64)| Rectangle::new([(p.0 - width / 2.0, 0.0), (p.0 + width / 2.0, p.1)], ink.filled());
            chart.draw_series(points.into_iter().map(bar)).map_err(failed)?;
        }
        Marks::Region => {
            if let [a, b] = points[..] {
                chart.draw_series([Rectangle::new([a, b], ink.mix(0.25).filled())]).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// A number for an axis: no more digits than it needs.
fn short(value: f64) -> String {
    if value == 0.0 || value.abs() < 1e-12 {
        return "0".into();
    }
    if value.abs() >= 1e5 || value.abs() < 1e-3 {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A label of a logarithmic axis: the number, or a power of ten where it is far from 1.
fn decade(exponent: f64) -> String {
    if (exponent - exponent.round()).abs() > 1e-9 {
        return if exponent.abs() < 2.5 {
            short(10_f64.powf(exponent))
        } else {
            format!("{:.1e}", 10_f64.powf(exponent))
        };
    }
    if exponent.abs() < 2.5 { short(10_f64.powf(exponent)) } else { format!("1e{exponent:.0}") }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_scales_says_what_it_shows_and_names_its_axes() {
        let chart = Chart {
            title: "loss & accuracy".into(),
            x_label: "epoch".into(),
            y_label: "loss (nats)".into(),
            x_range: None,
            y_range: None,
            series: vec![Series {
                name: "train".into(),
                points: vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.5)],
                marks: Marks::Line,
            }],
        };
        let svg = chart.svg().unwrap();
        assert!(svg.contains("viewBox") && !svg.contains("height=\"360\""));
        for part in ["aria-label=\"loss &amp; accuracy\"", "loss (nats)", "epoch", "train"] {
            assert!(svg.contains(part), "{part}");
        }
        assert_eq!(svg, chart.svg().unwrap());
    }

    #[test]
    fn a_chart_without_a_finite_value_is_refused() {
        let series = vec![Series { name: String::new(), points: vec![(0.0, f64::NAN)], marks: Marks::Points }];
        let chart = Chart {
            title: "t".into(),
            x_label: String::new(),
            y_label: String::new(),
            x_range: None,
            y_range: None,
            series,
        };
        assert!(chart.svg().is_err());
    }

    #[test]
    fn logarithmic_axes_name_decades() {
        assert_eq!([decade(-3.0), decade(0.0), decade(6.0), decade(1.0)], ["1e-3", "1", "1e6", "10"]);
    }

    #[test]
    fn axis_numbers_are_short() {
        assert_eq!([short(0.25), short(10.0), short(1e-5), short(0.0)], ["0.25", "10", "1.0e-5", "0"]);
    }
}
