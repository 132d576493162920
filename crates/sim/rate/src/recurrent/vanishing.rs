//! The penalty on gradients that vanish or explode (Pascanu, Mikolov & Bengio 2013, ICML, eq. 9-10; Song, Yang & Wang 2016, eq. 17).
//!
//! With g(t+1) the derivative of the loss by the currents after step t, the step before gets v = (1 - a) g + a f'(x) W g of it. The penalty
//! is the mean over steps and trials of (|v| / |g| - 1)^2, 0 where no error arrives. Only the W written here is moved by it: g and f' are held, as in both papers, for
//! the exact gradient would need second derivatives through time.

use super::network::RecurrentNetwork;
use super::pass::{Chunk, Errors, Prepared, Trajectory};
use super::penalty::instantaneous;
use crate::product::{Packed, Strided, add_transposed_product};
use crate::scalar::Scalar;

/// Share of the old current that stays, and dt / tau.
fn leak(network: &RecurrentNetwork) -> Option<(f64, f64)> {
    instantaneous(network.cell)?;
    network.cell.rate_equation().map(|(_, alpha)| (1.0 - alpha, alpha))
}

/// The penalty of one group of trials, and its derivative added to that by the recurrent weights; `factor` is the cost over the number of
/// steps of all trials of the batch together.
pub(super) fn vanishing_gradient<F: Scalar>(
    prepared: &Prepared<'_, F>,
    chunk: &Chunk<F>,
    trajectory: &Trajectory<F>,
    errors: &Errors<F>,
    factor: f64,
    by_recurrent: &mut [F],
) -> f64 {
    let network = prepared.network;
    let (Some((keep, alpha)), Some(nonlinearity)) = (leak(network), instantaneous(network.cell)) else { return 0.0 };
    if factor <= 0.0 {
        return 0.0;
    }
    let n = network.units;
    // The error of the drive is a g.
    let mut back = prepared.through_weights(&errors.by_drive);
    let before = &trajectory.outputs[..chunk.steps * chunk.rows * n];
    let (keep, scale) = (F::of(keep / alpha), F::of(1.0 / alpha));
    let mut cost = 0.0;
    for ((back, drive), outputs) in
        back.chunks_exact_mut(n).zip(errors.by_drive.chunks_exact(n)).zip(before.chunks_exact(n))
    {
        let (mut size, mut sent) = (0.0, 0.0);
        for i in 0..n {
            let v = keep * drive[i] + nonlinearity.slope(outputs[i]) * back[i];
            size += (scale * drive[i]).value().powi(2);
            sent += v.value().powi(2);
        }
        let (size, sent) = (size.sqrt(), sent.sqrt());
        if size == 0.0 || sent == 0.0 {
            // No error to keep, or none that any weight could have kept.
            back.fill(F::ZERO);
            continue;
        }
        let miss = sent / size - 1.0;
        cost += factor * miss * miss;
        let pull = F::of(2.0 * factor * miss / (size * sent));
        for i in 0..n {
            let slope = nonlinearity.slope(outputs[i]);
            back[i] = pull * (keep * drive[i] + slope * back[i]) * slope;
        }
    }
    let mut packed = Packed::new(Strided::rows(&[], 1), 0, 0);
    add_transposed_product(&back, n, &errors.by_drive, n, by_recurrent, &mut packed);
    cost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recurrent::nonlinearity::Nonlinearity;
    use crate::recurrent::{Cell, Wiring};
    use rand::RngExt;
    use rheobase_core::Seed;

    fn random(seed: &Seed, count: usize) -> Vec<f64> {
        let mut stream = seed.stream();
        (0..count).map(|_| stream.random::<f64>() - 0.5).collect()
    }

    #[test]
    fn the_gradient_is_that_of_central_differences_with_errors_held() {
        let cells = [
            Cell::Current { nonlinearity: Nonlinearity::Tanh, alpha: 0.3 },
            Cell::Rate { nonlinearity: Nonlinearity::Sigmoid, alpha: 1.0 },
        ];
        for cell in cells {
            let network = RecurrentNetwork {
                cell,
                inputs: 2,
                units: 5,
                outputs: 1,
                bottleneck: 0,
                encoder: 0,
                wiring: Wiring::Free,
                masked: false,
                noise_sd: 0.0,
            };
            let seed = Seed::root(4);
            let infos = network.parameters();
            let draw = |(k, info): (usize, &crate::recurrent::network::ParameterInfo)| {
                random(&seed.index(k), info.shape.iter().product())
            };
            let parameters: Vec<Vec<f64>> = infos.iter().enumerate().map(draw).collect();
            let (steps, rows) = (7, 3);
            let inputs = random(&seed.child("inputs"), steps * rows * 2);
            let chunk = Chunk { steps, rows, inputs, initial: vec![], noise: vec![] };
            let prepared = Prepared::new(&network, &parameters);
            let trajectory = prepared.forward(&chunk);
            let by_y = random(&seed.child("errors"), steps * rows);
            let errors = prepared.errors(&chunk, &trajectory, &by_y, vec![0.0; steps * rows * 5], &[], None);
            let mut gradient = vec![0.0; 25];
            let cost = vanishing_gradient(&prepared, &chunk, &trajectory, &errors, 0.1, &mut gradient);
            assert!(cost > 0.0);
            for (k, found) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut parameters = parameters.clone();
                    parameters[1][k] += by;
                    let moved = Prepared::new(&network, &parameters);
                    vanishing_gradient(&moved, &chunk, &trajectory, &errors, 0.1, &mut [0.0; 25])
                };
                let wanted = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((wanted - found).abs() < 1e-8 * (1.0 + wanted.abs()), "{cell:?} {k}: {wanted} {found}");
            }
        }
    }
}
