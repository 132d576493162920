//! Dynamical similarity (Ostrow et al. 2023): are two systems the same up to a rotation of their state space?
//!
//! Each recording is embedded with delays, reduced by its singular vectors, and fitted by a linear map (DMD). Two maps A, B are at distance
//! min over orthogonal C of |A - C B C'| or of the angle arccos <A, C B C'> / (|A| |B|). The tool descends from random starts; for normal maps
//! the minimum is known: it pairs the eigenvalues, which is also where our descent starts, so that it ends there or below.

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rheobase_core::{Seed, require_finite};
use rheobase_linalg::{eig, least_squares, product, qr, svd, transposed_product};

use crate::matching::best_assignment;
use crate::{Error, Result};

/// Fits the linear map of a recording (times, units): `delays` frames side by side, reduced to `rank` dimensions, x(t+1) = A x(t) by least
/// squares with ridge `lambda`. Returned as (rank, rank), to be multiplied from the left.
///
/// # Errors
/// If the recording is shorter than the delays and the rank need, or values are not finite.
pub fn linear_map(recording: ArrayView2<'_, f64>, delays: usize, rank: usize, lambda: f64) -> Result<Array2<f64>> {
    linear_map_of_trials(&[recording], delays, rank, lambda)
}

/// [`linear_map`] of several trials (times, units), which may differ in length: they are centred and reduced together, and no step goes
/// from one trial into the next.
///
/// # Errors
/// As for [`linear_map`]; if trials differ in units, or one is shorter than the delays and a step.
pub fn linear_map_of_trials(
    trials: &[ArrayView2<'_, f64>],
    delays: usize,
    rank: usize,
    lambda: f64,
) -> Result<Array2<f64>> {
    let delays = delays.max(1);
    let units = trials.first().map_or(0, ArrayView2::ncols);
    let too_few = |needed: usize, found: usize| Error::TooFewConditions {
        what: "a linear map of these delays and rank",
        needed,
        found,
    };
    for trial in trials {
        require_finite("recording", trial.iter())?;
        if trial.ncols() != units {
            return Err(Error::UnitMismatch { what: "trials of one recording", left: units, right: trial.ncols() });
        }
        if trial.nrows() < delays + 1 {
            return Err(too_few(delays + 1, trial.nrows()));
        }
    }
    let times: usize = trials.iter().map(ArrayView2::nrows).sum();
    let steps: usize = trials.iter().map(|t| t.nrows() - delays).sum();
    if rank == 0 || rank > delays * units || steps < rank + 1 {
        return Err(too_few(delays + rank + 1, times));
    }
    let all = concatenate(Axis(0), trials).map_err(|e| Error::Input(e.to_string()))?;
    let centred = crate::prepare::centred(all.view());
    // Frames of every trial, and which of them have a next one.
    let mut frames = Vec::with_capacity(steps + trials.len());
    let mut from = Vec::with_capacity(steps);
    let mut start = 0;
    for trial in trials {
        let last = trial.nrows() - delays;
        for t in 0..=last {
            if t < last {
                from.push(frames.len());
            }
            frames.push(start + t);
        }
        start += trial.nrows();
    }
    let hankel =
        Array2::from_shape_fn((frames.len(), delays * units), |(r, k)| centred[[frames[r] + k / units, k % units]]);
    let reduced = svd(hankel.view())?;
    let states = product(hankel.view(), reduced.vt.slice(s![..rank, ..]).t());
    let now = states.select(Axis(0), &from);
    let next = states.select(Axis(0), &from.iter().map(|r| r + 1).collect::<Vec<_>>());
    let map = if lambda > 0.0 {
        let mut inner = transposed_product(now.view(), now.view());
        inner.diag_mut().mapv_inplace(|v| v + lambda);
        rheobase_linalg::solve_positive_definite(inner.view(), transposed_product(now.view(), next.view()).view())?
    } else {
        least_squares(now.view(), next.view())?.solution
    };
    Ok(map.t().to_owned())
}

/// Distance of two linear maps of equal size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicalDistance {
    /// arccos of the largest alignment, in rad.
    pub angular: f64,
    /// Smallest |A - C B C'| (Frobenius).
    pub euclidean: f64,
}

/// Smallest distance over rotations and reflections of the second map's state space, from the pairing of eigenvalues and `starts` random
/// rotations.
///
/// # Errors
/// If the maps are not square, of equal size and finite, or one is zero.
pub fn dynamical_distance(
    a: ArrayView2<'_, f64>,
    b: ArrayView2<'_, f64>,
    starts: usize,
    seed: &Seed,
) -> Result<DynamicalDistance> {
    let n = a.nrows();
    if a.dim() != (n, n) || b.dim() != (n, n) || n == 0 {
        return Err(Error::UnitMismatch { what: "dynamical similarity of maps", left: a.nrows(), right: b.nrows() });
    }
    require_finite("first map", a.iter())?;
    require_finite("second map", b.iter())?;
    let norm = |m: ArrayView2<'_, f64>| m.iter().map(|v| v * v).sum::<f64>();
    let (na, nb) = (norm(a), norm(b));
    if na == 0.0 || nb == 0.0 {
        return Err(Error::Constant { side: if na == 0.0 { "left" } else { "right" }, what: "dynamical similarity" });
    }
    let mut best = f64::NEG_INFINITY;
    let (one, two) = (canonical_basis(a)?, canonical_basis(b)?);
    let mut candidates = vec![Array2::eye(n)];
    candidates.extend(pairings(&one, &two));
    for start in 0..starts {
        candidates.push(random_orthogonal(n, &seed.child("rotation").index(start))?);
    }
    for c in candidates {
        best = best.max(climb(a, b, c)?);
    }
    let cosine = (best / (na * nb).sqrt()).clamp(-1.0, 1.0);
    Ok(DynamicalDistance { angular: cosine.acos(), euclidean: (na + nb - 2.0 * best).max(0.0).sqrt() })
}

/// Columns with the eigenvalue (re, im) of each.
struct Basis {
    axes: Array2<f64>,
    values: Vec<(f64, f64)>,
}

/// Orthonormal real invariant basis (exact for normal maps): for each real eigenvalue its vector, for each complex pair the real and
/// imaginary part.
fn canonical_basis(a: ArrayView2<'_, f64>) -> Result<Basis> {
    let n = a.nrows();
    let spectrum = eig(a)?;
    let mut columns = Array2::zeros((n, n));
    let mut values = Vec::new();
    let mut k = 0;
    while k < n && values.len() < n {
        let value = spectrum.values[k];
        let vector = spectrum.vectors.column(k);
        let place = values.len();
        columns.column_mut(place).assign(&vector.mapv(|v| v.re));
        values.push((value.re, value.im.abs()));
        if value.im.abs() > 1e-12 && place + 1 < n {
            columns.column_mut(place + 1).assign(&vector.mapv(|v| if value.im > 0.0 { v.im } else { -v.im }));
            values.push((value.re, -value.im.abs()));
            k += 1;
        }
        k += 1;
    }
    let (q, r) = qr(columns.view())?;
    // QR may flip columns; keep the directions.
    let q = Array2::from_shape_fn((n, n), |(i, j)| if r[[j, j]] < 0.0 { -q[[i, j]] } else { q[[i, j]] });
    Ok(Basis { axes: q, values })
}

/// Rotations that carry the second basis onto the first: with columns paired by best alignment of eigenvalues, and with rotation planes
/// traversed either way round.
fn pairings(one: &Basis, two: &Basis) -> [Array2<f64>; 2] {
    let n = one.values.len();
    let gain = Array2::from_shape_fn((n, n), |(i, j)| {
        let ((a, b), (c, d)) = (one.values[i], two.values[j]);
        // Planes go to planes first: the sign of the imaginary part marks the first and second column of a pair.
        let same = f64::from(u8::from((b == 0.0) == (d == 0.0) && (b > 0.0) == (d > 0.0)));
        a * c + b.abs() * d.abs() + 1e3 * same
    });
    let assignment = best_assignment(&gain.mapv(|g| -g));
    let carry = |flip: bool| {
        let mut c = Array2::zeros((n, n));
        for (i, &j) in assignment.iter().enumerate() {
            let sign = if flip && two.values[j].1 < 0.0 { -1.0 } else { 1.0 };
            for r in 0..n {
                for k in 0..n {
                    c[[r, k]] += sign * one.axes[[r, i]] * two.axes[[k, j]];
                }
            }
        }
        c
    };
    [carry(false), carry(true)]
}

fn random_orthogonal(n: usize, seed: &Seed) -> Result<Array2<f64>> {
    use rand::RngExt;
    let mut stream = seed.stream();
    let raw = Array2::from_shape_fn((n, n), |_| {
        // Sum of uniforms: near enough to Gaussian for a starting point.
        (0..4).map(|_| stream.random_range(-1.0..1.0_f64)).sum::<f64>()
    });
    Ok(qr(raw.view())?.0)
}

/// Largest <A, C B C'> reached from C: gradient steps on the orthogonal group, put back by polar decomposition.
fn climb(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, mut c: Array2<f64>) -> Result<f64> {
    let value = |c: &Array2<f64>| -> f64 { a.iter().zip(&c.dot(&b).dot(&c.t())).map(|(x, y)| x * y).sum() };
    let mut here = value(&c);
    let scale = (a.iter().map(|v| v * v).sum::<f64>() * b.iter().map(|v| v * v).sum::<f64>()).sqrt();
    let mut step = 1.0 / scale;
    for _ in 0..500 {
        // d<A, C B C'>/dC = A C B' + A' C B.
        let slope = a.dot(&c).dot(&b.t()) + a.t().dot(&c).dot(&b);
        let tangent = &slope - &c.dot(&slope.t()).dot(&c);
        let size: f64 = tangent.iter().map(|v| v * v).sum();
        if size < 1e-24 * scale * scale {
            break;
        }
        let mut moved = None;
        while step > 1e-12 / scale {
            let polar = svd((&c + &(&tangent * step)).view())?;
            let next = product(polar.u.view(), polar.vt.view());
            let there = value(&next);
            if there > here {
                moved = Some((next, there));
                break;
            }
            step *= 0.5;
        }
        let Some((next, there)) = moved else { break };
        let gained = there - here;
        (c, here) = (next, there);
        step *= 1.7;
        if gained < 1e-14 * scale {
            break;
        }
    }
    Ok(here)
}
