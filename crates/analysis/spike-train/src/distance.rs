//! Distances of spike trains: Victor-Purpura and van Rossum, alone and between all pairs.

use ndarray::Array2;
use rheobase_core::{SpikeTrains, parallel};

use crate::{Error, Result, require_sorted};

/// Victor-Purpura distance (Victor & Purpura 1996): least cost of turning one train into the other by adding or removing spikes
/// (cost 1 each) and shifting them (cost `per_s` for each second).
///
/// A shift beyond 2 / `per_s` never pays, so only pairs of spikes within that reach are looked at: the cost grows with the
/// number of such pairs, not with the product of the numbers of spikes. 0 gives the difference of counts, infinity the number
/// of spikes without a partner at the same time.
///
/// # Errors
/// If times are not sorted or the cost is negative.
pub fn victor_purpura(a_s: &[f64], b_s: &[f64], per_s: f64) -> Result<f64> {
    require_sorted(a_s)?;
    require_sorted(b_s)?;
    require_cost(per_s)?;
    Ok(victor_purpura_sorted(a_s, b_s, per_s, &mut Vec::new()))
}

fn require_cost(per_s: f64) -> Result<()> {
    if per_s.is_nan() || per_s < 0.0 {
        return Err(Error::Parameter { what: "cost per s", found: per_s, allowed: "0 or more" });
    }
    Ok(())
}

/// n + m - W, where W is the largest sum of 2 - cost of shift over pairs in order.
///
/// `best[j]` is W of the spikes of `a` so far and the first j of `b`. Below the reach of a spike nothing changes any more; above
/// it nothing has changed yet, so the list need only be as long as the reach has come.
fn victor_purpura_sorted(a_s: &[f64], b_s: &[f64], per_s: f64, best: &mut Vec<f64>) -> f64 {
    best.clear();
    best.push(0.0);
    let reach = 2.0 / per_s;
    let mut low = 0;
    for &t in a_s {
        while low < b_s.len() && t - b_s[low] > reach {
            low += 1;
        }
        while best.len() <= b_s.len() && b_s[best.len() - 1] - t <= reach {
            best.push(best[best.len() - 1]);
        }
        let mut diagonal = best[low.min(best.len() - 1)];
        for j in low..best.len() - 1 {
            let apart = (t - b_s[j]).abs();
            let gain = if apart == 0.0 { 2.0 } else { 2.0 - per_s * apart };
            let above = best[j + 1];
            best[j + 1] = above.max(best[j]).max(diagonal + gain);
            diagonal = above;
        }
    }
    ((a_s.len() + b_s.len()) as f64 - best[best.len() - 1]).max(0.0)
}

/// Victor-Purpura distances between all units, (units, units), on up to `threads` threads.
///
/// # Errors
/// As for [`victor_purpura`].
pub fn victor_purpura_matrix(trains: &SpikeTrains, per_s: f64, threads: usize) -> Result<Array2<f64>> {
    require_cost(per_s)?;
    let n = trains.units();
    let rows = parallel::map(n, threads, |i| {
        let mut scratch = Vec::new();
        (i + 1..n)
            .map(|j| victor_purpura_sorted(trains.unit(i), trains.unit(j), per_s, &mut scratch))
            .collect::<Vec<_>>()
    });
    Ok(symmetric(&rows))
}

/// van Rossum distance (van Rossum 2001) with exponential kernels of time constant `tau_s`, scaled so that one spike more is
/// distance 1: sqrt(S(a,a) + S(b,b) - 2 S(a,b)) with S the sum of exp(-|t - u| / tau) over all pairs (Houghton & Kreuz 2012).
///
/// # Errors
/// If times are not sorted or the time constant is not above 0.
pub fn van_rossum(a_s: &[f64], b_s: &[f64], tau_s: f64) -> Result<f64> {
    require_sorted(a_s)?;
    require_sorted(b_s)?;
    let (a, b) = (Scaled::new(a_s, tau_s)?, Scaled::new(b_s, tau_s)?);
    Ok(distance_of(a.product(&a), b.product(&b), a.product(&b)))
}

/// van Rossum distances between all units, (units, units), on up to `threads` threads.
///
/// # Errors
/// As for [`van_rossum`].
pub fn van_rossum_matrix(trains: &SpikeTrains, tau_s: f64, threads: usize) -> Result<Array2<f64>> {
    let n = trains.units();
    let scaled = (0..n).map(|i| Scaled::new(trains.unit(i), tau_s)).collect::<Result<Vec<_>>>()?;
    let own: Vec<f64> = scaled.iter().map(|s| s.product(s)).collect();
    let rows = parallel::map(n, threads, |i| {
        (i + 1..n).map(|j| distance_of(own[i], own[j], scaled[i].product(&scaled[j]))).collect::<Vec<_>>()
    });
    Ok(symmetric(&rows))
}

fn distance_of(aa: f64, bb: f64, ab: f64) -> f64 {
    // Rounding can leave equal trains a little below 0.
    (aa + bb - 2.0 * ab).max(0.0).sqrt()
}

fn symmetric(rows: &[Vec<f64>]) -> Array2<f64> {
    let mut matrix = Array2::zeros((rows.len(), rows.len()));
    for (i, row) in rows.iter().enumerate() {
        for (k, &value) in row.iter().enumerate() {
            matrix[[i, i + 1 + k]] = value;
            matrix[[i + 1 + k, i]] = value;
        }
    }
    matrix
}

/// Time constants in one block: e^64 is far from overflow, and e^-64 is below rounding beside 1.
const BLOCK: f64 = 64.0;

/// A train with its exponentials: no exponential is taken in the loop over pairs.
struct Scaled<'a> {
    times: &'a [f64],
    /// Number of the block each spike falls into.
    blocks: Vec<i64>,
    /// exp((t - start of block) / tau), and its inverse.
    grown: Vec<f64>,
    decayed: Vec<f64>,
}

impl<'a> Scaled<'a> {
    fn new(times: &'a [f64], tau_s: f64) -> Result<Self> {
        if !(tau_s > 0.0 && tau_s.is_finite()) {
            return Err(Error::Parameter { what: "time constant in s", found: tau_s, allowed: "above 0" });
        }
        let block = |t: f64| (t / (BLOCK * tau_s)).floor();
        let inside = |t: f64| (t / tau_s - BLOCK * block(t)).clamp(0.0, BLOCK);
        Ok(Self {
            times,
            blocks: times.iter().map(|&t| block(t) as i64).collect(),
            grown: times.iter().map(|&t| inside(t).exp()).collect(),
            decayed: times.iter().map(|&t| (-inside(t)).exp()).collect(),
        })
    }

    /// Sum of exp(-|t - u| / tau) over all pairs, in one walk through both trains.
    fn product(&self, other: &Self) -> f64 {
        let (mut i, mut j) = (0, 0);
        let (n, m) = (self.times.len(), other.times.len());
        // Sums of exp((t - start of the present block) / tau) over what has passed.
        let (mut passed_a, mut passed_b, mut total) = (0.0, 0.0, 0.0);
        let mut block = i64::MIN;
        while i < n || j < m {
            let from_a = j == m || (i < n && self.times[i] <= other.times[j]);
            let next = if from_a { self.blocks[i] } else { other.blocks[j] };
            if next != block {
                let decay = if next.saturating_sub(block) == 1 { (-BLOCK).exp() } else { 0.0 };
                passed_a *= decay;
                passed_b *= decay;
                block = next;
            }
            if from_a {
                total += self.decayed[i] * passed_b;
                passed_a += self.grown[i];
                i += 1;
            } else {
                total += other.decayed[j] * passed_a;
                passed_b += other.grown[j];
                j += 1;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook recursion over all pairs.
    fn by_definition(a: &[f64], b: &[f64], q: f64) -> f64 {
        let mut row: Vec<f64> = (0..=b.len()).map(|j| j as f64).collect();
        for (i, t) in a.iter().enumerate() {
            let mut diagonal = row[0];
            row[0] = (i + 1) as f64;
            for (j, u) in b.iter().enumerate() {
                let shift = if t == u { 0.0 } else { q * (t - u).abs() };
                let here = (row[j + 1] + 1.0).min(row[j] + 1.0).min(diagonal + shift);
                diagonal = row[j + 1];
                row[j + 1] = here;
            }
        }
        row[b.len()]
    }

    #[test]
    fn victor_purpura_hand_cases() {
        let cases: [(&[f64], &[f64], f64, f64); 6] = [
            (&[10.0, 20.0, 30.0], &[12.0, 24.0, 30.0], 0.1, 0.6),
            (&[12.0, 32.0], &[18.0, 60.0], 0.1, 2.6),
            (&[12.0, 32.0], &[32.0, 52.0], 0.01, 0.4),
            (&[1.0, 2.0, 3.0], &[1.5], 0.0, 2.0),
            (&[1.0, 2.0, 3.0], &[2.0, 4.0], f64::INFINITY, 3.0),
            (&[], &[1.0, 2.0], 1.0, 2.0),
        ];
        for (a, b, q, expected) in cases {
            assert!((victor_purpura(a, b, q).unwrap() - expected).abs() < 1e-12, "{a:?} {b:?} {q}");
            assert!((victor_purpura(b, a, q).unwrap() - expected).abs() < 1e-12);
        }
        assert!(victor_purpura(&[1.0], &[1.0], -1.0).is_err());
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_equals_the_definition(
            mut a in proptest::collection::vec(0.0_f64..5.0, 0..25),
            mut b in proptest::collection::vec(0.0_f64..5.0, 0..25),
            q in 0.0_f64..40.0,
        ) {
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            proptest::prop_assert!((victor_purpura(&a, &b, q).unwrap() - by_definition(&a, &b, q)).abs() < 1e-10);
            let pairs: f64 = a.iter().flat_map(|t| b.iter().map(move |u| (-(t - u).abs() / 0.01).exp())).sum();
            let walked = Scaled::new(&a, 0.01).unwrap().product(&Scaled::new(&b, 0.01).unwrap());
            proptest::prop_assert!((walked - pairs).abs() < 1e-10 * (1.0 + pairs));
        }
    }

    #[test]
    fn van_rossum_hand_cases_and_limits() {
        let d = |a: &[f64], b: &[f64], tau| van_rossum(a, b, tau).unwrap();
        assert!((d(&[10.0, 20.0, 30.0], &[12.0, 24.0, 30.0], 10.0) - 0.983_968_420_134_707_2).abs() < 1e-12);
        assert!((d(&[12.0, 32.0], &[32.0, 52.0], 100.0) - 0.812_009_795_463_528_3).abs() < 1e-12);
        assert!((d(&[], &[3.0], 1.0) - 1.0).abs() < 1e-12);
        assert!((d(&[0.0], &[5.0], 2.0) - (2.0 * (1.0 - (-2.5_f64).exp())).sqrt()).abs() < 1e-12);
        // Very short time constants count spikes without a partner, very long ones compare numbers.
        assert!((d(&[1.0, 2.0, 3.0], &[2.0, 4.0], 1e-6) - 3.0_f64.sqrt()).abs() < 1e-9);
        assert!((d(&[1.0, 2.0, 3.0], &[2.0, 4.0], 1e9) - 1.0).abs() < 1e-6);
        assert_eq!(d(&[1.0, 2.0], &[1.0, 2.0], 0.3), 0.0);
        assert!(van_rossum(&[1.0], &[2.0], 0.0).is_err());
    }

    #[test]
    fn matrices_are_the_pairs_on_any_number_of_threads() {
        let units = (0..7).map(|u| (0..20).map(|k| ((k * 37 + u * 11) % 97) as f64 * 0.01).collect()).collect();
        let trains = SpikeTrains::from_units(units, (0.0, 1.0)).unwrap();
        let vp = victor_purpura_matrix(&trains, 20.0, 1).unwrap();
        let vr = van_rossum_matrix(&trains, 0.05, 1).unwrap();
        assert_eq!(vp, victor_purpura_matrix(&trains, 20.0, 3).unwrap());
        assert_eq!(vr, van_rossum_matrix(&trains, 0.05, 3).unwrap());
        for (i, j) in [(0, 1), (2, 6), (5, 3)] {
            assert_eq!(vp[[i, j]], victor_purpura(trains.unit(i), trains.unit(j), 20.0).unwrap());
            assert!((vr[[i, j]] - van_rossum(trains.unit(i), trains.unit(j), 0.05).unwrap()).abs() < 1e-12);
        }
    }
}
