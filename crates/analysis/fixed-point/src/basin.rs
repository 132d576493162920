//! Basins of attraction by sampling: which stable point does the map reach from each of many states?

use ndarray::{Array1, ArrayView1, ArrayView2};
use rheobase_core::{Dynamics, parallel};

/// For each row of `starts`, the index of the point it comes closer to than `distance` within `steps` steps of the map, if any.
pub fn reached(
    dynamics: &dyn Dynamics,
    starts: ArrayView2<'_, f64>,
    input: ArrayView1<'_, f64>,
    points: &[Array1<f64>],
    distance: f64,
    steps: usize,
    threads: usize,
) -> Vec<Option<usize>> {
    parallel::map(starts.nrows(), threads, |row| {
        let mut state = starts.row(row).to_owned();
        for _ in 0..steps {
            state = dynamics.step(state.view(), input);
            let near =
                |p: &Array1<f64>| p.iter().zip(&state).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() < distance;
            if let Some(index) = points.iter().position(near) {
                return Some(index);
            }
        }
        None
    })
}
