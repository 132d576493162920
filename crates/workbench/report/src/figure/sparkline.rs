//! A trend as small as a word (Tufte 2006): one line without axes, the places where its level changed marked.

use std::fmt::Write;

use crate::figure::style::escape;

/// A trend.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparkline {
    /// What is shown, for screen readers.
    pub title: String,
    /// Values, oldest first.
    pub values: Vec<f64>,
    /// Indices at which a new level begins.
    pub changes: Vec<usize>,
}

const WIDTH: f64 = 220.0;
const HEIGHT: f64 = 36.0;
const MARGIN: f64 = 5.0;

impl Sparkline {
    /// The drawing. The height spans the values, but at least a tenth of the last, so that noise does not look like news.
    pub fn svg(&self) -> String {
        let finite = self.values.iter().copied().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let least = 0.1 * self.values.last().copied().unwrap_or(1.0).abs().max(f64::MIN_POSITIVE);
        let (middle, span) = ((low + high) / 2.0, (high - low).max(least));
        let x = |i: usize| MARGIN + (WIDTH - 2.0 * MARGIN) * i as f64 / (self.values.len().max(2) - 1) as f64;
        let y = |v: f64| HEIGHT / 2.0 - (v - middle) / span * (HEIGHT - 2.0 * MARGIN);
        let mut svg = format!(
            r#"<svg role="img" aria-label="{}" viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:{WIDTH}px;min-width:120px">"#,
            escape(&self.title)
        );
        for change in &self.changes {
            let at = (x(change.saturating_sub(1)) + x(*change)) / 2.0;
            let _ = write!(
                svg,
                r##"<line x1="{at:.1}" x2="{at:.1}" y1="1" y2="{:.1}" stroke="#D55E00" stroke-width="1.5" stroke-dasharray="3 2"/>"##,
                HEIGHT - 1.0
            );
        }
        let points: Vec<String> = self
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| v.is_finite())
            .map(|(i, v)| format!("{:.1},{:.1}", x(i), y(*v)))
            .collect();
        let _ = write!(
            svg,
            r##"<polyline points="{}" fill="none" stroke="#0072B2" stroke-width="1.5"/>"##,
            points.join(" ")
        );
        if let Some((cx, cy)) = points.last().and_then(|p| p.split_once(',')) {
            let _ = write!(svg, r##"<circle cx="{cx}" cy="{cy}" r="2.5" fill="#0072B2"/>"##);
        }
        svg.push_str("</svg>");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_shows_its_values_and_marks_its_changes() {
        let line = Sparkline { title: "a < b".into(), values: vec![1.0, 1.0, 2.0, f64::NAN], changes: vec![2] };
        let svg = line.svg();
        assert!(svg.contains("a &lt; b") && svg.contains("stroke-dasharray"));
        assert_eq!(svg.matches("<line").count(), 1);
        assert!(!svg.contains("NaN"));
        // Noise of a thousandth stays within a hundredth of the height.
        let flat = Sparkline { title: String::new(), values: vec![100.0, 100.1], changes: vec![] }.svg();
        assert!(flat.contains("18.1") && flat.contains("17.9"), "{flat}");
    }
}
