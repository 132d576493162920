//! Every measure on one fixture, against values of an independent double-precision program (16 printed digits: 1e-10).

use ndarray::{Array2, array};
use rheobase_core::Seed;
use rheobase_similarity::cca::{self, CrossValidation};
use rheobase_similarity::kernel::{linear_cka_by_gram, rbf_cka, rbf_sigma_squared};
use rheobase_similarity::matching::{best_assignment, soft_matching_correlation, soft_matching_distance, transport};
use rheobase_similarity::neighbours::{Closeness, mutual_nearest_neighbours};
use rheobase_similarity::shape;
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Error, Rdm, compare_rdms, linear_cka};

/// 8 stimuli: X = sin((i+1)(j+1)), Y = cos((i+1)(j+2)/2), indices from 0.
fn fixture() -> (Array2<f64>, Array2<f64>) {
    let x = Array2::from_shape_fn((8, 3), |(i, j)| (((i + 1) * (j + 1)) as f64).sin());
    let y = Array2::from_shape_fn((8, 4), |(i, j)| (((i + 1) * (j + 2)) as f64 / 2.0).cos());
    (x, y)
}

fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs().max(1.0), "found {found}, expected {expected}");
}

#[test]
fn cka_of_all_kernels_and_biases() {
    let (x, y) = fixture();
    let (x, y) = (x.view(), y.view());
    for (bias, expected) in [
        (Bias::Biased, 0.192_147_968_468_405_76),
        (Bias::Unbiased, -0.425_110_563_917_445_2),
        (Bias::ZeroDiagonal, -0.287_131_537_156_428_7),
    ] {
        close(linear_cka_by_gram(x, y, bias).unwrap(), expected, 1e-10);
        close(linear_cka(x, y, bias).unwrap(), expected, 1e-10);
    }
    close(rbf_sigma_squared(x, 1.0).unwrap(), 2.988_747_521_467_577_6, 1e-10);
    close(rbf_sigma_squared(y, 1.0).unwrap(), 3.670_023_960_545_908, 1e-10);
    close(rbf_cka(x, y, 1.0, Bias::Biased).unwrap(), 0.389_360_052_203_646_17, 1e-10);
}

#[test]
fn features_and_gram_matrices_give_the_same_cka() {
    // Many conditions, few units: the feature route; its Gram twin sums the same terms in another order.
    let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * 7 + j * 3 + i * j) as f64 * 0.37).sin());
    let y = Array2::from_shape_fn((60, 5), |(i, j)| ((i * 5 + j * 11) as f64 * 0.23).cos() + x[[i, j % 3]]);
    for bias in [Bias::Biased, Bias::Unbiased] {
        let by_features = linear_cka(x.view(), y.view(), bias).unwrap();
        close(by_features, linear_cka_by_gram(x.view(), y.view(), bias).unwrap(), 1e-12);
    }
}

#[test]
fn canonical_correlations_and_their_weighted_means() {
    let (x, y) = fixture();
    let found = cca::cca(x.view(), y.view()).unwrap();
    for (r, expected) in found.correlations.iter().zip([0.949_850_298_6, 0.532_099_812_2, 0.168_328_516]) {
        close(*r, expected, 1e-9); // ten printed digits
    }
    close(found.mean(), 0.550_092_875_616_646_5, 1e-10);
    close(found.mean_squared(), 0.404_560_096_414_838_1, 1e-10);
    close(cca::pwcca(x.view(), y.view()).unwrap(), 0.508_893_197_396_436_5, 1e-8);
    close(cca::pwcca(y.view(), x.view()).unwrap(), 0.541_186_954_739_495, 1e-8);
    close(cca::linear_regression_r2(x.view(), y.view()).unwrap(), 0.247_610_798_981_237_78, 1e-10);
    close(cca::linear_regression_r2(y.view(), x.view()).unwrap(), 0.334_447_245_078_759_17, 1e-10);
}

#[test]
fn shape_metrics() {
    let (x, y) = fixture();
    let (x, y) = (x.view(), y.view());
    close(shape::nuclear_norm(x, y).unwrap(), 4.796_661_467_546_338, 1e-10);
    close(shape::normalised_bures_similarity(x, y).unwrap(), 0.375_716_922_023_341_4, 1e-10);
    close(shape::procrustes_angle(x, y).unwrap(), 1.185_626_073_248_851_5, 1e-10);
    close(shape::procrustes_distance(x, y).unwrap(), 4.014_502_726_813_234, 1e-10);
    close(shape::angular_distance(x, y, 0.5).unwrap(), 1.143_092_725_244_447, 1e-10);
    close(shape::angular_distance(x, y, 0.0).unwrap(), 1.074_247_039_768_129_4, 1e-10);
}

#[test]
fn matching_and_neighbours() {
    let (x, y) = fixture();
    close(soft_matching_correlation(x.view(), y.view()).unwrap(), 0.210_370_449_329_676_75, 1e-8);
    close(soft_matching_distance(x.view(), y.view()).unwrap(), 2.428_642_275_200_538_8, 1e-8);
    for (k, expected) in [(1, 0.0), (2, 0.125), (3, 7.0 / 24.0)] {
        close(mutual_nearest_neighbours(x.view(), y.view(), k, Closeness::InnerProduct).unwrap(), expected, 1e-12);
    }
}

#[test]
fn whitened_comparators() {
    let (x, y) = fixture();
    for (d, cosine_cov, corr_cov) in [
        (Dissimilarity::SquaredEuclidean, 0.192_147_968_468_405_76, -0.415_950_066_885_848_85),
        (Dissimilarity::Correlation, 0.260_522_058_436_633_34, -0.126_971_116_028_895_74),
    ] {
        let (a, b) = (Rdm::from_responses(x.view(), d).unwrap(), Rdm::from_responses(y.view(), d).unwrap());
        close(compare_rdms(&a, &b, Comparator::CosineCov).unwrap(), cosine_cov, 1e-10);
        close(compare_rdms(&a, &b, Comparator::CorrCov).unwrap(), corr_cov, 1e-10);
    }
    // Ties: (1,1,2,3) against (1,2,2,4) has tau-b 0.8 and tau-a 2/3.
    let kendall = rheobase_similarity::compare::kendall(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 4.0]);
    close(kendall.tau_b(), 0.8, 1e-12);
    close(kendall.tau_a(), 2.0 / 3.0, 1e-12);
}

#[test]
fn distances_of_hand_worked_patterns() {
    let folds = [array![[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], array![[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]];
    let views = [folds[0].view(), folds[1].view()];
    for (found, expected) in Rdm::crossnobis(&views, None).unwrap().condensed().iter().zip([1.5, 0.5, 0.0]) {
        close(*found, expected, 1e-12);
    }
    let identity = Array2::<f64>::eye(2);
    assert_eq!(
        Rdm::crossnobis(&views, Some(identity.view())).unwrap().condensed(),
        Rdm::crossnobis(&views, None).unwrap().condensed()
    );
    let rates = array![
        [0.11, 0.13, 0.10],
        [0.12, 0.14, 0.11],
        [0.21, 0.24, 0.24],
        [0.22, 0.21, 0.25],
        [0.30, 0.29, 0.32],
        [0.31, 0.28, 0.33]
    ];
    let rdm = Rdm::from_responses(rates.view(), Dissimilarity::Poisson).unwrap();
    let expected = [0.000_417_787_3, 0.047_342_341_1, 0.046_713_723_8, 0.112_165_102_4, 0.116_721_612_4];
    for (found, expected) in rdm.condensed().iter().zip(expected) {
        close(*found, expected, 1e-9);
    }
    close(*rdm.condensed().last().unwrap(), 0.000_224_844_2, 1e-9);
}

#[test]
fn transport_is_the_cheapest_plan() {
    // Brute force over all permutations of 5 units at several costs.
    let mut state = 1_u64;
    for trial in 0..40 {
        // Gains are negative costs.
        let shift = [0.0, 0.5, 1.0, 3.0][trial % 4];
        let cost = Array2::from_shape_fn((5, 5), |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64 - shift
        });
        let of = |order: &[usize]| order.iter().enumerate().map(|(i, &j)| cost[[i, j]]).sum::<f64>();
        let mut best = f64::INFINITY;
        let mut order = [0, 1, 2, 3, 4];
        permutations(&mut order, 0, &mut |o| best = best.min(of(o)));
        close(of(&best_assignment(&cost)), best, 1e-12);
        // Splitting every mass in two changes nothing.
        let plan = transport(&cost, &[2; 5], &[2; 5]);
        let total: f64 = cost.iter().zip(&plan).map(|(c, &m)| c * m as f64).sum();
        close(total, 2.0 * best, 1e-12);
    }
}

fn permutations(order: &mut [usize; 5], from: usize, f: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return f(order);
    }
    for i in from..order.len() {
        order.swap(from, i);
        permutations(order, from + 1, f);
        order.swap(from, i);
    }
}

#[test]
fn as_many_units_as_conditions_is_refused_and_cross_validation_is_not_fooled() {
    use rand::RngExt;
    let noise = |n: usize, p: usize, name: &str| {
        let mut stream = Seed::root(5).child(name).stream();
        Array2::from_shape_simple_fn((n, p), || stream.random_range(-1.0..1.0))
    };
    let (x, y) = (noise(20, 25, "a"), noise(20, 3, "b"));
    assert!(matches!(cca::cca(x.view(), y.view()), Err(Error::TooManyUnits { conditions: 20, .. })));
    // 60 conditions, 15 units each, unrelated: in-sample correlations are large, held-out ones are not.
    let (x, y) = (noise(60, 15, "a"), noise(60, 15, "b"));
    assert!(cca::cca(x.view(), y.view()).unwrap().correlations[0] > 0.7);
    let settings = CrossValidation::default();
    let held_out = cca::cross_validated_cca(x.view(), y.view(), &settings, &Seed::root(1)).unwrap()[0];
    // Five correlations of 12 conditions each: standard error of their mean about 1 / sqrt(11 x 5) = 0.13; three of them.
    assert!(held_out.abs() < 0.4, "{held_out}");
    let one = cca::cross_validated_cca(x.view(), x.view(), &settings, &Seed::root(1)).unwrap()[0];
    assert!(one > 0.95, "{one}");
    let threads = CrossValidation { threads: 2, ..settings };
    let two = cca::cross_validated_cca(x.view(), x.view(), &threads, &Seed::root(1)).unwrap()[0];
    assert_eq!(one.to_bits(), two.to_bits());
}
