//! Drawn digits: ten glyphs of strokes, shifted, turned, thick or thin, in noise. A stand-in for handwriting whose every image is new.
//!
//! A glyph is a few smooth lines through given points (Catmull & Rom 1974); a pixel is as dark as the stroke covers it.

use ndarray::{Array1, Array2};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::require;

/// Whether strokes are brighter than what is behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// Always.
    #[default]
    Bright,
    /// In half of the images, and darker in the others: every pixel with the other sign, so that no sum over pixels tells what is drawn.
    Either,
}

/// How digits are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct StrokeDigits {
    /// Side of the images in px.
    pub side_px: usize,
    /// The digits, each as often as the others.
    pub digits: Vec<usize>,
    /// Largest shift either way in px.
    pub shift_px: f64,
    /// Largest turn either way in degrees.
    pub turn_deg: f64,
    /// Thinnest and thickest stroke in px.
    pub stroke_px: [f64; 2],
    /// Standard deviation of the noise that is added to each pixel.
    pub noise: f64,
    /// Whether strokes are brighter than what is behind them.
    pub contrast: Contrast,
}

impl StrokeDigits {
    /// All ten digits as the test problems of this field draw them: +-2 px, +-12 degrees, strokes of 1 to 2.5 px, noise .1.
    pub fn standard(side_px: usize) -> Self {
        Self {
            side_px,
            digits: (0..10).collect(),
            shift_px: 2.0,
            turn_deg: 12.0,
            stroke_px: [1.0, 2.5],
            noise: 0.1,
            contrast: Contrast::Bright,
        }
    }

    /// Refuses what cannot be drawn.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        require("side_px of drawn digits", self.side_px as f64, (8..=512).contains(&self.side_px), "8 to 512")?;
        require("the number of drawn digits", self.digits.len() as f64, !self.digits.is_empty(), "at least one")?;
        for &digit in &self.digits {
            require("a drawn digit", digit as f64, digit <= 9, "0 to 9")?;
        }
        let [thin, thick] = self.stroke_px;
        require("the thinnest stroke in px", thin, thin > 0.0 && thin.is_finite(), "above 0")?;
        let in_order = thick >= thin && thick.is_finite();
        require("the thickest stroke in px", thick, in_order, "not less than the thinnest")?;
        for (name, value) in [("shift_px", self.shift_px), ("turn_deg", self.turn_deg), ("noise", self.noise)] {
            require(name, value, value >= 0.0 && value.is_finite(), "0 or above")?;
        }
        Ok(())
    }

    /// Draws `count` images (images, pixels) and which of the digits each is, as an index into [`Self::digits`]. An image depends on its
    /// number and the seed alone.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn draw(&self, count: usize, seed: &Seed) -> Result<(Array2<f32>, Vec<usize>)> {
        self.check()?;
        let mut images = Array2::zeros((count, self.side_px * self.side_px));
        let labels: Vec<usize> = (0..count).map(|k| k % self.digits.len()).collect();
        for (k, mut image) in images.outer_iter_mut().enumerate() {
            image.assign(&Array1::from(self.image(self.digits[labels[k]], &seed.index(k))));
        }
        Ok((images, labels))
    }

    /// One image of a digit, row after row; the seed decides where and how thick it is drawn.
    pub fn image(&self, digit: usize, seed: &Seed) -> Vec<f32> {
        let mut stream = seed.stream();
        let mut within = |limit: f64| limit * (2.0 * stream.random::<f64>() - 1.0);
        let (shift, turn) = ([within(self.shift_px), within(self.shift_px)], within(self.turn_deg).to_radians());
        let [thin, thick] = self.stroke_px;
        let half_px = 0.5 * (thin + (thick - thin) * stream.random::<f64>());
        let side = self.side_px as f64;
        let is_dark = self.contrast == Contrast::Either && seed.child("contrast").stream().random::<bool>();
        let sign = if is_dark { -1.0 } else { 1.0 };
        let moved = |[x, y]: [f64; 2]| {
            let (x, y) = (x - 0.5, y - 0.5);
            let (x, y) = (turn.cos() * x - turn.sin() * y, turn.sin() * x + turn.cos() * y);
            [(x + 0.5) * side + shift[0], (y + 0.5) * side + shift[1]]
        };
        let lines: Vec<Vec<[f64; 2]>> =
            glyph(digit).iter().map(|line| line.iter().map(|p| moved(*p)).collect()).collect();
        let pixel = |i: usize| {
            let centre = [(i % self.side_px) as f64 + 0.5, (i / self.side_px) as f64 + 0.5];
            let pieces = lines.iter().flat_map(|line| line.windows(2));
            let away = pieces.map(|p| distance(centre, p[0], p[1])).fold(f64::MAX, f64::min);
            let noise: f64 = StandardNormal.sample(&mut stream);
            (sign * (half_px + 0.5 - away).clamp(0.0, 1.0) + self.noise * noise) as f32
        };
        (0..self.side_px * self.side_px).map(pixel).collect()
    }
}

/// Distance of a point from a piece of a line.
fn distance([x, y]: [f64; 2], [ax, ay]: [f64; 2], [bx, by]: [f64; 2]) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-12)).clamp(0.0, 1.0);
    (ax + along * dx - x).hypot(ay + along * dy - y)
}

/// Points of a smooth line through others; with sharp corners where `smooth` is false.
fn line(points: &[[f64; 2]], smooth: bool) -> Vec<[f64; 2]> {
    if !smooth {
        return points.to_vec();
    }
    let at = |k: i64| points[k.clamp(0, points.len() as i64 - 1) as usize];
    let piece = |k: usize| {
        let [p, q, r, s] = [-1, 0, 1, 2].map(|d| at(k as i64 + d));
        (0..6).map(move |step| {
            let t = f64::from(step) / 6.0;
            [0, 1].map(|i| {
                0.5 * (2.0 * q[i]
                    + (r[i] - p[i]) * t
                    + (2.0 * p[i] - 5.0 * q[i] + 4.0 * r[i] - s[i]) * t * t
                    + (3.0 * (q[i] - r[i]) + s[i] - p[i]) * t * t * t)
            })
        })
    };
    (0..points.len() - 1).flat_map(piece).chain(points.last().copied()).collect()
}

/// A closed ellipse.
fn ellipse([x, y]: [f64; 2], [rx, ry]: [f64; 2]) -> Vec<[f64; 2]> {
    (0..=24)
        .map(|k| std::f64::consts::TAU * f64::from(k) / 24.0)
        .map(|a| [x + rx * a.cos(), y + ry * a.sin()])
        .collect()
}

/// The lines of a digit in the unit square, y downwards.
fn glyph(digit: usize) -> Vec<Vec<[f64; 2]>> {
    let six = [
        [0.66, 0.14],
        [0.42, 0.3],
        [0.29, 0.58],
        [0.34, 0.8],
        [0.53, 0.87],
        [0.7, 0.73],
        [0.62, 0.54],
        [0.44, 0.51],
        [0.3, 0.64],
    ];
    match digit {
        0 => vec![ellipse([0.5, 0.5], [0.25, 0.36])],
        1 => vec![line(&[[0.36, 0.28], [0.53, 0.14], [0.53, 0.86]], false)],
        2 => vec![
            line(&[[0.27, 0.31], [0.37, 0.16], [0.6, 0.15], [0.71, 0.31], [0.6, 0.52], [0.26, 0.86]], true),
            line(&[[0.26, 0.86], [0.76, 0.86]], false),
        ],
        3 => vec![
            line(&[[0.28, 0.2], [0.5, 0.13], [0.69, 0.27], [0.61, 0.44], [0.43, 0.48]], true),
            line(&[[0.43, 0.48], [0.65, 0.53], [0.74, 0.69], [0.57, 0.86], [0.26, 0.79]], true),
        ],
        4 => vec![line(&[[0.62, 0.87], [0.62, 0.13], [0.23, 0.63], [0.79, 0.63]], false)],
        5 => vec![
            line(&[[0.71, 0.14], [0.33, 0.14], [0.3, 0.46]], false),
            line(&[[0.3, 0.46], [0.53, 0.41], [0.73, 0.57], [0.68, 0.78], [0.47, 0.87], [0.26, 0.78]], true),
        ],
        6 => vec![line(&six, true)],
        7 => vec![line(&[[0.24, 0.14], [0.76, 0.14], [0.42, 0.87]], false)],
        8 => vec![ellipse([0.5, 0.31], [0.19, 0.18]), ellipse([0.5, 0.68], [0.23, 0.19])],
        _ => vec![line(&six.map(|[x, y]| [1.0 - x, 1.0 - y]), true)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_images_of_either_contrast_are_those_of_bright_strokes() {
        let bright = StrokeDigits { noise: 0.0, ..StrokeDigits::standard(16) };
        let either = StrokeDigits { contrast: Contrast::Either, ..bright.clone() };
        let same = (0..400).filter(|k| {
            let seed = Seed::root(2).index(*k);
            let (bright, either) = (bright.image(k % 10, &seed), either.image(k % 10, &seed));
            let negative: Vec<f32> = bright.iter().map(|v| -v).collect();
            assert!(either == bright || either == negative);
            either == bright
        });
        // 400 throws of a coin: 200 +- 10.
        assert!((150..250).contains(&same.count()));
    }

    #[test]
    fn digits_differ_more_between_than_within() {
        let (images, labels) = StrokeDigits::standard(28).draw(400, &Seed::root(1)).unwrap();
        // Nearest class mean of the others: well above the chance of one in ten, below certainty.
        let mut means = Array2::<f32>::zeros((10, 784));
        (0..200).for_each(|k| means.row_mut(labels[k]).zip_mut_with(&images.row(k), |m, v| *m += v / 20.0));
        let nearest = |k: usize| {
            let far =
                |c: usize| -> f32 { images.row(k).iter().zip(means.row(c)).map(|(a, b)| (a - b) * (a - b)).sum() };
            (0..10).min_by(|a, b| far(*a).total_cmp(&far(*b))).unwrap()
        };
        let right = (200..400).filter(|k| nearest(*k) == labels[*k]).count();
        assert!((120..200).contains(&right), "{right} of 200");
    }

    #[test]
    fn strokes_are_as_thick_as_asked_and_stay_inside() {
        let thin = StrokeDigits { stroke_px: [1.0, 1.0], noise: 0.0, ..StrokeDigits::standard(28) };
        let thick = StrokeDigits { stroke_px: [2.0, 2.0], ..thin.clone() };
        let ink = |d: &StrokeDigits| d.draw(50, &Seed::root(4)).unwrap().0.sum();
        assert!((ink(&thick) / ink(&thin) - 2.0).abs() < 0.2, "{}", ink(&thick) / ink(&thin));
        let (images, _) = thick.draw(100, &Seed::root(4)).unwrap();
        assert!(images.iter().all(|v| (0.0..=1.0).contains(v)));
        // A corner that no glyph reaches.
        assert!(images.column(0).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn an_image_depends_on_its_number_and_the_seed_alone() {
        let pair = StrokeDigits { digits: vec![3, 5], ..StrokeDigits::standard(16) };
        let (few, labels) = pair.draw(6, &Seed::root(2)).unwrap();
        let (many, _) = pair.draw(60, &Seed::root(2)).unwrap();
        assert_eq!(labels, [0, 1, 0, 1, 0, 1]);
        assert_eq!(few.row(5), many.row(5));
        assert_ne!(few.row(1), few.row(3));
        let bad = StrokeDigits { digits: vec![3, 10], ..pair };
        assert!(bad.draw(1, &Seed::root(2)).unwrap_err().to_string().contains("0 to 9"));
    }
}
