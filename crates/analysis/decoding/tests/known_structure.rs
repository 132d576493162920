//! Decoders and clusters against populations whose structure was planted.

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::Seed;
use rheobase_core::inference::kolmogorov_smirnov;
use rheobase_core::statistics::permutation_p;
use rheobase_decoding::Error;
use rheobase_decoding::classify::{Classifier, chance, decode, grouped_folds};
use rheobase_decoding::structure::{gaussian_mixture, independent_components, k_means, t_sne};

const CLASSIFIERS: [Classifier; 3] =
    [Classifier::Logistic { alpha: 1.0 }, Classifier::SupportVectors { cost: 1.0 }, Classifier::NearestMean];

/// Three classes whose means are `apart` from each other in five units of unit noise.
fn classes(samples: usize, apart: f64, seed: u64) -> (Array2<f64>, Vec<usize>) {
    let mut stream = Seed::root(seed).stream();
    let labels: Vec<usize> = (0..samples).map(|i| i % 3).collect();
    let x = Array2::from_shape_fn((samples, 5), |(i, j)| {
        let noise: f64 = (0..6).map(|_| stream.random_range(-1.0..1.0)).sum::<f64>() / 2.0_f64.sqrt();
        noise + if j == labels[i] { apart } else { 0.0 }
    });
    (x, labels)
}

#[test]
fn separate_classes_are_read_out_and_the_same_seed_gives_the_same() {
    let (x, labels) = classes(90, 5.0, 1);
    for classifier in CLASSIFIERS {
        let folds = grouped_folds(&labels, None, 5, &Seed::root(2)).unwrap();
        let found = decode(x.view(), &labels, &folds, classifier).unwrap();
        assert!(found.accuracy > 0.95, "{classifier:?} {}", found.accuracy);
        assert_eq!(found.confusion.sum(), 90.0);
        assert_eq!(decode(x.view(), &labels, &folds, classifier).unwrap().predicted, found.predicted);
    }
}

/// Repeats of one stimulus carry its own noise: only folds that keep them together show that nothing generalises.
#[test]
fn groups_are_left_out_whole() {
    let mut stream = Seed::root(3).stream();
    let groups: Vec<usize> = (0..120).map(|i| i / 6).collect();
    let labels: Vec<usize> = groups.iter().map(|g| g % 2).collect();
    let own: Vec<[f64; 8]> = (0..20).map(|_| std::array::from_fn(|_| stream.random_range(-1.0..1.0))).collect();
    let x = Array2::from_shape_fn((120, 8), |(i, j)| own[groups[i]][j] + 0.01 * ((i * 7 + j) as f64).sin());
    let accuracy = |groups: Option<&[usize]>| {
        let folds = grouped_folds(&labels, groups, 5, &Seed::root(4)).unwrap();
        if let Some(groups) = groups {
            assert!(
                folds.iter().all(|f| f.iter().all(|i| f.iter().filter(|j| groups[**j] == groups[*i]).count() == 6))
            );
        }
        decode(x.view(), &labels, &folds, Classifier::NearestMean).unwrap().balanced_accuracy
    };
    assert!(accuracy(None) > accuracy(Some(&groups)) + 0.1, "{} {}", accuracy(None), accuracy(Some(&groups)));
}

#[test]
fn p_values_are_uniform_where_there_is_nothing_to_read() {
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let (x, labels) = classes(24, 0.0, 100 + set);
            let seed = Seed::root(set);
            let folds = grouped_folds(&labels, None, 4, &seed).unwrap();
            let found = decode(x.view(), &labels, &folds, Classifier::NearestMean).unwrap().balanced_accuracy;
            let null = chance(x.view(), &labels, None, 4, Classifier::NearestMean, (39, 1), &seed).unwrap();
            // Accuracies come in steps: a little noise of its own breaks ties, as a randomised test does.
            let mut stream = seed.child("ties").stream();
            let mut jitter = |v: f64| v + 1e-6 * stream.random_range(0.0..1.0);
            let observed = jitter(found);
            let null: Vec<f64> = null.into_iter().map(jitter).collect();
            permutation_p(observed, &null) - seed.child("grid").stream().random_range(0.0..1.0 / 40.0)
        })
        .collect();
    let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{test:?}");
}

#[test]
fn clusters_mixtures_sources_and_maps() {
    let (x, labels) = classes(150, 8.0, 5);
    let agree = |of: &[usize]| {
        // Every pair of samples is together in both or apart in both.
        let same = |l: &[usize], i: usize, j: usize| l[i] == l[j];
        let pairs: Vec<(usize, usize)> = (0..150).flat_map(|i| (0..i).map(move |j| (i, j))).collect();
        pairs.iter().filter(|(i, j)| same(of, *i, *j) == same(&labels, *i, *j)).count() as f64 / pairs.len() as f64
    };
    let seed = Seed::root(6);
    let means = k_means(x.view(), 3, 10, &seed).unwrap();
    assert!(agree(&means.of) > 0.98 && means.centres.dim() == (3, 5));
    assert_eq!(means, k_means(x.view(), 3, 10, &seed).unwrap());
    assert!(agree(&gaussian_mixture(x.view(), 3, 5, &seed).unwrap().of) > 0.98);
    let map = t_sne(x.view(), 2, 20.0, &seed).unwrap();
    assert_eq!(map, t_sne(x.view(), 2, 20.0, &seed).unwrap());
    let near = (0..150)
        .filter(|&i| {
            let distance = |j: usize| (0..2).map(|k| (map[[i, k]] - map[[j, k]]).powi(2)).sum::<f64>();
            let nearest = (0..150).filter(|j| *j != i).min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap();
            labels[i] == labels[nearest]
        })
        .count();
    assert!(near > 145, "{near}");
    // Two uniform sources, mixed.
    let mut stream = Seed::root(7).stream();
    let sources = Array2::from_shape_fn((800, 2), |_| stream.random_range(-1.0..1.0_f64));
    let mixed = sources.dot(&ndarray::array![[1.0, 0.6], [-0.4, 1.0]]);
    let found = independent_components(mixed.view(), 2, &seed).unwrap();
    for source in 0..2 {
        let best = (0..2)
            .map(|k| {
                rheobase_core::statistics::pearson(&found.column(k).to_vec(), &sources.column(source).to_vec())
                    .unwrap()
                    .abs()
            })
            .fold(0.0, f64::max);
        assert!(best > 0.97, "{best}");
    }
}

#[test]
fn bad_input_is_named() {
    let (x, labels) = classes(9, 1.0, 8);
    assert!(matches!(decode(x.view(), &labels[1..], &[vec![0]], Classifier::NearestMean), Err(Error::Mismatch { .. })));
    assert!(
        grouped_folds(&labels, None, 20, &Seed::root(0)).unwrap_err().to_string().contains("2 to the number of groups")
    );
    let one = decode(x.view(), &[0, 0, 0, 0, 0, 0, 0, 0, 1], &[vec![8]], Classifier::NearestMean).unwrap_err();
    assert!(one.to_string().contains("leaves only 1 class(es)"), "{one}");
    assert!(t_sne(x.view(), 2, 20.0, &Seed::root(0)).is_err() && k_means(x.view(), 10, 1, &Seed::root(0)).is_err());
}
