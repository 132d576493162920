//! Occupancy-normalised rate maps of one or two dimensions.

use ndarray::Array2;
use rheobase_core::require_finite;

use crate::{Error, Result};

/// An animal's path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    times_s: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    seconds: Vec<f64>,
}

impl Path {
    /// Takes rising times in s and positions; `y` is empty for a track. Each frame counts until the next one, but no longer than
    /// `longest_gap_s`; the last one counts as long as the frames do in the median.
    ///
    /// # Errors
    /// If lengths differ, a value is not finite, times do not rise, or there are fewer than 2 frames.
    pub fn new(times_s: Vec<f64>, x: Vec<f64>, y: Vec<f64>, longest_gap_s: f64) -> Result<Self> {
        if times_s.len() < 2 {
            return Err(Error::TooFew { what: "a path", of: "frames", needed: 2, found: times_s.len() });
        }
        for (what, values) in [("x", &x), ("y", &y)] {
            if values.len() != times_s.len() && !(what == "y" && values.is_empty()) {
                return Err(Error::Mismatch { what: "times and positions", left: times_s.len(), right: values.len() });
            }
            require_finite("positions", values)?;
        }
        require_finite("times of positions", &times_s)?;
        if let Some(w) = times_s.windows(2).find(|w| w[1] <= w[0]) {
            return Err(Error::Parameter { what: "time of a frame in s", found: w[1], allowed: "rising" });
        }
        let mut seconds: Vec<f64> = times_s.windows(2).map(|w| (w[1] - w[0]).min(longest_gap_s)).collect();
        seconds.push(rheobase_core::statistics::median(&seconds));
        Ok(Self { times_s, x, y, seconds })
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.times_s.len()
    }

    /// Times of the frames in s.
    pub fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    /// Position at a frame; y is 0 on a track.
    pub fn at(&self, frame: usize) -> (f64, f64) {
        (self.x[frame], self.y.get(frame).copied().unwrap_or(0.0))
    }

    /// Speed at each frame (to the next one; the last repeats), in units of position per s.
    pub fn speeds(&self) -> Vec<f64> {
        let mut speeds: Vec<f64> = (1..self.frames())
            .map(|k| {
                let ((x0, y0), (x1, y1)) = (self.at(k - 1), self.at(k));
                (x1 - x0).hypot(y1 - y0) / (self.times_s[k] - self.times_s[k - 1])
            })
            .collect();
        speeds.push(speeds[speeds.len() - 1]);
        speeds
    }

    /// The frame during which a time falls; `None` in gaps and outside.
    pub fn frame_of(&self, time_s: f64) -> Option<usize> {
        let frame = self.times_s.partition_point(|t| *t <= time_s).checked_sub(1)?;
        // A frame at the median length forgives rounding of spike times at its end.
        (time_s - self.times_s[frame] <= self.seconds[frame] * (1.0 + 1e-9) + 1e-12).then_some(frame)
    }
}

/// How spikes and occupancy are smoothed, apart from each other, before they are divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// A Gaussian of this standard deviation in bins; 0 for none.
    Gaussian {
        /// Standard deviation in bins.
        sd_bins: f64,
    },
    /// The smallest circle around each bin of radius r >= alpha / (n sqrt(s)) in bins, with n frames and s spikes in it
    /// (Skaggs, McNaughton, Wilson & Barnes 1996): wide where little is known, narrow where much is.
    Adaptive {
        /// The larger, the smoother.
        alpha: f64,
    },
}

/// How a map is made.
#[derive(Debug, Clone, PartialEq)]
pub struct MapParameters {
    /// Bins along y and x; 1 along y for a track.
    pub bins: [usize; 2],
    /// Range of y (ignored on a track).
    pub y_range: (f64, f64),
    /// Range of x.
    pub x_range: (f64, f64),
    /// How spikes and occupancy are smoothed.
    pub smoothing: Smoothing,
    /// Bins the animal was in for less than this have no rate.
    pub least_occupancy_s: f64,
    /// Frames slower than this are left out.
    pub least_speed: f64,
}

/// A rate map. Unvisited bins are NaN, never 0.
#[derive(Debug, Clone, PartialEq)]
pub struct RateMap {
    /// Time in each bin in s, unsmoothed, (y, x).
    pub occupancy_s: Array2<f64>,
    /// Spikes in each bin, unsmoothed.
    pub spikes: Array2<f64>,
    /// Rate in Hz: smoothed spikes over smoothed occupancy.
    pub rate_hz: Array2<f64>,
}

/// Makes a map from a path and spike times in s. Spikes and occupancy are smoothed separately, then divided. Positions outside the
/// ranges are left out.
///
/// # Errors
/// If there are no bins, a range is empty, or the animal was nowhere long enough.
pub fn rate_map(path: &Path, spikes_s: &[f64], p: &MapParameters) -> Result<RateMap> {
    let [rows, columns] = p.bins;
    if rows == 0 || columns == 0 {
        return Err(Error::Parameter { what: "bins of a map", found: 0.0, allowed: "at least 1" });
    }
    for range in [p.x_range, p.y_range] {
        if (rows > 1 || range == p.x_range) && (range.0.is_nan() || range.1.is_nan() || range.0 >= range.1) {
            return Err(Error::Parameter { what: "end of a map's range", found: range.1, allowed: "above its start" });
        }
    }
    let place = |value: f64, range: (f64, f64), bins: usize| {
        if bins == 1 && rows == 1 && range == p.y_range {
            return Some(0);
        }
        let share = (value - range.0) / (range.1 - range.0);
        // The upper border belongs to the last bin.
        (0.0..=1.0).contains(&share).then(|| ((share * bins as f64) as usize).min(bins - 1))
    };
    let speeds = if p.least_speed > 0.0 { path.speeds() } else { vec![] };
    let bin_of = |frame: usize| {
        if speeds.get(frame).is_some_and(|s| *s < p.least_speed) {
            return None;
        }
        let (x, y) = path.at(frame);
        let row = if rows == 1 { Some(0) } else { place(y, p.y_range, rows) };
        Some((row?, place(x, p.x_range, columns)?))
    };
    let zeros = || Array2::<f64>::zeros((rows, columns));
    let (mut occupancy, mut frames, mut counts) = (zeros(), zeros(), zeros());
    for frame in 0..path.frames() {
        if let Some(bin) = bin_of(frame) {
            occupancy[bin] += path.seconds[frame];
            frames[bin] += 1.0;
        }
    }
    for spike in spikes_s {
        if let Some(bin) = path.frame_of(*spike).and_then(bin_of) {
            counts[bin] += 1.0;
        }
    }
    if !occupancy.iter().any(|o| *o > 0.0 && *o >= p.least_occupancy_s) {
        return Err(Error::TooFew { what: "a rate map", of: "visited bins", needed: 1, found: 0 });
    }
    let (above, below) = match p.smoothing {
        Smoothing::Gaussian { sd_bins } => (smooth(&counts, sd_bins), smooth(&occupancy, sd_bins)),
        Smoothing::Adaptive { alpha } if alpha.is_nan() || alpha <= 0.0 => {
            return Err(Error::Parameter { what: "alpha of adaptive smoothing", found: alpha, allowed: "above 0" });
        }
        Smoothing::Adaptive { alpha } => adaptive(&counts, &occupancy, &frames, alpha),
    };
    let rate_hz = Array2::from_shape_fn((rows, columns), |bin| {
        let visited = occupancy[bin] > 0.0 && occupancy[bin] >= p.least_occupancy_s;
        if visited { above[bin] / below[bin] } else { f64::NAN }
    });
    Ok(RateMap { occupancy_s: occupancy, spikes: counts, rate_hz })
}

/// Sums of spikes and occupancy over the circle that adaptive smoothing gives each bin; at most the whole map.
fn adaptive(
    counts: &Array2<f64>,
    occupancy: &Array2<f64>,
    frames: &Array2<f64>,
    alpha: f64,
) -> (Array2<f64>, Array2<f64>) {
    let (rows, columns) = counts.dim();
    // Bins by their distance, so that a circle grows by the next few.
    let mut rings: Vec<(usize, isize, isize)> = Vec::new();
    for i in 1 - rows as isize..rows as isize {
        rings.extend((1 - columns as isize..columns as isize).map(|j| ((i * i + j * j) as usize, i, j)));
    }
    rings.sort_unstable();
    let (mut above, mut below) = (Array2::zeros((rows, columns)), Array2::zeros((rows, columns)));
    for i in 0..rows {
        for j in 0..columns {
            let (mut spikes, mut seconds, mut n) = (0.0, 0.0, 0.0_f64);
            let mut at = 0;
            while at < rings.len() {
                let squared = rings[at].0;
                while at < rings.len() && rings[at].0 == squared {
                    let (r, c) = (i as isize + rings[at].1, j as isize + rings[at].2);
                    if (0..rows as isize).contains(&r) && (0..columns as isize).contains(&c) {
                        let bin = [r as usize, c as usize];
                        spikes += counts[bin];
                        seconds += occupancy[bin];
                        n += frames[bin];
                    }
                    at += 1;
                }
                // The circle reaches to the borders of its bins. Without a spike it grows on.
                let radius = (squared as f64).sqrt() + 0.5;
                if n > 0.0 && spikes > 0.0 && radius >= alpha / (n * f64::sqrt(spikes)) {
                    break;
                }
            }
            (above[[i, j]], below[[i, j]]) = (spikes, seconds);
        }
    }
    (above, below)
}

/// Gaussian smoothing along both axes (standard deviation in bins), cut at three standard deviations and at the borders.
pub fn smooth(map: &Array2<f64>, sd: f64) -> Array2<f64> {
    if sd.is_nan() || sd <= 0.0 {
        return map.clone();
    }
    let reach = (3.0 * sd).ceil() as isize;
    let kernel: Vec<f64> = (-reach..=reach).map(|d| (-0.5 * (d as f64 / sd).powi(2)).exp()).collect();
    let along = |map: &Array2<f64>, axis: usize| {
        let (rows, columns) = map.dim();
        let length = [rows, columns][axis] as isize;
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            let here = [i, j][axis] as isize;
            (-reach..=reach)
                .filter(|d| (0..length).contains(&(here + d)))
                .map(|d| {
                    let at = (here + d) as usize;
                    kernel[(d + reach) as usize] * if axis == 0 { map[[at, j]] } else { map[[i, at]] }
                })
                .sum()
        })
    };
    let once = if map.nrows() > 1 { along(map, 0) } else { map.clone() };
    if map.ncols() > 1 { along(&once, 1) } else { once }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> Path {
        // Half a second in each of four places, in order.
        let times: Vec<f64> = (0..20).map(|k| 0.1 * f64::from(k)).collect();
        let x = (0..20).map(|k| f64::from(k / 5)).collect();
        Path::new(times, x, vec![], 1.0).unwrap()
    }

    fn parameters() -> MapParameters {
        MapParameters {
            bins: [1, 5],
            y_range: (0.0, 0.0),
            x_range: (-0.5, 4.5),
            smoothing: Smoothing::Gaussian { sd_bins: 0.0 },
            least_occupancy_s: 0.0,
            least_speed: 0.0,
        }
    }

    #[test]
    fn rates_are_spikes_over_time_and_unvisited_bins_are_unknown() {
        let map = rate_map(&track(), &[0.05, 0.1, 0.62, 1.99, 7.0], &parameters()).unwrap();
        for (found, expected) in map.occupancy_s.iter().zip([0.5, 0.5, 0.5, 0.5, 0.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(map.spikes.row(0).to_vec(), [2.0, 1.0, 0.0, 1.0, 0.0]);
        assert!((map.rate_hz[[0, 0]] - 4.0).abs() < 1e-12 && map.rate_hz[[0, 4]].is_nan());
        let smoothed = rate_map(&track(), &[0.05, 0.1], &with(Smoothing::Gaussian { sd_bins: 1.0 })).unwrap();
        assert!(smoothed.rate_hz[[0, 0]] < 4.0 && smoothed.rate_hz[[0, 1]] > 0.0 && smoothed.rate_hz[[0, 4]].is_nan());
    }

    fn with(smoothing: Smoothing) -> MapParameters {
        MapParameters { smoothing, ..parameters() }
    }

    #[test]
    fn adaptive_circles_are_as_wide_as_what_is_known_asks_for() {
        // Five frames and two spikes in the first bin: alone it asks for a radius of alpha / (5 sqrt 2).
        let spikes = [0.05, 0.1];
        let narrow = rate_map(&track(), &spikes, &with(Smoothing::Adaptive { alpha: 3.0 })).unwrap();
        assert!((narrow.rate_hz[[0, 0]] - 4.0).abs() < 1e-12);
        // The second bin must reach the first for spikes: bins 0 to 2, 2 spikes in 1.5 s.
        assert!((narrow.rate_hz[[0, 1]] - 2.0 / 1.5).abs() < 1e-12);
        // A larger alpha takes the neighbour in: 10 frames, radius 1.5 >= 20 / (10 sqrt 2).
        let wide = rate_map(&track(), &spikes, &with(Smoothing::Adaptive { alpha: 20.0 })).unwrap();
        assert!((wide.rate_hz[[0, 0]] - 2.0).abs() < 1e-12 && wide.rate_hz[[0, 4]].is_nan());
        assert!(rate_map(&track(), &spikes, &with(Smoothing::Adaptive { alpha: 0.0 })).is_err());
    }

    #[test]
    fn slow_frames_and_gaps_do_not_count() {
        let fast = rate_map(&track(), &[], &MapParameters { least_speed: 5.0, ..parameters() }).unwrap();
        assert!((fast.occupancy_s.sum() - 0.3).abs() < 1e-9, "three frames cross a border");
        let gap = Path::new(vec![0.0, 1.0, 10.0], vec![0.0; 3], vec![], 2.0).unwrap();
        assert_eq!((gap.frame_of(1.5), gap.frame_of(5.0), gap.frame_of(-1.0)), (Some(1), None, None));
        assert!(Path::new(vec![0.0, 0.0], vec![0.0; 2], vec![], 1.0).is_err());
        assert!(rate_map(&track(), &[], &MapParameters { x_range: (10.0, 11.0), ..parameters() }).is_err());
    }
}
