//! Models with parameters, made of component RDMs, and how well they predict conditions and subjects they were not fitted to
//! (Khaligh-Razavi & Kriegeskorte 2014; Schuett et al. 2023; `ModelSelect`, `ModelWeighted`, `ModelInterpolate` of rsatoolbox).
//!
//! Selected: the one component most similar to the pooled training subjects. Interpolated: a mixture (1 - t) d_i + t d_(i+1) of two
//! neighbours in the order given. Weighted: the non-negative combination nearest to the pool in the least-squares sense (Lawson & Hanson
//! 1974), centred where the comparator does not see a constant. Components are scaled to unit root mean square first, so that weights
//! can be compared.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_core::statistics::mean;

use crate::cca::split;
use crate::inference::pool;
use crate::{Comparator, Error, Rdm, Result, compare_rdms};

/// How a model is made of its components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mixture {
    /// The best component alone.
    Selected,
    /// Between two components that follow each other.
    Interpolated,
    /// Non-negative weights of all.
    Weighted,
}

/// A model fitted with some conditions and subjects and judged with others.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidated {
    /// Mean similarity to each left-out subject over left-out conditions.
    pub by_subject: Vec<f64>,
    /// Folds of the conditions and of the subjects.
    pub folds: (usize, usize),
    /// Weights of the components (of unit root mean square) fitted with all conditions and subjects.
    pub weights: Vec<f64>,
}

/// Weights of the components for the subjects' RDMs over the same conditions.
///
/// # Errors
/// If there is no component or subject, the conditions differ, or an RDM is constant.
pub fn fit(components: &[Rdm], subjects: &[Rdm], mixture: Mixture, comparator: Comparator) -> Result<Vec<f64>> {
    let Some(first) = components.first() else { return Err(Error::Input("a fitted model needs components".into())) };
    if let Some(odd) = subjects.iter().chain(components).find(|r| r.conditions() != first.conditions()) {
        return Err(Error::ConditionMismatch { left: first.conditions(), right: odd.conditions() });
    }
    let target = pool(subjects, comparator)?;
    let scaled: Vec<Rdm> = components.iter().map(unit_scaled).collect::<Result<_>>()?;
    let score = |weights: &[f64]| compare_rdms(&combined(&scaled, weights)?, &target, comparator);
    match mixture {
        Mixture::Weighted => weighted(&scaled, &target, comparator),
        Mixture::Selected => {
            let single = |k: usize| (0..scaled.len()).map(|j| f64::from(u8::from(j == k))).collect::<Vec<f64>>();
            let mut best = (f64::NEG_INFINITY, vec![]);
            for k in 0..scaled.len() {
                let value = score(&single(k))?;
                if value > best.0 {
                    best = (value, single(k));
                }
            }
            Ok(best.1)
        }
        Mixture::Interpolated => interpolated(scaled.len(), score),
    }
}

/// The best point of the line through the components in their order: 11 points of each piece, then golden sections around the best.
fn interpolated(count: usize, score: impl Fn(&[f64]) -> Result<f64>) -> Result<Vec<f64>> {
    if count < 2 {
        return Err(Error::Input("an interpolated model needs at least 2 components".into()));
    }
    let last = (count - 1) as f64;
    let at = |position: f64| -> Vec<f64> {
        let piece = (position.floor() as usize).min(count - 2);
        let t = position - piece as f64;
        (0..count)
            .map(|k| {
                if k == piece {
                    1.0 - t
                } else if k == piece + 1 {
                    t
                } else {
                    0.0
                }
            })
            .collect()
    };
    let mut best = (f64::NEG_INFINITY, 0.0);
    for k in 0..=10 * (count - 1) {
        let position = k as f64 / 10.0;
        let value = score(&at(position))?;
        if value > best.0 {
            best = (value, position);
        }
    }
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut a, mut b) = ((best.1 - 0.1_f64).max(0.0), (best.1 + 0.1_f64).min(last));
    for _ in 0..24 {
        let (c, d) = (b - golden * (b - a), a + golden * (b - a));
        if score(&at(c))? > score(&at(d))? { b = d } else { a = c }
    }
    let middle = 0.5 * (a + b);
    Ok(at(if score(&at(middle))? > best.0 { middle } else { best.1 }))
}

fn weighted(components: &[Rdm], target: &Rdm, comparator: Comparator) -> Result<Vec<f64>> {
    let sees_constant = matches!(comparator, Comparator::Cosine | Comparator::CosineCov);
    let column = |rdm: &Rdm| {
        let values = rdm.condensed();
        let centre = if sees_constant { 0.0 } else { mean(values) };
        values.iter().map(|v| v - centre).collect::<Vec<f64>>()
    };
    let columns: Vec<Vec<f64>> = components.iter().map(column).collect();
    let a = Array2::from_shape_fn((target.condensed().len(), columns.len()), |(i, j)| columns[j][i]);
    let weights = non_negative_least_squares(&a, &column(target))?;
    if weights.iter().all(|w| *w == 0.0) {
        return Err(Error::Input("no component is like the subjects: all weights of the model are 0".into()));
    }
    Ok(weights)
}

fn unit_scaled(rdm: &Rdm) -> Result<Rdm> {
    let values = rdm.condensed();
    let rms = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
    if rms.is_nan() || rms <= 0.0 {
        return Err(Error::Constant { side: "given", what: "a fitted model (a component is 0)" });
    }
    Rdm::from_condensed(rdm.conditions(), values.iter().map(|v| v / rms).collect())
}

/// The weighted sum of components.
fn combined(components: &[Rdm], weights: &[f64]) -> Result<Rdm> {
    let mut sum = vec![0.0; components[0].condensed().len()];
    for (rdm, weight) in components.iter().zip(weights).filter(|(_, w)| **w != 0.0) {
        sum.iter_mut().zip(rdm.condensed()).for_each(|(s, v)| *s += weight * v);
    }
    Rdm::from_condensed(components[0].conditions(), sum)
}

/// Fits with some conditions and subjects and judges with the others, in 2 to 5 folds of each as their numbers allow (2, 3, 4, 5
/// condition folds from 12, 24, 40 conditions; subjects from 6, 12, 20).
///
/// # Errors
/// As for [`fit`], and with fewer than 6 conditions or 2 subjects.
pub fn cross_validated(
    components: &[Rdm],
    subjects: &[Rdm],
    mixture: Mixture,
    comparator: Comparator,
    seed: &Seed,
) -> Result<CrossValidated> {
    let weights = fit(components, subjects, mixture, comparator)?;
    let conditions = components[0].conditions();
    if conditions < 6 || subjects.len() < 2 {
        let message = format!(
            "a fitted model is judged with conditions and subjects left out: at least 6 and 2 are needed, found {conditions} and {}",
            subjects.len()
        );
        return Err(Error::Input(message));
    }
    let count = |n: usize, switches: [usize; 3]| 2 + switches.iter().filter(|s| n >= **s).count();
    let folds = (count(conditions, [12, 24, 40]), count(subjects.len(), [6, 12, 20]).min(subjects.len()));
    let order = |n: usize, name: &str| {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut seed.child(name).stream());
        order
    };
    let (by_condition, by_person) = (order(conditions, "conditions"), order(subjects.len(), "subjects"));
    let mut by_subject = vec![0.0; subjects.len()];
    for fold in 0..folds.0 {
        let (train, test) = split(&by_condition, folds.0, fold);
        let parts = |rows: &[usize]| components.iter().map(|c| c.subset(rows)).collect::<Vec<_>>();
        let (fitted_on, judged_on) = (parts(&train), parts(&test));
        // The scale of a component is that of the conditions it is fitted on.
        let judged_on: Vec<Rdm> =
            fitted_on.iter().zip(&judged_on).map(|(f, j)| scaled_like(f, j)).collect::<Result<_>>()?;
        for group in 0..folds.1 {
            let (others, left_out) = split(&by_person, folds.1, group);
            let known: Vec<Rdm> = others.iter().map(|&s| subjects[s].subset(&train)).collect();
            let prediction = combined(&judged_on, &fit(&fitted_on, &known, mixture, comparator)?)?;
            for &person in &left_out {
                by_subject[person] +=
                    compare_rdms(&prediction, &subjects[person].subset(&test), comparator)? / folds.0 as f64;
            }
        }
    }
    Ok(CrossValidated { by_subject, folds, weights })
}

/// An RDM divided by the root mean square of another.
fn scaled_like(reference: &Rdm, rdm: &Rdm) -> Result<Rdm> {
    let values = reference.condensed();
    let rms = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
    Rdm::from_condensed(rdm.conditions(), rdm.condensed().iter().map(|v| v / rms).collect())
}

fn non_negative_least_squares(a: &Array2<f64>, b: &[f64]) -> Result<Vec<f64>> {
    let k = a.ncols();
    let normal = rheobase_linalg::gram(a.view());
    let rhs: Vec<f64> = (0..k).map(|j| a.column(j).iter().zip(b).map(|(x, y)| x * y).sum()).collect();
    let mut x = vec![0.0; k];
    let mut active = vec![false; k];
    let scale = rhs.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(f64::MIN_POSITIVE);
    for _ in 0..3 * k + 10 {
        let gradient = |x: &[f64], j: usize| rhs[j] - (0..k).map(|i| normal[[j, i]] * x[i]).sum::<f64>();
        let best = (0..k).filter(|&j| !active[j]).max_by(|&p, &q| gradient(&x, p).total_cmp(&gradient(&x, q)));
        let Some(enter) = best.filter(|&j| gradient(&x, j) > 1e-12 * scale) else { break };
        active[enter] = true;
        loop {
            let set: Vec<usize> = (0..k).filter(|&j| active[j]).collect();
            let sub = Array2::from_shape_fn((set.len(), set.len()), |(i, j)| normal[[set[i], set[j]]]);
            let side = Array2::from_shape_fn((set.len(), 1), |(i, _)| rhs[set[i]]);
            let z = rheobase_linalg::least_squares(sub.view(), side.view())?.solution;
            if z.iter().all(|&v| v > 0.0) {
                set.iter().enumerate().for_each(|(i, &j)| x[j] = z[[i, 0]]);
                break;
            }
            let step = set
                .iter()
                .enumerate()
                .filter(|(i, _)| z[[*i, 0]] <= 0.0)
                .map(|(i, &j)| x[j] / (x[j] - z[[i, 0]]))
                .fold(1.0_f64, f64::min);
            for (i, &j) in set.iter().enumerate() {
                x[j] += step * (z[[i, 0]] - x[j]);
                if x[j] <= 1e-15 {
                    x[j] = 0.0;
                    active[j] = false;
                }
            }
            if !active.iter().any(|&f| f) {
                break;
            }
        }
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dissimilarity;
    use rand::RngExt;

    fn rdm(seed: u64, conditions: usize) -> Rdm {
        let mut stream = Seed::root(seed).stream();
        let responses = Array2::from_shape_fn((conditions, 6), |_| stream.random_range(-1.0..1.0));
        Rdm::from_responses(responses.view(), Dissimilarity::SquaredEuclidean).unwrap()
    }

    /// Subjects that mix components with these weights (of components scaled to unit rms), each with noise of its own.
    fn subjects(components: &[Rdm], weights: &[f64], noise: f64) -> Vec<Rdm> {
        let scaled: Vec<Rdm> = components.iter().map(|c| unit_scaled(c).unwrap()).collect();
        let truth = combined(&scaled, weights).unwrap();
        (0..6)
            .map(|subject| {
                let mut stream = Seed::root(100).index(subject).stream();
                let values = truth.condensed().iter().map(|v| v + noise * stream.random_range(-1.0..1.0)).collect();
                Rdm::from_condensed(truth.conditions(), values).unwrap()
            })
            .collect()
    }

    #[test]
    fn planted_mixtures_are_found() {
        let components: Vec<Rdm> = (0..3).map(|k| rdm(k, 24)).collect();
        let people = subjects(&components, &[0.5, 0.0, 1.5], 0.0);
        for comparator in [Comparator::Pearson, Comparator::Cosine] {
            let found = fit(&components, &people, Mixture::Weighted, comparator).unwrap();
            // The scale of pooled RDMs is the comparator's; the proportions are the truth.
            assert!((found[2] / found[0] - 3.0).abs() < 1e-6 && found[1].abs() < 1e-6 * found[2], "{found:?}");
        }
        let between = subjects(&components, &[0.0, 0.3, 0.7], 0.0);
        let found = fit(&components, &between, Mixture::Interpolated, Comparator::Pearson).unwrap();
        assert!(found[0] == 0.0 && (found[2] - 0.7).abs() < 1e-3, "{found:?}");
        let one = subjects(&components, &[0.0, 1.0, 0.0], 0.5);
        let found = fit(&components, &one, Mixture::Selected, Comparator::RhoA).unwrap();
        assert_eq!(found, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn what_is_left_out_tells_structure_from_noise() {
        let components: Vec<Rdm> = (0..3).map(|k| rdm(k, 24)).collect();
        let people = subjects(&components, &[0.5, 0.5, 0.5], 0.3);
        let judge = |components: &[Rdm], mixture| {
            let found = cross_validated(components, &people, mixture, Comparator::Pearson, &Seed::root(3)).unwrap();
            assert_eq!(found.folds, (4, 3));
            mean(&found.by_subject)
        };
        let mixed = judge(&components, Mixture::Weighted);
        assert!(mixed > judge(&components, Mixture::Selected) + 0.1, "{mixed}");
        // Twelve components of nothing fit what they are shown and fail at what they are not.
        let noise: Vec<Rdm> = (50..62).map(|k| rdm(k, 24)).collect();
        assert!(judge(&noise, Mixture::Weighted) < 0.25);
    }

    #[test]
    fn bad_input_is_named() {
        let components: Vec<Rdm> = (0..2).map(|k| rdm(k, 8)).collect();
        let seed = Seed::root(1);
        let two = [rdm(8, 8), rdm(9, 8)];
        assert!(fit(&[], &two, Mixture::Weighted, Comparator::Pearson).is_err());
        assert!(fit(&components, &[rdm(9, 7)], Mixture::Weighted, Comparator::Pearson).is_err());
        assert!(fit(&components[..1], &two, Mixture::Interpolated, Comparator::Pearson).is_err());
        assert!(cross_validated(&components, &two[..1], Mixture::Weighted, Comparator::Pearson, &seed).is_err());
    }
}
