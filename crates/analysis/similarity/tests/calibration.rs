//! Under the null, p-values of similarities are uniform.

use ndarray::{Array2, ArrayView2, Axis};
use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_core::inference::kolmogorov_smirnov;
use rheobase_core::statistics::permutation_p;
use rheobase_similarity::cca::{cca, permutation_null};
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
