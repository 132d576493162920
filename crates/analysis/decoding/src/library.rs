//! The one file that knows linfa: arrays go in and out of its version of ndarray, everything random gets a seed.

use linfa::prelude::*;
use linfa_clustering::{GaussianMixtureModel, KMeans};
use linfa_ica::fast_ica::{FastIca, GFunc};
use linfa_logistic::MultiLogisticRegression;
use linfa_svm::Svm;
use linfa_tsne::TSneParams;
use ndarray::Array2;
use ndarray16 as old;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;

use crate::{Error, Result};

fn to_old(x: &Array2<f64>) -> old::Array2<f64> {
    old::Array2::from_shape_fn(x.dim(), |ij| x[ij])
}

fn from_old(x: &old::Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(x.dim(), |ij| x[ij])
}

fn failed(machine: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Error {
    move |reason| Error::Machine { machine, reason: reason.to_string() }
}

/// Multinomial logistic regression with ridge strength `alpha`; classes of the test rows.
pub fn logistic(train: &Array2<f64>, labels: &[usize], test: &Array2<f64>, alpha: f64) -> Result<Vec<usize>> {
    let data = Dataset::new(to_old(train), old::Array1::from(labels.to_vec()));
    let machine = MultiLogisticRegression::default().alpha(alpha).max_iterations(300);
    let fitted = machine.fit(&data).map_err(|e| failed("logistic regression")(&e))?;
    Ok(fitted.predict(&to_old(test)).to_vec())
}

/// Linear support vector machines, one against the rest, with cost `c`; classes of the test rows by the largest margin.
pub fn support_vectors(train: &Array2<f64>, labels: &[usize], test: &Array2<f64>, c: f64) -> Result<Vec<usize>> {
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let (x, unseen) = (to_old(train), to_old(test));
    let mut best = vec![(f64::NEG_INFINITY, classes[0]); test.nrows()];
    for &class in &classes {
        let is_class: Vec<bool> = labels.iter().map(|l| *l == class).collect();
        let data = Dataset::new(x.clone(), old::Array1::from(is_class));
        let machine = Svm::<f64, bool>::params().pos_neg_weights(c, c).linear_kernel();
        let fitted = machine.fit(&data).map_err(|e| failed("support vector machine")(&e))?;
        for (row, best) in unseen.rows().into_iter().zip(&mut best) {
            let margin = fitted.weighted_sum(&row) - fitted.rho;
            if margin > best.0 {
                *best = (margin, class);
            }
        }
    }
    Ok(best.into_iter().map(|b| b.1).collect())
}

/// Cluster of each row, and the centres.
pub fn k_means(x: &Array2<f64>, clusters: usize, runs: usize, seed: u64) -> Result<(Vec<usize>, Array2<f64>)> {
    let data = Dataset::from(to_old(x));
    let machine = KMeans::params_with_rng(clusters, Xoshiro256Plus::seed_from_u64(seed)).n_runs(runs).tolerance(1e-8);
    let fitted = machine.fit(&data).map_err(|e| failed("k-means")(&e))?;
    Ok((fitted.predict(&to_old(x)).to_vec(), from_old(fitted.centroids())))
}

/// Component of each row, and the means.
pub fn gaussian_mixture(
    x: &Array2<f64>,
    components: usize,
    runs: usize,
    seed: u64,
) -> Result<(Vec<usize>, Array2<f64>)> {
    let data = Dataset::from(to_old(x));
    let machine = GaussianMixtureModel::params_with_rng(components, Xoshiro256Plus::seed_from_u64(seed))
        .n_runs(runs as u64)
        .tolerance(1e-5);
    let fitted = machine.fit(&data).map_err(|e| failed("Gaussian mixture")(&e))?;
    Ok((fitted.predict(&to_old(x)).to_vec(), from_old(fitted.means())))
}

/// Independent components of the rows, (rows, components).
pub fn fast_ica(x: &Array2<f64>, components: usize, seed: u64) -> Result<Array2<f64>> {
    let data = Dataset::from(to_old(x));
    let machine =
        FastIca::params().ncomponents(components).gfunc(GFunc::Logcosh(1.0)).random_state(seed as usize).max_iter(500);
    let fitted = machine.fit(&data).map_err(|e| failed("independent components")(&e))?;
    Ok(from_old(&fitted.predict(&to_old(x))))
}

/// t-SNE of the rows, (rows, dimensions).
pub fn t_sne(x: &Array2<f64>, dimensions: usize, perplexity: f64, seed: u64) -> Result<Array2<f64>> {
    // Without approximation: its tree of neighbours draws from a generator that takes no seed.
    let machine = TSneParams::embedding_size_with_rng(dimensions, Xoshiro256Plus::seed_from_u64(seed))
        .perplexity(perplexity)
        .approx_threshold(0.0);
    let found = machine.transform(to_old(x)).map_err(|e| failed("t-SNE")(&e))?;
    Ok(from_old(&found))
}
