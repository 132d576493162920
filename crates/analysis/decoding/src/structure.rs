//! Structure without labels: clusters, mixtures, independent components, maps.

use ndarray::{Array2, ArrayView2};
use rheobase_core::{Seed, require_finite};

use crate::{Error, Result, library};
use rand::Rng;

fn checked(what: &'static str, x: ArrayView2<'_, f64>, wanted: usize) -> Result<Array2<f64>> {
    require_finite("samples", x.iter())?;
    if wanted == 0 || wanted > x.nrows() {
        return Err(Error::Parameter { what, found: wanted as f64, allowed: "1 to the number of samples" });
    }
    Ok(x.to_owned())
}

fn number(seed: &Seed) -> u64 {
    seed.child("library").stream().next_u64()
}

/// Groups of samples with their centres, (groups, units).
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Group of each sample.
    pub of: Vec<usize>,
    /// Centres.
    pub centres: Array2<f64>,
}

/// k-means (best of `runs` starts).
///
/// # Errors
/// If values are not finite, there are more clusters than samples, or it fails.
pub fn k_means(x: ArrayView2<'_, f64>, clusters: usize, runs: usize, seed: &Seed) -> Result<Clusters> {
    let (of, centres) =
        library::k_means(&checked("number of clusters", x, clusters)?, clusters, runs.max(1), number(seed))?;
    Ok(Clusters { of, centres })
}

/// Mixture of Gaussians with full covariances (best of `runs` starts).
///
/// # Errors
/// As for [`k_means`].
pub fn gaussian_mixture(x: ArrayView2<'_, f64>, components: usize, runs: usize, seed: &Seed) -> Result<Clusters> {
    let own = checked("number of components", x, components)?;
    let (of, centres) = library::gaussian_mixture(&own, components, runs.max(1), number(seed))?;
    Ok(Clusters { of, centres })
}

/// Independent components of samples (samples, units) by FastICA with log cosh, (samples, components).
///
/// # Errors
/// If values are not finite, there are more components than units, or it fails.
pub fn independent_components(x: ArrayView2<'_, f64>, components: usize, seed: &Seed) -> Result<Array2<f64>> {
    if components > x.ncols() {
        return Err(Error::Parameter {
            what: "number of components",
            found: components as f64,
            allowed: "up to the number of units",
        });
    }
    library::fast_ica(&checked("number of components", x, components)?, components, number(seed))
}

/// t-SNE (van der Maaten & Hinton 2008; exact, so its cost grows with the square of the samples), (samples, dimensions). A picture, not a measurement: distances between far groups mean
/// nothing.
///
/// # Errors
/// If values are not finite, or 3 perplexities do not fit into the samples.
pub fn t_sne(x: ArrayView2<'_, f64>, dimensions: usize, perplexity: f64, seed: &Seed) -> Result<Array2<f64>> {
    let own = checked("number of dimensions", x, dimensions)?;
    if !(perplexity >= 1.0 && 3.0 * perplexity < x.nrows() as f64) {
        return Err(Error::Parameter { what: "perplexity", found: perplexity, allowed: "1 to a third of the samples" });
    }
    library::t_sne(&own, dimensions, perplexity, number(seed))
}
