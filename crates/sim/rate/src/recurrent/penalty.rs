//! What costs beside the task: activity, weights, wire, and dynamics that are not smooth.
//!
//! | term | added to the loss |
//! |---|---|
//! | rate | mean over steps, trials and units of r^2 |
//! | weight | sum of squares of input, recurrent and output weights |
//! | wiring | sum of &#124;w&#124; times the distance of its units on the unit square |
//! | smooth dynamics | mean over steps and trials of &#124;J diag(f')&#124;_F^2, the size of the linearised dynamics (Sussillo et al. 2015, eq. 4) |
//! | vanishing gradient | mean over steps and trials of (&#124;error one step back&#124; / &#124;error&#124; - 1)^2, see `vanishing` (Pascanu et al. 2013) |

use rheobase_task::Trial;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::network::{RecurrentNetwork, Weights};
use super::nonlinearity::Nonlinearity;
use super::pass::{Prepared, Trajectory};
use crate::scalar::Scalar;
use crate::{Error, Result};

/// How much each term costs; 0 leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Penalties {
    /// Mean squared output of the units.
    pub rate: f64,
    /// Sum of squared weights.
    pub weight: f64,
    /// Wire.
    pub wiring: f64,
    /// Dynamics that amplify.
    pub smooth_dynamics: f64,
    /// Errors that shrink or grow on their way back in time.
    pub vanishing_gradient: f64,
}

/// Place of a unit on the unit square: rows of a square grid.
fn place(unit: usize, units: usize) -> (f64, f64) {
    let side = (units as f64).sqrt().ceil().max(1.0) as usize;
    let along = |i: usize| (i as f64 + 0.5) / side as f64;
    (along(unit / side), along(unit % side))
}

/// The nonlinearity of units whose output is f of a current, so that f' follows from the output.
pub(super) fn instantaneous(cell: Cell) -> Option<Nonlinearity> {
    match cell {
        Cell::Current { nonlinearity, .. } => Some(nonlinearity),
        Cell::Rate { nonlinearity, alpha: 1.0 } => Some(nonlinearity),
        _ => None,
    }
}

impl Penalties {
    /// Refuses negative terms and terms that the network does not have.
    ///
    /// # Errors
    /// With the term.
    pub fn check(&self, network: &RecurrentNetwork) -> Result<()> {
        let terms = [
            ("rate", self.rate),
            ("weight", self.weight),
            ("wiring", self.wiring),
            ("smooth_dynamics", self.smooth_dynamics),
            ("vanishing_gradient", self.vanishing_gradient),
        ];
        if let Some((name, value)) = terms.iter().find(|(_, v)| !(*v >= 0.0 && v.is_finite())) {
            return Err(Error::Architecture(format!("the penalty `{name}` is {value}, it must be 0 or more")));
        }
        let wanted =
            [(self.smooth_dynamics, "dynamics that are not smooth"), (self.vanishing_gradient, "vanishing gradients")];
        let refused = |(cost, _): &&(f64, &str)| *cost > 0.0 && instantaneous(network.cell).is_none();
        if let Some((_, what)) = wanted.iter().find(refused) {
            let message = format!("the penalty on {what} needs units whose output is f(x): use the current cell");
            return Err(Error::Architecture(message));
        }
        Ok(())
    }

    /// Terms of activity in one group of trials, to the end of each; adds their derivatives by the units' outputs and by the recurrent
    /// weights. `places` is the number of steps of all trials of the batch together.
    pub(super) fn on_activity<F: Scalar>(
        &self,
        prepared: &Prepared<'_, F>,
        trials: &[Trial],
        trajectory: &Trajectory<F>,
        places: f64,
        by_output: &mut [F],
        by_recurrent: &mut Vec<F>,
    ) -> f64 {
        let network = prepared.network;
        let n = network.units;
        let rows = trials.len();
        let outputs = &trajectory.outputs[rows * n..];
        let counts = |place: &usize| place / rows < trials[place % rows].steps();
        let mut cost = 0.0;
        if self.rate > 0.0 {
            let scale = self.rate / (places * n as f64);
            let factor = F::of(2.0 * scale);
            let mut squares = 0.0;
            for place in (0..outputs.len() / n).filter(counts) {
                for (by, r) in by_output[place * n..][..n].iter_mut().zip(&outputs[place * n..][..n]) {
                    *by += factor * *r;
                    squares += (*r * *r).value();
                }
            }
            cost += scale * squares;
        }
        if let Some(nonlinearity) = instantaneous(network.cell)
            && self.smooth_dynamics > 0.0
        {
            // |J diag(f')|^2 = sum over sources j of f'_j^2 times the squared norm of j's outgoing weights.
            let rows = prepared.weights.recurrent.chunks_exact(n);
            let norms: Vec<F> = rows.map(|row| row.iter().fold(F::ZERO, |s, w| s + *w * *w)).collect();
            let scale = F::of(self.smooth_dynamics / places);
            let two = F::ONE + F::ONE;
            let mut slopes = vec![F::ZERO; n];
            let mut sum = 0.0;
            for place in (0..outputs.len() / n).filter(counts) {
                let (by, r) = (&mut by_output[place * n..][..n], &outputs[place * n..][..n]);
                for j in 0..n {
                    let slope = nonlinearity.slope(r[j]);
                    slopes[j] += slope * slope;
                    sum += (scale * slope * slope * norms[j]).value();
                    // d(f'^2)/dr = 2 f' f'' / f' = 2 f''.
                    by[j] += scale * two * nonlinearity.curvature(r[j]) * norms[j];
                }
            }
            by_recurrent.resize(n * n, F::ZERO);
            for (j, (by, w)) in
                by_recurrent.chunks_exact_mut(n).zip(prepared.weights.recurrent.chunks_exact(n)).enumerate()
            {
                by.iter_mut().zip(w).for_each(|(g, w)| *g += two * scale * slopes[j] * *w);
            }
            cost += sum;
        }
        cost
    }

    /// Terms of the weights; adds their derivatives.
    pub(super) fn on_weights<F: Scalar>(
        &self,
        network: &RecurrentNetwork,
        weights: &Weights<F>,
        by: &mut Weights<F>,
    ) -> f64 {
        let mut cost = 0.0;
        if self.weight > 0.0 {
            let factor = F::of(2.0 * self.weight);
            let pairs = [
                (&weights.input, &mut by.input),
                (&weights.recurrent, &mut by.recurrent),
                (&weights.bottleneck, &mut by.bottleneck),
                (&weights.output, &mut by.output),
            ];
            for (w, by) in pairs {
                for (w, g) in w.iter().zip(by.iter_mut()) {
                    *g += factor * *w;
                    cost += self.weight * (*w * *w).value();
                }
            }
        }
        if self.wiring > 0.0 {
            let (n, columns) = (network.units, network.columns());
            for (index, (w, g)) in weights.recurrent.iter().zip(by.recurrent.iter_mut()).enumerate() {
                let (a, b) = (place(index / columns, n), place(index % columns % n, n));
                let price = self.wiring * (a.0 - b.0).hypot(a.1 - b.1);
                cost += price * w.abs().value();
                if *w != F::ZERO {
                    *g += F::of(price) * if *w > F::ZERO { F::ONE } else { -F::ONE };
                }
            }
        }
        cost
    }
}
