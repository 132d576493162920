//! How a place is written down for a network to read out: place cells of several profiles, head direction, plain coordinates.
//!
//! With d the distance to a cell's centre and s the softmax over cells: Gaussian s(-d^2 / 2 sd^2) (Banino et al. 2018); difference of
//! softmaxes s(-d^2 / 2 sd^2) - s(-d^2 / 2 ratio sd^2), shifted to be non-negative and normalised (Sorscher et al. 2019);
//! difference of Gaussians, the same with exp(.) / ratio in place of the second softmax (Schaeffer et al. 2022).

use rheobase_core::vectorised::{Kernel, vectorised};
use rheobase_core::{Seed, circular, math};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arena::Arena;
use crate::error::{Result, require};

/// What a network is asked to read out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ReadOut {
    /// x and y in m.
    Cartesian,
    /// Place cells with a Gaussian profile.
    Gaussian {
        /// Place cells.
        cells: usize,
        /// Width in m.
        sd_m: f64,
    },
    /// Place cells with a centre and a surround, each normalised over cells.
    DifferenceOfSoftmaxes {
        /// Place cells.
        cells: usize,
        /// Width of the centre in m.
        sd_m: f64,
        /// Variance of the surround over that of the centre.
        surround_ratio: f64,
    },
    /// Place cells with a centre and a surround of equal volume.
    DifferenceOfGaussians {
        /// Place cells.
        cells: usize,
        /// Width of the centre in m.
        sd_m: f64,
        /// Variance of the surround over that of the centre.
        surround_ratio: f64,
    },
    /// Gaussian place cells, and head-direction cells with a von Mises profile.
    PlaceAndDirection {
        /// Place cells.
        cells: usize,
        /// Width in m.
        sd_m: f64,
        /// Head-direction cells.
        direction_cells: usize,
        /// Concentration of their tuning.
        kappa: f64,
    },
}

impl ReadOut {
    /// Refuses impossible codes.
    ///
    /// # Errors
    /// With the parameter.
    pub fn check(self) -> Result<()> {
        let width = |cells: usize, sd_m: f64| {
            require("cells", cells as f64, cells >= 3, "at least 3")?;
            require("sd_m", sd_m, sd_m > 0.0 && sd_m.is_finite(), "above 0 m")
        };
        match self {
            Self::Cartesian => Ok(()),
            Self::Gaussian { cells, sd_m } => width(cells, sd_m),
            Self::DifferenceOfSoftmaxes { cells, sd_m, surround_ratio }
            | Self::DifferenceOfGaussians { cells, sd_m, surround_ratio } => {
                width(cells, sd_m)?;
                require("surround_ratio", surround_ratio, surround_ratio > 1.0, "above 1")
            }
            Self::PlaceAndDirection { cells, sd_m, direction_cells, kappa } => {
                width(cells, sd_m)?;
                require("direction_cells", direction_cells as f64, direction_cells >= 3, "at least 3")?;
                require("kappa", kappa, kappa > 0.0, "above 0")
            }
        }
    }

    /// Sizes of the groups over which the code is a distribution; empty for coordinates.
    pub fn groups(self) -> Vec<usize> {
        match self {
            Self::Cartesian => vec![],
            Self::Gaussian { cells, .. }
            | Self::DifferenceOfSoftmaxes { cells, .. }
            | Self::DifferenceOfGaussians { cells, .. } => vec![cells],
            Self::PlaceAndDirection { cells, direction_cells, .. } => vec![cells, direction_cells],
        }
    }

    /// Length of the code.
    pub fn length(self) -> usize {
        self.groups().iter().sum::<usize>().max(2)
    }
}

/// A read-out with the centres of its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Code {
    read_out: ReadOut,
    /// Centres of the place cells in m.
    pub centres: Vec<[f64; 2]>,
    directions: Vec<f64>,
}

/// Places with their codes.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    arena: Arena,
    spacing_m: f64,
    places: Vec<[f64; 2]>,
    /// Share of each cell in the code of each place, (cells, places).
    shares: Vec<f32>,
    /// Of the code of each place.
    negative_entropy: Vec<f32>,
}

/// Sums over cells of share times logit, for every place at once.
struct Likeness<'a> {
    shares: &'a [f32],
    logits: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Likeness<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (shares, logit) in self.shares.chunks_exact(self.sums.len()).zip(self.logits) {
            self.sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum = share.mul_add(*logit, *sum));
        }
    }
}

/// e^x of every value.
struct Exponentials<'a>(&'a mut [f64]);

impl Kernel for Exponentials<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.0.iter_mut().for_each(|v| *v = math::exp(*v));
    }
}

/// p ln p of every share; 0 where there is none.
struct Entropies<'a>(&'a [f32], &'a mut [f64]);

impl Kernel for Entropies<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (p, out) in self.0.iter().zip(self.1) {
            let p = f64::from(*p);
            *out = p * math::ln(p);
        }
    }
}

/// The code of a place over place cells.
#[derive(Debug, Clone, PartialEq)]
struct PlaceDistribution {
    shares: Vec<f32>,
    negative_entropy: f32,
}

fn softmax(logits: impl Iterator<Item = f64>) -> Vec<f64> {
    let logits: Vec<f64> = logits.collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut values: Vec<f64> = logits.iter().map(|l| l - top).collect();
    vectorised(Exponentials(&mut values));
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
    values
}

/// Shifted to be non-negative and to sum to 1.
fn to_distribution(mut values: Vec<f64>) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    values.iter_mut().for_each(|v| *v += low.abs());
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|v| *v /= sum);
    }
    values
}

impl Code {
    /// Draws the centres.
    pub fn new(read_out: ReadOut, arena: Arena, design: u64) -> Self {
        let seed = Seed::root(design).child("place cells");
        let groups = read_out.groups();
        let mut stream = seed.stream();
        let centres = (0..groups.first().copied().unwrap_or(0)).map(|_| arena.place(&mut stream)).collect();
        let directions = groups.get(1).copied().unwrap_or(0);
        let directions = (0..directions).map(|k| std::f64::consts::TAU * k as f64 / directions as f64).collect();
        Self { read_out, centres, directions }
    }

    /// The code of a place and a heading.
    pub fn encode(&self, place: [f64; 2], heading: f64) -> Vec<f32> {
        let squared = |c: &[f64; 2]| (c[0] - place[0]).powi(2) + (c[1] - place[1]).powi(2);
        let gaussian = |sd: f64| softmax(self.centres.iter().map(move |c| -squared(c) / (2.0 * sd * sd)));
        let values = match self.read_out {
            ReadOut::Cartesian => place.to_vec(),
            ReadOut::Gaussian { sd_m, .. } => gaussian(sd_m),
            ReadOut::DifferenceOfSoftmaxes { sd_m, surround_ratio, .. } => {
                let surround = gaussian(sd_m * surround_ratio.sqrt());
                to_distribution(gaussian(sd_m).into_iter().zip(surround).map(|(a, b)| a - b).collect())
            }
            ReadOut::DifferenceOfGaussians { sd_m, surround_ratio, .. } => {
                let profile = |c: &[f64; 2]| {
                    let x = squared(c) / (2.0 * sd_m * sd_m);
                    (-x).exp() - (-x / surround_ratio).exp() / surround_ratio
                };
                to_distribution(self.centres.iter().map(profile).collect())
            }
            ReadOut::PlaceAndDirection { sd_m, kappa, .. } => {
                let direction = softmax(self.directions.iter().map(|d| kappa * (heading - d).cos()));
                gaussian(sd_m).into_iter().chain(direction).collect()
            }
        };
        values.into_iter().map(|v| v as f32).collect()
    }

    /// The code of a place and a heading with mean 0 and variance 1 over the cells of each group; coordinates stay as they are.
    pub fn standardised(&self, place: [f64; 2], heading: f64) -> Vec<f32> {
        let mut values = self.encode(place, heading);
        let mut rest = &mut values[..];
        for size in self.read_out.groups() {
            let (own, after) = rest.split_at_mut(size);
            let mean = own.iter().sum::<f32>() / size as f32;
            let variance = own.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / size as f32;
            let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
            own.iter_mut().for_each(|v| *v = (*v - mean) * scale);
            rest = after;
        }
        values
    }

    /// The place that outputs stand for: coordinates as they are, otherwise the mean centre of the three most active place cells
    /// (Sorscher et al. 2019).
    pub fn decode(&self, outputs: &[f32]) -> [f64; 2] {
        if self.centres.is_empty() {
            return [f64::from(outputs[0]), f64::from(outputs[1])];
        }
        let mut order: Vec<usize> = (0..self.centres.len()).collect();
        order.sort_by(|a, b| outputs[*b].total_cmp(&outputs[*a]).then(a.cmp(b)));
        let mean = |k: usize| order[..3].iter().map(|i| self.centres[*i][k]).sum::<f64>() / 3.0;
        [mean(0), mean(1)]
    }

    /// The place that is most likely the one outputs stand for: where the code, as a distribution over place cells, is nearest to the softmax of
    /// the outputs in the sense of Kullback & Leibler. A grid of candidates comes first, then ever smaller steps around the best.
    ///
    /// The three most active cells fail where place cells are few and have surrounds: away from a place most cells stand at the same level,
    /// above those of the surround, and the third most active one may be anywhere. With 128 cells of .12 m on a square of 2.2 m, the exact
    /// difference of softmaxes is misread by .30 m on average.
    pub fn decode_most_likely(&self, outputs: &[f32], candidates: &Candidates) -> [f64; 2] {
        if self.centres.is_empty() {
            return self.decode(outputs);
        }
        let logits = &outputs[..self.centres.len()];
        let far = |code: &PlaceDistribution| -> f32 {
            // KL(code || softmax) but for the logarithm of the softmax's sum, which is the same for all places.
            code.negative_entropy - code.shares.iter().zip(logits).map(|(p, y)| p * y).sum::<f32>()
        };
        let mut sums = vec![0.0; candidates.places.len()];
        vectorised(Likeness { shares: &candidates.shares, logits, sums: &mut sums });
        let distances = candidates.negative_entropy.iter().zip(&sums).map(|(entropy, sum)| entropy - sum);
        let Some((first, _)) = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else {
            return self.decode(outputs);
        };
        let mut least = far(&self.distribution(candidates.places[first]));
        let (mut place, mut step) = (candidates.places[first], candidates.spacing_m / 2.0);
        for _ in 0..4 {
            let mut next = place;
            for k in (0..9).filter(|k| *k != 4) {
                let offset = |k: i32| step * f64::from(k - 1);
                let near = [place[0] + offset(k % 3), place[1] + offset(k / 3)];
                let distance = far(&self.distribution(near));
                if distance < least && candidates.arena.wall(near).0 >= 0.0 {
                    (next, least) = (near, distance);
                }
            }
            place = next;
            step /= 2.0;
        }
        place
    }

    fn distribution(&self, place: [f64; 2]) -> PlaceDistribution {
        let mut shares = self.encode(place, 0.0);
        shares.truncate(self.centres.len());
        let mut terms = vec![0.0; shares.len()];
        vectorised(Entropies(&shares, &mut terms));
        let negative_entropy = terms.iter().sum::<f64>() as f32;
        PlaceDistribution { shares, negative_entropy }
    }

    /// Places all over the arena with their codes, for [`Self::decode_most_likely`].
    pub fn candidates(&self, arena: Arena) -> Candidates {
        const ALONG: usize = 22;
        let spacing_m = 2.0 * arena.half_width_m() / ALONG as f64;
        let along = |k: usize| (k as f64 + 0.5) * spacing_m - arena.half_width_m();
        let all = (0..ALONG * ALONG).map(|k| [along(k % ALONG), along(k / ALONG)]);
        let places: Vec<[f64; 2]> = all.filter(|place| arena.wall(*place).0 >= 0.0).collect();
        let codes: Vec<PlaceDistribution> = places.iter().map(|place| self.distribution(*place)).collect();
        let shares = (0..self.centres.len()).flat_map(|cell| codes.iter().map(move |code| code.shares[cell])).collect();
        let negative_entropy = codes.iter().map(|code| code.negative_entropy).collect();
        Candidates { arena, spacing_m, places, shares, negative_entropy }
    }

    /// The heading that outputs stand for, where they have head-direction cells.
    pub fn decode_heading(&self, outputs: &[f32]) -> Option<f64> {
        let own = outputs.get(self.centres.len()..)?;
        let weights = softmax(own.iter().map(|v| f64::from(*v)));
        circular::Resultant::of_weighted(self.directions.iter().copied().zip(weights)).map(|r| r.direction_rad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distributions_and_decode_to_the_place() {
        let arena = Arena::Square { side_m: 2.2 };
        let place = [0.3, -0.5];
        for read_out in [
            ReadOut::Gaussian { cells: 512, sd_m: 0.12 },
            ReadOut::DifferenceOfSoftmaxes { cells: 512, sd_m: 0.12, surround_ratio: 2.0 },
            ReadOut::DifferenceOfGaussians { cells: 512, sd_m: 0.12, surround_ratio: 2.0 },
        ] {
            let code = Code::new(read_out, arena, 1);
            let values = code.encode(place, 0.0);
            assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-4 && values.iter().all(|v| *v >= 0.0));
            let found = code.decode(&values);
            // 512 cells on 2.2 m square: neighbours about 0.1 m apart.
            assert!((found[0] - place[0]).hypot(found[1] - place[1]) < 0.1, "{read_out:?} {found:?}");
        }
        let difference = ReadOut::DifferenceOfSoftmaxes { cells: 128, sd_m: 0.12, surround_ratio: 2.0 };
        let code = Code::new(difference, arena, 1);
        let candidates = code.candidates(arena);
        let mut stream = Seed::root(5).stream();
        let (mut likely, mut top) = (0.0, 0.0);
        for _ in 0..50 {
            let place = arena.place(&mut stream);
            let logits: Vec<f32> = code.encode(place, 0.0).iter().map(|v| v.max(1e-9).ln()).collect();
            let miss = |found: [f64; 2]| (found[0] - place[0]).hypot(found[1] - place[1]) / 50.0;
            likely += miss(code.decode_most_likely(&logits, &candidates));
            top += miss(code.decode(&logits));
        }
        // The last steps are 6 mm; the three most active cells are .30 m off on average, over many layouts.
        assert!(likely < 0.02 && top > 0.15, "{likely} {top}");
        let both = ReadOut::PlaceAndDirection { cells: 64, sd_m: 0.2, direction_cells: 12, kappa: 20.0 };
        let code = Code::new(both, arena, 1);
        let logits: Vec<f32> = code.encode(place, 1.0).iter().map(|v| v.max(1e-6).ln()).collect();
        assert!((code.decode_heading(&logits).unwrap() - 1.0).abs() < 0.02);
    }
}
