//! Under the null, p-values of similarities are uniform.

use ndarray::{Array2, ArrayView2, Axis};
use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_core::inference::kolmogorov_smirnov;
use rheobase_core::statistics::{jackknife_interval, permutation_p};
use rheobase_similarity::cca::{cca, permutation_null, significant_components};
use rheobase_similarity::inference::{Resample, bootstrap, dual_bootstrap};
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Rdm, compare_rdms, linear_cka};

fn normal(rows: usize, columns: usize, seed: &Seed) -> Array2<f64> {
    let mut stream = seed.stream();
    Array2::from_shape_fn((rows, columns), |_| (0..12).map(|_| stream.random_range(0.0..1.0_f64)).sum::<f64>() - 6.0)
}

/// p-value of 39 permutations of the rows of one side, less a uniform part of its step.
fn permuted(seed: &Seed, value: impl Fn(&[usize]) -> f64) -> f64 {
    let rows: Vec<usize> = (0..20).collect();
    let null: Vec<f64> = (0..39)
        .map(|draw| {
            let mut order = rows.clone();
            order.shuffle(&mut seed.child("permutation").index(draw).stream());
            value(&order)
        })
        .collect();
    permutation_p(value(&rows), &null) - seed.child("step").stream().random_range(0.0..1.0 / 40.0)
}

#[test]
fn permutation_tests_are_uniform() {
    let of = |name: &str, f: &dyn Fn(&Seed) -> f64| {
        let ps: Vec<f64> = (0..1000).map(|set| f(&Seed::root(1).child(name).index(set))).collect();
        let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
        assert!(test.p > 0.01, "{name}: {test:?}");
    };
    let sides = |seed: &Seed| (normal(20, 3, &seed.child("x")), normal(20, 4, &seed.child("y")));
    of("CKA", &|seed| {
        let (x, y) = sides(seed);
        permuted(seed, |order| linear_cka(x.view(), y.select(Axis(0), order).view(), Bias::Unbiased).unwrap())
    });
    of("RSA", &|seed| {
        let (x, y) = sides(seed);
        let rdm = |m: &Array2<f64>| Rdm::from_responses(m.view(), Dissimilarity::SquaredEuclidean).unwrap();
        let (a, b) = (rdm(&x), rdm(&y));
        permuted(seed, |order| compare_rdms(&a, &b.subset(order), Comparator::RhoA).unwrap())
    });
    of("CCA", &|seed| {
        let (x, y) = sides(seed);
        let first = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| -> rheobase_similarity::Result<f64> {
            Ok(cca(x, y)?.correlations[0])
        };
        let null = permutation_null(x.view(), y.view(), 39, 1, seed, first).unwrap();
        permutation_p(first(x.view(), y.view()).unwrap(), &null)
            - seed.child("step").stream().random_range(0.0..1.0 / 40.0)
    });
}

/// A model and subjects that have nothing to do with it: dissimilarities of patterns that the subjects share, each with noise of its own.
fn strangers(subjects: usize, conditions: usize, shared: f64, seed: &Seed) -> (Rdm, Vec<Rdm>) {
    let rdm = |m: &Array2<f64>| Rdm::from_responses(m.view(), Dissimilarity::SquaredEuclidean).unwrap();
    let brain = normal(conditions, 10, &seed.child("brain"));
    let of = |k: usize| rdm(&(&brain * shared + normal(conditions, 10, &seed.child("subject").index(k))));
    (rdm(&normal(conditions, 10, &seed.child("model"))), (0..subjects).map(of).collect())
}

/// Share of 1,000 p-values up to a level.
fn up_to(level: f64, ps: &[f64]) -> f64 {
    ps.iter().filter(|p| **p <= level).count() as f64 / ps.len() as f64
}

#[test]
fn subjects_drawn_anew() {
    // Subjects without anything in common: what differs from set to set is the subjects.
    let (mut ps, mut covered) = (vec![], 0);
    for set in 0..1000 {
        let seed = Seed::root(2).index(set);
        let (model, subjects) = strangers(20, 20, 0.0, &seed);
        let seed = seed.child("draws");
        let found = bootstrap(&[model], &subjects, Comparator::Pearson, Resample::Subjects, 300, 2, &seed).unwrap();
        let interval = found.interval(0, 0.95);
        covered += usize::from(interval.low <= 0.0 && 0.0 <= interval.high);
        ps.push(found.exceeds(0, 0.0).p);
    }
    assert!((covered as f64 / 1000.0 - 0.95).abs() < 0.02, "{covered}");
    let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{test:?}");
}

#[test]
fn conditions_drawn_anew_and_both() {
    // Subjects share a brain that has nothing to do with the model: what differs from set to set is the conditions.
    let (mut conditions, mut dual, mut covered) = (vec![], vec![], 0);
    for set in 0..1000 {
        let seed = Seed::root(3).index(set);
        let (model, subjects) = strangers(10, 40, 1.0, &seed);
        let models = [model];
        let own = seed.child("conditions");
        let found = bootstrap(&models, &subjects, Comparator::Pearson, Resample::Conditions, 100, 2, &own).unwrap();
        let interval = found.interval(0, 0.95);
        covered += usize::from(interval.low <= 0.0 && 0.0 <= interval.high);
        conditions.push(found.exceeds(0, 0.0).p);
        let found = dual_bootstrap(&models, &subjects, Comparator::Pearson, 100, 2, &seed.child("both")).unwrap();
        dual.push(found.exceeds(0, 0.0).p);
    }
    assert!((covered as f64 / 1000.0 - 0.95).abs() < 0.02, "{covered}");
    // Pairs of a drawn condition with itself are left out, so that both are a little careful, the dual one more (Schuett et al. 2023):
    // they may call less than the level significant, and not more.
    for (name, ps, least) in [("conditions", &conditions, 0.02), ("both", &dual, 0.005)] {
        let found = up_to(0.05, ps);
        assert!((least..0.07).contains(&found), "{name}: {found} at .05");
        assert!((up_to(0.5, ps) - 0.5).abs() < 0.05, "{name}: {} at .5", up_to(0.5, ps));
    }
}

/// Two measurements of the same hidden patterns.
fn related(rows: usize, seed: &Seed) -> (Array2<f64>, Array2<f64>) {
    let hidden = normal(rows, 6, &seed.child("hidden"));
    let of = |name: &str| {
        let weights = normal(6, 8, &Seed::root(7).child(name));
        hidden.dot(&weights) + 2.0 * normal(rows, 8, &seed.child(name))
    };
    (of("x"), of("y"))
}

#[test]
fn groups_of_conditions_left_out() {
    let rdm = |m: &Array2<f64>| Rdm::from_responses(m.view(), Dissimilarity::SquaredEuclidean).unwrap();
    let cka = |x: &Array2<f64>, y: &Array2<f64>| linear_cka(x.view(), y.view(), Bias::Unbiased).unwrap();
    let rsa = |a: &Rdm, b: &Rdm| compare_rdms(a, b, Comparator::Pearson).unwrap();
    // The truth, from 25 times as many conditions: its error is a fifth of that of a set, which takes half a per cent off what intervals cover.
    let (x, y) = related(2000, &Seed::root(8));
    let (true_cka, true_rsa) = (cka(&x, &y), rsa(&rdm(&x), &rdm(&y)));
    let (mut in_cka, mut in_rsa) = (0, 0);
    for set in 0..1000 {
        let (x, y) = related(80, &Seed::root(9).index(set));
        let (a, b) = (rdm(&x), rdm(&y));
        let by_cka = jackknife_interval(80, |k| Some(cka(&x.select(Axis(0), k), &y.select(Axis(0), k)))).unwrap();
        let by_rsa = jackknife_interval(80, |k| Some(rsa(&a.subset(k), &b.subset(k)))).unwrap();
        in_cka += usize::from((by_cka.low..=by_cka.high).contains(&true_cka));
        in_rsa += usize::from((by_rsa.low..=by_rsa.high).contains(&true_rsa));
    }
    for (name, covered) in [("CKA", in_cka), ("RSA", in_rsa)] {
        assert!((covered as f64 / 1000.0 - 0.95).abs() < 0.02, "{name}: {covered}");
    }
}

#[test]
fn the_number_of_canonical_components() {
    let first: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(3).index(set);
            let (x, y) = (normal(30, 3, &seed.child("x")), normal(30, 3, &seed.child("y")));
            let p = significant_components(x.view(), y.view(), 39, 0.05, 1, &seed.child("null")).unwrap()[0];
            p - seed.child("step").stream().random_range(0.0..1.0 / 40.0)
        })
        .collect();
    let test = kolmogorov_smirnov(&first, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{test:?}");
}
