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

/// Agreement of two groupings of the same samples beyond chance, the adjusted Rand index (Hubert & Arabie 1985): 1 for the same groups
/// under any names, 0 on average for independent ones.
///
/// # Errors
/// If lengths differ, there are fewer than 2 samples, or neither grouping divides the samples.
pub fn adjusted_rand(a: &[usize], b: &[usize]) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::Mismatch { what: "groupings", left: a.len(), right: b.len() });
    }
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let size = |x: &[usize]| x.iter().max().map_or(0, |m| m + 1);
    let mut table = Array2::<f64>::zeros((size(a), size(b)));
    a.iter().zip(b).for_each(|(i, j)| table[[*i, *j]] += 1.0);
    let together = table.iter().map(|n| pairs(*n)).sum::<f64>();
    let rows = table.sum_axis(ndarray::Axis(1)).iter().map(|n| pairs(*n)).sum::<f64>();
    let columns = table.sum_axis(ndarray::Axis(0)).iter().map(|n| pairs(*n)).sum::<f64>();
    let expected = rows * columns / pairs(a.len() as f64);
    let most = (rows + columns) / 2.0;
    if a.len() < 2 || most == expected {
        let allowed = "2 or more, in groupings that divide them";
        return Err(Error::Parameter { what: "samples in groups", found: a.len() as f64, allowed });
    }
    Ok((together - expected) / (most - expected))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_of_groupings_is_that_of_hubert_and_arabie() {
        assert_eq!(adjusted_rand(&[0, 0, 1, 1, 2, 2], &[2, 2, 0, 0, 1, 1]).unwrap(), 1.0);
        // Table [[2, 1], [0, 3]]: together 1 + 3, rows 3 + 3, columns 1 + 6, of 15 pairs.
        let found = adjusted_rand(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 1, 1]).unwrap();
        let expected = 6.0 * 7.0 / 15.0;
        assert!((found - (4.0 - expected) / (6.5 - expected)).abs() < 1e-12, "{found}");
        assert!(adjusted_rand(&[0, 0], &[0]).is_err());
        assert!(adjusted_rand(&[0, 0, 0], &[0, 0, 0]).is_err());
    }
}
