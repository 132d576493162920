//! Around a regression: folds and Brain-Score's splits, scores of predictions, ceilings, and how scores are aggregated.

use ndarray::{Array2, ArrayView2};
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_core::statistics::{mean, median, pearson, variance};

use crate::prepare::centred;
use crate::{Error, Result};

/// `k` folds of stimuli in random order. Stimuli of one group (repeats, objects) stay in one fold where groups are given.
///
/// # Errors
/// If there are fewer groups than folds, or fewer than 2 folds.
pub fn folds(n: usize, k: usize, groups: Option<&[usize]>, seed: &Seed) -> Result<Vec<Vec<usize>>> {
    let group_of = |i: usize| groups.map_or(i, |g| g[i]);
    if let Some(g) = groups
        && g.len() != n
    {
        return Err(Error::ConditionMismatch { left: n, right: g.len() });
    }
    let mut order: Vec<usize> = (0..n).map(group_of).collect();
    order.sort_unstable();
    order.dedup();
    if k < 2 || order.len() < k {
        return Err(Error::Input(format!(
            "{k} folds of {} groups of stimuli; 2 folds or more, each with a group, are needed",
            order.len()
        )));
    }
    order.shuffle(&mut seed.child("folds").stream());
    let mut found = vec![Vec::new(); k];
    let fold_of: std::collections::BTreeMap<usize, usize> =
        order.iter().enumerate().map(|(place, &g)| (g, place % k)).collect();
    for i in 0..n {
        found[fold_of[&group_of(i)]].push(i);
    }
    Ok(found)
}

/// Brain-Score's splits: `count` random test sets of a tenth of the stimuli, each class in its share where classes are given. Test sets of
/// different splits overlap, so [`correlations`] must be taken split by split.
///
/// # Errors
/// If there are fewer than 10 stimuli.
pub fn brain_score_splits(n: usize, classes: Option<&[usize]>, count: usize, seed: &Seed) -> Result<Vec<Vec<usize>>> {
    if n < 10 {
        return Err(Error::TooFewConditions { what: "Brain-Score's splits", needed: 10, found: n });
    }
    let size = n.div_ceil(10);
    Ok((0..count)
        .map(|split| {
            let mut stream = seed.child("splits").index(split).stream();
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut stream);
            let mut test = match classes {
                None => order[..size].to_vec(),
                Some(classes) => {
                    // Sorted by class with the order inside random, every tenth belongs to the test set.
                    order.sort_by_key(|&i| classes[i]);
                    let from = split % 10;
                    (0..n).filter(|k| k % 10 == from).map(|k| order[k]).collect()
                }
            };
            test.sort_unstable();
            test
        })
        .collect())
}

/// Pearson correlation of predictions and targets within one set of stimuli, for each target; NaN where one does not vary.
pub fn correlations(y: ArrayView2<'_, f64>, predictions: ArrayView2<'_, f64>, stimuli: &[usize]) -> Vec<f64> {
    let column = |m: ArrayView2<'_, f64>, j: usize| stimuli.iter().map(|&i| m[[i, j]]).collect::<Vec<_>>();
    (0..y.ncols()).map(|j| pearson(&column(y, j), &column(predictions, j)).unwrap_or(f64::NAN)).collect()
}

/// Share of variance explained over all stimuli and targets together: 1 - squared errors / squared deviations from the means.
pub fn r_squared(y: ArrayView2<'_, f64>, predictions: ArrayView2<'_, f64>) -> f64 {
    let errors: f64 = y.iter().zip(&predictions).map(|(a, b)| (a - b).powi(2)).sum();
    let total: f64 = centred(y).iter().map(|v| v * v).sum();
    1.0 - errors / total
}

/// Reliability of each unit: correlation of the mean responses of two random halves of each stimulus' presentations, corrected to the
/// full number by Spearman & Brown (2r / (1 + r)), averaged over `halves` divisions (Schrimpf et al. 2018). Presentations are
/// (presentations, units), `of_stimulus` numbers the stimulus of each from 0; an odd presentation falls into the second half. NaN where it
/// does not exist (r at or below -1, or a unit that does not vary).
///
/// # Errors
/// If lengths differ, there are fewer than 3 stimuli, or one has fewer than 2 presentations.
pub fn split_half_ceiling(
    presentations: ArrayView2<'_, f64>,
    of_stimulus: &[usize],
    halves: usize,
    seed: &Seed,
) -> Result<Vec<f64>> {
    if presentations.nrows() != of_stimulus.len() {
        return Err(Error::Input(format!(
            "{} presentations and the stimuli of {} do not fit together",
            presentations.nrows(),
            of_stimulus.len()
        )));
    }
    let mut rows = vec![vec![]; of_stimulus.iter().max().map_or(0, |last| last + 1)];
    of_stimulus.iter().enumerate().for_each(|(row, &stimulus)| rows[stimulus].push(row));
    let fewest = rows.iter().map(Vec::len).min().unwrap_or(0);
    if rows.len() < 3 || fewest < 2 {
        return Err(Error::Input(format!(
            "a split-half ceiling needs 2 presentations of each of 3 stimuli, found {} stimuli with {fewest} or more",
            rows.len()
        )));
    }
    let mut sums = vec![(0.0, 0.0); presentations.ncols()];
    for half in 0..halves {
        let mut stream = seed.child("halves").index(half).stream();
        rows.iter_mut().for_each(|own| own.shuffle(&mut stream));
        let average = |second: bool| {
            let mut means = Array2::zeros((rows.len(), presentations.ncols()));
            for (own, mut mean) in rows.iter().zip(means.rows_mut()) {
                let (a, b) = own.split_at(own.len() / 2);
                let part = if second { b } else { a };
                part.iter().for_each(|&row| mean.scaled_add(1.0 / part.len() as f64, &presentations.row(row)));
            }
            means
        };
        let (a, b) = (average(false), average(true));
        for (unit, sum) in sums.iter_mut().enumerate() {
            let r = pearson(&a.column(unit).to_vec(), &b.column(unit).to_vec()).unwrap_or(f64::NAN);
            let corrected = spearman_brown(r);
            if corrected.is_finite() {
                sum.0 += corrected;
                sum.1 += 1.0;
            }
        }
    }
    Ok(sums.into_iter().map(|(sum, n)| sum / n).collect())
}

/// Reliability of twice as many measurements: 2r / (1 + r).
pub fn spearman_brown(r: f64) -> f64 {
    if r > -1.0 { 2.0 * r / (1.0 + r) } else { f64::NAN }
}

/// How a score is divided by its ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// r^2 / ceiling: Brain-Score since December 2025 (the ceiling, a reliability, is a share of variance already).
    SquaredOverCeiling,
    /// (r / ceiling)^2: Brain-Score before.
    RatioSquared,
    /// r / sqrt(ceiling): correlation with the noiseless response.
    Disattenuated,
}

impl Normalisation {
    /// The normalised score; NaN for ceilings at or below 0.
    pub fn apply(self, r: f64, ceiling: f64) -> f64 {
        if ceiling.is_nan() || ceiling <= 0.0 {
            return f64::NAN;
        }
        match self {
            Self::SquaredOverCeiling => r * r / ceiling,
            Self::RatioSquared => (r / ceiling).powi(2),
            Self::Disattenuated => r / ceiling.sqrt(),
        }
    }
}

/// Brain-Score's aggregate: median over targets within each split, mean and standard error over splits. Targets without a value are
/// left out; the third value says how many.
pub fn brain_score(by_split: &[Vec<f64>]) -> (f64, f64, usize) {
    let mut missing = 0;
    let medians: Vec<f64> = by_split
        .iter()
        .map(|targets| {
            let known: Vec<f64> = targets.iter().copied().filter(|r| r.is_finite()).collect();
            missing = missing.max(targets.len() - known.len());
            if known.is_empty() { f64::NAN } else { median(&known) }
        })
        .collect();
    (mean(&medians), (variance(&medians, 0) / medians.len() as f64).sqrt(), missing)
}
