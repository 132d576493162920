//! Classes read out of a population, judged on groups of samples that were left out of learning.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, variance};
use rheobase_core::{NullDistribution, Seed, parallel, require_finite};

use crate::{Error, Result, library};

/// A classifier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Classifier {
    /// Multinomial logistic regression with this ridge strength.
    Logistic {
        /// Ridge strength.
        alpha: f64,
    },
    /// Linear support vector machines, one class against the rest.
    SupportVectors {
        /// Cost of a sample on the wrong side.
        cost: f64,
    },
    /// The class with the nearest mean (minimum Euclidean distance): no parameter to choose.
    NearestMean,
}

impl Classifier {
    /// Name for cards.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic { .. } => "multinomial logistic regression",
            Self::SupportVectors { .. } => "linear support vector machines, one against the rest",
            Self::NearestMean => "nearest class mean",
        }
    }

    fn predict(self, train: &Array2<f64>, labels: &[usize], test: &Array2<f64>) -> Result<Vec<usize>> {
        match self {
            Self::Logistic { alpha } => library::logistic(train, labels, test, alpha),
            Self::SupportVectors { cost } => library::support_vectors(train, labels, test, cost),
            Self::NearestMean => Ok(nearest_mean(train, labels, test)),
        }
    }
}

fn nearest_mean(train: &Array2<f64>, labels: &[usize], test: &Array2<f64>) -> Vec<usize> {
    let mut sums: BTreeMap<usize, (ndarray::Array1<f64>, f64)> = BTreeMap::new();
    for (row, &label) in train.outer_iter().zip(labels) {
        let entry = sums.entry(label).or_insert_with(|| (ndarray::Array1::zeros(train.ncols()), 0.0));
        entry.0 += &row;
        entry.1 += 1.0;
    }
    let means: Vec<(usize, ndarray::Array1<f64>)> =
        sums.into_iter().map(|(label, (sum, n))| (label, sum / n)).collect();
    test.outer_iter()
        .map(|row| {
            let distance = |m: &ndarray::Array1<f64>| row.iter().zip(m).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            means
                .iter()
                .fold((f64::INFINITY, 0), |best, (label, m)| {
                    let d = distance(m);
                    if d < best.0 { (d, *label) } else { best }
                })
                .1
        })
        .collect()
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Class read out for each sample while it was left out.
    pub predicted: Vec<usize>,
    /// Counts by true (rows) and predicted class (columns).
    pub confusion: Array2<f64>,
    /// Share of samples read out rightly.
    pub accuracy: f64,
    /// Mean over classes of the share read out rightly: not raised by a frequent class.
    pub balanced_accuracy: f64,
}

/// `k` folds of whole groups (each sample its own group where none are given), classes spread evenly: sample indices of each fold.
///
/// # Errors
/// If lengths differ or there are fewer groups than folds.
pub fn grouped_folds(labels: &[usize], groups: Option<&[usize]>, k: usize, seed: &Seed) -> Result<Vec<Vec<usize>>> {
    if let Some(g) = groups
        && g.len() != labels.len()
    {
        return Err(Error::Mismatch { what: "samples and groups", left: labels.len(), right: g.len() });
    }
    let group_of = |i: usize| groups.map_or(i, |g| g[i]);
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    (0..labels.len()).for_each(|i| members.entry(group_of(i)).or_default().push(i));
    if k < 2 || members.len() < k {
        return Err(Error::Parameter {
            what: "number of folds",
            found: k as f64,
            allowed: "2 to the number of groups",
        });
    }
    let mut order: Vec<Vec<usize>> = members.into_values().collect();
    order.shuffle(&mut seed.child("folds").stream());
    // Stable, so that groups of one class stay in random order and are dealt out in turn.
    order.sort_by_key(|group| labels[group[0]]);
    let mut folds = vec![Vec::new(); k];
    for (place, group) in order.into_iter().enumerate() {
        folds[place % k].extend(group);
    }
    folds.iter_mut().for_each(|f| f.sort_unstable());
    Ok(folds)
}

/// Reads classes out of samples (samples, units), each fold from a classifier that learned from the others. Units are standardised by the
/// training part alone; units that do not vary there are left out.
///
/// # Errors
/// If lengths differ, values are not finite, a fold leaves one class, or the classifier fails.
pub fn decode(
    x: ArrayView2<'_, f64>,
    labels: &[usize],
    folds: &[Vec<usize>],
    classifier: Classifier,
) -> Result<Decoded> {
    if x.nrows() != labels.len() {
        return Err(Error::Mismatch { what: "samples and labels", left: x.nrows(), right: labels.len() });
    }
    require_finite("responses", x.iter())?;
    let classes = labels.iter().max().map_or(0, |m| m + 1);
    let mut predicted = vec![usize::MAX; labels.len()];
    for (index, fold) in folds.iter().enumerate() {
        let mut is_test = vec![false; labels.len()];
        for &i in fold {
            *is_test.get_mut(i).ok_or(Error::Mismatch {
                what: "samples and a fold's index",
                left: labels.len(),
                right: i,
            })? = true;
        }
        let rest: Vec<usize> = (0..labels.len()).filter(|i| !is_test[*i]).collect();
        let own: Vec<usize> = rest.iter().map(|&i| labels[i]).collect();
        let mut seen = own.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() < 2 {
            return Err(Error::OneClass { fold: index, classes: seen.len() });
        }
        let (train, test) = standardised(x, &rest, fold);
        for (&i, class) in fold.iter().zip(classifier.predict(&train, &own, &test)?) {
            predicted[i] = class;
        }
    }
    let mut confusion = Array2::zeros((classes, classes));
    for (&label, &class) in labels.iter().zip(&predicted).filter(|(_, p)| **p < classes) {
        confusion[[label, class]] += 1.0;
    }
    let recalls: Vec<f64> = (0..classes)
        .filter(|&c| confusion.row(c).sum() > 0.0)
        .map(|c| confusion[[c, c]] / confusion.row(c).sum())
        .collect();
    let accuracy = confusion.diag().sum() / confusion.sum();
    Ok(Decoded { predicted, confusion, accuracy, balanced_accuracy: mean(&recalls) })
}

fn standardised(x: ArrayView2<'_, f64>, train: &[usize], test: &[usize]) -> (Array2<f64>, Array2<f64>) {
    let (mut a, mut b) = (x.select(Axis(0), train), x.select(Axis(0), test));
    for unit in 0..x.ncols() {
        let column = a.column(unit).to_vec();
        let (m, sd) = (mean(&column), variance(&column, 0).sqrt());
        let scale = if sd > 1e-12 * (1.0 + m.abs()) { 1.0 / sd } else { 0.0 };
        a.column_mut(unit).mapv_inplace(|v| (v - m) * scale);
        b.column_mut(unit).mapv_inplace(|v| (v - m) * scale);
    }
    (a, b)
}

/// Balanced accuracies of `draws` permutations of the labels (whole groups swap labels where groups are given), each decoded anew, on up
/// to `threads` threads: what chance gives.
///
/// # Errors
/// As for [`decode`].
pub fn chance(
    x: ArrayView2<'_, f64>,
    labels: &[usize],
    groups: Option<&[usize]>,
    folds: usize,
    classifier: Classifier,
    (draws, threads): (usize, usize),
    seed: &Seed,
) -> Result<Vec<f64>> {
    parallel::try_map(draws, threads, |draw| {
        let seed = seed.child("permutation").index(draw);
        let permuted = permute(labels, groups, &seed);
        let folds = grouped_folds(&permuted, groups, folds, &seed)?;
        Ok(decode(x, &permuted, &folds, classifier)?.balanced_accuracy)
    })
}

fn permute(labels: &[usize], groups: Option<&[usize]>, seed: &Seed) -> Vec<usize> {
    let mut stream = seed.child("labels").stream();
    let Some(groups) = groups else {
        let mut permuted = labels.to_vec();
        permuted.shuffle(&mut stream);
        return permuted;
    };
    // Samples of a group share their label by design if the group does; groups of equal label lists swap places.
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(i, g)| members.entry(*g).or_default().push(i));
    let groups: Vec<Vec<usize>> = members.into_values().collect();
    let mut lists: Vec<Vec<usize>> = groups.iter().map(|g| g.iter().map(|&i| labels[i]).collect()).collect();
    lists.shuffle(&mut stream);
    let mut permuted = labels.to_vec();
    for (group, list) in groups.iter().zip(&lists) {
        for (k, &i) in group.iter().enumerate() {
            permuted[i] = list[k % list.len()];
        }
    }
    permuted
}

/// Summary of permuted accuracies for a card.
pub fn null_of(accuracy: f64, permuted: &[f64]) -> NullDistribution {
    NullDistribution::one_sided("labels permuted, decoded anew", accuracy, permuted)
}
