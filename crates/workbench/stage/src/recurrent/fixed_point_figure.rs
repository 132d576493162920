//! The figure of fixed points: the principal plane of the states with trajectories, points by stability, growing directions.

use ndarray::Array1;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_rate::recurrent::Response;
use rheobase_report::figure::Marks;

use super::fixed_points::{Row, Study};
use crate::draw::{chart, series};

impl Study<'_> {
    pub(super) fn draw(&self, responses: &[Response<f32>], outcome: &mut Outcome) -> Result<(), StageError> {
        const SHOWN: usize = 24;
        let length = self.frozen.network.state_length();
        for (first, second) in [(0, 1), (0, 2)] {
            if self.axes.shares.len() <= second {
                continue;
            }
            let mut paths = vec![];
            for response in responses.iter().take(SHOWN) {
                for state in response.states.chunks_exact(length) {
                    let state = Array1::from_iter(state.iter().map(|v| f64::from(*v)));
                    let place = self.axes.project(state.view());
                    paths.push((place[first], place[second]));
                }
                paths.push((f64::NAN, f64::NAN));
            }
            let of = |f: &dyn Fn(&Row) -> bool| -> Vec<(f64, f64)> {
                self.rows.iter().filter(|r| f(r)).map(|r| (r.place[first], r.place[second])).collect()
            };
            let mut growing = vec![];
            let size = self.scale(first);
            for row in self.rows.iter().filter(|r| !r.is_slow) {
                for k in (0..row.linear.values.len()).filter(|k| row.linear.values[*k].norm() > 1.0).take(3) {
                    let direction = row.linear.right.column(k).mapv(|v| v.re);
                    for sign in [-1.0, 1.0] {
                        let end = &row.candidate.state + &(&direction * (sign * size));
                        let place = self.axes.project(end.view());
                        growing.push((place[first], place[second]));
                    }
                    growing.push((f64::NAN, f64::NAN));
                }
            }
            let groups = [
                ("trials", paths, Marks::Paths),
                ("stable", of(&|r| !r.is_slow && r.linear.is_stable()), Marks::Points),
                ("one growing direction", of(&|r| !r.is_slow && r.linear.index() == 1), Marks::Points),
                ("more growing directions", of(&|r| !r.is_slow && r.linear.index() > 1), Marks::Points),
                ("slow points", of(&|r| r.is_slow), Marks::Points),
                ("growing eigenvectors", growing, Marks::Paths),
            ];
            let lines: Vec<_> =
                groups.into_iter().filter(|g| !g.1.is_empty()).map(|(n, p, m)| series(n, p, m)).collect();
            let caption = format!(
                "Fixed and slow points of {} input(s) and the states of {} trials in the principal axes of the states ({:.0} % and {:.0} % of their variance).",
                self.sets.len(),
                responses.len().min(SHOWN),
                100.0 * self.axes.shares[first],
                100.0 * self.axes.shares[second]
            );
            let labels = [format!("axis {}", first + 1), format!("axis {}", second + 1)];
            let (key, title) =
                (format!("plane_{}_{}", first + 1, second + 1), format!("Axes {} and {}", first + 1, second + 1));
            chart(outcome, [&key, &title, &caption], [&labels[0], &labels[1]], lines)?;
        }
        Ok(())
    }

    /// Length of drawn eigenvectors: a tenth of the extent of the points.
    fn scale(&self, axis: usize) -> f64 {
        let values: Vec<f64> = self.rows.iter().map(|r| r.place[axis]).collect();
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        if high > low { 0.1 * (high - low) } else { 0.5 }
    }
}
