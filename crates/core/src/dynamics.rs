//! A discrete map x -> F(x, u) with its Jacobian, for fixed points and stability.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// A dynamical system in discrete time.
pub trait Dynamics: Send + Sync {
    /// Number of state variables.
    fn dimension(&self) -> usize;

    /// One step: F(x, u) for state `x` and constant input `input`.
    fn step(&self, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Array1<f64>;

    /// One step of many states, each a row: shape (states, dimension). Override it where a product serves all of them at once.
    fn steps(&self, states: ArrayView2<'_, f64>, input: ArrayView1<'_, f64>) -> Array2<f64> {
        let mut next = Array2::zeros(states.dim());
        for (mut row, state) in next.rows_mut().into_iter().zip(states.rows()) {
            row.assign(&self.step(state, input));
        }
        next
    }

    /// Covectors sent back through a step: row k is J(state k)' times row k of `covectors`. Override it where no Jacobian is needed.
    fn pull_back(
        &self,
        states: ArrayView2<'_, f64>,
        input: ArrayView1<'_, f64>,
        covectors: ArrayView2<'_, f64>,
    ) -> Array2<f64> {
        let mut back = Array2::zeros(states.dim());
        for ((mut row, state), covector) in back.rows_mut().into_iter().zip(states.rows()).zip(covectors.rows()) {
            row.assign(&self.jacobian(state, input).t().dot(&covector));
        }
        back
    }

    /// Jacobian dF/dx, shape (dimension, dimension), row i holding the derivatives of F_i.
    ///
    /// The default takes central differences with a step of cbrt(machine epsilon) times the size of each coordinate,
    /// whose error is about 1e-10 relative; override it where a closed form exists.
    fn jacobian(&self, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Array2<f64> {
        let n = self.dimension();
        let mut jacobian = Array2::zeros((n, n));
        let mut moved = state.to_owned();
        for j in 0..n {
            let h = f64::EPSILON.cbrt() * state[j].abs().max(1.0);
            moved[j] = state[j] + h;
            let up = self.step(moved.view(), input);
            moved[j] = state[j] - h;
            let down = self.step(moved.view(), input);
            moved[j] = state[j];
            jacobian.column_mut(j).assign(&((up - down) / (2.0 * h)));
        }
        jacobian
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    struct TanhPair;

    impl Dynamics for TanhPair {
        fn dimension(&self) -> usize {
            2
        }
        fn step(&self, x: ArrayView1<'_, f64>, u: ArrayView1<'_, f64>) -> Array1<f64> {
            array![(2.0 * x[0] + u[0]).tanh(), (x[0] - x[1]).tanh()]
        }
    }

    #[test]
    fn default_jacobian_agrees_with_the_closed_form() {
        let x = array![0.3, -0.7];
        let jacobian = TanhPair.jacobian(x.view(), array![0.1].view());
        let slope = |a: f64| 1.0 - a.tanh().powi(2);
        let exact = array![[2.0 * slope(0.7), 0.0], [slope(1.0), -slope(1.0)]];
        // Central differences at cbrt(eps): truncation and rounding are both of order eps^(2/3) = 4e-11.
        assert!((&jacobian - &exact).iter().all(|d| d.abs() < 1e-9), "{jacobian} {exact}");
    }
}
