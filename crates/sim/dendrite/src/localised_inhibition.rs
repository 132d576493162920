//! Inhibition by one non-spiking neuron whose activity decays along its neurite: the APL neuron of the fly's mushroom body
//! (Amin et al. 2020 eLife 9:e56954).
//!
//! Activity that enters at x arrives at y as e^(-d(x, y) / l), d being the path along the neurite. Kenyon cell i is inhibited by
//! cell j through every pair of their synapses, K_ij = sum_{s in j -> APL, t in APL -> i} e^(-d(s, t) / l), and settles at
//! r_i = [drive_i - g sum_j K_ij r_j - theta]_+: graded release, no threshold of the inhibitory cell.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand::RngExt;
use rheobase_core::Seed;

use crate::Cell;
use crate::error::{POSITIVE, Result, require_range};
use crate::skeleton::{Length, Place, Skeleton};

/// Path distance in um between the middles of all compartments, along the tree; shape (compartments, compartments).
///
/// # Errors
/// As [`Skeleton::new`].
pub fn path_distances_um(cell: &Cell, threads: usize) -> Result<Array2<f64>> {
    let places: Vec<Place> = cell.compartments().list().iter().map(|c| (c.section, c.x)).collect();
    Skeleton::new(cell.morphology(), &places)?.distances(places.len(), Length::Geodesic, threads)
}

/// Synapses of every cell in every compartment; shape (cells, compartments). Each cell has a centre, drawn evenly in length,
/// around which its synapses lie with a normal spread of `jitter_um` in path distance.
///
/// # Errors
/// If the spread is not positive.
pub fn clustered_sites(
    cell: &Cell,
    distances_um: ArrayView2<'_, f64>,
    cells: usize,
    synapses: usize,
    jitter_um: f64,
    seed: &Seed,
) -> Result<Array2<f64>> {
    require_range("jitter_um", jitter_um, POSITIVE, 1e9)?;
    let lengths: Vec<f64> = cell.compartments().list().iter().map(|c| c.length_um).collect();
    let mut sites = Array2::zeros((cells, lengths.len()));
    for index in 0..cells {
        let mut stream = seed.index(index).stream();
        let mut draw = |weights: &[f64]| {
            let mut rest = stream.random::<f64>() * weights.iter().sum::<f64>();
            weights.iter().position(|w| {
                rest -= w;
                rest < 0.0
            })
        };
        let last = lengths.len() - 1;
        let centre = draw(&lengths).unwrap_or(last);
        let near: Vec<f64> = (0..lengths.len())
            .map(|c| lengths[c] * (-0.5 * (distances_um[[centre, c]] / jitter_um).powi(2)).exp())
            .collect();
        for _ in 0..synapses {
            sites[[index, draw(&near).unwrap_or(last)]] += 1.0;
        }
    }
    Ok(sites)
}

/// K of shape (cells, cells): inhibition of each cell (row) by each cell (column), from the sites of their outputs to the
/// inhibitory neuron and of their inputs from it.
///
/// # Errors
/// If the length constant is not positive.
pub fn inhibition(
    distances_um: ArrayView2<'_, f64>,
    outputs: ArrayView2<'_, f64>,
    inputs: ArrayView2<'_, f64>,
    length_constant_um: f64,
) -> Result<Array2<f64>> {
    require_range("length_constant_um", length_constant_um, POSITIVE, f64::MAX)?;
    let spread = distances_um.mapv(|d| (-d / length_constant_um).exp());
    Ok(inputs.dot(&spread).dot(&outputs.t()))
}

/// What a search for the settled state did.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Responses of the cells.
    pub response: Array1<f64>,
    /// Sweeps over all cells.
    pub sweeps: usize,
    /// Largest change of a response in the last sweep.
    pub residual: f64,
}

/// Settled responses by Gauss-Seidel sweeps: each cell in turn takes the value that satisfies its own equation.
pub fn settle(drive: ArrayView1<'_, f64>, kernel: ArrayView2<'_, f64>, gain: f64, theta: f64) -> Settled {
    let n = drive.len();
    let mut response = Array1::<f64>::zeros(n);
    let mut sweeps = 0;
    let mut residual = f64::INFINITY;
    while residual > 1e-10 && sweeps < 10_000 {
        residual = 0.0;
        for i in 0..n {
            let own = kernel[[i, i]];
            let others = kernel.row(i).dot(&response) - own * response[i];
            let next = ((drive[i] - theta - gain * others) / (1.0 + gain * own)).max(0.0);
            residual = residual.max((next - response[i]).abs());
            response[i] = next;
        }
        sweeps += 1;
    }
    Settled { response, sweeps, residual }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Discretisation;
    use crate::morphology::{cylinder, star};
    use ndarray::array;

    #[test]
    fn distances_follow_the_tree() {
        let line = Cell::new(cylinder(100.0, 1.0).unwrap(), Discretisation::Fixed { count: 10 }).unwrap();
        let d = path_distances_um(&line, 1).unwrap();
        assert!((d[[0, 9]] - 90.0).abs() < 1e-9 && (d[[3, 1]] - 20.0).abs() < 1e-9 && d[[4, 4]] == 0.0);
        // Two arms of 50 um from the soma's end: 45 um each way.
        let two = Cell::new(star(10.0, 2, 50.0, 1.0).unwrap(), Discretisation::Fixed { count: 5 }).unwrap();
        let d = path_distances_um(&two, 1).unwrap();
        let (a, b) = (two.at("dend[0](0.9)").unwrap(), two.at("dend[1](0.9)").unwrap());
        assert!((d[[a, b]] - 90.0).abs() < 1e-9, "{}", d[[a, b]]);
        assert_eq!(d, d.t());
    }

    #[test]
    fn the_settled_state_solves_its_equation() {
        let kernel = array![[0.5, 0.2, 0.0], [0.2, 0.5, 0.3], [0.0, 0.3, 0.5]];
        let drive = array![3.0, 2.0, 0.5];
        let found = settle(drive.view(), kernel.view(), 1.0, 0.4);
        let again = (&drive - &kernel.dot(&found.response) - 0.4).mapv(|r| r.max(0.0));
        assert!(found.residual <= 1e-10 && (&again - &found.response).iter().all(|e| e.abs() < 1e-8), "{found:?}");
    }

    #[test]
    fn two_length_constants_away_remain_13_5_percent() {
        let distances = array![[0.0, 100.0], [100.0, 0.0]];
        let sites = array![[1.0, 0.0], [0.0, 1.0]];
        let k = inhibition(distances.view(), sites.view(), sites.view(), 50.0).unwrap();
        assert!((k[[0, 1]] / k[[0, 0]] - (-2.0_f64).exp()).abs() < 1e-15);
        assert!(inhibition(distances.view(), sites.view(), sites.view(), 0.0).is_err());
    }
}
