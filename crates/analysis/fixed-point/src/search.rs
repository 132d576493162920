//! The search: minima of q(x) = |F(x, u) - x|^2 / 2 from many starts (Sussillo & Barak 2013, Neural Comput 25:626).
//!
//! All starts descend together with Adam (Kingma & Ba 2015), which finds the basin and the slow points; then each is brought to a
//! root by Newton's method with a backtracking line search, in double precision, and q is taken at the very point that is returned.
//! A point counts once: of points closer than a distance the one with the lowest q is kept, and only kept points rule others out, so
//! that a row of points along a line does not collapse into one.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rheobase_core::{Dynamics, Progress, parallel, require_finite};
use rheobase_linalg::solve;

use crate::{Error, Result};

/// Settings of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Largest q of a fixed point.
    pub tolerance_q: f64,
    /// Largest q of a slow point.
    pub slow_q: f64,
    /// Steps of the common descent.
    pub descent_steps: usize,
    /// First step of the descent, as a share of the typical size of a state variable among the starts.
    pub descent_rate: f64,
    /// Most steps of Newton's method.
    pub newton_steps: usize,
    /// Points closer than this share of the spread of the starts are the same.
    pub unique_distance: f64,
    /// Points farther from the centre of the starts than this many mean distances are left out.
    pub exclusion: f64,
    /// Threads.
    pub threads: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            tolerance_q: 1e-20,
            slow_q: 1e-6,
            descent_steps: 200,
            descent_rate: 0.05,
            newton_steps: 60,
            unique_distance: 1e-3,
            exclusion: 10.0,
            threads: 1,
        }
    }
}

/// A root or minimum with its q.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// State.
    pub state: Array1<f64>,
    /// |F(x) - x|^2 / 2 at it.
    pub q: f64,
    /// Index of the start that led here.
    pub start: usize,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Fixed points, each once, by the start that led to them first.
    pub fixed: Vec<Candidate>,
    /// Slow points of the common descent that are not near a fixed point, each once.
    pub slow: Vec<Candidate>,
    /// Starts that reached a fixed point.
    pub converged: usize,
    /// Distinct ends that were left out as too far away.
    pub excluded: usize,
    /// Newton steps of all starts together.
    pub newton_steps: usize,
    /// Mean distance of the starts from their centre.
    pub spread: f64,
}

/// Starts that descend together: one unit of work for a thread.
const ROWS: usize = 64;

/// q of every row and the step F(x) - x.
fn speeds(
    dynamics: &dyn Dynamics,
    states: ArrayView2<'_, f64>,
    input: ArrayView1<'_, f64>,
) -> (Array2<f64>, Array1<f64>) {
    let moved = dynamics.steps(states, input) - states;
    let q = moved.map_axis(Axis(1), |row| row.dot(&row) / 2.0);
    (moved, q)
}

impl Search {
    fn check(&self) -> Result<()> {
        let ranges = [
            ("tolerance_q", self.tolerance_q, self.tolerance_q > 0.0, "above 0"),
            ("slow_q", self.slow_q, self.slow_q >= self.tolerance_q, "at or above tolerance_q"),
            ("descent_rate", self.descent_rate, self.descent_rate > 0.0, "above 0"),
            ("unique_distance", self.unique_distance, self.unique_distance > 0.0, "above 0"),
            ("exclusion", self.exclusion, self.exclusion > 0.0, "above 0"),
        ];
        match ranges.into_iter().find(|r| !r.2) {
            Some((what, found, _, allowed)) => Err(Error::Parameter { what, found, allowed }),
            None => Ok(()),
        }
    }

    /// Searches from `starts` (starts, dimension) with a constant input.
    ///
    /// # Errors
    /// If sizes do not fit, settings or starts are not sensible, or the user interrupts.
    pub fn run(
        &self,
        dynamics: &dyn Dynamics,
        starts: ArrayView2<'_, f64>,
        input: ArrayView1<'_, f64>,
        progress: &dyn Progress,
    ) -> Result<Found> {
        self.check()?;
        let n = dynamics.dimension();
        if starts.ncols() != n {
            return Err(Error::Size { what: "a start", found: starts.ncols(), expected: n });
        }
        require_finite("starts", starts)?;
        if starts.nrows() == 0 {
            return Err(Error::Parameter { what: "number of starts", found: 0.0, allowed: "at least 1" });
        }
        let centre = starts.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(n));
        let distances: Vec<f64> = starts.rows().into_iter().map(|r| norm(&(&r - &centre))).collect();
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        // One start, or many at one place, have no spread; their distance from the origin says how large states are.
        let spread = if mean > 1e-9 { mean } else { norm(&centre).max(1.0) };
        let distance = self.unique_distance * spread;
        let groups = starts.nrows().div_ceil(ROWS);
        let parts = parallel::map(groups, self.threads, |group| {
            if progress.cancelled() {
                return vec![];
            }
            let own = starts.slice(s![group * ROWS..((group + 1) * ROWS).min(starts.nrows()), ..]);
            let (states, q) = self.descend(dynamics, own, input, spread / (n as f64).sqrt());
            let rows = states.rows().into_iter().zip(q).enumerate();
            rows.map(|(row, (x, q))| Candidate { state: x.to_owned(), q, start: group * ROWS + row })
                .collect::<Vec<_>>()
        });
        let descended: Vec<Candidate> = parts.into_iter().flatten().collect();
        // Starts that ended at one place are polished once; how many they are still counts.
        let (places, members) = gather(&descended, distance);
        let polished = parallel::map(places.len(), self.threads, |k| {
            if progress.cancelled() {
                return (places[k].clone(), 0);
            }
            let (state, q, steps) = self.newton(dynamics, places[k].state.clone(), input);
            (Candidate { state, q, start: places[k].start }, steps)
        });
        if progress.cancelled() {
            return Err(rheobase_core::Error::Interrupted.into());
        }
        let newton_steps = polished.iter().map(|p| p.1).sum();
        let reached = polished.iter().zip(&members).filter(|(p, _)| p.0.q <= self.tolerance_q);
        let converged: usize = reached.map(|(_, count)| count).sum();
        let mut ends: Vec<Candidate> = polished.into_iter().map(|p| p.0).collect();
        let mut slow: Vec<Candidate> = places.into_iter().filter(|c| c.q <= self.slow_q).collect();
        ends.retain(|end| end.q <= self.tolerance_q);
        let near = |c: &Candidate| norm(&(&c.state - &centre)) <= self.exclusion * spread;
        let before = ends.len();
        ends.retain(near);
        let excluded = before - ends.len();
        slow.retain(near);
        let fixed = unique(ends, distance, &[]);
        let slow = unique(slow, distance, &fixed);
        Ok(Found { fixed, slow, converged, excluded, newton_steps, spread })
    }

    /// Adam on all starts of a group; each keeps the best state it passed.
    fn descend(
        &self,
        dynamics: &dyn Dynamics,
        starts: ArrayView2<'_, f64>,
        input: ArrayView1<'_, f64>,
        size: f64,
    ) -> (Array2<f64>, Array1<f64>) {
        let mut states = starts.to_owned();
        let (mut first, mut second) = (Array2::<f64>::zeros(states.dim()), Array2::<f64>::zeros(states.dim()));
        let (mut moved, mut q) = speeds(dynamics, states.view(), input);
        let (mut best, mut best_q) = (states.clone(), q.clone());
        for step in 1..=self.descent_steps {
            // dq/dx = (J - I)' (F(x) - x).
            let gradient = dynamics.pull_back(states.view(), input, moved.view()) - &moved;
            let decay = 1.0 - step as f64 / (self.descent_steps as f64 + 1.0);
            let rate = self.descent_rate * size * decay;
            let (c1, c2) = (1.0 - 0.9_f64.powi(step as i32), 1.0 - 0.99_f64.powi(step as i32));
            ndarray::Zip::from(&mut states).and(&gradient).and(&mut first).and(&mut second).for_each(|x, g, m, v| {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.99 * *v + 0.01 * g * g;
                *x -= rate * (*m / c1) / ((*v / c2).sqrt() + 1e-12);
            });
            (moved, q) = speeds(dynamics, states.view(), input);
            for row in 0..states.nrows() {
                if q[row] < best_q[row] {
                    best_q[row] = q[row];
                    best.row_mut(row).assign(&states.row(row));
                }
            }
        }
        (best, best_q)
    }

    /// Newton's method on F(x) - x with backtracking on q; returns the point, its q and the steps taken.
    pub fn newton(
        &self,
        dynamics: &dyn Dynamics,
        mut state: Array1<f64>,
        input: ArrayView1<'_, f64>,
    ) -> (Array1<f64>, f64, usize) {
        let speed = |x: &Array1<f64>| dynamics.step(x.view(), input) - x;
        let cost = |v: &Array1<f64>| v.dot(v) / 2.0;
        let mut moved = speed(&state);
        let mut q = cost(&moved);
        let mut passed = Vec::with_capacity(self.newton_steps);
        for step in 0..self.newton_steps {
            // At a minimum of q that is no root, steps go on but gain nothing.
            passed.push(q);
            if step >= PATIENCE && q > 0.5 * passed[step - PATIENCE] {
                return (state, q, step);
            }
            // One more step after the tolerance is met costs little and gives the last digits.
            if q <= self.tolerance_q * 1e-8 || !q.is_finite() {
                return (state, q, step);
            }
            let mut matrix = dynamics.jacobian(state.view(), input);
            matrix.diag_mut().mapv_inplace(|d| d - 1.0);
            let right = moved.view().insert_axis(Axis(1));
            let Ok(solution) = solve(matrix.view(), right) else { return (state, q, step) };
            let direction = solution.column(0);
            let mut length = 1.0;
            let better = loop {
                let next = &state - &(&direction * length);
                let next_moved = speed(&next);
                let next_q = cost(&next_moved);
                if next_q < q * (1.0 - 1e-4 * length) {
                    break Some((next, next_moved, next_q));
                }
                length /= 2.0;
                if length < 1e-4 {
                    break None;
                }
            };
            match better {
                Some(next) => (state, moved, q) = next,
                None => return (state, q, step),
            }
        }
        (state, q, self.newton_steps)
    }
}

/// Newton steps within which q must halve.
const PATIENCE: usize = 8;

/// One candidate for each place, the one with the lowest q, and how many ended there; in the order of starts.
fn gather(candidates: &[Candidate], distance: f64) -> (Vec<Candidate>, Vec<usize>) {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| candidates[*a].q.total_cmp(&candidates[*b].q).then(a.cmp(b)));
    let mut places: Vec<(usize, usize)> = Vec::new();
    for k in order {
        let own = &candidates[k].state;
        match places.iter_mut().find(|(place, _)| norm(&(&candidates[*place].state - own)) <= distance) {
            Some((_, count)) => *count += 1,
            None => places.push((k, 1)),
        }
    }
    places.sort_unstable();
    places.iter().map(|(k, count)| (candidates[*k].clone(), *count)).unzip()
}

fn norm(v: &Array1<f64>) -> f64 {
    v.dot(v).sqrt()
}

/// Of candidates closer than `distance` the one with the lowest q; none near a point of `taken`. In the order of starts.
fn unique(mut candidates: Vec<Candidate>, distance: f64, taken: &[Candidate]) -> Vec<Candidate> {
    candidates.sort_by(|a, b| a.q.total_cmp(&b.q).then(a.start.cmp(&b.start)));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let same = |other: &Candidate| norm(&(&other.state - &candidate.state)) <= distance;
        if !taken.iter().any(same) && !kept.iter().any(same) {
            kept.push(candidate);
        }
    }
    kept.sort_by_key(|c| c.start);
    kept
}
