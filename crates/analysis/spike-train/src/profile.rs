//! Distances without a time scale: ISI-distance (Kreuz et al. 2007), SPIKE-distance (Kreuz et al. 2013), SPIKE-synchronisation
//! (Kreuz et al. 2015), with the edges treated as PySpike does (auxiliary spikes outside the span).

use rheobase_core::SpikeTrains;

use crate::{Error, Result, require_within};

/// A piece of a dissimilarity profile: from and to in s, value at either end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Start in s.
    pub from_s: f64,
    /// End in s.
    pub to_s: f64,
    /// Value just after the start.
    pub first: f64,
    /// Value just before the end.
    pub last: f64,
}

/// Mean of a profile over its span.
pub fn mean_of(profile: &[Piece]) -> f64 {
    let (area, length) = profile.iter().fold((0.0, 0.0), |(area, length), p| {
        let width = p.to_s - p.from_s;
        (area + 0.5 * width * (p.first + p.last), length + width)
    });
    area / length
}

/// A train with one auxiliary spike before and one after the span, as far outside as the first and last interval are long.
struct Edged {
    nodes: Vec<f64>,
}

impl Edged {
    fn new(times_s: &[f64], span_s: (f64, f64)) -> Result<Self> {
        require_within(times_s, span_s)?;
        if let Some(w) = times_s.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::Parameter {
                what: "interval between spikes at s",
                found: w[0],
                allowed: "above 0: merge spikes at one time",
            });
        }
        let n = times_s.len();
        let nodes = match times_s {
            [] => vec![span_s.0, span_s.0, span_s.1, span_s.1],
            [only] => vec![span_s.0, *only, span_s.1],
            _ => {
                let before = (2.0 * times_s[0] - times_s[1]).min(span_s.0);
                let after = (2.0 * times_s[n - 1] - times_s[n - 2]).max(span_s.1);
                [&[before], times_s, &[after]].concat()
            }
        };
        Ok(Self { nodes })
    }

    /// Distance of each node to the nearest one of another train; auxiliary nodes take that of their neighbour.
    fn distances(&self, other: &Self) -> Vec<f64> {
        let last = self.nodes.len() - 1;
        let nearest = |t: f64| {
            let above = other.nodes.partition_point(|u| *u < t);
            let candidates = [above.checked_sub(1), Some(above)];
            candidates
                .into_iter()
                .flatten()
                .filter_map(|k| other.nodes.get(k))
                .fold(f64::INFINITY, |d, u| d.min((t - u).abs()))
        };
        (0..=last).map(|k| nearest(self.nodes[k.clamp(1, last - 1)])).collect()
    }
}

/// Calls `f(from, to, k, l)` for every stretch between events, with the indices of the nodes that precede it in both trains.
fn stretches(a: &Edged, b: &Edged, span_s: (f64, f64), mut f: impl FnMut(f64, f64, usize, usize)) {
    let (mut k, mut l, mut from) = (0, 0, span_s.0);
    while from < span_s.1 {
        while k + 2 < a.nodes.len() && a.nodes[k + 1] <= from {
            k += 1;
        }
        while l + 2 < b.nodes.len() && b.nodes[l + 1] <= from {
            l += 1;
        }
        let ahead = |nodes: &[f64], k: usize| if nodes[k + 1] > from { nodes[k + 1] } else { span_s.1 };
        let to = ahead(&a.nodes, k).min(ahead(&b.nodes, l)).min(span_s.1);
        f(from, to, k, l);
        from = to;
    }
}

/// ISI profile: |a - b| / max(a, b) of the two present intervals. 0 for equal rates; its mean is the ISI-distance.
///
/// # Errors
/// If times are not sorted, outside the span, or two are equal.
pub fn isi_profile(a_s: &[f64], b_s: &[f64], span_s: (f64, f64)) -> Result<Vec<Piece>> {
    let (a, b) = (Edged::new(a_s, span_s)?, Edged::new(b_s, span_s)?);
    let mut pieces = Vec::new();
    stretches(&a, &b, span_s, |from_s, to_s, k, l| {
        let (x, y) = (a.nodes[k + 1] - a.nodes[k], b.nodes[l + 1] - b.nodes[l]);
        let value = (x - y).abs() / x.max(y);
        pieces.push(Piece { from_s, to_s, first: value, last: value });
    });
    Ok(pieces)
}

/// SPIKE profile: distances to the nearest spike of the other train, interpolated between the surrounding spikes, weighted by the
/// present intervals: (sa ib + sb ia) / (2 ((ia + ib)/2)^2). Its mean is the SPIKE-distance; 0 for equal trains.
///
/// # Errors
/// As for [`isi_profile`].
pub fn spike_profile(a_s: &[f64], b_s: &[f64], span_s: (f64, f64)) -> Result<Vec<Piece>> {
    let (a, b) = (Edged::new(a_s, span_s)?, Edged::new(b_s, span_s)?);
    let (da, db) = (a.distances(&b), b.distances(&a));
    let mut pieces = Vec::new();
    stretches(&a, &b, span_s, |from_s, to_s, k, l| {
        let (ia, ib) = (a.nodes[k + 1] - a.nodes[k], b.nodes[l + 1] - b.nodes[l]);
        let at = |x: f64| {
            let between = |nodes: &[f64], d: &[f64], k: usize, i: f64| {
                (d[k] * (nodes[k + 1] - x) + d[k + 1] * (x - nodes[k])) / i
            };
            let (sa, sb) = (between(&a.nodes, &da, k, ia), between(&b.nodes, &db, l, ib));
            (sa * ib + sb * ia) / (0.5 * (ia + ib) * (ia + ib))
        };
        pieces.push(Piece { from_s, to_s, first: at(from_s), last: at(to_s) });
    });
    Ok(pieces)
}

/// Spikes that are coincident (closer than half of every interval around them), and all spikes, of two trains together. Their
/// ratio is SPIKE-synchronisation: 1 for equal trains.
///
/// # Errors
/// As for [`isi_profile`].
pub fn coincidences(a_s: &[f64], b_s: &[f64], span_s: (f64, f64)) -> Result<(usize, usize)> {
    require_within(a_s, span_s)?;
    require_within(b_s, span_s)?;
    let shortest = |times: &[f64], k: usize| {
        let before = if k > 0 { times[k] - times[k - 1] } else { f64::INFINITY };
        let after = if k + 1 < times.len() { times[k + 1] - times[k] } else { f64::INFINITY };
        before.min(after).min(span_s.1 - span_s.0)
    };
    let count = |own: &[f64], other: &[f64]| {
        (0..own.len())
            .filter(|&i| {
                let above = other.partition_point(|u| *u < own[i]);
                [above.checked_sub(1), Some(above)]
                    .into_iter()
                    .flatten()
                    .filter(|j| *j < other.len())
                    .any(|j| (own[i] - other[j]).abs() < 0.5 * shortest(own, i).min(shortest(other, j)))
            })
            .count()
    };
    Ok((count(a_s, b_s) + count(b_s, a_s), a_s.len() + b_s.len()))
}

/// ISI-distance, SPIKE-distance and SPIKE-synchronisation of a population: the first two averaged over pairs, the last pooled.
///
/// # Errors
/// As for [`isi_profile`], or with fewer than 2 units.
pub fn of_population(trains: &SpikeTrains) -> Result<(f64, f64, f64)> {
    let n = trains.units();
    if n < 2 {
        return Err(Error::TooFew { what: "the distance of a population", of: "units", needed: 2, found: n });
    }
    let (mut isi, mut spike, mut together, mut all, mut pairs) = (0.0, 0.0, 0, 0, 0.0);
    for i in 0..n {
        for j in i + 1..n {
            let (a, b, span) = (trains.unit(i), trains.unit(j), trains.span_s());
            isi += mean_of(&isi_profile(a, b, span)?);
            spike += mean_of(&spike_profile(a, b, span)?);
            let (c, m) = coincidences(a, b, span)?;
            together += c;
            all += m;
            pairs += 1.0;
        }
    }
    Ok((isi / pairs, spike / pairs, if all == 0 { 1.0 } else { together as f64 / all as f64 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_three(a: &[f64], b: &[f64], end: f64) -> [f64; 3] {
        let span = (0.0, end);
        let (c, n) = coincidences(a, b, span).unwrap();
        [mean_of(&isi_profile(a, b, span).unwrap()), mean_of(&spike_profile(a, b, span).unwrap()), c as f64 / n as f64]
    }

    #[test]
    fn published_cases() {
        let steps = |by: f64| (0..).map(|k| 100.0 + by * f64::from(k)).take_while(|t| *t < 1201.0).collect::<Vec<_>>();
        type Case<'a> = (&'a [f64], &'a [f64], f64, [f64; 3]);
        let cases: [Case<'_>; 7] = [
            (&[0.0, 2.0, 5.0, 8.0], &[0.0, 1.0, 5.0, 9.0], 10.0, [0.3, 0.186_309_523_809_523_8, 0.75]),
            (
                &steps(100.0),
                &steps(110.0),
                1300.0,
                [0.090_909_090_909_090_9, 0.211_058_782_487_353_9, 0.869_565_217_391_304_3],
            ),
            // These were computed with PySpike 0.9.
            (
                &[1.44, 3.12, 5.12, 9.49, 9.5],
                &[4.09, 4.23, 5.5, 8.28],
                10.0,
                [0.493_049_789_851_121_1, 0.348_425_067_724_325_35, 2.0 / 9.0],
            ),
            (
                &[0.28, 3.03, 3.3, 5.38, 7.54, 7.88],
                &[1.34, 2.03, 4.03, 4.53],
                10.0,
                [0.556_914_948_990_680_1, 0.433_932_081_314_748_1, 0.0],
            ),
            (
                &[2.62, 2.8, 4.85, 7.25, 7.5, 9.62, 9.81],
                &[1.61, 2.77, 5.41, 9.7],
                10.0,
                [0.432_879_007_771_644, 0.247_249_270_613_789_6, 6.0 / 11.0],
            ),
            (&[4.0], &[1.0, 7.0], 10.0, [0.133_333_333_333_333_3, 0.4755, 0.0]),
            (&[], &[1.0, 7.0], 10.0, [0.4, 0.265_625, 0.0]),
        ];
        for (a, b, end, expected) in cases {
            let found = all_three(a, b, end);
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 1e-12, "{a:?} {b:?}: {found:?} is not {expected:?}");
            }
            assert_eq!(all_three(b, a, end), found, "not symmetric");
        }
    }

    #[test]
    fn equal_trains_are_at_distance_zero_and_duplicates_are_refused() {
        assert_eq!(all_three(&[1.0, 2.5, 4.0], &[1.0, 2.5, 4.0], 5.0), [0.0, 0.0, 1.0]);
        let error = isi_profile(&[1.0, 1.0], &[2.0], (0.0, 3.0)).unwrap_err().to_string();
        assert!(error.contains("merge spikes at one time"), "{error}");
        let trains = SpikeTrains::from_units(vec![vec![1.0, 2.0]; 3], (0.0, 3.0)).unwrap();
        assert_eq!(of_population(&trains).unwrap(), (0.0, 0.0, 1.0));
    }
}
