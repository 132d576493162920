//! Named values with their intervals, beside a band they are judged by (a noise ceiling, a chance level).

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figure::style::{FAINT, FONT, INK, colour, failed, svg};
use crate::{Error, Result};

/// A named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Name.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Interval, if known.
    pub interval: Option<(f64, f64)>,
    /// A mark behind the bar, for example `*`; empty for none.
    pub mark: String,
}

/// Horizontal bars.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// What the figure shows, for screen readers.
    pub title: String,
    /// Name and unit of the values.
    pub label: String,
    /// Bars, first at the top.
    pub bars: Vec<Bar>,
    /// A band the values are judged by, with its name.
    pub band: Option<(f64, f64, String)>,
}

impl Bars {
    /// Draws the bars.
    ///
    /// # Errors
    /// If no value is finite.
    pub fn svg(&self) -> Result<String> {
        let shown: Vec<&Bar> = self.bars.iter().filter(|b| b.value.is_finite()).collect();
        if shown.is_empty() {
            return Err(Error::Figure(format!("`{}` has no finite value to draw", self.title)));
        }
        let ends = shown
            .iter()
            .flat_map(|b| [b.value, b.interval.map_or(b.value, |i| i.0), b.interval.map_or(b.value, |i| i.1)]);
        let band = self.band.iter().flat_map(|b| [b.0, b.1]);
        let (low, high) =
            ends.chain(band).filter(|v| v.is_finite()).fold((0.0_f64, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = (if low < 0.0 { low * 1.08 } else { 0.0 }, if high > low { high * 1.08 } else { low + 1.0 });
        let widest = shown.iter().map(|b| b.name.chars().count()).max().unwrap_or(0) as i32;
        let left = widest * 7 + 20;
        let (row, plot, top) = (28, 430, 26);
        let (width, height) = (left + plot + 40, top + row * shown.len() as i32 + 46);
        let x = |v: f64| left + ((v - low) / (high - low) * f64::from(plot)).round() as i32;
        let bottom = top + row * shown.len() as i32;
        svg(width as u32, height as u32, &self.title, |area| {
            let font = (FONT, 12).into_font().color(&INK);
            let middle = |h: HPos, v: VPos| font.clone().pos(Pos::new(h, v));
            if let Some((from, to, name)) = &self.band {
                let (from, to) = (x(*from), x(*to).max(x(*from) + 2));
                area.draw(&Rectangle::new([(from, top - 4), (to, bottom)], INK.mix(0.18).filled())).map_err(failed)?;
                area.draw(&Text::new(name.clone(), ((from + to) / 2, top - 6), middle(HPos::Center, VPos::Bottom)))
                    .map_err(failed)?;
            }
            for tick in ticks(low, high) {
                area.draw(&PathElement::new(vec![(x(tick), top - 4), (x(tick), bottom + 4)], FAINT)).map_err(failed)?;
                let text = format!("{tick:.2}").trim_end_matches('0').trim_end_matches('.').to_owned();
                let text = if text == "-0" { "0".to_owned() } else { text };
                area.draw(&Text::new(text, (x(tick), bottom + 8), middle(HPos::Center, VPos::Top))).map_err(failed)?;
            }
            for (index, bar) in shown.iter().enumerate() {
                let y = top + row * index as i32 + row / 2;
                area.draw(&Text::new(bar.name.clone(), (left - 8, y), middle(HPos::Right, VPos::Center)))
                    .map_err(failed)?;
                let (a, b) = (x(0.0).min(x(bar.value)), x(0.0).max(x(bar.value)));
                area.draw(&Rectangle::new([(a, y - 8), (b, y + 8)], colour(0).filled())).map_err(failed)?;
                let mut end = b;
                if let Some((from, to)) = bar.interval.filter(|i| i.0.is_finite() && i.1.is_finite()) {
                    let line = INK.stroke_width(2);
                    area.draw(&PathElement::new(vec![(x(from), y), (x(to), y)], line)).map_err(failed)?;
                    for at in [from, to] {
                        area.draw(&PathElement::new(vec![(x(at), y - 4), (x(at), y + 4)], line)).map_err(failed)?;
                    }
                    end = end.max(x(to));
                }
                if !bar.mark.is_empty() {
                    area.draw(&Text::new(bar.mark.clone(), (end + 6, y), middle(HPos::Left, VPos::Center)))
                        .map_err(failed)?;
                }
            }
            area.draw(&PathElement::new(vec![(x(0.0), top - 4), (x(0.0), bottom + 4)], INK)).map_err(failed)?;
            area.draw(&Text::new(self.label.clone(), (left + plot / 2, bottom + 28), middle(HPos::Center, VPos::Top)))
                .map_err(failed)?;
            Ok(())
        })
    }
}

/// About five round numbers within a range.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let raw = (high - low) / 5.0;
    let power = 10.0_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    (first..).map(|k| k as f64 * step).take_while(|t| *t <= high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_carry_names_marks_and_the_band() {
        let bar = |name: &str, value, mark: &str| Bar {
            name: name.into(),
            value,
            interval: Some((value - 0.1, value + 0.1)),
            mark: mark.into(),
        };
        let bars = Bars {
            title: "models".into(),
            label: "rho-a".into(),
            bars: vec![bar("animacy", 0.33, "*"), bar("V1", -0.02, "")],
            band: Some((0.37, 0.66, "noise ceiling".into())),
        };
        let svg = bars.svg().unwrap();
        for part in ["animacy", "V1", "rho-a", "noise ceiling", ">\n*"] {
            assert!(svg.contains(part), "{part}\n{svg}");
        }
        assert!(Bars { bars: vec![], ..bars }.svg().is_err());
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
    }
}
