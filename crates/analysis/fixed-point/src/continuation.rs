//! A fixed point followed while the input changes, through folds: pseudo-arclength continuation (Keller 1977).
//!
//! The input is u(s) = from + s (to - from). A branch is a curve of (x, s) with F(x, u(s)) = x; each step goes along the tangent
//! and back onto the curve by Newton's method on the system with one more equation, the distance along the tangent.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use rheobase_core::Dynamics;
use rheobase_linalg::solve;

use crate::{Error, Result};

/// A line of inputs and how to walk it.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuation {
    /// Input at s = 0.
    pub from: Array1<f64>,
    /// Input at s = 1.
    pub to: Array1<f64>,
    /// Length of a step in (x, s).
    pub step: f64,
    /// Most steps.
    pub most: usize,
}

/// One point of a branch.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchPoint {
    /// Where along the line of inputs; may turn back at a fold.
    pub s: f64,
    /// Fixed point.
    pub state: Array1<f64>,
}

impl Continuation {
    fn input(&self, s: f64) -> Array1<f64> {
        &self.from + &((&self.to - &self.from) * s)
    }

    /// F(x, u(s)) - x.
    fn miss(&self, dynamics: &dyn Dynamics, x: ArrayView1<'_, f64>, s: f64) -> Array1<f64> {
        dynamics.step(x, self.input(s).view()) - x
    }

    /// The derivative of the miss by (x, s), shape (n, n + 1).
    fn slope(&self, dynamics: &dyn Dynamics, x: ArrayView1<'_, f64>, at: f64) -> Array2<f64> {
        let n = x.len();
        let mut slope = Array2::zeros((n, n + 1));
        let mut square = dynamics.jacobian(x, self.input(at).view());
        square.diag_mut().mapv_inplace(|d| d - 1.0);
        slope.slice_mut(s![.., ..n]).assign(&square);
        let h = f64::EPSILON.cbrt();
        let by_s = (self.miss(dynamics, x, at + h) - self.miss(dynamics, x, at - h)) / (2.0 * h);
        slope.column_mut(n).assign(&by_s);
        slope
    }

    /// The branch through a fixed point at s = 0, walked towards larger s at first, until s leaves [0, 1].
    ///
    /// # Errors
    /// If sizes do not fit or the start is not a fixed point.
    pub fn branch(&self, dynamics: &dyn Dynamics, start: ArrayView1<'_, f64>) -> Result<Vec<BranchPoint>> {
        let n = dynamics.dimension();
        if start.len() != n {
            return Err(Error::Size { what: "the start of a branch", found: start.len(), expected: n });
        }
        if self.from.len() != self.to.len() {
            return Err(Error::Size { what: "the last input", found: self.to.len(), expected: self.from.len() });
        }
        if !(self.step > 0.0 && self.step.is_finite()) {
            return Err(Error::Parameter { what: "step", found: self.step, allowed: "above 0" });
        }
        let q = self.miss(dynamics, start, 0.0).mapv(|v| v * v).sum() / 2.0;
        if q > 1e-12 {
            return Err(Error::Parameter {
                what: "q at the start of a branch",
                found: q,
                allowed: "a fixed point, q below 1e-12",
            });
        }
        let mut points = vec![BranchPoint { s: 0.0, state: start.to_owned() }];
        let mut tangent = Array1::zeros(n + 1);
        tangent[n] = 1.0;
        let mut step = self.step;
        while points.len() <= self.most {
            let last = &points[points.len() - 1];
            let Some(next_tangent) = self.tangent(dynamics, last, &tangent) else { break };
            match self.corrected(dynamics, last, &next_tangent, step) {
                Some(point) => {
                    tangent = next_tangent;
                    step = (step * 1.3).min(self.step);
                    let outside = !(0.0..=1.0).contains(&point.s);
                    points.push(point);
                    if outside {
                        break;
                    }
                }
                None => {
                    step /= 2.0;
                    if step < 1e-6 * self.step {
                        break;
                    }
                }
            }
        }
        Ok(points)
    }

    /// Unit vector along the branch, in the direction of the last one.
    fn tangent(&self, dynamics: &dyn Dynamics, at: &BranchPoint, last: &Array1<f64>) -> Option<Array1<f64>> {
        let n = at.state.len();
        let mut system = Array2::zeros((n + 1, n + 1));
        system.slice_mut(s![..n, ..]).assign(&self.slope(dynamics, at.state.view(), at.s));
        system.row_mut(n).assign(last);
        let mut right = Array2::zeros((n + 1, 1));
        right[[n, 0]] = 1.0;
        let tangent = solve(system.view(), right.view()).ok()?.column(0).to_owned();
        let length = tangent.dot(&tangent).sqrt();
        length.is_finite().then(|| tangent / length)
    }

    /// The point of the branch one step along the tangent.
    fn corrected(
        &self,
        dynamics: &dyn Dynamics,
        from: &BranchPoint,
        tangent: &Array1<f64>,
        step: f64,
    ) -> Option<BranchPoint> {
        let n = from.state.len();
        let (mut x, mut at) = (&from.state + &(&tangent.slice(s![..n]) * step), from.s + step * tangent[n]);
        for _ in 0..12 {
            let miss = self.miss(dynamics, x.view(), at);
            let along = tangent.slice(s![..n]).dot(&(&x - &from.state)) + tangent[n] * (at - from.s) - step;
            if miss.dot(&miss) < 1e-24 && along.abs() < 1e-10 {
                return Some(BranchPoint { s: at, state: x });
            }
            let mut system = Array2::zeros((n + 1, n + 1));
            system.slice_mut(s![..n, ..]).assign(&self.slope(dynamics, x.view(), at));
            system.row_mut(n).assign(tangent);
            let mut right = Array1::zeros(n + 1);
            right.slice_mut(s![..n]).assign(&miss);
            right[n] = along;
            let change = solve(system.view(), right.view().insert_axis(Axis(1))).ok()?;
            let change = change.column(0);
            x = x - change.slice(s![..n]);
            at -= change[n];
        }
        None
    }
}
