//! Published and independently computed values, and the algebra that every measure must obey.

use ndarray::{Array2, array};
use proptest::prelude::*;
use rheobase_linalg::qr;
use rheobase_similarity::compare::{cosine, rho_a, tau_a};
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Error, Rdm, compare_rdms, linear_cka};

/// The fixture of 8 stimuli: X = sin((i+1)(j+1)), Y = cos((i+1)(j+2)/2), indices from 0.
fn fixture() -> (Array2<f64>, Array2<f64>) {
    let x = Array2::from_shape_fn((8, 3), |(i, j)| (((i + 1) * (j + 1)) as f64).sin());
    let y = Array2::from_shape_fn((8, 4), |(i, j)| (((i + 1) * (j + 2)) as f64 / 2.0).cos());
    (x, y)
}

fn assert_close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs().max(1.0), "found {found}, expected {expected}");
}

#[test]
fn cka_of_the_fixture_matches_double_precision_reference() {
    let (x, y) = fixture();
    // Reference values are printed with 16 digits by an independent double-precision program: 1e-10 relative.
    assert_close(linear_cka(x.view(), y.view(), Bias::Biased).unwrap(), 0.192_147_968_468_405_76, 1e-10);
    assert_close(linear_cka(x.view(), y.view(), Bias::Unbiased).unwrap(), -0.425_110_563_917_445_2, 1e-10);
}

#[test]
fn rdm_comparators_of_the_fixture_match_reference() {
    let (x, y) = fixture();
    let rdms = |d| (Rdm::from_responses(x.view(), d).unwrap(), Rdm::from_responses(y.view(), d).unwrap());
    let expected = [
        (
            Dissimilarity::SquaredEuclidean,
            -0.399_490_624_605_4,
            -0.419_266_557_197_591_7,
            -0.306_878_306_878_306_87,
            0.733_759_979_369_170_9,
        ),
        (
            Dissimilarity::Correlation,
            -0.111_901_533_013_291_85,
            -0.103_995_621_237_000_54,
            -0.068_783_068_783_068_78,
            0.765_914_746_958_513,
        ),
    ];
    for (dissimilarity, pearson, spearman, tau, cos) in expected {
        let (a, b) = rdms(dissimilarity);
        for (comparator, value) in [
            (Comparator::Pearson, pearson),
            (Comparator::Spearman, spearman),
            (Comparator::TauA, tau),
            (Comparator::Cosine, cos),
        ] {
            assert_close(compare_rdms(&a, &b, comparator).unwrap(), value, 1e-10);
        }
    }
}

#[test]
fn tied_vectors_give_the_hand_worked_rho_a_and_tau_a() {
    let (a, b) = ([1.0, 1.0, 2.0, 3.0], [1.0, 2.0, 2.0, 4.0]);
    assert_close(rho_a(&a, &b), 0.75, 1e-15);
    assert_close(tau_a(&a, &b), 4.0 / 6.0, 1e-15);
}

#[test]
fn class_rdm_is_zero_within_and_one_between() {
    let rdm = Rdm::from_classes(&[0, 0, 1]).unwrap();
    assert_eq!(rdm.condensed(), [0.0, 1.0, 1.0]);
    assert_eq!(rdm.square(), array![[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]);
}

#[test]
fn unbiased_cka_of_independent_data_centres_on_zero_where_the_biased_one_does_not() {
    use rand::RngExt;
    use rheobase_core::Seed;
    // 200 draws of 32 x 16 Gaussian-like data; the unbiased mean has a standard error near 0.05 / sqrt(200) = 0.004.
    let draws = 200;
    let (mut biased, mut unbiased) = (0.0, 0.0);
    for draw in 0..draws {
        let mut stream = Seed::root(7).index(draw).stream();
        let mut sample =
            || Array2::from_shape_simple_fn((32, 16), || (0..6).map(|_| stream.random::<f64>() - 0.5).sum::<f64>());
        let (x, y) = (sample(), sample());
        biased += linear_cka(x.view(), y.view(), Bias::Biased).unwrap() / draws as f64;
        unbiased += linear_cka(x.view(), y.view(), Bias::Unbiased).unwrap() / draws as f64;
    }
    assert!(unbiased.abs() < 0.015, "unbiased mean {unbiased}");
    assert!(biased > 0.2, "biased mean {biased}");
}

#[test]
fn bad_input_is_named() {
    let (x, _) = fixture();
    let constant = Array2::from_elem((8, 2), 0.1);
    assert_eq!(
        linear_cka(x.view(), constant.view(), Bias::Biased).unwrap_err(),
        Error::Constant { side: "right", what: "CKA" }
    );
    assert!(matches!(
        linear_cka(x.view(), Array2::zeros((7, 2)).view(), Bias::Biased).unwrap_err(),
        Error::ConditionMismatch { left: 8, right: 7 }
    ));
    assert!(matches!(
        linear_cka(Array2::zeros((3, 2)).view(), Array2::zeros((3, 2)).view(), Bias::Unbiased).unwrap_err(),
        Error::TooFewConditions { needed: 4, found: 3, .. }
    ));
    let mut flat = x.clone();
    flat.row_mut(5).fill(0.3);
    assert_eq!(
        Rdm::from_responses(flat.view(), Dissimilarity::Correlation).unwrap_err(),
        Error::FlatCondition { condition: 5, units: 3 }
    );
}

fn small_matrix() -> impl Strategy<Value = Array2<f64>> {
    (5usize..12, 2usize..6).prop_flat_map(|(n, p)| {
        proptest::collection::vec(-3.0..3.0f64, n * p).prop_map(move |v| Array2::from_shape_vec((n, p), v).unwrap())
    })
}

fn orthogonal(p: usize) -> Array2<f64> {
    let m = Array2::from_shape_fn((p, p), |(i, j)| ((i * 3 + j * 5 + i * j) as f64 * 0.83).sin());
    qr(m.view()).unwrap().0
}

proptest! {
    #[test]
    fn cka_is_one_with_itself_symmetric_and_invariant_to_rotation_scale_and_shift(x in small_matrix()) {
        let y = x.mapv(f64::sin);
        let rotated = x.dot(&orthogonal(x.ncols())) * 2.5 + 0.7;
        // The unbiased form divides by HSIC1(X, X), which can be small for a handful of conditions; 1e-8 leaves that room.
        prop_assert!((linear_cka(x.view(), x.view(), Bias::Biased).unwrap() - 1.0).abs() < 1e-10);
        let (a, b) = (linear_cka(x.view(), y.view(), Bias::Biased).unwrap(), linear_cka(y.view(), x.view(), Bias::Biased).unwrap());
        prop_assert!((a - b).abs() < 1e-12);
        prop_assert!((linear_cka(rotated.view(), y.view(), Bias::Biased).unwrap() - a).abs() < 1e-8);
    }

    #[test]
    fn euclidean_rdm_is_invariant_to_rotation(x in small_matrix()) {
        let a = Rdm::from_responses(x.view(), Dissimilarity::SquaredEuclidean).unwrap();
        let b = Rdm::from_responses(x.dot(&orthogonal(x.ncols())).view(), Dissimilarity::SquaredEuclidean).unwrap();
        prop_assert!(a.condensed().iter().zip(b.condensed()).all(|(p, q)| (p - q).abs() < 1e-8));
    }

    #[test]
    fn fast_tau_a_equals_the_double_loop(values in proptest::collection::vec((0i8..6, 0i8..6), 2..40)) {
        let a: Vec<f64> = values.iter().map(|v| f64::from(v.0)).collect();
        let b: Vec<f64> = values.iter().map(|v| f64::from(v.1)).collect();
        let mut score = 0.0;
        for i in 0..a.len() {
            for j in i + 1..a.len() {
                score += ((a[i] - a[j]) * (b[i] - b[j])).partial_cmp(&0.0).map_or(0.0, |o| f64::from(o as i8));
            }
        }
        let naive = score / (a.len() * (a.len() - 1) / 2) as f64;
        prop_assert!((tau_a(&a, &b) - naive).abs() < 1e-12);
    }

    #[test]
    fn a_subset_of_an_rdm_is_the_rdm_of_the_subset(x in small_matrix()) {
        let all = Rdm::from_responses(x.view(), Dissimilarity::SquaredEuclidean).unwrap();
        let keep = [4, 0, 2];
        let direct = Rdm::from_responses(x.select(ndarray::Axis(0), &keep).view(), Dissimilarity::SquaredEuclidean).unwrap();
        prop_assert!(all.subset(&keep).condensed().iter().zip(direct.condensed()).all(|(p, q)| (p - q).abs() < 1e-9));
    }

    #[test]
    fn cosine_is_bounded(v in proptest::collection::vec(0.1..5.0f64, 3..9)) {
        prop_assert!((cosine(&v, &v) - 1.0).abs() < 1e-12);
    }
}
