//! Learning from what random changes do to the loss: weight perturbation and node perturbation (Werfel, Xie & Seung 2005, Neural
//! Comput 17:2699).
//!
//! Weight perturbation changes all weights by noise xi and moves along -(L(w + xi) - L(w)) xi / sd^2; node perturbation changes the
//! drive of every unit at every step and credits each weight with the noise of its target times the activity of its source. Both
//! are the gradient on average; the variance of the first is larger by about the number of weights of a unit.

use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Seed, parallel};
use rheobase_task::Loss;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loss::{Batch, loss_of};
use super::network::{RecurrentNetwork, Weights};
use super::pass::{Chunk, Prepared};
use crate::product::{Packed, Strided, add_transposed_product};
use crate::scalar::Scalar;

/// What is perturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Every parameter.
    Weight,
    /// The drive of every unit at every step.
    Node,
}

/// Loss of a batch, and an estimate of its gradient.
pub fn perturbed_gradient<F: Scalar>(
    batch: &Batch<'_>,
    network: &RecurrentNetwork,
    parameters: &[Vec<F>],
    loss: &Loss,
    estimator: Estimator,
    sd: f64,
    threads: usize,
) -> (f64, Vec<Vec<F>>) {
    let seed = batch.noise.child("perturbation");
    match estimator {
        Estimator::Weight => {
            let before = value(batch, network, parameters, loss, threads);
            let infos = network.parameters();
            let mut noise: Vec<Vec<F>> =
                parameters.iter().enumerate().map(|(k, p)| normals(&seed.index(k), p.len(), sd)).collect();
            noise.iter_mut().zip(&infos).filter(|(_, i)| !i.trained).for_each(|(n, _)| n.fill(F::ZERO));
            let moved: Vec<Vec<F>> =
                parameters.iter().zip(&noise).map(|(p, n)| p.iter().zip(n).map(|(a, b)| *a + *b).collect()).collect();
            let factor = F::of((value(batch, network, &moved, loss, threads) - before) / (sd * sd));
            noise.iter_mut().flatten().for_each(|v| *v = *v * factor);
            (before, noise)
        }
        Estimator::Node => node(batch, network, parameters, loss, sd, &seed, threads),
    }
}

fn normals<F: Scalar>(seed: &Seed, count: usize, sd: f64) -> Vec<F> {
    let mut stream = seed.stream();
    (0..count).map(|_| F::of(sd * Distribution::<f64>::sample(&StandardNormal, &mut stream))).collect()
}

fn value<F: Scalar>(
    batch: &Batch<'_>,
    network: &RecurrentNetwork,
    parameters: &[Vec<F>],
    loss: &Loss,
    threads: usize,
) -> f64 {
    let prepared = Prepared::new(network, parameters);
    let parts = parallel::map(batch.groups(), threads, |index| {
        let chunk = batch.chunk(network, index);
        let y = prepared.read_out(&chunk, &prepared.forward(&chunk), &[]);
        loss_of(loss, batch.group(index), &chunk, &y, network.outputs, batch.weight(loss)).0
    });
    parts.into_iter().sum()
}

/// Node perturbation. Each trial has its own noise and its own change of the loss, so a batch gives many estimates at once. The
/// read-out is linear and gets its exact gradient.
fn node<F: Scalar>(
    batch: &Batch<'_>,
    network: &RecurrentNetwork,
    parameters: &[Vec<F>],
    loss: &Loss,
    sd: f64,
    seed: &Seed,
    threads: usize,
) -> (f64, Vec<Vec<F>>) {
    let prepared = Prepared::new(network, parameters);
    let (n, weight) = (network.units, batch.weight(loss));
    let parts = parallel::map(batch.groups(), threads, |index| {
        let chunk: Chunk<F> = batch.chunk(network, index);
        let count = chunk.steps * chunk.rows * n;
        let noise: Vec<F> = normals(&seed.index(index), count, sd);
        let mut shaken = chunk.clone();
        shaken.noise = if chunk.noise.is_empty() {
            noise.clone()
        } else {
            chunk.noise.iter().zip(&noise).map(|(a, b)| *a + *b).collect()
        };
        let still = prepared.forward(&chunk);
        let moved = prepared.forward(&shaken);
        let (y, y_moved) = (prepared.read_out(&chunk, &still, &[]), prepared.read_out(&shaken, &moved, &[]));
        let trials = batch.group(index);
        let (total, by_y) = loss_of(loss, trials, &chunk, &y, network.outputs, weight);
        // The change of each trial's own loss.
        let factors: Vec<F> = (0..chunk.rows)
            .map(|row| {
                let alone = |values: &[F]| {
                    let own: Vec<F> = values
                        .chunks_exact(chunk.rows * network.outputs)
                        .flat_map(|step| step[row * network.outputs..(row + 1) * network.outputs].iter().copied())
                        .collect();
                    let single = Chunk { rows: 1, inputs: vec![], initial: vec![], noise: vec![], steps: chunk.steps };
                    loss_of(loss, &trials[row..=row], &single, &own, network.outputs, weight).0
                };
                F::of((alone(&y_moved) - alone(&y)) / (sd * sd))
            })
            .collect();
        let mut credit = noise;
        for step in credit.chunks_exact_mut(chunk.rows * n) {
            for (row, factor) in step.chunks_exact_mut(n).zip(&factors) {
                row.iter_mut().for_each(|v| *v = *v * *factor);
            }
        }
        let mut packed = Packed::new(Strided::rows(&[], 1), 0, 0);
        let mut product = |a: &[F], m: usize, b: &[F], columns: usize| {
            let mut c = vec![F::ZERO; m * columns];
            add_transposed_product(a, m, b, columns, &mut c, &mut packed);
            c
        };
        let block = chunk.rows * n;
        let sums = |values: &[F], columns: usize| {
            let mut sums = vec![F::ZERO; columns];
            values.chunks_exact(columns).for_each(|row| sums.iter_mut().zip(row).for_each(|(s, v)| *s += *v));
            sums
        };
        let by = Weights {
            input: product(&chunk.inputs, network.inputs, &credit, n),
            recurrent: product(&moved.outputs[..chunk.steps * block], n, &credit, n),
            bias: sums(&credit, n),
            inner_bias: vec![],
            bottleneck: vec![],
            output: product(&still.outputs[block..], n, &by_y, network.outputs),
            output_bias: sums(&by_y, network.outputs),
            initial: vec![F::ZERO; prepared.weights.initial.len()],
        };
        (total, by)
    });
    let mut all = parts.into_iter();
    let Some((mut total, mut by)) = all.next() else { return (0.0, vec![]) };
    for (value, part) in all {
        total += value;
        by.add(&part);
    }
    (total, network.pull_back(parameters, by))
}
