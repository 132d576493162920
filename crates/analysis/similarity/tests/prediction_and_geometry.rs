//! Regression against an independent program and against refitting, streaming against whole, geometry against closed forms, and the
//! invariances that define each measure.

use ndarray::{Array1, Array2, Array3, array, concatenate, s};
use proptest::prelude::*;
use rand::RngExt;
use rheobase_core::Seed;
use rheobase_linalg::qr;
use rheobase_similarity::cca::cca;
use rheobase_similarity::dynamics::{dynamical_distance, linear_map, linear_map_of_trials};
use rheobase_similarity::geometry::*;
use rheobase_similarity::predictivity::*;
use rheobase_similarity::streaming::Moments;
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Rdm, compare_rdms, linear_cka, shape};

/// 8 stimuli: X = sin((i+1)(j+1)), Y = cos((i+1)(j+2)/2), indices from 0.
fn fixture() -> (Array2<f64>, Array2<f64>) {
    let x = Array2::from_shape_fn((8, 3), |(i, j)| (((i + 1) * (j + 1)) as f64).sin());
    let y = Array2::from_shape_fn((8, 4), |(i, j)| (((i + 1) * (j + 2)) as f64 / 2.0).cos());
    (x, y)
}

fn noise(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut stream = Seed::root(seed).stream();
    Array2::from_shape_fn((rows, columns), |_| {
        (0..6).map(|_| stream.random_range(-1.0..1.0_f64)).sum::<f64>() / 2.0_f64.sqrt()
    })
}

#[test]
fn regressions_of_the_fixture() {
    let (x, y) = fixture();
    for (alpha, expected) in
        [(1.0, 0.229_837_264_626_859_5), (0.1, 0.247_293_678_401_093_62), (10.0, 0.097_818_267_362_531_52)]
    {
        let fit = fit_ridge(x.view(), y.view(), alpha).unwrap();
        let found = r_squared(y.view(), fit.predict(x.view()).unwrap().view());
        assert!((found - expected).abs() < 1e-10, "{found}");
        // More predictors than stimuli go another way: repeated columns share the coefficients, so strength doubles with them.
        let wide = concatenate(ndarray::Axis(1), &[x.view(), x.view(), x.view(), x.view()]).unwrap();
        let fit = fit_ridge(wide.view(), y.view(), 4.0 * alpha).unwrap();
        assert!((r_squared(y.view(), fit.predict(wide.view()).unwrap().view()) - expected).abs() < 1e-10);
    }
    for (components, expected) in
        [(1, 0.200_772_376_853_937), (2, 0.231_544_212_693_908), (3, 0.247_610_798_981_237_83)]
    {
        let fit = fit_pls(x.view(), y.view(), components).unwrap();
        let found = r_squared(y.view(), fit.predict(x.view()).unwrap().view());
        assert!((found - expected).abs() < 1e-10, "{components}: {found}");
    }
    let singles: Vec<Vec<usize>> = (0..8).map(|i| vec![i]).collect();
    let found = cross_predict_ridge(x.view(), y.view(), &singles, &[1.0], Strength::Shared, 1).unwrap();
    let all: Vec<usize> = (0..8).collect();
    let r = correlations(y.view(), found.predictions.view(), &all);
    for (r, expected) in r.iter().zip([-0.791_853_156_6, -0.583_092_442_3, -0.704_306_058_1, -0.003_432_904_6]) {
        assert!((r - expected).abs() < 1e-9, "{r}");
    }
    assert!((r_squared(y.view(), found.predictions.view()) + 1.315_242_085_601_649).abs() < 1e-10);
}

/// The shortcut equals fitting again without each fold, and the nested choice equals doing leave-one-out by hand.
#[test]
fn predictions_without_a_fold_are_those_of_a_fit_without_it() {
    for predictors in [4, 30] {
        let x = noise(24, predictors, 1);
        let y = x.dot(&noise(predictors, 3, 2)) + noise(24, 3, 3) * 2.0;
        let folds = folds(24, 4, None, &Seed::root(1)).unwrap();
        let alphas = [0.1, 3.0, 50.0];
        for choose in [Strength::Shared, Strength::PerTarget] {
            let found = cross_predict_ridge(x.view(), y.view(), &folds, &alphas, choose, 1).unwrap();
            for (f, fold) in folds.iter().enumerate() {
                let rest: Vec<usize> = (0..24).filter(|i| !fold.contains(i)).collect();
                let (tx, ty) = (x.select(ndarray::Axis(0), &rest), y.select(ndarray::Axis(0), &rest));
                let errors: Vec<Array1<f64>> = alphas
                    .iter()
                    .map(|&alpha| {
                        (0..rest.len()).fold(Array1::zeros(3), |sum, i| {
                            let others: Vec<usize> = (0..rest.len()).filter(|&k| k != i).collect();
                            let (ox, oy) = (tx.select(ndarray::Axis(0), &others), ty.select(ndarray::Axis(0), &others));
                            let fit = fit_ridge(ox.view(), oy.view(), alpha).unwrap();
                            let miss = &fit.predict(tx.slice(s![i..=i, ..])).unwrap().row(0) - &ty.row(i);
                            sum + miss.mapv(|v| v * v)
                        })
                    })
                    .collect();
                for target in 0..3 {
                    let error = |k: usize| if choose == Strength::Shared { errors[k].sum() } else { errors[k][target] };
                    let best = (0..3).fold(0, |b, k| if error(k) < error(b) { k } else { b });
                    assert_eq!(found.strengths[[f, target]], alphas[best]);
                    let fit = fit_ridge(tx.view(), ty.view(), alphas[best]).unwrap();
                    let expected = fit.predict(x.select(ndarray::Axis(0), fold).view()).unwrap();
                    for (row, &i) in fold.iter().enumerate() {
                        assert!((found.predictions[[i, target]] - expected[[row, target]]).abs() < 1e-9);
                    }
                }
            }
            let again = cross_predict_ridge(x.view(), y.view(), &folds, &alphas, choose, 3).unwrap();
            assert_eq!(again.predictions, found.predictions);
        }
        let found = cross_predict_pls(x.view(), y.view(), &folds, 3, 1).unwrap();
        for fold in &folds {
            let rest: Vec<usize> = (0..24).filter(|i| !fold.contains(i)).collect();
            let fit =
                fit_pls(x.select(ndarray::Axis(0), &rest).view(), y.select(ndarray::Axis(0), &rest).view(), 3).unwrap();
            let expected = fit.predict(x.select(ndarray::Axis(0), fold).view()).unwrap();
            for (row, &i) in fold.iter().enumerate() {
                assert!((&found.predictions.row(i) - &expected.row(row)).iter().all(|d| d.abs() < 1e-8));
            }
        }
    }
}

#[test]
fn folds_keep_groups_together_and_ceilings_follow_the_noise() {
    let groups: Vec<usize> = (0..30).map(|i| i / 3).collect();
    for fold in folds(30, 5, Some(&groups), &Seed::root(2)).unwrap() {
        assert_eq!(fold.len(), 6);
        assert!(fold.iter().all(|&i| fold.iter().filter(|&&j| groups[j] == groups[i]).count() == 3));
    }
    assert!(folds(30, 11, Some(&groups), &Seed::root(2)).is_err());
    let classes: Vec<usize> = (0..100).map(|i| i % 5).collect();
    for test in brain_score_splits(100, Some(&classes), 10, &Seed::root(3)).unwrap() {
        assert_eq!(test.len(), 10);
        assert!((0..5).all(|c| test.iter().filter(|&&i| classes[i] == c).count() == 2));
    }
    // Signal and noise of equal variance, 8 repetitions: reliability of the mean is 8 / 9.
    let signal = noise(400, 2, 4);
    let presentations = Array2::from_shape_fn((3200, 2), |(k, u)| signal[[k % 400, u]] + noise_at(k / 400, k % 400, u));
    let of_stimulus: Vec<usize> = (0..3200).map(|k| k % 400).collect();
    for ceiling in split_half_ceiling(presentations.view(), &of_stimulus, 10, &Seed::root(5)).unwrap() {
        assert!((ceiling - 8.0 / 9.0).abs() < 0.02, "{ceiling}");
    }
    let once = split_half_ceiling(signal.view(), &(0..400).collect::<Vec<_>>(), 10, &Seed::root(5)).unwrap_err();
    assert!(once.to_string().contains("2 presentations of each"), "{once}");
    assert!((spearman_brown(0.5) - 2.0 / 3.0).abs() < 1e-15 && spearman_brown(-1.0).is_nan());
    assert!((Normalisation::SquaredOverCeiling.apply(0.6, 0.9) - 0.4).abs() < 1e-12);
    assert!((Normalisation::RatioSquared.apply(0.6, 0.9) - (0.6_f64 / 0.9).powi(2)).abs() < 1e-12);
    let (score, error, missing) = brain_score(&[vec![0.1, 0.2, 0.9, f64::NAN], vec![0.4, 0.4, 0.4, f64::NAN]]);
    assert!((score - 0.3).abs() < 1e-12 && (error - 0.1 / 2.0_f64.sqrt()).abs() < 1e-12 && missing == 1);
}

fn noise_at(r: usize, i: usize, u: usize) -> f64 {
    let mut stream = Seed::root(99).index(r).index(i).index(u).stream();
    (0..6).map(|_| stream.random_range(-1.0..1.0_f64)).sum::<f64>() / 2.0_f64.sqrt()
}

#[test]
fn streamed_blocks_give_the_whole() {
    let x = noise(300, 6, 6) + 5.0;
    let y = x.dot(&noise(6, 4, 7)) + noise(300, 4, 8) * 3.0 - 2.0;
    let mut moments = Moments::new(6, 4);
    for start in (0..300).step_by(70) {
        let end = (start + 70).min(300);
        moments.add(x.slice(s![start..end, ..]), y.slice(s![start..end, ..])).unwrap();
    }
    assert_eq!(moments.stimuli(), 300);
    for (found, bias) in
        [(moments.cka_biased().unwrap(), Bias::Biased), (moments.cka_unbiased().unwrap(), Bias::Unbiased)]
    {
        let whole = linear_cka(x.view(), y.view(), bias).unwrap();
        assert!((found - whole).abs() < 1e-10, "{found} {whole}");
    }
    let whole = cca(x.view(), y.view()).unwrap().correlations;
    for (a, b) in moments.canonical_correlations(0.0).unwrap().iter().zip(&whole) {
        assert!((a - b).abs() < 1e-10);
    }
    assert!(moments.add(y.view(), x.view()).is_err());
    assert!(Moments::new(2, 2).cka_unbiased().is_err());
}

#[test]
fn dimensions_by_closed_form() {
    let (x, y) = fixture();
    assert!((participation_ratio(x.view()).unwrap() - 2.824_432_601_080_339).abs() < 1e-10);
    assert!((participation_ratio(y.view()).unwrap() - 3.193_541_603_439_858_3).abs() < 1e-10);
    // Four samples on axes with variances 4, 2, 1, 1 (each +-): 64 / 22.
    let axes = Array2::from_shape_fn((8, 4), |(i, j)| {
        if i / 2 == j { [4.0_f64, 2.0, 1.0, 1.0][j].sqrt() * if i % 2 == 0 { 1.0 } else { -1.0 } } else { 0.0 }
    });
    assert!((participation_ratio(axes.view()).unwrap() - 64.0 / 22.0).abs() < 1e-12);
    assert!((explained_variance(axes.view()).unwrap()[0] - 0.5).abs() < 1e-12);
    // 50 dimensions from 40 samples: the plain ratio sees about 22, the unbiased one about 50.
    let mean = |f: &dyn Fn(&Array2<f64>) -> f64| (0..20).map(|d| f(&noise(40, 50, 100 + d))).sum::<f64>() / 20.0;
    assert!(mean(&|m| participation_ratio(m.view()).unwrap()) < 25.0);
    let unbiased = mean(&|m| participation_ratio_unbiased(m.view()).unwrap());
    assert!((unbiased - 50.0).abs() < 5.0, "{unbiased}");
    assert!(participation_ratio(Array2::ones((3, 2)).view()).is_err());
}

#[test]
fn tangling_of_a_circle_and_of_a_figure_eight() {
    let n = 400;
    let phase = |t: usize| std::f64::consts::TAU * t as f64 / n as f64;
    let circle = Array2::from_shape_fn((n, 2), |(t, k)| if k == 0 { phase(t).cos() } else { phase(t).sin() });
    let along = Array2::from_shape_fn((n, 2), |(t, k)| if k == 0 { -phase(t).sin() } else { phase(t).cos() });
    let found = tangling_of(circle.view(), along.view(), 0.1).unwrap();
    // Opposite points: 4 / (4 + .1).
    assert!(found.iter().all(|q| (q - 4.0 / 4.1).abs() < 1e-9), "{}", found[0]);
    let eight =
        Array2::from_shape_fn((n, 2), |(t, k)| if k == 0 { phase(t).sin() } else { (2.0 * phase(t)).sin() / 2.0 });
    let step = std::f64::consts::TAU / n as f64;
    let worst = tangling(eight.view(), step, 0.1).unwrap().into_iter().fold(0.0, f64::max);
    assert!(worst > 20.0, "{worst}");
}

#[test]
fn rotations_are_found_with_their_frequency_and_decay_has_none() {
    let (conditions, times, step) = (8, 60, 0.01);
    // Orthonormal, so that a rotation of the state is one of the units too.
    let mix = qr(noise(12, 4, 9).view()).unwrap().0.t().to_owned();
    let rotating = Array3::from_shape_fn((conditions, times, 12), |(c, t, u)| {
        let (start, t) = (c as f64 * 0.8, t as f64 * step);
        let state = [
            (start + 9.0 * t).cos(),
            (start + 9.0 * t).sin(),
            (2.0 * start + 4.0 * t).cos(),
            (2.0 * start + 4.0 * t).sin(),
        ];
        (0..4).map(|k| state[k] * mix[[k, u]]).sum()
    });
    // Equal scales for all units (large soft constant), so that a rotation stays one.
    let found = jpca(&rotating, step, 4, 1e6).unwrap();
    assert!(found.ratio() > 0.93 && found.skew_r2 <= found.free_r2 + 1e-12, "{} {}", found.skew_r2, found.free_r2);
    assert!((found.frequencies[0] / 9.0 - 1.0).abs() < 0.1, "{:?}", found.frequencies);
    // One plane alone is a pure rotation in its principal components: ratio 1, frequency to 2 %.
    let plane = Array3::from_shape_fn((conditions, times, 2), |(c, t, u)| {
        let phase = c as f64 * std::f64::consts::TAU / conditions as f64 + 9.0 * t as f64 * step;
        if u == 0 { phase.cos() } else { phase.sin() }
    });
    let pure = jpca(&plane, step, 2, 1e6).unwrap();
    assert!((pure.ratio() - 1.0).abs() < 1e-9 && (pure.frequencies[0] / 9.0 - 1.0).abs() < 0.02, "{pure:?}");
    let decaying = Array3::from_shape_fn((conditions, times, 2), |(c, t, u)| {
        let start = c as f64 * std::f64::consts::TAU / conditions as f64;
        (-3.0 * t as f64 * step).exp() * if u == 0 { start.cos() } else { start.sin() }
    });
    let none = jpca(&decaying, step, 2, 1e6).unwrap();
    assert!(none.skew_r2.abs() < 1e-9 && none.free_r2 > 0.99, "{none:?}");
}

#[test]
fn marginals_sum_to_the_data_and_demix_what_was_mixed() {
    let time_axis = noise(1, 10, 10).row(0).to_owned();
    let condition_axis = noise(1, 10, 11).row(0).to_owned();
    let jitter = noise(6 * 20, 10, 12);
    let rates = Array3::from_shape_fn((6, 20, 10), |(c, t, u)| {
        3.0 * (0.3 * t as f64).sin() * time_axis[u]
            + (c as f64 - 2.5) * condition_axis[u]
            + 0.1 * jitter[[c * 20 + t, u]]
            + 7.0
    });
    let split = marginals(&rates).unwrap();
    for ((c, t, u), v) in rates.indexed_iter() {
        let sum: f64 = split.parts.iter().map(|p| p[[c, t, u]]).sum::<f64>() + split.mean[u];
        assert!((sum - v).abs() < 1e-10);
    }
    // Balanced designs: marginals are orthogonal.
    let dot: f64 = split.parts[0].iter().zip(&split.parts[1]).map(|(a, b)| a * b).sum();
    assert!(dot.abs() < 1e-8);
    let found = demixed(&rates, 1, 1e-6).unwrap();
    let cosine = |a: &Array1<f64>, b: &Array1<f64>| (a.dot(b) / (a.dot(a) * b.dot(b)).sqrt()).abs();
    assert!(cosine(&found[0].encoder.column(0).to_owned(), &time_axis) > 0.99);
    assert!(cosine(&found[1].encoder.column(0).to_owned(), &condition_axis) > 0.99);
    let explained = found[0].explained[0] + found[1].explained[0];
    assert!(explained > 0.95 && explained < 1.0 + 1e-9, "{explained}");
    // One factor: the demixed space is that of the principal components.
    let only_time = split.parts[0].clone();
    let one = demixed(&only_time, 1, 0.0).unwrap();
    assert!(cosine(&one[0].encoder.column(0).to_owned(), &time_axis) > 0.99);
}

fn rotation(angle: f64) -> Array2<f64> {
    array![[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]
}

#[test]
fn dynamical_distances_by_closed_form() {
    let seed = Seed::root(1);
    let angle = |a: &Array2<f64>, b: &Array2<f64>| dynamical_distance(a.view(), b.view(), 4, &seed).unwrap().angular;
    // Reflections allowed: only the size of the angle counts.
    assert!((angle(&rotation(0.7), &rotation(-0.3)) - 0.4).abs() < 1e-6);
    let (a, b) = (array![[1.0, 0.0], [0.0, 0.2]], array![[0.3, 0.0], [0.0, 0.9]]);
    assert!((angle(&a, &b) - 0.124_354_994_546_761_6).abs() < 1e-6);
    // Symmetric under exchange, 0 for the same system in another basis.
    let raw = noise(5, 5, 13) * 0.3;
    let basis = qr(noise(5, 5, 14).view()).unwrap().0;
    let turned = basis.dot(&raw).dot(&basis.t());
    // Next to 0 the arccos is steep: an alignment short by 1e-10 is 1e-5 rad.
    assert!(angle(&raw, &turned) < 1e-3, "{}", angle(&raw, &turned));
    let other = noise(5, 5, 15) * 0.3;
    assert!((angle(&raw, &other) - angle(&other, &raw)).abs() < 1e-3);
    // From recordings: an oscillation is found in a delay embedding.
    let wave = Array2::from_shape_fn((200, 1), |(t, _)| (0.3 * t as f64).sin());
    let map = linear_map(wave.view(), 4, 2, 0.0).unwrap();
    let values = rheobase_linalg::eig(map.view()).unwrap().values;
    assert!((values[0].im.atan2(values[0].re).abs() - 0.3).abs() < 1e-3);
    // Two trials of the same oscillator, started at different phases: the same map as one, though they do not join. They are not whole
    // cycles, so that what is centred away differs by 1 / 60 or so.
    let (first, second) = (wave.slice(ndarray::s![..60, ..]), wave.slice(ndarray::s![97..170, ..]));
    let of_trials = linear_map_of_trials(&[first, second], 4, 2, 0.0).unwrap();
    let distance = dynamical_distance(map.view(), of_trials.view(), 2, &Seed::root(1)).unwrap();
    assert!(distance.angular < 0.02, "{}", distance.angular);
    assert!(linear_map_of_trials(&[first, wave.slice(ndarray::s![..4, ..])], 4, 2, 0.0).is_err());
    assert!(linear_map(wave.view(), 300, 2, 0.0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn each_measure_ignores_what_it_should(seed in 0_u64..10_000) {
        let (x, y) = (noise(30, 4, seed), noise(30, 5, seed + 1));
        let turned = x.dot(&qr(noise(4, 4, seed + 2).view()).unwrap().0) * 2.5 + 1.0;
        let mut invertible = noise(4, 4, seed + 3);
        invertible.diag_mut().mapv_inplace(|v| v + 4.0);
        let sheared = x.dot(&invertible) - 3.0;
        let r = |a: &Array2<f64>| cca(a.view(), y.view()).unwrap().correlations;
        for (a, b) in r(&x).iter().zip(&r(&sheared)) {
            prop_assert!((a - b).abs() < 1e-8);
        }
        for bias in [Bias::Biased, Bias::Unbiased] {
            let k = |a: &Array2<f64>| linear_cka(a.view(), y.view(), bias).unwrap();
            prop_assert!((k(&x) - k(&turned)).abs() < 1e-8);
        }
        let rdm = |a: &Array2<f64>| Rdm::from_responses(a.view(), Dissimilarity::SquaredEuclidean).unwrap();
        let compared = |a: &Array2<f64>| compare_rdms(&rdm(a), &rdm(&y), Comparator::Pearson).unwrap();
        prop_assert!((compared(&x) - compared(&turned)).abs() < 1e-8);
    }

    #[test]
    fn shape_distances_are_metrics(seed in 0_u64..10_000) {
        let m: Vec<Array2<f64>> = (0..3).map(|k| noise(20, 4, seed + 7 * k)).collect();
        for alpha in [0.0, 0.5, 1.0] {
            let d = |i: usize, j: usize| shape::angular_distance(m[i].view(), m[j].view(), alpha).unwrap();
            prop_assert!(d(0, 0) < 1e-6);
            prop_assert!((d(0, 1) - d(1, 0)).abs() < 1e-8);
            prop_assert!(d(0, 2) <= d(0, 1) + d(1, 2) + 1e-9);
        }
    }
}

/// Unbiased CKA of independent populations centres on 0, the biased one does not.
#[test]
fn debiased_estimates_centre_on_zero_for_noise() {
    let draws = 200;
    let values = |bias| -> Vec<f64> {
        (0..draws)
            .map(|d| linear_cka(noise(32, 20, 2000 + d).view(), noise(32, 20, 9000 + d).view(), bias).unwrap())
            .collect()
    };
    let unbiased = values(Bias::Unbiased);
    let mean = unbiased.iter().sum::<f64>() / draws as f64;
    let sd = rheobase_core::statistics::variance(&unbiased, 1).sqrt();
    assert!(mean.abs() < 4.0 * sd / (draws as f64).sqrt(), "{mean} {sd}");
    assert!(values(Bias::Biased).iter().all(|v| *v > 0.15));
}
